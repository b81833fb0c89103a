#include "miaudit/audit/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

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
    if (estimate.low && (!best.estimate.low || *estimate.low > *best.estimate.low)) best.surest = names[k];
    raise(best.estimate.low, estimate.low);
    raise(best.estimate.high, estimate.high);
  }
  return best;
}

// An AUC below this is called small; a user with a stricter limit sets a gate.
constexpr double kSmallAuc = 0.6;

// Bounds are rounded outwards: what is said must not claim more than what is known.
std::string interval(const Estimate& e) {
  if (!e.low || !e.high) return "an unknown range";
  return fmt::format("[{:.3f}, {:.3f}]", std::floor(1000 * *e.low) / 1000, std::ceil(1000 * *e.high) / 1000);
}
std::string percent(double share) {
  return fmt::format("{:.4g} %", 100 * share);
}
std::string percent_below(double share) {
  return fmt::format("{:.2f} %", std::floor(1e4 * share) / 100);
}
std::string percent_above(double share) {
  return fmt::format("{:.2f} %", std::ceil(1e4 * share) / 100);
}

// The lowest FPR whose figure satisfies the condition.
template <class Condition>
const HeadlineRate* strictest(const Headline& headline, Condition condition) {
  const HeadlineRate* best = nullptr;
  for (const HeadlineRate& rate : headline.tpr_at_fpr)
    if (condition(rate) && (!best || rate.fpr < best->fpr)) best = &rate;
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

Headline headline_of(const std::string& name, const Metrics& metrics, size_t tried) {
  Headline headline = strongest_of({name}, {metrics});
  headline.attacks_tried = tried;
  if (tried > 1) headline.correction = "chosen_beforehand";
  return headline;
}

namespace {

/// The FPR at which an attack surely finds more members than non-members, the strictest.
const HeadlineRate* found_at(const Headline& headline) {
  return strictest(headline, [](const HeadlineRate& rate) {
    return rate.figure.estimate.low && *rate.figure.estimate.low > rate.fpr;
  });
}
bool shows_leak(const Headline& headline) {
  return found_at(headline) || (headline.auc.estimate.low && *headline.auc.estimate.low > 0.5);
}

std::string leak_sentence(const Headline& headline, const std::string& tried) {
  std::string sentence =
      fmt::format("The model gives members away: {} tells a member from a non-member with an AUC in {}", tried,
                  interval(headline.auc.estimate));
  // The bound is that of the attack which has the largest, and not of the one with the largest estimate.
  if (const HeadlineRate* found = found_at(headline))
    sentence += fmt::format(", and {} finds at least {} of the members while accusing {} of the non-members",
                            found->figure.surest, percent_below(*found->figure.estimate.low), percent(found->fpr));
  return sentence + ".";
}

std::string tried_text(const Headline& headline) {
  if (headline.correction == "none") return fmt::format("the one attack tried, {},", headline.auc.attack);
  if (headline.correction == "chosen_beforehand")
    return fmt::format("{}, the attack that was chosen beforehand,", headline.auc.attack);
  return fmt::format("the strongest of {} attacks (by its estimate {})", headline.attacks_tried, headline.auc.attack);
}

/// What others find beyond an attack that was chosen beforehand.
bool is_surpassed(const Headline& headline, const Headline& strongest) {
  const Estimate& own = headline.auc.estimate;
  if (own.high && strongest.auc.estimate.low && *strongest.auc.estimate.low > *own.high) return true;
  for (size_t f = 0; f < headline.tpr_at_fpr.size(); ++f) {
    const Estimate& rate = headline.tpr_at_fpr[f].figure.estimate;
    const Estimate& best = strongest.tpr_at_fpr[f].figure.estimate;
    if (rate.high && best.low && *best.low > *rate.high) return true;
  }
  return false;
}

}  // namespace

void conclude(AuditResult& result) {
  const Headline& headline = *result.headline;
  const Estimate& auc = headline.auc.estimate;
  const std::string tried = tried_text(headline);
  const bool others_leak = result.strongest && shows_leak(*result.strongest);
  const HeadlineRate* found = found_at(headline);
  if (shows_leak(headline)) {
    result.finding = Finding::leak;
    result.verdict.push_back(leak_sentence(headline, tried));
    if (result.strongest && is_surpassed(headline, *result.strongest))
      result.verdict.push_back(fmt::format("Others find more: {} has an AUC in {}, corrected for {} attacks.",
                                           result.strongest->auc.attack, interval(result.strongest->auc.estimate),
                                           result.strongest->attacks_tried));
  } else if (others_leak) {
    result.finding = Finding::leak;
    result.verdict.push_back(leak_sentence(*result.strongest, tried_text(*result.strongest)));
    result.verdict.push_back(fmt::format("The attack that was chosen beforehand, {}, found none: its AUC is in {}.",
                                         headline.auc.attack, interval(auc)));
  } else if (auc.high && *auc.high < 0.5) {
    result.finding = Finding::inconclusive;
    result.verdict.push_back(fmt::format(
        "Members score lower than non-members: {} has an AUC in {}, surely below 0.5. That is a trace of membership or "
        "a mistake in the input, and no sign of safety: check that membership is not swapped and that labels fit.",
        tried, interval(auc)));
  } else if (auc.high && *auc.high < kSmallAuc) {
    result.finding = Finding::no_leak_found;
    result.verdict.push_back(
        fmt::format("No leak was found: {} has an AUC in {}, which holds 0.5, a coin's.", tried, interval(auc)));
  } else {
    result.finding = Finding::inconclusive;
    result.verdict.push_back(fmt::format(
        "These records do not decide: {} has an AUC in {}, which holds both 0.5, a coin's, and a clear leak. "
        "Audit more records.",
        tried, interval(auc)));
  }
  const auto below = std::ranges::find(result.warnings, "below_chance", &Notice::code);
  if (below != result.warnings.end() && !(auc.high && *auc.high < 0.5))
    result.verdict.push_back(fmt::format(
        "But {}: before anything is made of these figures, check that membership is not swapped and that labels fit.",
        below->message));
  // The bound must hold for all of these attacks.
  const Headline& all = result.strongest ? *result.strongest : headline;
  const HeadlineRate* bounded = strictest(all, [](const HeadlineRate& rate) {
    return rate.figure.estimate.value && rate.figure.estimate.high && *rate.figure.estimate.high < 0.5;
  });
  if (bounded && (!found || bounded->fpr != found->fpr))
    result.verdict.push_back(fmt::format("At an FPR of {} these attacks find at most {} of the members.",
                                         percent(bounded->fpr), percent_above(*bounded->figure.estimate.high)));
  const bool has_references = result.subject.references > 0;
  result.verdict.push_back(fmt::format(
      "This speaks of {}, of records like these and of the attacks listed. {} may find more; no audit proves that "
      "nothing leaks.",
      result.subject.targets > 1 ? "models trained like these" : "this model",
      has_references ? "More shadow models" : "Attacks with shadow models"));
}

}  // namespace miaudit
