#include "miaudit/math/standardise.h"

#include <gtest/gtest.h>

#include <hwy/targets.h>
#include <vector>

#include "miaudit/base/rng.h"

namespace miaudit {
namespace {

TEST(Standardise, GivesTheSameFloatsOnEveryTarget) {
  const int64_t supported = hwy::SupportedTargets();
  for (const size_t count : {1, 7, 16, 784, 3073}) {
    Rng rng(1, count);
    std::vector<uint8_t> bytes(count);
    std::vector<float> floats(count), scale(count), mean(count);
    for (size_t i = 0; i < count; ++i) {
      bytes[i] = static_cast<uint8_t>(rng.below(256));
      floats[i] = static_cast<float>(rng.normal());
      scale[i] = static_cast<float>(rng.uniform());
      mean[i] = static_cast<float>(rng.normal());
    }
    for (int64_t rest = supported; rest != 0; rest &= rest - 1) {
      hwy::SetSupportedTargetsForTest(rest & -rest);
      hwy::GetChosenTarget().DeInit();
      std::vector<float> of_bytes(count + 1, -7), of_floats(count + 1, -7);
      standardise(bytes, mean, scale, std::span(of_bytes).first(count));
      standardise(floats, mean, scale, std::span(of_floats).first(count));
      for (size_t i = 0; i < count; ++i) {
        const float from_byte = static_cast<float>(bytes[i]) - mean[i], from_float = floats[i] - mean[i];
        ASSERT_EQ(of_bytes[i], from_byte * scale[i]);
        ASSERT_EQ(of_floats[i], from_float * scale[i]);
      }
      EXPECT_EQ(of_bytes[count], -7) << "wrote past its end";
      EXPECT_EQ(of_floats[count], -7) << "wrote past its end";
    }
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().DeInit();
  }
}

}  // namespace
}  // namespace miaudit
