#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "miaudit/base/error.h"
#include "miaudit/io/raw.h"
#include "miaudit/report/report.h"

namespace miaudit {
namespace {

constexpr size_t kWidth = 80;
constexpr size_t kNameWidth = 18;
constexpr size_t kFigureWidth = 21;
constexpr size_t kRatesShown = 2;

// Columns that a text fills: its code points, which are all single-width here.
size_t width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded(std::string text, size_t columns) {
  if (width(text) < columns) text.append(columns - width(text), ' ');
  return text;
}

// Words on lines of at most kWidth columns, `indent` before every line but the first, `first` before that.
std::string wrapped(std::string_view text, std::string_view first, std::string_view indent) {
  std::string lines(first);
  size_t column = width(first);
  bool line_is_empty = true;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find(' ', begin), text.size());
    // A space between digits parts thousands.
    while (end > begin && end + 1 < text.size() && std::isdigit(text[end - 1]) && std::isdigit(text[end + 1]))
      end = std::min(text.find(' ', end + 1), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    begin = end + 1;
    if (word.empty()) continue;
    if (!line_is_empty && column + 1 + width(word) > kWidth) {
      lines += '\n';
      lines += indent;
      column = width(indent);
      line_is_empty = true;
    }
    if (!line_is_empty) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += width(word);
    line_is_empty = false;
  }
  return lines + '\n';
}

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
std::string table_row(const std::string& name, const Estimate& auc, const Rates& rates, Tpr tpr) {
  // A name that leaves no room has a line to itself.
  std::string line = width(name) < kNameWidth ? padded(name, kNameWidth) : name + '\n' + padded("", kNameWidth);
  line += padded(as_auc(auc), kFigureWidth);
  for (size_t f = 0; f < std::min(kRatesShown, rates.size()); ++f) line += padded(as_rate(tpr(rates[f])), kFigureWidth);
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

std::string attack_table(const AuditResult& result) {
  std::string text = padded("attack", kNameWidth) + padded("AUC", kFigureWidth);
  const auto& rates = result.attacks.front().estimates.tpr_at_fpr;
  for (size_t f = 0; f < std::min(kRatesShown, rates.size()); ++f)
    text += padded("TPR at " + fpr_text(rates[f].fpr) + " FPR", kFigureWidth);
  text.erase(text.find_last_not_of(' ') + 1);
  text += '\n' + std::string(kWidth, '-') + '\n';
  for (const AttackResult& attack : result.attacks) {
    const auto tpr = [](const RateAtFpr& rate) { return rate.tpr; };
    text += table_row(attack.name, attack.estimates.auc, attack.estimates.tpr_at_fpr, tpr);
    if (attack.group_estimates)
      text += table_row("  by group", attack.group_estimates->auc, attack.group_estimates->tpr_at_fpr, tpr);
  }
  if (result.headline && result.attacks.size() > 1) {
    const Headline& headline = *result.headline;
    const bool is_chosen = headline.correction == "chosen_beforehand";
    text += std::string(kWidth, '-') + '\n';
    text += table_row(is_chosen ? "headline" : fmt::format("strongest of {}", headline.attacks_tried),
                      result.headline->auc.estimate, result.headline->tpr_at_fpr,
                      [](const HeadlineRate& rate) { return rate.figure.estimate; });
  }
  return text;
}

/// By number of reference models, the attack that an audit with so many has for its headline; where none is chosen
/// beforehand, all of them, since to choose by what they found would flatter.
std::string budget_table(const AuditResult& result) {
  if (result.budget_curve.empty()) return "";
  std::string text = "\nBy number of reference models\n" + std::string(kWidth, '-') + '\n';
  std::string seconds;
  for (const BudgetPoint& point : result.budget_curve) {
    double total = 0;
    for (const BudgetFigures& figures : point.attacks) {
      total += figures.seconds;
      if (point.headline.empty() || figures.attack == point.headline)
        text += table_row(fmt::format("{:<4}{}", point.references, figures.attack), figures.auc, figures.tpr,
                          [](const Estimate& tpr) { return tpr; });
    }
    if (point.attacks.empty()) text += fmt::format("{:<4}none can run\n", point.references);
    seconds += fmt::format("{}{}: {:.1f} s", seconds.empty() ? "" : ", ", point.references, total);
  }
  return text + wrapped("Scoring by all attacks took, with so many models: " + seconds + ".", "", "");
}

std::string notes(const AuditResult& result, std::string_view rest) {
  // 15 digits are what was typed: fewer would make 100 % of .99999, more show the rounding of 100 times it.
  std::string text = fmt::format("Intervals are at {:.15g} %", 100 * result.level);
  if (result.headline && result.headline->correction == "chosen_beforehand")
    text += fmt::format("; the last row is of {}, whatever the others find", result.headline->auc.attack);
  else if (result.headline && result.attacks.size() > 1)
    text += fmt::format("; the last row's hold for all {} attacks at once", result.headline->attacks_tried);
  text += ".";
  const size_t rates = result.attacks.front().estimates.tpr_at_fpr.size();
  if (rates > kRatesShown) text += fmt::format(" {} {}.", counted(rates - kRatesShown, "more FPR"), rest);
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

std::string skipped(const AuditResult& result) {
  // Attacks left out for one reason stand on one line.
  std::string text;
  std::vector<std::string> told;
  for (const Skipped& one : result.skipped) {
    if (std::find(told.begin(), told.end(), one.reason) != told.end()) continue;
    told.push_back(one.reason);
    std::string names;
    for (const Skipped& other : result.skipped)
      if (other.reason == one.reason) names += (names.empty() ? "" : ", ") + other.name;
    text += wrapped(fmt::format("{}: {}.", names, one.reason), "left out: ", "  ");
  }
  return text;
}

}  // namespace

std::string to_terminal(const AuditResult& result, std::string_view rest) {
  std::string text = wrapped(fmt::format("miaudit {}: {}", result.miaudit_version, subject_line(result)), "", "  ");
  text += '\n' + attack_table(result) + notes(result, rest) + budget_table(result);
  text += decisions(result) + worst_slice(result) + exposed(result) + skipped(result);
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
  return text;
}

}  // namespace miaudit
