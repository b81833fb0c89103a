#include <algorithm>
#include <cmath>

#include "miaudit/attack/lira_joint.h"
#include "miaudit/attack/reference_scores.h"
#include "miaudit/attack/rows.h"
#include "miaudit/math/distributions.h"

namespace miaudit {
namespace {

/// Fewer models on a side than this say too little of each record's own variance (Carlini et al. 2022, §VI: 64 in all).
constexpr size_t kModelsForOwnVariance = 32;
/// A variance by models that agree is taken for this share of the pooled one: nobody is surer than that.
constexpr double kLeastShareOfPooled = 1e-12;

constexpr std::string_view kVariances[] = {"auto", "per_sample", "pooled"};
constexpr std::string_view kLocations[] = {"auto", "mean", "median"};
constexpr std::string_view kSignals[] = {"rescaled_logit", "margin"};
constexpr std::string_view kFormulas[] = {"paper", "carlini"};
constexpr std::string_view kQueries[] = {"mean", "joint"};
constexpr ParameterRow kParameters[] = {
    {"queries", "each query's ratio, and their mean; or one of normal vectors with covariances",
     ChoiceParameter{"mean", kQueries}},
    {"variance", "of each record's models, or pooled over records; auto pools below 32 models a side",
     ChoiceParameter{"auto", kVariances}},
    {"location", "of each record's models on a side; auto takes medians as the released code and means as the paper",
     ChoiceParameter{"auto", kLocations}},
    {"signal", "what is taken for normal", ChoiceParameter{"rescaled_logit", kSignals}},
    {"formulas", "of the paper, or of its authors' released code with its quirks",
     ChoiceParameter{"paper", kFormulas}}};

constexpr std::span<const ParameterRow> kOfflineParameters = std::span(kParameters).subspan(1);

std::vector<double> medians(const SidedValues& models, int8_t side, const Context& context) {
  std::vector<double> found(models.samples * models.queries);
  parallel_blocks(found.size(), 1 << 10, context, [&](size_t begin, size_t end) {
    std::vector<double> values;
    for (size_t k = begin; k < end; ++k) {
      values.clear();
      for (size_t m = 0; m < models.values.size(); ++m)
        if (models.sides[m][k / models.queries] == side) values.push_back(models.values[m][k]);
      const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
      if (values.empty()) {
        found[k] = NAN;
        continue;
      }
      std::nth_element(values.begin(), middle, values.end());
      found[k] = values.size() % 2 ? *middle : (*middle + *std::max_element(values.begin(), middle)) / 2;
    }
  });
  return found;
}

/// A normal distribution for each value of a side.
class Normals {
 public:
  /// fixed: the variance that the released code takes for all records where it takes one.
  Normals(const Evidence& evidence, int8_t side, const SideTotals& totals, double fixed, const Parameters& parameters,
          const Context& context)
      : side_(side_of(evidence.references->moments(parameters.choice("signal")), side)),
        is_pooled_(parameters.choice("variance") == "pooled"),
        is_of_code_(parameters.choice("formulas") == "carlini"),
        pooled_(is_of_code_ ? fixed : totals.within),
        least_(kLeastShareOfPooled * totals.within) {
    if (parameters.choice("location") == "median")
      medians_ = medians(evidence.references->values(parameters.choice("signal")), side, context);
  }

  double location(size_t k) const { return medians_.empty() ? side_.mean[k] : medians_[k]; }
  /// The released code takes one deviation for all (of all values about their own mean) where it is fixed, and has
  /// 1e-30 on top of any.
  double variance(size_t k) const {
    if (is_of_code_) {
      const double deviation = std::sqrt(is_pooled_ ? pooled_ : side_.variance[k]) + 1e-30;
      return deviation * deviation;
    }
    return is_pooled_ ? pooled_ : std::max(side_.variance[k], least_);
  }
  double log_density(double value, size_t k) const {
    const double distance = value - location(k), own = variance(k);
    return -0.5 * std::log(own) - distance * distance / (2 * own);
  }

 private:
  static const SideMoments& side_of(const Moments& moments, int8_t side) {
    return side == 1 ? moments.in : moments.out;
  }

  const SideMoments& side_;
  const bool is_pooled_, is_of_code_;
  const double pooled_, least_;
  std::vector<double> medians_;
};

size_t models_a_side(const Evidence& evidence) {
  return std::min(evidence.references->models_in(), evidence.references->models_out());
}

void settle(Parameters& parameters, size_t models) {
  if (parameters.choice("variance") == "auto")
    parameters.set("variance", models < kModelsForOwnVariance ? std::string_view("pooled") : "per_sample");
  if (parameters.choice("location") == "auto")
    parameters.set("location", parameters.choice("formulas") == "carlini" ? std::string_view("median") : "mean");
}
void settle_online(const Evidence& evidence, Parameters& parameters, const Context&) {
  settle(parameters, models_a_side(evidence));
}
void settle_offline(const Evidence& evidence, Parameters& parameters, const Context&) {
  settle(parameters, evidence.references->models_out());
}

/// models: a record's on the side that has fewer of those that are used.
std::vector<double> fit_sides(const Evidence& evidence, size_t models, std::initializer_list<int8_t> sides,
                              const Parameters& parameters) {
  if (models < kFewestForVariance)
    fail(Category::numeric, "needs {} reference models a side of each record to tell a variance; found {}",
         kFewestForVariance, models);
  std::vector<double> totals = fit_totals(evidence, parameters.choice("signal"), sides);
  for (size_t side = 0; side < sides.size(); ++side)
    if (parameters.choice("formulas") != "carlini" && !(totals_at(totals, side).within > 0))
      fail(Category::numeric, "reference models agree in every value, so that no variance can be told");
  return totals;
}

std::vector<double> fit_online(const Evidence& evidence, const Parameters& parameters, const Context& context) {
  std::vector<double> totals = fit_sides(evidence, models_a_side(evidence), {1, 0}, parameters);
  if (parameters.choice("queries") == "mean") return totals;
  if (parameters.choice("location") == "median" || parameters.choice("formulas") == "carlini")
    fail(Category::config, "--lira-queries joint has means alone; give it without --lira-location or --lira-formulas");
  return joint_covariances(evidence, parameters.choice("signal"), parameters.choice("variance") == "pooled", context);
}

std::vector<double> fit_offline(const Evidence& evidence, const Parameters& parameters, const Context&) {
  return fit_sides(evidence, evidence.references->models_out(), {0}, parameters);
}

std::vector<double> online(const Evidence& evidence, std::span<const double> fitted, const Parameters& parameters,
                           const Context& context) {
  if (parameters.choice("queries") == "joint")
    return joint_ratios(evidence, parameters.choice("signal"), fitted, context);
  const SideTotals totals_in = totals_at(fitted, 0), totals_out = totals_at(fitted, 1);
  const SignalMatrix& target = evidence.signals.signal(parameters.choice("signal"));
  // The released code takes the deviation of the IN values for both sides.
  const Normals in(evidence, 1, totals_in, totals_in.variance, parameters, context);
  const Normals out(evidence, 0, totals_out, totals_in.variance, parameters, context);
  return mean_of(evidence.samples, target.queries, context,
                 [&](size_t k) { return in.log_density(target.values[k], k) - out.log_density(target.values[k], k); });
}

std::vector<double> offline(const Evidence& evidence, std::span<const double> fitted, const Parameters& parameters,
                            const Context& context) {
  const SideTotals totals = totals_at(fitted, 0);
  const SignalMatrix& target = evidence.signals.signal(parameters.choice("signal"));
  const Normals out(evidence, 0, totals, totals.variance, parameters, context);
  constexpr double kHalfLogTwoPi = 0.91893853320467274178;
  if (parameters.choice("formulas") == "carlini")
    return mean_of(evidence.samples, target.queries, context,
                   [&](size_t k) { return kHalfLogTwoPi - out.log_density(target.values[k], k); });
  return mean_of(evidence.samples, target.queries, context, [&](size_t k) {
    return -log_normal_survival((target.values[k] - out.location(k)) / std::sqrt(out.variance(k)));
  });
}

}  // namespace

constinit const AttackRow kLiraAttack = {
    .name = "lira",
    .summary = "Log-likelihood ratio of the rescaled logit: normal with the record against normal without it.",
    .needs = kNeedInAndOut,
    .parameters = kParameters,
    .citation = "Carlini et al. 2022, arXiv:2112.03570",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = FittedAttack{fit_online, online},
    .tune = settle_online,
};

constinit const AttackRow kLiraOfflineAttack = {
    .name = "lira_offline",
    .summary = "How improbably large the rescaled logit is by the normal of models without the record, one-sided.",
    .needs = kNeedOut,
    .parameters = kOfflineParameters,
    .citation = "Carlini et al. 2022, arXiv:2112.03570",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = FittedAttack{fit_offline, offline},
    .online = "lira",
    .tune = settle_offline,
};

}  // namespace miaudit
