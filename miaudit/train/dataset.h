#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "miaudit/base/context.h"
#include "miaudit/data/records.h"
#include "miaudit/engine/architecture.h"
#include "miaudit/io/array.h"
#include "miaudit/io/file.h"
#include "miaudit/train/table.h"

namespace miaudit {

/// Where the channels of an image lie.
enum class ImageLayout {
  hwc,  ///< height, width, channels: behind each other at every pixel, as image files have them
  chw,  ///< channels, height, width: one plane a channel, as PyTorch has them
};

/// What models are trained on and asked about: records and their classes.
struct Dataset {
  Array features;  ///< uint8 or float32, [records][values of one record]; mapped where the file allows it
  Shape shape;     ///< of one record; a table's row is `channels` values of 1×1
  ImageLayout layout = ImageLayout::chw;
  /// What a model gets of value i of a record, as it lies in the file: (value − mean[i])·scale[i], so that the pool's
  /// mean is 0 and its deviation 1: for each channel of images, each column of tables but those of zeros and ones
  /// alone.
  std::vector<float> mean, scale;
  std::vector<int32_t> labels;
  size_t classes = 0;
  std::optional<TableEncoding> encoding;  ///< of a .csv
  std::string description;                ///< "60 000 images of 28x28x1 (uint8)"
  std::vector<FileRecord> files;
  std::vector<Warning> warnings;

  size_t size() const { return labels.size(); }
  bool is_table() const { return shape.height * shape.width == 1; }
};

/// Where the records and their classes are to be read from; paths are those of read_array.
struct DatasetPaths {
  std::string data;
  std::string labels;  ///< "" where the table has its classes in `label_column`
};
struct DatasetOptions {
  std::optional<ImageLayout> layout;  ///< told from the shape when empty
  std::optional<Shape> image_shape;   ///< of images that lie as flat rows
  std::optional<size_t> classes;      ///< the labels' largest and 1 when empty
  TableOptions table;
  Holding holding = Holding::mapped;  ///< of the records; `copied` for what trains while the file may change
};

/// Reads and checks: shapes agree, values are finite, labels are in range and of two classes or more. Throws
/// Error(input) naming file, row, finding and expectation. Memory: one copy of the records, none where the file may
/// and can be mapped as it is (uint8 and float32 .npy).
Dataset read_dataset(const DatasetPaths& paths, const DatasetOptions& options, const Context& context);

/// Further records for models of `first`: the same shape, encoding and scale.
Dataset read_dataset_like(const Dataset& first, const DatasetPaths& paths, const DatasetOptions& options,
                          const Context& context);

/// `mean` and `scale`, once for each channel, as Dataset has them for each value.
nlohmann::json scaling(const Dataset& dataset);

/// What tells two data sets apart: hashes of values and labels, shape, scale.
nlohmann::json identity(const Dataset& dataset);

}  // namespace miaudit
