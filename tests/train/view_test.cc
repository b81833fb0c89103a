#include "miaudit/train/view.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "tests/train/made_data.h"

namespace miaudit {
namespace {

TEST(Views, AreTheSameForEveryModelWithThePlainOneFirst) {
  const Shape shape{1, 28, 28};
  EXPECT_EQ(query_views(1, shape), std::vector<View>(1));
  EXPECT_EQ(query_views(2, shape), (std::vector<View>{{}, {true, 0, 0}}));
  const std::vector<View> all = query_views(18, shape);
  std::set<std::tuple<bool, int, int>> seen;
  for (const View& view : all) seen.insert({view.is_mirrored, view.down, view.right});
  EXPECT_EQ(all.size(), 18u);
  EXPECT_EQ(seen.size(), 18u);
  EXPECT_EQ(all[0], View{});
  for (const auto& [mirrored, down, right] : seen) {
    EXPECT_TRUE(down == -4 || down == 0 || down == 4);
    EXPECT_TRUE(right == -4 || right == 0 || right == 4);
  }
  EXPECT_THROW(query_views(3, shape), Error);
  EXPECT_THROW(query_views(2, Shape{10, 1, 1}), Error);
  EXPECT_THROW(query_views(18, Shape{1, 4, 28}), Error);
}

/// The raw value that a view shows at (channel, y, x), by the definition; −1 for none.
int expected(const std::vector<uint8_t>& image, const Shape& shape, const View& view, Padding padding, size_t c, int y,
             int x) {
  const int height = static_cast<int>(shape.height), width = static_cast<int>(shape.width);
  int from_y = y - view.down, from_x = x - view.right;
  if (from_y < 0 || from_y >= height || from_x < 0 || from_x >= width) {
    if (padding == Padding::zero) return 0;
    if (from_y < 0) from_y = -from_y;
    if (from_y >= height) from_y = 2 * (height - 1) - from_y;
    if (from_x < 0) from_x = -from_x;
    if (from_x >= width) from_x = 2 * (width - 1) - from_x;
  }
  if (view.is_mirrored) from_x = width - 1 - from_x;
  return image[(c * shape.height + static_cast<size_t>(from_y)) * shape.width + static_cast<size_t>(from_x)];
}

TEST(Views, MirrorAndMove) {
  const Shape shape{3, 6, 5};
  const Dataset planes = testing::made_images(4, shape, 2);
  // The same images, pixel by pixel.
  std::vector<uint8_t> interleaved(planes.features.size());
  const std::span<const uint8_t> raw = planes.features.as<uint8_t>();
  const size_t plane = shape.height * shape.width;
  for (size_t i = 0; i < 4; ++i)
    for (size_t c = 0; c < 3; ++c)
      for (size_t k = 0; k < plane; ++k)
        interleaved[i * shape.size() + k * 3 + c] = raw[i * shape.size() + c * plane + k];
  const testing::Folder folder;
  const Dataset pixels = read_dataset({folder.array("x.npy", Array::from(interleaved, {4, 6, 5, 3})),
                                       folder.array("y.npy", Array::from(planes.labels, {4}))},
                                      {}, {});
  ASSERT_EQ(pixels.layout, ImageLayout::hwc);

  for (const Padding padding : {Padding::reflect, Padding::zero}) {
    Reader of_planes(planes, padding), of_pixels(pixels, padding);
    for (const View& view : {View{}, View{true, 0, 0}, View{false, 2, -3}, View{true, -5, 4}}) {
      for (size_t i = 0; i < 4; ++i) {
        std::vector<float> a(shape.size()), b(shape.size());
        of_planes.read(i, view, a);
        of_pixels.read(i, view, b);
        EXPECT_EQ(a, b);
        const std::vector<uint8_t> image(raw.begin() + static_cast<ptrdiff_t>(i * shape.size()),
                                         raw.begin() + static_cast<ptrdiff_t>((i + 1) * shape.size()));
        for (size_t k = 0; k < shape.size(); ++k) {
          const size_t c = k / plane;
          const int value = expected(image, shape, view, padding, c, static_cast<int>(k % plane / shape.width),
                                     static_cast<int>(k % shape.width));
          const float centred = static_cast<float>(value) - planes.mean[c * plane];
          ASSERT_EQ(a[k], centred * planes.scale[c * plane]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace miaudit
