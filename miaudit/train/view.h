#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "miaudit/train/dataset.h"

namespace miaudit {

/// How an image is shown to a model: mirrored left to right or not, then moved by so many pixels.
struct View {
  bool is_mirrored = false;
  int down = 0;
  int right = 0;
  bool operator==(const View&) const = default;
};

/// What stands where a moved image left.
enum class Padding {
  reflect,  ///< the image mirrored at its border, the border itself not repeated
  zero,     ///< the file's value 0: black
};

/// The fixed queries of every model: 1, the image as it is; 2, mirrored also; 18, both moved by −4, 0 and 4 pixels each
/// way (Carlini et al. 2022, arXiv:2112.03570), the image as it is first. Throws Error(config) for another number, and
/// for records that are no images, or too small to be moved, when there are several.
std::vector<View> query_views(size_t queries, const Shape& shape);

/// Moves of this many pixels stay inside an image and its reflection.
void check_shift(size_t shift, const Shape& shape);

/// Brings records before a model: scaled, one plane a channel. For one thread; cost: one pass over the record.
class Reader {
 public:
  Reader(const Dataset& dataset, Padding padding);
  /// `out` takes the record's values, [channels][height][width].
  void read(size_t record, const View& view, std::span<float> out);

 private:
  void read_plain(size_t record, std::span<float> out);

  const Dataset& dataset_;
  Padding padding_;
  std::vector<float> black_;  ///< of each channel
  std::vector<float> scaled_, plain_;
  std::vector<ptrdiff_t> columns_;
};

}  // namespace miaudit
