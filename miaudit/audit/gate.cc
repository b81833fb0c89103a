#include "miaudit/audit/gate.h"

#include <charconv>
#include <cmath>
#include <regex>

#include "miaudit/attack/attack.h"
#include "miaudit/base/error.h"

namespace miaudit {
namespace {

constexpr std::string_view kForm =
    "'<attack or headline>.<auc, balanced_accuracy, advantage or tpr@FPR> <one of > >= < <=> <number>', such as "
    "'headline.auc > 0.6' or 'loss.tpr@0.001 > 0.05'";

double number(const std::string& text, const std::string& gate) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    fail(Category::config, "gate '{}': '{}' is no number; expected {}", gate, text, kForm);
  return value;
}

Estimate figure(const Gate& gate, const Metrics& metrics) {
  switch (gate.metric) {
    case Gate::Metric::auc:
      return metrics.auc;
    case Gate::Metric::balanced_accuracy:
      return metrics.balanced_accuracy;
    case Gate::Metric::advantage:
      return metrics.advantage;
    case Gate::Metric::tpr:
      break;
  }
  for (const RateAtFpr& rate : metrics.tpr_at_fpr)
    if (rate.fpr == gate.fpr) return rate.tpr;
  fail(Category::config, "gate '{}': FPR {} was not audited; add it to --fpr", gate.text, gate.fpr);
}

Estimate headline_figure(const Gate& gate, const Headline& headline) {
  switch (gate.metric) {
    case Gate::Metric::auc:
      return headline.auc.estimate;
    case Gate::Metric::balanced_accuracy:
      return headline.balanced_accuracy.estimate;
    case Gate::Metric::advantage:
      return headline.advantage.estimate;
    case Gate::Metric::tpr:
      break;
  }
  for (const HeadlineRate& rate : headline.tpr_at_fpr)
    if (rate.fpr == gate.fpr) return rate.figure.estimate;
  fail(Category::config, "gate '{}': FPR {} was not audited; add it to --fpr", gate.text, gate.fpr);
}

Estimate find_figure(const Gate& gate, const AuditResult& result) {
  if (gate.attack == "headline") {
    if (result.headline) return headline_figure(gate, *result.headline);
    fail(Category::config, "gate '{}': this result has no headline", gate.text);
  }
  for (const AttackResult& attack : result.attacks)
    if (attack.name == gate.attack) return figure(gate, attack.estimates);
  for (const Skipped& skipped : result.skipped)
    if (skipped.name == gate.attack)
      fail(Category::config, "gate '{}' cannot be judged: {} was left out ({})", gate.text, gate.attack,
           skipped.reason);
  fail(Category::config, "gate '{}' cannot be judged: {} was not among the attacks run", gate.text, gate.attack);
}

bool holds(double value, Gate::Comparison comparison, double limit) {
  switch (comparison) {
    case Gate::Comparison::greater:
      return value > limit;
    case Gate::Comparison::greater_equal:
      return value >= limit;
    case Gate::Comparison::less:
      return value < limit;
    case Gate::Comparison::less_equal:
      break;
  }
  return value <= limit;
}

}  // namespace

Gate parse_gate(Gate::Kind kind, const std::string& text) {
  static const std::regex kPattern(R"(\s*([A-Za-z0-9_]+)\.([a-z_]+)(?:@([^\s<>=]+))?\s*(>=|<=|>|<)\s*(\S+)\s*)");
  std::smatch parts;
  if (!std::regex_match(text, parts, kPattern))
    fail(Category::config, "gate '{}' cannot be read; expected {}", text, kForm);
  Gate gate{};
  gate.kind = kind;
  gate.text = text;
  gate.attack = parts[1];
  if (gate.attack != "headline" && gate.attack != "scores") find_attack(gate.attack);
  const std::string metric = parts[2];
  if (metric == "auc") {
    gate.metric = Gate::Metric::auc;
  } else if (metric == "balanced_accuracy") {
    gate.metric = Gate::Metric::balanced_accuracy;
  } else if (metric == "advantage") {
    gate.metric = Gate::Metric::advantage;
  } else if (metric == "tpr") {
    gate.metric = Gate::Metric::tpr;
  } else {
    fail(Category::config, "gate '{}': unknown figure '{}'; expected {}", text, metric, kForm);
  }
  const bool has_fpr = parts[3].matched;
  if (has_fpr != (gate.metric == Gate::Metric::tpr))
    fail(Category::config, "gate '{}': an FPR after '@' goes with tpr and with nothing else; expected {}", text, kForm);
  if (has_fpr) {
    gate.fpr = number(parts[3], text);
    if (gate.fpr <= 0 || gate.fpr >= 1) fail(Category::config, "gate '{}': FPR {} is outside (0, 1)", text, gate.fpr);
  }
  const std::string comparison = parts[4];
  gate.comparison = comparison == ">"    ? Gate::Comparison::greater
                    : comparison == ">=" ? Gate::Comparison::greater_equal
                    : comparison == "<"  ? Gate::Comparison::less
                                         : Gate::Comparison::less_equal;
  gate.limit = number(parts[5], text);
  if (gate.limit < 0 || gate.limit > 1)
    fail(Category::config, "gate '{}': {} is outside 0 to 1, where every figure lies; 60 % is 0.6", text, gate.limit);
  return gate;
}

GateResult judge(const Gate& gate, const AuditResult& result) {
  const Estimate estimate = find_figure(gate, result);
  const bool satisfied = estimate.low && estimate.high && holds(*estimate.low, gate.comparison, gate.limit) &&
                         holds(*estimate.high, gate.comparison, gate.limit);
  const std::string interval = estimate.low && estimate.high
                                   ? fmt::format("the interval [{:.4g}, {:.4g}]", *estimate.low, *estimate.high)
                                   : std::string("a figure without an interval");
  const bool fail_if = gate.kind == Gate::Kind::fail_if;
  return {
      gate.text, fail_if ? "fail-if" : "fail-unless", fail_if == satisfied,
      fmt::format("{} {} the condition", interval, satisfied ? "lies wholly inside" : "does not lie wholly inside")};
}

}  // namespace miaudit
