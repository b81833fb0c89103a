#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "miaudit/base/parallel.h"
#include "miaudit/io/file.h"
#include "miaudit/train/dataset.h"

namespace miaudit {
namespace {

constexpr size_t kBlock = 256;  // Records that one step of a pass takes: sums have one order on any number of threads.

const char* layout_name(ImageLayout layout) {
  return layout == ImageLayout::hwc ? "height x width x channels" : "channels x height x width";
}

/// Bytes and floats stay as they are; any other number becomes a float.
Array as_bytes_or_floats(const Array& array, const std::string& path) {
  if (array.type() == ElementType::uint8 || array.type() == ElementType::float32) return array;
  if (array.type() == ElementType::boolean)
    return Array(ElementType::uint8, array.shape(), array.bytes().data(), std::make_shared<Array>(array));
  std::vector<float> values(array.size());
  with_element_type(array.type(), [&]<class T>() {
    const std::span<const T> from = array.as<T>();
    for (size_t i = 0; i < from.size(); ++i) {
      double value = 0;
      if constexpr (std::is_same_v<T, Half>) {
        value = to_double(from[i]);
      } else {
        value = static_cast<double>(from[i]);
      }
      values[i] = static_cast<float>(value);
      if (std::isfinite(value) && !std::isfinite(values[i]))
        fail(Category::input, "{}: value {} is {}, more than a float32 can hold", path, i, value);
    }
  });
  return Array::from(std::move(values), array.shape());
}

bool may_be_channels(size_t count) {
  return count == 1 || count == 3 || count == 4;
}

ImageLayout layout_of(const std::vector<size_t>& shape, const std::string& path,
                      const std::optional<ImageLayout>& given) {
  if (given) return *given;
  const bool last = may_be_channels(shape[3]), first = may_be_channels(shape[1]);
  if (last == first)
    fail(Category::input,
         "{} has shape {}, whose channels may {} (1, 3 or 4 channels are looked for); say --image-layout hwc or chw",
         path, shape_text(shape), last ? "be the first or the last axis" : "be neither the first nor the last axis");
  return last ? ImageLayout::hwc : ImageLayout::chw;
}

void set_shape(Dataset& dataset, const Array& array, const std::string& path, const DatasetOptions& options) {
  const std::vector<size_t>& shape = array.shape();
  if (array.size() == 0) fail(Category::input, "{} has shape {}: there is nothing in it", path, shape_text(shape));
  if (shape.size() < 2 || shape.size() > 4)
    fail(Category::input,
         "{} has shape {}; records must be images, (records, height, width[, channels]) or (records, channels, height, "
         "width), or rows, (records, features)",
         path, shape_text(shape));
  size_t values = 1;
  for (size_t axis = 1; axis < shape.size(); ++axis) values *= shape[axis];
  const std::string type(element_name(array.type()));
  if (options.image_shape) {
    if (options.image_shape->size() != values || shape.size() != 2)
      fail(Category::input, "{} has shape {}; --image-shape is for flat rows, of {} each here", path, shape_text(shape),
           counted(options.image_shape->size(), "value"));
    dataset.shape = *options.image_shape;
    if (dataset.shape.channels > 1 && !options.layout)
      fail(Category::config, "{}: flat rows do not tell where the channels lie; say --image-layout hwc or chw", path);
    dataset.layout = options.layout.value_or(ImageLayout::chw);
  } else if (shape.size() == 2) {
    dataset.shape = {shape[1], 1, 1};
  } else if (shape.size() == 3) {
    dataset.shape = {1, shape[1], shape[2]};
  } else {
    dataset.layout = layout_of(shape, path, options.layout);
    dataset.shape =
        dataset.layout == ImageLayout::hwc ? Shape{shape[3], shape[1], shape[2]} : Shape{shape[1], shape[2], shape[3]};
  }
  const Shape& s = dataset.shape;
  if (dataset.is_table()) {
    dataset.description = fmt::format("{} of {} ({})", counted(shape[0], "row"), counted(s.channels, "feature"), type);
  } else {
    dataset.description =
        fmt::format("{} of {}x{}x{} ({}{})", counted(shape[0], "image"), s.height, s.width, s.channels, type,
                    s.channels > 1 ? fmt::format(", read as {}", layout_name(dataset.layout)) : "");
  }
  dataset.features = array.reshaped({shape[0], values});
}

void check_finite(const Dataset& dataset, const std::string& path, const Context& context) {
  if (dataset.features.type() != ElementType::float32) return;
  const std::span<const float> values = dataset.features.as<float>();
  const size_t width = dataset.shape.size(), rows = dataset.features.rows();
  std::vector<size_t> bad((rows + kBlock - 1) / kBlock);
  const auto is_bad = [](float value) { return !std::isfinite(value); };
  parallel_blocks(rows, kBlock, context, [&](size_t begin, size_t end) {
    const auto block = values.subspan(begin * width, (end - begin) * width);
    bad[begin / kBlock] = static_cast<size_t>(std::count_if(block.begin(), block.end(), is_bad));
  });
  size_t total = 0;
  for (const size_t count : bad) total += count;
  if (total == 0) return;
  const auto first = static_cast<size_t>(std::find_if(values.begin(), values.end(), is_bad) - values.begin());
  fail(Category::input, "{} holds {} NaN or infinite, the first in row {}; mend them or leave those rows out", path,
       counted(total, "value that is", "values that are"), first / width);
}

/// The channel (of a table: the column) of each value of a record.
std::vector<size_t> channels_of(const Dataset& dataset) {
  const Shape& shape = dataset.shape;
  std::vector<size_t> channels(shape.size());
  const size_t plane = shape.height * shape.width;
  for (size_t i = 0; i < channels.size(); ++i)
    channels[i] = dataset.layout == ImageLayout::hwc ? i % shape.channels : i / plane;
  return channels;
}

struct ChannelSums {
  std::vector<double> sum;
  std::vector<uint8_t> is_binary;
};

/// Σ over the records of (value − shift)^power for each channel.
template <class T>
ChannelSums sum_channels(const Dataset& dataset, const std::vector<double>& shift, bool is_squared,
                         const Context& context) {
  const std::vector<size_t> channel = channels_of(dataset);
  const std::span<const T> values = dataset.features.as<T>();
  const size_t width = channel.size(), rows = dataset.features.rows(), channels = dataset.shape.channels;
  const size_t blocks = (rows + kBlock - 1) / kBlock;
  std::vector<ChannelSums> parts(blocks);
  parallel_blocks(rows, kBlock, context, [&](size_t begin, size_t end) {
    std::vector<double> of_value(width), from(width);
    for (size_t i = 0; i < width; ++i) from[i] = shift[channel[i]];
    std::vector<uint8_t> is_binary(width, 1);
    for (size_t row = begin; row < end; ++row) {
      const T* record = values.data() + row * width;
      for (size_t i = 0; i < width; ++i) {
        const double d = static_cast<double>(record[i]) - from[i];
        of_value[i] += is_squared ? d * d : d;
      }
      for (size_t i = 0; i < width; ++i) is_binary[i] &= record[i] == T{0} || record[i] == T{1};
    }
    ChannelSums& part = parts[begin / kBlock];
    part.sum.assign(channels, 0);
    part.is_binary.assign(channels, 1);
    for (size_t i = 0; i < width; ++i) {
      part.sum[channel[i]] += of_value[i];
      part.is_binary[channel[i]] &= is_binary[i];
    }
  });
  ChannelSums total{std::vector<double>(channels), std::vector<uint8_t>(channels, 1)};
  for (const ChannelSums& part : parts) {
    for (size_t c = 0; c < channels; ++c) {
      total.sum[c] += part.sum[c];
      total.is_binary[c] &= part.is_binary[c];
    }
  }
  return total;
}

template <class T>
void set_scale(Dataset& dataset, const Context& context) {
  const size_t channels = dataset.shape.channels;
  const double count = static_cast<double>(dataset.features.size()) / static_cast<double>(channels);
  std::vector<double> mean(channels), deviation(channels, 1);
  const ChannelSums first = sum_channels<T>(dataset, mean, false, context);
  for (size_t c = 0; c < channels; ++c) mean[c] = first.sum[c] / count;
  const ChannelSums second = sum_channels<T>(dataset, mean, true, context);
  for (size_t c = 0; c < channels; ++c) {
    // What float32 holds no reciprocal of is as good as constant.
    const double spread = std::sqrt(second.sum[c] / count);
    if (std::isfinite(static_cast<float>(1 / spread))) deviation[c] = spread;
    if (dataset.is_table() && first.is_binary[c]) mean[c] = 0, deviation[c] = 1;
  }
  for (const size_t c : channels_of(dataset)) {
    dataset.mean.push_back(static_cast<float>(mean[c]));
    dataset.scale.push_back(static_cast<float>(1 / deviation[c]));
  }
}

void read_table(Dataset& dataset, const DatasetPaths& paths, const DatasetOptions& options, const Dataset* like) {
  if (like && !like->encoding)
    fail(Category::input, "{} is a table of text, but the training data are an array; give both in one format",
         paths.data);
  const FileBytes file = FileBytes::open(paths.data);
  const CsvTable table = parse_table(file.bytes(), paths.data, options.table);
  if (table.rows() == 0) fail(Category::input, "{} holds no rows", paths.data);
  dataset.encoding = like ? *like->encoding : encode_columns(table, paths.data, options.table);
  if (!like) dataset.warnings = odd_columns(*dataset.encoding, table.rows(), paths.data);
  size_t unknown = 0;
  std::vector<float> rows = encode_rows(table, *dataset.encoding, paths.data, unknown);
  if (unknown > 0)
    dataset.warnings.push_back({"unknown_categories",
                                fmt::format("{}: {} a category that the training data do not have, encoded as none",
                                            paths.data, counted(unknown, "cell holds", "cells hold")),
                                "check that both files name the categories alike"});
  dataset.features = Array::from(std::move(rows), {table.rows(), dataset.encoding->features()});
  dataset.shape = {dataset.encoding->features(), 1, 1};
  dataset.files.push_back({"data", paths.data, "text", {table.rows(), table.columns}, content_hash(file.bytes())});
  size_t categorical = 0;
  for (const ColumnEncoding& column : dataset.encoding->columns) categorical += !column.categories.empty();
  dataset.description =
      fmt::format("{} of {} ({} numeric, {} categorical), encoded as {}", counted(table.rows(), "row"),
                  counted(dataset.encoding->columns.size(), "column"), dataset.encoding->columns.size() - categorical,
                  categorical, counted(dataset.encoding->features(), "feature"));
  if (paths.labels.empty() && !dataset.encoding->label_column.empty()) {
    dataset.labels = encode_labels(table, *dataset.encoding, paths.data);
    dataset.classes = dataset.encoding->classes.size();
  }
}

void read_values(Dataset& dataset, const DatasetPaths& paths, const DatasetOptions& options, const Dataset* like,
                 const Context& context) {
  const TableOptions& table = options.table;
  if (is_text_file(paths.data)) return read_table(dataset, paths, options, like);
  if (!table.label_column.empty() || !table.categorical.empty() || !table.ignored.empty())
    fail(Category::config, "{} has no named columns; --label-column, --categorical and --ignore-columns are for .csv",
         paths.data);
  const Array array = read_array(paths.data, options.holding);
  dataset.files.push_back(describe_file("data", paths.data, array));
  set_shape(dataset, as_bytes_or_floats(array, paths.data), paths.data, options);
  check_finite(dataset, paths.data, context);
}

void read_classes(Dataset& dataset, const DatasetPaths& paths, const DatasetOptions& options) {
  const size_t rows = dataset.features.rows();
  if (paths.labels.empty() && options.classes && dataset.encoding)
    fail(Category::config, "--classes goes with --labels; a label column's values are the classes");
  if (!paths.labels.empty()) {
    dataset.labels = read_class_labels(paths.labels, rows, options.classes, dataset.files);
    const int32_t largest = *std::max_element(dataset.labels.begin(), dataset.labels.end());
    dataset.classes = options.classes.value_or(static_cast<size_t>(largest) + 1);
  } else if (dataset.labels.empty()) {
    fail(Category::config,
         "{} comes without classes: give --labels (--test-labels), or --label-column for a .csv that holds them",
         paths.data);
  }
}

void check_classes(const Dataset& dataset, const std::string& path) {
  const auto [least, most] = std::minmax_element(dataset.labels.begin(), dataset.labels.end());
  if (*least == *most)
    fail(Category::input, "{}: all {} have class {}; a classifier needs records of two classes or more", path,
         counted(dataset.size(), "record"), *least);
}

}  // namespace

Dataset read_dataset(const DatasetPaths& paths, const DatasetOptions& options, const Context& context) {
  Dataset dataset;
  read_values(dataset, paths, options, nullptr, context);
  read_classes(dataset, paths, options);
  check_classes(dataset, paths.labels.empty() ? paths.data : paths.labels);
  if (dataset.features.type() == ElementType::uint8)
    set_scale<uint8_t>(dataset, context);
  else
    set_scale<float>(dataset, context);
  return dataset;
}

Dataset read_dataset_like(const Dataset& first, const DatasetPaths& paths, const DatasetOptions& options,
                          const Context& context) {
  Dataset dataset;
  DatasetOptions same = options;
  same.classes.reset();
  if (!paths.labels.empty()) same.classes = first.classes;
  read_values(dataset, paths, same, &first, context);
  const bool is_alike = dataset.shape == first.shape && dataset.features.type() == first.features.type() &&
                        (dataset.layout == first.layout || dataset.shape.channels == 1);
  if (!is_alike)
    fail(Category::input, "{}: {}; the training data: {}. Both must be alike", paths.data, dataset.description,
         first.description);
  read_classes(dataset, paths, same);
  dataset.classes = first.classes;
  dataset.layout = first.layout;
  dataset.mean = first.mean;
  dataset.scale = first.scale;
  return dataset;
}

nlohmann::json identity(const Dataset& dataset) {
  return {{"values", content_hash(dataset.features.bytes())},
          {"labels", content_hash(std::as_bytes(std::span(dataset.labels)))},
          {"shape", {dataset.shape.channels, dataset.shape.height, dataset.shape.width}},
          {"layout", dataset.layout == ImageLayout::hwc ? "hwc" : "chw"},
          {"classes", dataset.classes},
          {"mean", content_hash(std::as_bytes(std::span(dataset.mean)))},
          {"scale", content_hash(std::as_bytes(std::span(dataset.scale)))}};
}

nlohmann::json scaling(const Dataset& dataset) {
  const Shape& shape = dataset.shape;
  const size_t stride = dataset.layout == ImageLayout::hwc ? 1 : shape.height * shape.width;
  nlohmann::json mean = nlohmann::json::array(), scale = nlohmann::json::array();
  for (size_t c = 0; c < shape.channels; ++c) {
    mean.push_back(dataset.mean[c * stride]);
    scale.push_back(dataset.scale[c * stride]);
  }
  return {{"mean", std::move(mean)}, {"scale", std::move(scale)}};
}

}  // namespace miaudit
