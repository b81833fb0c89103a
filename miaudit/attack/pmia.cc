#include <algorithm>
#include <cmath>
#include <numeric>

#include "miaudit/attack/reference_scores.h"
#include "miaudit/attack/rows.h"

namespace miaudit {
namespace {

constexpr std::string_view kProxies[] = {"nearest", "class", "global"};
constexpr ParameterRow kParameters[] = {
    {"proxies", "whose values as members stand in for the record's: its nearest by models without it, its class, all",
     ChoiceParameter{"nearest", kProxies}},
    {"neighbours", "how many the nearest are", IntegerParameter{50, 1, 1'000'000}}};

struct Normal {
  double mean;
  double variance;
};

/// Sums over proxies from which any run of them follows.
class Proxies {
 public:
  Proxies(std::vector<uint32_t> records, const SideMoments& in, size_t queries, size_t query, double centre)
      : records_(std::move(records)), centre_(centre), sums_(records_.size() + 1), squares_(records_.size() + 1) {
    for (size_t r = 0; r < records_.size(); ++r) {
      const size_t k = records_[r] * queries + query;
      const double off = in.mean[k] - centre;
      sums_[r + 1] = sums_[r] + off;
      squares_[r + 1] = squares_[r] + off * off + in.variance[k];
    }
  }
  size_t size() const { return records_.size(); }
  const std::vector<uint32_t>& records() const { return records_; }
  /// All values as members of proxies [begin, end) but `self`, a place among them.
  Normal over(size_t begin, size_t end, size_t self) const {
    const double count = static_cast<double>(end - begin - 1);
    const double sum = sums_[end] - sums_[begin] - (sums_[self + 1] - sums_[self]);
    const double squares = squares_[end] - squares_[begin] - (squares_[self + 1] - squares_[self]);
    const double mean = sum / count;
    return {centre_ + mean, std::max(0.0, squares / count - mean * mean)};
  }

 private:
  std::vector<uint32_t> records_;
  double centre_;
  std::vector<double> sums_, squares_;
};

std::vector<double> run(const Evidence& evidence, const Parameters& parameters, const Context& context) {
  const size_t models = std::min(evidence.references->models_in(), evidence.references->models_out());
  if (models < kFewestForVariance)
    fail(Category::numeric, "needs {} reference models a side of each record to tell a variance; found {}",
         kFewestForVariance, models);
  const SignalMatrix& target = evidence.signals.signal("rescaled_logit");
  const Moments& moments = evidence.references->moments("rescaled_logit");
  const double centre = totals_of(moments.in, evidence, "IN").mean;
  const SideTotals out = totals_of(moments.out, evidence, "OUT");
  if (!(out.within > 0))
    fail(Category::numeric, "reference models agree in every value, so that no variance can be told");
  const std::string_view kind = parameters.choice("proxies");
  const size_t neighbours = static_cast<size_t>(parameters.integer("neighbours"));
  const size_t queries = target.queries;

  std::vector<double> ratios(target.values.size(), NAN);
  for (size_t q = 0; q < queries; ++q) {
    std::vector<std::vector<uint32_t>> parts(kind == "class" ? evidence.classes : 1);
    for (size_t i = 0; i < evidence.samples; ++i)
      if ((evidence.audited.empty() || evidence.audited[i]) && !std::isnan(moments.in.mean[i * queries + q]))
        parts[kind == "class" ? static_cast<size_t>(evidence.labels[i]) : 0].push_back(static_cast<uint32_t>(i));
    for (std::vector<uint32_t>& part : parts) {
      if (part.size() < 2) continue;  // nobody to stand in: not scored
      if (kind == "nearest")
        std::ranges::sort(part, [&](uint32_t a, uint32_t b) {
          const double x = moments.out.mean[a * queries + q];
          const double y = moments.out.mean[b * queries + q];
          return x < y || (x == y && a < b);
        });
      const size_t width = kind == "nearest" ? std::min(neighbours + 1, part.size()) : part.size();
      const Proxies proxies(std::move(part), moments.in, queries, q, centre);
      const auto by_others = [&](size_t place) { return moments.out.mean[proxies.records()[place] * queries + q]; };
      parallel_blocks(proxies.size(), 1 << 12, context, [&](size_t begin, size_t end) {
        size_t first = begin - std::min(begin, width - 1);
        for (size_t r = begin; r < end; ++r) {
          // While the record past the window is nearer than the first in it.
          while (first + width < proxies.size() &&
                 (first + width <= r || by_others(r) - by_others(first) > by_others(first + width) - by_others(r)))
            ++first;
          const size_t k = proxies.records()[r] * queries + q;
          Normal in = proxies.over(first, first + width, r);
          in.variance = std::max(in.variance, 1e-12 * out.within);
          const double from_in = target.values[k] - in.mean;
          const double from_out = target.values[k] - moments.out.mean[k];
          ratios[k] = 0.5 * std::log(out.within / in.variance) - from_in * from_in / (2 * in.variance) +
                      from_out * from_out / (2 * out.within);
        }
      });
    }
  }
  return mean_of(evidence.samples, queries, context, [&](size_t k) { return ratios[k]; });
}

}  // namespace

constinit const AttackRow kPmiaAttack = {
    .name = "pmia",
    .summary = "As lira, with other records' values as members for want of the record's own.",
    .needs = kNeedInAndOut,
    .parameters = kParameters,
    .citation = "Proxy membership inference, NDSS 2026",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = run,
};

}  // namespace miaudit
