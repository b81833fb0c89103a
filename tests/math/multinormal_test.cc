#include "miaudit/math/multinormal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "miaudit/base/error.h"

namespace miaudit {
namespace {

TEST(MultiNormal, HasTheDensityOfItsCovariance) {
  const std::vector<double> covariance = {2, 0.5, 0.5, 1}, deviation = {1, -2};
  // The inverse is {1, -.5; -.5, 2} / 1.75.
  const double square = (1 * 1 - 2 * 0.5 * 1 * -2 + 2 * 4) / 1.75;
  EXPECT_NEAR(MultiNormal(covariance, 2).log_density(deviation), -0.5 * square - 0.5 * std::log(1.75), 1e-8);
}

TEST(MultiNormal, OfQueriesThatAgreeStaysFinite) {
  const std::vector<double> same = {1, 1, 1, 1}, along = {1, 1}, across = {1, -1};
  const MultiNormal normal(same, 2);
  EXPECT_TRUE(std::isfinite(normal.log_density(along)) && std::isfinite(normal.log_density(across)));
  EXPECT_GT(normal.log_density(along), normal.log_density(across));
}

TEST(MultiNormal, IsRefusedWhereNothingVaries) {
  const std::vector<double> nothing(4), broken = {NAN, 0, 0, 1};
  EXPECT_THROW(MultiNormal(nothing, 2), Error);
  EXPECT_THROW(MultiNormal(broken, 2), Error);
}

}  // namespace
}  // namespace miaudit
