#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <string>

#include "miaudit/metric/estimate.h"

namespace miaudit {

/// Counts how often intervals hold the truth.
class Coverage {
 public:
  explicit Coverage(std::string name) : name_(std::move(name)) {}

  void add(const Estimate& estimate, double truth) {
    ASSERT_TRUE(estimate.low && estimate.high) << name_;
    ASSERT_LE(*estimate.low, *estimate.high) << name_;
    if (estimate.value) {
      ASSERT_LE(*estimate.low, *estimate.value) << name_;
      ASSERT_GE(*estimate.high, *estimate.value) << name_;
    }
    // A rounding in the last digits must not decide whether 0 or 1 is covered.
    covered_ += *estimate.low <= truth + 1e-12 && *estimate.high >= truth - 1e-12;
    low_misses_ += *estimate.low > truth + 1e-12;
    width_ += *estimate.high - *estimate.low;
    ++trials_;
  }

  double share() const { return covered_ / trials_; }
  double width() const { return width_ / trials_; }
  double trials() const { return trials_; }
  double low_misses() const { return low_misses_ / trials_; }

  void print() const {
    std::printf("    %-44s coverage %.4f  mean width %.5f  low above the truth %.4f\n", name_.c_str(), share(), width(),
                low_misses());
  }

  /// Coverage of at least `least`, less four standard errors of the simulation: with a true coverage of `least` a run
  /// falls below that with probability 3e-5, and the seeds are fixed, so a passing test goes on passing.
  void expect_at_least(double least) const {
    print();
    EXPECT_GE(share(), least - 4 * std::sqrt(least * (1 - least) / trials_)) << name_;
  }

 private:
  std::string name_;
  double trials_ = 0;
  double covered_ = 0;
  double low_misses_ = 0;
  double width_ = 0;
};

}  // namespace miaudit
