#include <cmath>
#include <numbers>

#include "miaudit/attack/reference_scores.h"
#include "miaudit/attack/rows.h"
#include "miaudit/math/distributions.h"

namespace miaudit {
namespace {

constexpr double kPriorModels = 1;  // κ0: the prior's mean counts as much as one model

/// Normal-inverse-gamma posterior of a record's values on one side, the prior being those of all records.
struct Side {
  const SideMoments& moments;
  SideTotals prior;
  double alpha;   ///< of the prior
  double models;  ///< a record's on this side; 0 for the prior alone

  double kappa() const { return kPriorModels + models; }
  double posterior_alpha() const { return alpha + models / 2; }
  double beta(size_t k) const {
    const double prior_beta = alpha > 1 ? prior.variance * (alpha - 1) : prior.variance;
    if (models == 0) return prior_beta;
    const double off = moments.mean[k] - prior.mean;
    return prior_beta + 0.5 * models * moments.variance[k] + 0.5 * kPriorModels * models * off * off / kappa();
  }
  /// The records' own mean, as the normal form has it.
  double mean(size_t k) const { return models == 0 ? prior.mean : moments.mean[k]; }
  double posterior_mean(size_t k) const {
    return models == 0 ? prior.mean : (kPriorModels * prior.mean + models * moments.mean[k]) / kappa();
  }
};

double log_normal(double value, const Side& side, size_t k) {
  const double alpha = side.posterior_alpha();
  const double variance = alpha > 1 ? side.beta(k) / (alpha - 1) : side.beta(k);
  const double distance = value - side.mean(k);
  return -0.5 * std::log(variance) - distance * distance / (2 * variance);
}

double log_student(double value, const Side& side, size_t k, double log_norm) {
  const double degrees = 2 * side.posterior_alpha();
  const double squared_scale = side.beta(k) * (side.kappa() + 1) / (side.posterior_alpha() * side.kappa());
  const double distance = value - side.posterior_mean(k);
  return log_norm - 0.5 * std::log(squared_scale) -
         0.5 * (degrees + 1) * std::log1p(distance * distance / (squared_scale * degrees));
}

double student_norm(double degrees) {
  return log_gamma((degrees + 1) / 2) - log_gamma(degrees / 2) - 0.5 * std::log(degrees * std::numbers::pi);
}

std::vector<double> fit(const Evidence& evidence, const Parameters&, const Context&) {
  std::vector<double> priors = fit_totals(evidence, "rescaled_logit", {1, 0});
  if (!(totals_at(priors, 0).variance > 0 && totals_at(priors, 1).variance > 0))
    fail(Category::numeric, "reference models give every record one value, so that no variance can be told");
  return priors;
}

enum class Form { normal, student };

template <Form form, bool is_online>
std::vector<double> apply(const Evidence& evidence, std::span<const double> priors, const Parameters&,
                          const Context& context) {
  const SignalMatrix& target = evidence.signals.signal("rescaled_logit");
  const Moments& moments = evidence.references->moments("rescaled_logit");
  const double models_in = static_cast<double>(evidence.references->models_in());
  const double models_out = static_cast<double>(evidence.references->models_out());
  constexpr double kAlpha = form == Form::normal ? 1 : 2;
  const Side in{moments.in, totals_at(priors, 0), kAlpha, is_online ? models_in : 0};
  const Side out{moments.out, totals_at(priors, 1), kAlpha, models_out};
  if constexpr (form == Form::normal)
    return mean_of(evidence.samples, target.queries, context, [&](size_t k) {
      return log_normal(target.values[k], in, k) - log_normal(target.values[k], out, k);
    });
  const double in_norm = student_norm(2 * in.posterior_alpha());
  const double out_norm = student_norm(2 * out.posterior_alpha());
  return mean_of(evidence.samples, target.queries, context, [&](size_t k) {
    return log_student(target.values[k], in, k, in_norm) - log_student(target.values[k], out, k, out_norm);
  });
}

constexpr std::string_view kCitation = "Brännvall 2026, arXiv:2603.11799";

}  // namespace

constinit const AttackRow kBavariaNAttack = {
    .name = "bavaria_n",
    .summary = "As lira, with each record's variances drawn towards those of all records: normal densities.",
    .needs = kNeedInAndOut,
    .parameters = {},
    .citation = kCitation,
    .decision = DecisionRule::best_balanced_accuracy,
    .run = FittedAttack{fit, apply<Form::normal, true>},
};
constinit const AttackRow kBavariaTAttack = {
    .name = "bavaria_t",
    .summary = "As bavaria_n, with Student's t as the predictive density: few models make broad tails.",
    .needs = kNeedInAndOut,
    .parameters = {},
    .citation = kCitation,
    .decision = DecisionRule::best_balanced_accuracy,
    .run = FittedAttack{fit, apply<Form::student, true>},
};
constinit const AttackRow kBavariaNOfflineAttack = {
    .name = "bavaria_n_offline",
    .summary = "As bavaria_n, with the values of all members for want of the record's own models with it.",
    .needs = kNeedOut,
    .parameters = {},
    .citation = kCitation,
    .decision = DecisionRule::best_balanced_accuracy,
    .run = FittedAttack{fit, apply<Form::normal, false>},
};
constinit const AttackRow kBavariaTOfflineAttack = {
    .name = "bavaria_t_offline",
    .summary = "As bavaria_t, with the values of all members for want of the record's own models with it.",
    .needs = kNeedOut,
    .parameters = {},
    .citation = kCitation,
    .decision = DecisionRule::best_balanced_accuracy,
    .run = FittedAttack{fit, apply<Form::student, false>},
};

}  // namespace miaudit
