#include "miaudit/math/first_layer.h"

#include <gtest/gtest.h>

#include <hwy/targets.h>
#include <cmath>
#include <vector>

#include "miaudit/base/rng.h"

namespace miaudit {
namespace {

TEST(FirstLayerGradient, IsTheTextbooksOnEveryTarget) {
  for (int64_t rest = hwy::SupportedTargets(); rest != 0; rest &= rest - 1) {
    hwy::SetSupportedTargetsForTest(rest & -rest);
    hwy::GetChosenTarget().DeInit();
    for (const FirstLayerShape& shape : {FirstLayerShape{3, 9, 8, 5, 2}, FirstLayerShape{2, 5, 7, 3, 1}}) {
      const size_t out_height = shape.height - shape.kernel + 1, out_width = shape.width - shape.kernel + 1;
      const size_t pixels = out_height * out_width, places = shape.kernel * shape.kernel;
      Rng rng(1);
      std::vector<float> images(shape.batch * shape.height * shape.width);
      std::vector<float> gradient(shape.batch * shape.blocks * pixels * 8);
      for (float& value : images) value = static_cast<float>(rng.normal());
      for (float& value : gradient) value = static_cast<float>(rng.normal());
      std::vector<float> weights(shape.blocks * places * 8 + 1, 7), bias(shape.blocks * 8 + 1, 7);
      first_layer_gradient(shape, images.data(), gradient.data(), weights.data(), bias.data());
      EXPECT_EQ(weights.back(), 7) << "wrote past its end";
      EXPECT_EQ(bias.back(), 7) << "wrote past its end";
      for (size_t block = 0; block < shape.blocks; ++block) {
        for (size_t lane = 0; lane < 8; ++lane) {
          const auto g = [&](size_t n, size_t y, size_t x) {
            return static_cast<double>(gradient[((n * shape.blocks + block) * pixels + y * out_width + x) * 8 + lane]);
          };
          double of_bias = 0;
          for (size_t place = 0; place < places; ++place) {
            double sum = 0;
            of_bias = 0;
            for (size_t n = 0; n < shape.batch; ++n)
              for (size_t y = 0; y < out_height; ++y)
                for (size_t x = 0; x < out_width; ++x) {
                  const size_t row = y + place / shape.kernel, column = x + place % shape.kernel;
                  sum += g(n, y, x) * static_cast<double>(images[(n * shape.height + row) * shape.width + column]);
                  of_bias += g(n, y, x);
                }
            ASSERT_NEAR(weights[(block * places + place) * 8 + lane], sum, 1e-5 * std::max(1.0, std::abs(sum)));
          }
          ASSERT_NEAR(bias[block * 8 + lane], of_bias, 1e-5 * std::max(1.0, std::abs(of_bias)));
        }
      }
    }
    hwy::SetSupportedTargetsForTest(0);
  }
  hwy::GetChosenTarget().DeInit();
}

}  // namespace
}  // namespace miaudit
