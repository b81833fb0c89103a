#include "miaudit/audit/verdict.h"

#include <fmt/format.h>

#include <algorithm>

#include "miaudit/base/error.h"

namespace miaudit {
namespace {

template <class Figure>
HeadlineFigure strongest(const std::vector<std::string>& names, const std::vector<Metrics>& corrected, Figure figure) {
  HeadlineFigure best;
  const auto raise = [](std::optional<double>& to, const std::optional<double>& from) {
    if (from && (!to || *from > *to)) to = from;
  };
  for (size_t k = 0; k < names.size(); ++k) {
    const Estimate& estimate = figure(corrected[k]);
    if (best.attack.empty() || estimate.value > best.estimate.value) {
      best.attack = names[k];
      best.estimate.value = estimate.value;
      best.estimate.level = estimate.level;
      best.estimate.method = estimate.method;
    }
    raise(best.estimate.low, estimate.low);
    raise(best.estimate.high, estimate.high);
  }
  return best;
}

std::string percent(double share) {
  return fmt::format("{:.3g} %", 100 * share);
}

// The lowest FPR at which the records allow an estimate.
const HeadlineRate* strictest(const Headline& headline) {
  const HeadlineRate* best = nullptr;
  for (const HeadlineRate& rate : headline.tpr_at_fpr)
    if (rate.figure.estimate.value && (!best || rate.fpr < best->fpr)) best = &rate;
  return best;
}

}  // namespace

Headline strongest_of(const std::vector<std::string>& names, const std::vector<Metrics>& corrected) {
  Headline headline;
  headline.attacks_tried = names.size();
  headline.correction = names.size() > 1 ? "bonferroni" : "none";
  headline.auc = strongest(names, corrected, [](const Metrics& m) -> const Estimate& { return m.auc; });
  headline.balanced_accuracy =
      strongest(names, corrected, [](const Metrics& m) -> const Estimate& { return m.balanced_accuracy; });
  headline.advantage = strongest(names, corrected, [](const Metrics& m) -> const Estimate& { return m.advantage; });
  for (size_t f = 0; f < corrected[0].tpr_at_fpr.size(); ++f)
    headline.tpr_at_fpr.push_back(
        {corrected[0].tpr_at_fpr[f].fpr,
         strongest(names, corrected, [f](const Metrics& m) -> const Estimate& { return m.tpr_at_fpr[f].tpr; })});
  return headline;
}

void conclude(AuditResult& result) {
  const Headline& headline = *result.headline;
  const Estimate& auc = headline.auc.estimate;
  const HeadlineRate* rate = strictest(headline);
  const bool auc_leaks = auc.low && *auc.low > 0.5;
  const HeadlineRate* leaking_rate = nullptr;
  for (const HeadlineRate& r : headline.tpr_at_fpr)
    if (r.figure.estimate.low && *r.figure.estimate.low > r.fpr) leaking_rate = &r;

  const std::string tried = headline.attacks_tried == 1
                                ? std::string("the one attack tried")
                                : fmt::format("the strongest of {} attacks", headline.attacks_tried);
  const auto interval = [](const Estimate& e) {
    return e.low && e.high ? fmt::format("[{:.3f}, {:.3f}]", *e.low, *e.high) : std::string("unknown");
  };
  if (auc_leaks || leaking_rate) {
    result.finding = Finding::leak;
    std::string sentence = fmt::format(
        "The model gives members away: {} tells a member from a non-member with an AUC in {}", tried, interval(auc));
    const HeadlineRate* shown = leaking_rate ? leaking_rate : rate;
    if (shown && shown->figure.estimate.low)
      sentence += fmt::format(", and finds at least {} of members while accusing {} of non-members",
                              percent(*shown->figure.estimate.low), percent(shown->fpr));
    result.verdict.push_back(sentence + ".");
  } else if (auc.high && *auc.high < 0.6) {
    result.finding = Finding::no_leak_found;
    result.verdict.push_back(
        fmt::format("No leak was found: {} has an AUC in {}, which holds 0.5, a coin's.", tried, interval(auc)));
    if (rate && rate->figure.estimate.high)
      result.verdict.push_back(
          fmt::format("At an FPR of {} up to {} of members may still be found: the records allow "
                      "no closer bound.",
                      percent(rate->fpr), percent(*rate->figure.estimate.high)));
  } else {
    result.finding = Finding::inconclusive;
    result.verdict.push_back(
        fmt::format("These records do not decide: {} has an AUC in {}, which holds both 0.5 and "
                    "a leak. Audit more records.",
                    tried, interval(auc)));
  }
  result.verdict.push_back(
      "This speaks of this model, of records like these and of the attacks listed. Attacks with shadow models find "
      "more; "
      "no audit proves that nothing leaks.");
}

}  // namespace miaudit
