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

constexpr size_t kNoProxy = SIZE_MAX;

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
  /// All values as members of proxies [begin, end) but `self`, a place among them or kNoProxy.
  Normal over(size_t begin, size_t end, size_t self) const {
    double count = static_cast<double>(end - begin);
    double sum = sums_[end] - sums_[begin];
    double squares = squares_[end] - squares_[begin];
    if (self != kNoProxy) {
      --count;
      sum -= sums_[self + 1] - sums_[self];
      squares -= squares_[self + 1] - squares_[self];
    }
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
    const auto by_others = [&](uint32_t i) { return moments.out.mean[i * queries + q]; };
    // Of each part, those that can stand in for others, and those that have no values as members themselves.
    struct Part {
      std::vector<uint32_t> proxies, lone;
    };
    std::vector<Part> parts(kind == "class" ? evidence.classes : 1);
    for (uint32_t i = 0; i < evidence.samples; ++i) {
      if ((!evidence.audited.empty() && !evidence.audited[i]) || std::isnan(by_others(i))) continue;
      Part& part = parts[kind == "class" ? static_cast<size_t>(evidence.labels[i]) : 0];
      (std::isnan(moments.in.mean[i * queries + q]) ? part.lone : part.proxies).push_back(i);
    }
    const auto comes_before = [&](uint32_t a, uint32_t b) {
      return by_others(a) < by_others(b) || (by_others(a) == by_others(b) && a < b);
    };
    const auto score = [&](uint32_t record, Normal in) {
      const size_t k = record * queries + q;
      in.variance = std::max(in.variance, 1e-12 * out.within);
      const double from_in = target.values[k] - in.mean;
      const double from_out = target.values[k] - moments.out.mean[k];
      ratios[k] = 0.5 * std::log(out.within / in.variance) - from_in * from_in / (2 * in.variance) +
                  from_out * from_out / (2 * out.within);
    };
    for (Part& part : parts) {
      if (kind == "nearest") {
        std::ranges::sort(part.proxies, comes_before);
        std::ranges::sort(part.lone, comes_before);
      }
      const Proxies proxies(std::move(part.proxies), moments.in, queries, q, centre);
      const std::vector<uint32_t>& others = proxies.records();
      // Each record by the `width` proxies nearest to it, of which `place_of` says where it stands among them.
      const auto score_all = [&](const std::vector<uint32_t>& records, size_t width, bool are_proxies,
                                 const auto& place_of) {
        parallel_blocks(records.size(), 1 << 12, context, [&](size_t begin, size_t end) {
          size_t first = 0;
          for (size_t r = begin; r < end; ++r) {
            const size_t place = place_of(r);
            const double own = by_others(records[r]);
            first = std::max(first, place - std::min(place, are_proxies ? width - 1 : width));
            // While the record past the window is nearer than the first in it.
            while (first + width < others.size() &&
                   own - by_others(others[first]) > by_others(others[first + width]) - own)
              ++first;
            first = std::min(first, others.size() - width);
            score(records[r], proxies.over(first, first + width, are_proxies ? place : kNoProxy));
          }
        });
      };
      const bool by_nearness = kind == "nearest";
      // A record does not stand in for itself; where nobody else does, it goes unscored.
      if (others.size() >= 2)
        score_all(others, by_nearness ? std::min(neighbours + 1, others.size()) : others.size(), true,
                  [](size_t r) { return r; });
      if (!others.empty())
        score_all(part.lone, by_nearness ? std::min(neighbours, others.size()) : others.size(), false, [&](size_t r) {
          return static_cast<size_t>(std::ranges::lower_bound(others, part.lone[r], comes_before) - others.begin());
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
