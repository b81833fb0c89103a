#include "miaudit/attack/lira_joint.h"

#include <cmath>
#include <optional>

#include "miaudit/base/parallel.h"
#include "miaudit/math/multinormal.h"

namespace miaudit {
namespace {

constexpr size_t kBlock = 1 << 10;

/// One side's models.
struct Side {
  const SidedValues& models;
  const std::vector<double>& means;  ///< [samples][queries]
  int8_t which;

  /// Adds the residuals' outer products of one record. How many models it has.
  double add_products(size_t record, std::vector<double>& sums) const {
    const size_t q = models.queries;
    std::vector<double> residual(q);
    double count = 0;
    for (size_t m = 0; m < models.values.size(); ++m) {
      if (models.sides[m][record] != which) continue;
      ++count;
      for (size_t k = 0; k < q; ++k) residual[k] = models.values[m][record * q + k] - means[record * q + k];
      for (size_t a = 0; a < q; ++a)
        for (size_t b = 0; b < q; ++b) sums[a * q + b] += residual[a] * residual[b];
    }
    return count;
  }
};

MultiNormal normal_of(std::vector<double> sums, double count, size_t queries) {
  for (double& sum : sums) sum /= count;
  return {sums, queries};
}

std::vector<double> pooled_covariance(const Side& side, const Evidence& evidence, const Context& context) {
  const size_t q = side.models.queries, blocks = (evidence.samples + kBlock - 1) / kBlock;
  std::vector<std::vector<double>> sums(blocks, std::vector<double>(q * q));
  std::vector<double> counts(blocks);
  parallel_blocks(evidence.samples, kBlock, context, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i)
      if (evidence.audited.empty() || evidence.audited[i])
        counts[begin / kBlock] += side.add_products(i, sums[begin / kBlock]);
  });
  for (size_t b = 1; b < blocks; ++b) {
    counts[0] += counts[b];
    for (size_t k = 0; k < q * q; ++k) sums[0][k] += sums[b][k];
  }
  for (double& sum : sums[0]) sum /= counts[0];
  return std::move(sums[0]);
}

}  // namespace

std::vector<double> joint_covariances(const Evidence& evidence, std::string_view signal, bool is_pooled,
                                      const Context& context) {
  ReferenceSource& references = *evidence.references;
  const SidedValues models = references.values(signal);
  const size_t q = models.queries, fewest = std::min(references.models_in(), references.models_out());
  if (!is_pooled && fewest <= q)
    fail(Category::numeric,
         "a covariance of each record's own takes more models a side than queries; found {} models and {} queries; "
         "give --lira-variance pooled",
         fewest, q);
  if (!is_pooled) return {};
  const Moments& moments = references.moments(signal);
  std::vector<double> both = pooled_covariance({models, moments.in.mean, 1}, evidence, context);
  const std::vector<double> out = pooled_covariance({models, moments.out.mean, 0}, evidence, context);
  both.insert(both.end(), out.begin(), out.end());
  return both;
}

std::vector<double> joint_ratios(const Evidence& evidence, std::string_view signal, std::span<const double> pooled,
                                 const Context& context) {
  ReferenceSource& references = *evidence.references;
  const SignalMatrix& target = evidence.signals.signal(signal);
  const Moments& moments = references.moments(signal);
  const SidedValues models = references.values(signal);
  const size_t q = target.queries;
  const Side in{models, moments.in.mean, 1}, out{models, moments.out.mean, 0};
  std::optional<MultiNormal> pooled_in, pooled_out;
  if (!pooled.empty()) {
    pooled_in.emplace(pooled.first(q * q), q);
    pooled_out.emplace(pooled.last(q * q), q);
  }
  std::vector<double> scores(evidence.samples, NAN);
  parallel_blocks(evidence.samples, kBlock, context, [&](size_t begin, size_t end) {
    std::vector<double> deviation(q);
    const auto density = [&](const Side& side, const std::optional<MultiNormal>& normal, size_t i) {
      for (size_t k = 0; k < q; ++k) deviation[k] = target.values[i * q + k] - side.means[i * q + k];
      if (normal) return normal->log_density(deviation);
      std::vector<double> sums(q * q);
      const double count = side.add_products(i, sums);
      return normal_of(std::move(sums), count, q).log_density(deviation);
    };
    for (size_t i = begin; i < end; ++i)
      if (!std::isnan(moments.in.mean[i * q]) && !std::isnan(moments.out.mean[i * q]))
        scores[i] = density(in, pooled_in, i) - density(out, pooled_out, i);
  });
  return scores;
}

}  // namespace miaudit
