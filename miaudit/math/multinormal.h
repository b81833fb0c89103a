#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace miaudit {

/// A normal distribution of vectors about 0, for many densities by one covariance.
class MultiNormal {
 public:
  /// covariance: [size][size], symmetric, not negative; a 1e-9th part of its mean diagonal is added to each variance,
  /// so that one that is (nearly) singular has a density. Throws Error(numeric) where all of it is 0 or some is not
  /// finite. O(size³).
  MultiNormal(std::span<const double> covariance, size_t size);
  ~MultiNormal();
  MultiNormal(MultiNormal&&) noexcept;

  /// Without the constant −size/2 · log 2π. O(size²).
  double log_density(std::span<const double> deviation) const;

 private:
  struct Factor;
  std::unique_ptr<const Factor> factor_;
};

}  // namespace miaudit
