#include "miaudit/train/view.h"

#include <algorithm>

#include "miaudit/math/standardise.h"

namespace miaudit {
namespace {

constexpr int kQueryShift = 4;

/// The place of `place` after reflection at the ends of [0, side); −1 where nothing stands.
ptrdiff_t reflected(ptrdiff_t place, size_t side, Padding padding) {
  const auto last = static_cast<ptrdiff_t>(side) - 1;
  if (place >= 0 && place <= last) return place;
  if (padding == Padding::zero) return -1;
  return place < 0 ? -place : 2 * last - place;
}

}  // namespace

void check_shift(size_t shift, const Shape& shape) {
  if (shift == 0) return;
  if (shape.height * shape.width == 1)
    fail(Category::config,
         "rows of a table cannot be mirrored or moved; --shift, --mirror and --queries are for images: leave them out");
  if (shift >= std::min(shape.height, shape.width))
    fail(Category::config, "images of {}x{} cannot be moved by {} pixels; the most is {}", shape.height, shape.width,
         shift, std::min(shape.height, shape.width) - 1);
}

std::vector<View> query_views(size_t queries, const Shape& shape) {
  if (queries != 1 && queries != 2 && queries != 18)
    fail(Category::config, "--queries {}: expected 1, 2 or 18", queries);
  std::vector<View> views = {{}};
  if (queries == 1) return views;
  check_shift(queries == 18 ? kQueryShift : 1, shape);
  if (queries == 18) {
    for (const int down : {-kQueryShift, 0, kQueryShift})
      for (const int right : {-kQueryShift, 0, kQueryShift})
        if (down != 0 || right != 0) views.push_back({false, down, right});
  }
  for (size_t plain = views.size(), i = 0; i < plain; ++i) views.push_back({true, views[i].down, views[i].right});
  return views;
}

Reader::Reader(const Dataset& dataset, Padding padding)
    : dataset_(dataset),
      padding_(padding),
      scaled_(dataset.shape.size()),
      plain_(dataset.shape.size()),
      columns_(dataset.shape.width) {
  const size_t plane = dataset.shape.height * dataset.shape.width;
  for (size_t c = 0; c < dataset.shape.channels; ++c) {
    const size_t first = dataset.layout == ImageLayout::hwc ? c : c * plane;
    black_.push_back(-dataset.mean[first] * dataset.scale[first]);
  }
}

void Reader::read_plain(size_t record, std::span<float> out) {
  const Shape& shape = dataset_.shape;
  const bool is_interleaved = dataset_.layout == ImageLayout::hwc && shape.channels > 1;
  const std::span<float> scaled = is_interleaved ? std::span<float>(scaled_) : out;
  if (dataset_.features.type() == ElementType::uint8) {
    standardise(dataset_.features.as<uint8_t>().subspan(record * out.size(), out.size()), dataset_.mean, dataset_.scale,
                scaled);
  } else {
    standardise(dataset_.features.as<float>().subspan(record * out.size(), out.size()), dataset_.mean, dataset_.scale,
                scaled);
  }
  if (!is_interleaved) return;
  const size_t plane = shape.height * shape.width;
  for (size_t c = 0; c < shape.channels; ++c)
    for (size_t i = 0; i < plane; ++i) out[c * plane + i] = scaled[i * shape.channels + c];
}

void Reader::read(size_t record, const View& view, std::span<float> out) {
  if (view == View{}) return read_plain(record, out);
  read_plain(record, plain_);
  const Shape& shape = dataset_.shape;
  for (size_t x = 0; x < shape.width; ++x) {
    ptrdiff_t from = reflected(static_cast<ptrdiff_t>(x) - view.right, shape.width, padding_);
    if (view.is_mirrored && from >= 0) from = static_cast<ptrdiff_t>(shape.width) - 1 - from;
    columns_[x] = from;
  }
  float* to = out.data();
  for (size_t c = 0; c < shape.channels; ++c) {
    for (size_t y = 0; y < shape.height; ++y, to += shape.width) {
      const ptrdiff_t row = reflected(static_cast<ptrdiff_t>(y) - view.down, shape.height, padding_);
      const float* from =
          plain_.data() + (c * shape.height + static_cast<size_t>(std::max<ptrdiff_t>(row, 0))) * shape.width;
      for (size_t x = 0; x < shape.width; ++x) to[x] = row < 0 || columns_[x] < 0 ? black_[c] : from[columns_[x]];
    }
  }
}

}  // namespace miaudit
