#include "miaudit/math/pool.h"

#include <gtest/gtest.h>

#include <hwy/targets.h>
#include <bit>
#include <functional>
#include <limits>
#include <vector>

#include "miaudit/base/rng.h"

namespace miaudit {
namespace {

void on_every_target(const std::function<void()>& test) {
  for (int64_t rest = hwy::SupportedTargets(); rest != 0; rest &= rest - 1) {
    hwy::SetSupportedTargetsForTest(rest & -rest);
    hwy::GetChosenTarget().DeInit();
    test();
    hwy::SetSupportedTargetsForTest(0);
  }
  hwy::GetChosenTarget().DeInit();
}

/// The bfloat16 nearest below in magnitude.
uint16_t cut(float value) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
}
float widened(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

template <class T>
void compare(const PoolShape& shape, uint64_t seed) {
  constexpr bool kIsBf16 = sizeof(T) == 2;
  Rng rng(seed);
  const size_t in_size = shape.planes * shape.height * shape.width * shape.lanes;
  const size_t out_size = shape.planes * shape.out_height() * shape.out_width() * shape.lanes;
  const auto drawn = [&] {
    // Few values, so that ties are common; a window in four has none above 0.
    const float value = static_cast<float>(rng.below(5)) - 3;
    if constexpr (kIsBf16)
      return cut(value);
    else
      return value;
  };
  const auto number = [](T value) {
    if constexpr (kIsBf16)
      return widened(value);
    else
      return value;
  };
  std::vector<T> in(in_size), out(out_size + 1), gradient(out_size), back(in_size + 1);
  std::vector<uint8_t> choice(out_size + 1, 77);
  for (T& value : in) value = drawn();
  for (T& value : gradient) value = drawn();
  back.back() = out.back() = T{7};
  max_pool_relu(shape, in.data(), out.data(), choice.data());
  max_pool_relu_gradient(shape, gradient.data(), choice.data(), back.data());
  EXPECT_EQ(out.back(), T{7}) << "wrote past its end";
  EXPECT_EQ(back.back(), T{7}) << "wrote past its end";
  EXPECT_EQ(choice.back(), 77) << "wrote past its end";
  std::vector<T> silent(out_size);
  max_pool_relu(shape, in.data(), silent.data(), nullptr);

  std::vector<float> expected_back(in_size);
  size_t o = 0;
  for (size_t p = 0; p < shape.planes; ++p)
    for (size_t y = 0; y < shape.out_height(); ++y)
      for (size_t x = 0; x < shape.out_width(); ++x)
        for (size_t lane = 0; lane < shape.lanes; ++lane, ++o) {
          float largest = 0;
          size_t from = in_size;
          for (size_t dy = 0; dy < shape.window; ++dy)
            for (size_t dx = 0; dx < shape.window; ++dx) {
              const size_t at =
                  ((p * shape.height + y * shape.window + dy) * shape.width + x * shape.window + dx) * shape.lanes +
                  lane;
              if (number(in[at]) > largest) largest = number(in[at]), from = at;
            }
          ASSERT_EQ(number(out[o]), largest);
          ASSERT_EQ(number(silent[o]), largest);
          if (from < in_size) expected_back[from] = number(gradient[o]);
        }
  for (size_t i = 0; i < in_size; ++i) ASSERT_EQ(number(back[i]), expected_back[i]) << i;
}

TEST(MaxPoolRelu, IsTheTextbooksOnEveryTarget) {
  on_every_target([] {
    for (const PoolShape& shape : {PoolShape{3, 8, 8, 16, 2}, PoolShape{2, 7, 9, 8, 2}, PoolShape{2, 9, 10, 6, 3},
                                   PoolShape{1, 30, 31, 33, 15}, PoolShape{4, 2, 2, 1, 2}}) {
      compare<float>(shape, 1);
      compare<uint16_t>(shape, 2);
    }
  });
}

TEST(MaxPoolRelu, LetsInfinityAndNanThrough) {
  const float values[] = {1, std::numeric_limits<float>::infinity(), 2, 3};
  const float unclear[] = {1, 5, std::numeric_limits<float>::quiet_NaN(), 3};
  float out = 0;
  max_pool_relu({1, 2, 2, 1, 2}, values, &out, nullptr);
  EXPECT_EQ(out, std::numeric_limits<float>::infinity());
  max_pool_relu({1, 2, 2, 1, 2}, unclear, &out, nullptr);
  EXPECT_TRUE(out != out) << "a NaN that vanished would hide a divergence";
}

}  // namespace
}  // namespace miaudit
