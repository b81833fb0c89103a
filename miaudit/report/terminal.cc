#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "miaudit/base/error.h"
#include "miaudit/io/raw.h"
#include "miaudit/report/layout.h"
#include "miaudit/report/report.h"

namespace miaudit {
namespace {

// Bounds are rounded outwards: what is printed must not claim more than what is known.
double outwards_low(double x, double unit) {
  return std::floor(x / unit + 1e-9) * unit;
}
double outwards_high(double x, double unit) {
  return std::ceil(x / unit - 1e-9) * unit;
}

std::string as_auc(const Estimate& e) {
  std::string value = e.value ? fmt::format("{:.3f}", *e.value) : "-";
  if (!e.low || !e.high) return value;
  return fmt::format("{} [{:.3f}, {:.3f}]", value, outwards_low(*e.low, 0.001), outwards_high(*e.high, 0.001));
}

std::string as_percent(double share, double unit) {
  return unit < 0.1 ? fmt::format("{:.2f}", share) : fmt::format("{:.1f}", share);
}

std::string as_rate(const Estimate& e) {
  const double top = 100 * e.high.value_or(e.value.value_or(0));
  const double unit = top < 9.995 ? 0.01 : 0.1;
  std::string value = e.value ? as_percent(100 * *e.value, unit) + "%" : "-";
  if (!e.low || !e.high) return value;
  return fmt::format("{} [{}, {}]", value, as_percent(outwards_low(100 * *e.low, unit), unit),
                     as_percent(outwards_high(100 * *e.high, unit), unit));
}

std::string fpr_text(double fpr) {
  return fmt::format("{:.4g}%", 100 * fpr);
}

std::string subject_line(const AuditResult& result) {
  const Subject& s = result.subject;
  std::string line = fmt::format("{}: {}, {}", counted(s.records, "record"), counted(s.members, "member"),
                                 counted(s.nonmembers, "non-member"));
  if (s.targets > 1)
    line = fmt::format("{} audited in turn on {}: {}, {} in all", counted(s.targets, "model"),
                       counted(s.records, "record"), counted(s.members, "member"), counted(s.nonmembers, "non-member"));
  if (s.references)
    line += fmt::format("; {}, {} a record {}", counted(s.references, "reference model"), s.references_out,
                        s.references_in == 0                  ? "without it"
                        : s.references_in == s.references_out ? "on either side"
                                                              : fmt::format("without it, {} with it", s.references_in));
  if (s.population) line += fmt::format("; population of {}", grouped(s.population));
  if (s.unknown) line += fmt::format(", {} unknown", grouped(s.unknown));
  if (s.groups) line += "; " + counted(s.groups, "group");
  if (s.classes) {
    line += "; " + counted(s.classes, "class", "classes");
    if (s.queries > 1) line += fmt::format(", {} queries", s.queries);
    line += fmt::format("; {} {}{}", s.element_type, s.input_form, s.form_detected ? " (detected)" : "");
  }
  return line;
}

template <class Rates, class Tpr>
TableRow figures_row(std::string name, const Estimate& auc, const Rates& rates, const Tpr& tpr) {
  TableRow row{std::move(name), {as_auc(auc)}};
  for (const auto& rate : rates) row.figures.push_back(as_rate(tpr(rate)));
  return row;
}

TableRow table_head(const AuditResult& result) {
  TableRow head{"attack", {"AUC"}};
  for (const RateAtFpr& rate : result.attacks.front().estimates.tpr_at_fpr)
    head.figures.push_back("TPR at " + fpr_text(rate.fpr) + " FPR");
  return head;
}

std::string attack_table(const AuditResult& result) {
  std::vector<TableRow> rows;
  const auto add = [&](const std::string& name, const Metrics& estimates) {
    rows.push_back(
        figures_row(name, estimates.auc, estimates.tpr_at_fpr, [](const RateAtFpr& rate) { return rate.tpr; }));
  };
  for (const AttackResult& attack : result.attacks) {
    add(attack.name, attack.estimates);
    if (attack.group_estimates) add("  by group", *attack.group_estimates);
  }
  if (result.headline && result.attacks.size() > 1) {
    const Headline& headline = *result.headline;
    const bool is_chosen = headline.correction == "chosen_beforehand";
    rows.push_back(figures_row(is_chosen ? "headline" : fmt::format("strongest of {}", headline.attacks_tried),
                               headline.auc.estimate, headline.tpr_at_fpr,
                               [](const HeadlineRate& rate) { return rate.figure.estimate; }));
    rows.back().is_apart = true;
  }
  return table(table_head(result), rows);
}

/// Attacks left out for one reason stand on one line.
std::string left_out(const std::vector<Skipped>& attacks, const std::string& head) {
  std::string text;
  std::vector<std::string> told;
  for (const Skipped& one : attacks) {
    if (std::find(told.begin(), told.end(), one.reason) != told.end()) continue;
    told.push_back(one.reason);
    std::string names;
    for (const Skipped& other : attacks)
      if (other.reason == one.reason) names += (names.empty() ? "" : ", ") + other.name;
    text += wrapped(fmt::format("{}: {}.", names, one.reason), head + ": ", "  ");
  }
  return text;
}

std::string seconds_text(double seconds) {
  if (seconds < 0.001) return "below 0.001 s";
  return fmt::format("{:.{}f} s", seconds, seconds < 1 ? 3 : 1);
}

/// By number of reference models, the attack that an audit with so many has for its headline; where none is chosen
/// beforehand, all of them, since to choose by what they found would flatter.
std::string budget_table(const AuditResult& result) {
  if (result.budget_curve.empty()) return "";
  TableRow head = table_head(result);
  head.name = "references";
  std::vector<TableRow> rows;
  std::string seconds, missing;
  for (const BudgetPoint& point : result.budget_curve) {
    double total = 0;
    for (const BudgetFigures& figures : point.attacks) {
      total += figures.seconds;
      if (point.headline.empty() || figures.attack == point.headline)
        rows.push_back(figures_row(fmt::format("{:<4}{}", point.references, figures.attack), figures.auc, figures.tpr,
                                   [](const Estimate& tpr) { return tpr; }));
    }
    if (point.attacks.empty()) rows.push_back({fmt::format("{:<4}none can run", point.references), {}});
    seconds += fmt::format("{}{}: {}", seconds.empty() ? "" : ", ", point.references, seconds_text(total));
    missing += left_out(point.skipped, fmt::format("left out with {}", counted(point.references, "reference model")));
  }
  return "\nBy number of reference models\n" + table(head, rows) +
         wrapped("Scoring by all attacks took, with so many models: " + seconds + ".", "", "") + missing;
}

std::string notes(const AuditResult& result) {
  // 15 digits are what was typed: fewer would make 100 % of .99999, more show the rounding of 100 times it.
  std::string text = fmt::format("Intervals are at {:.15g} %", 100 * result.level);
  if (result.headline && result.headline->correction == "chosen_beforehand")
    text += fmt::format("; the last row is of {}, whatever the others find", result.headline->auc.attack);
  else if (result.headline && result.attacks.size() > 1)
    text += fmt::format("; the last row's hold for all {} attacks at once", result.headline->attacks_tried);
  text += ".";
  return wrapped(text, "", "");
}

std::string decisions(const AuditResult& result) {
  std::string text;
  for (const AttackResult& attack : result.attacks) {
    if (attack.name != "spread" || !attack.decision) continue;
    const Decision& d = *attack.decision;
    std::string line = fmt::format("thresholds {:.4f} (members' mean) and {:.4f} (non-members' mean)", d.member_mean,
                                   d.nonmember_mean);
    if (d.member_accuracy.value && d.nonmember_accuracy.value)
      line += fmt::format("; the latter is right for {:.1f} % of members and {:.1f} % of non-members",
                          100 * *d.member_accuracy.value, 100 * *d.nonmember_accuracy.value);
    text += wrapped(line + ".", "spread: ", "  ");
  }
  return text;
}

std::string worst_slice(const AuditResult& result) {
  const Slice* worst = nullptr;
  for (const Slice& slice : result.slices)
    if (!worst || slice.auc.low.value_or(0) > worst->auc.low.value_or(0)) worst = &slice;
  if (!worst || result.slices.size() < 2 || worst->auc.low.value_or(0) <= 0.5) return "";
  return wrapped(fmt::format("Surest leak by class: class {}, AUC {} by {} ({} classes looked at; corrected).",
                             worst->value, as_auc(worst->auc), result.headline->auc.attack, result.slices.size()),
                 "", "");
}

/// What the attack of the exposures finds of members with one threshold for all records.
const Estimate& pooled_tpr(const AuditResult& result, double fpr) {
  const auto attack = std::ranges::find(result.attacks, result.exposure->attack, &AttackResult::name);
  return std::ranges::find(attack->estimates.tpr_at_fpr, fpr, &RateAtFpr::fpr)->tpr;
}

/// The records to look after first. Without a leak they would be those that chance brought to the top.
std::string exposed(const AuditResult& result) {
  if (!result.exposure || result.finding != Finding::leak) return "";
  const Exposure& exposure = *result.exposure;
  // The strictest FPR at which anybody is found.
  const ExposureRate* strictest = nullptr;
  for (const ExposureRate& rate : exposure.rates)
    if (rate.found_ever > 0 && (!strictest || rate.fpr < strictest->fpr)) strictest = &rate;
  if (!strictest) return "";
  const size_t place = static_cast<size_t>(strictest - exposure.rates.data());
  const bool has_many = result.subject.targets > 1;
  constexpr size_t kNamed = 8;
  std::string names;
  for (const ExposedRecord& record : exposure.records) {
    if (static_cast<size_t>(&record - exposure.records.data()) >= kNamed || record.found[place].count == 0) break;
    if (!names.empty()) names += ", ";
    names += record.id.empty() ? std::to_string(record.record) : escaped(record.id);
    if (!has_many) continue;
    const FoundShare& share = record.found[place];
    const bool is_first = &record == exposure.records.data();
    names += fmt::format(
        " ({} of {}{}; {:.0f} to {:.0f} %{})", share.count, record.trained,
        is_first ? fmt::format(" models trained on it give it away at {} FPR", fpr_text(strictest->fpr)) : "",
        100 * share.low, 100 * share.high, is_first ? " of models like them" : "");
  }
  std::string text =
      has_many
          ? fmt::format(
                "Most exposed: {}. {} given away by half of their models or more, {} by any; all are in records.csv "
                "with --out.",
                names, counted(strictest->found_by_half, "record is", "records are"), grouped(strictest->found_ever))
          : fmt::format("Most exposed: {}. {} found at {} FPR by {}; all are in records.csv with --out.", names,
                        counted(strictest->found_ever, "record is", "records are"), fpr_text(strictest->fpr),
                        result.headline->auc.attack);
  text = wrapped(text, "", "");
  if (strictest->per_record)
    text +=
        wrapped(fmt::format("With a threshold for each record, at {} FPR: {} of members found ({} with one for all), "
                            "{} once corrected for models that all draw from one set of records.",
                            fpr_text(strictest->fpr), as_rate(strictest->per_record->tpr),
                            as_rate(pooled_tpr(result, strictest->fpr)), as_rate(strictest->per_record->corrected_tpr)),
                "", "");
  return text;
}

}  // namespace

std::string to_terminal(const AuditResult& result) {
  std::string text = wrapped(fmt::format("miaudit {}: {}", result.miaudit_version, subject_line(result)), "", "  ");
  text += '\n' + attack_table(result) + notes(result) + budget_table(result);
  text += decisions(result) + worst_slice(result) + exposed(result) + left_out(result.skipped, "left out");
  if (result.comparison) {
    const Estimate& d = result.comparison->auc_difference;
    text += fmt::format("First minus second: AUC {:+.4f} [{:+.4f}, {:+.4f}]\n", d.value.value_or(0), d.low.value_or(-1),
                        d.high.value_or(1));
    for (const RateAtFpr& rate : result.comparison->tpr_difference)
      text += rate.tpr.value
                  ? fmt::format("  TPR at {} FPR {:+.2f}% [{:+.2f}, {:+.2f}]\n", fpr_text(rate.fpr),
                                100 * *rate.tpr.value, 100 * rate.tpr.low.value_or(-1), 100 * rate.tpr.high.value_or(1))
                  : fmt::format("  TPR at {} FPR: too few non-members to tell\n", fpr_text(rate.fpr));
  }
  if (!result.verdict.empty()) text += '\n';
  for (const std::string& sentence : result.verdict) text += wrapped(sentence, "", "");
  if (!result.warnings.empty()) text += '\n';
  for (const Notice& warning : result.warnings)
    text += wrapped(fmt::format("{}. Advice: {}.", warning.message, warning.advice), "warning: ", "  ");
  for (const GateResult& gate : result.gates)
    text += wrapped(fmt::format("--{} '{}': {}.", gate.kind, gate.text, gate.explanation),
                    gate.failed ? "gate FAILED: " : "gate passed: ", "  ");
  return escaped_lines(text);
}

}  // namespace miaudit
