#include "miaudit/audit/checks.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "miaudit/base/parallel.h"
#include "miaudit/base/rng.h"
#include "miaudit/math/distributions.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/roc.h"

namespace miaudit {
namespace {

// Wide enough that a sound audit hardly ever fails its own check.
constexpr double kCheckLevel = 0.9999;
constexpr size_t kPlantedRecords = 20000;

bool holds(const Estimate& estimate, double truth) {
  return estimate.low && estimate.high && *estimate.low <= truth && truth <= *estimate.high;
}

// 64 bits of a record's bytes: a stranger's collision among 10^7 records has probability 3e-6.
uint64_t hash_bytes(const std::byte* bytes, size_t count, uint64_t label) {
  const auto mix = [](uint64_t h, uint64_t word) {
    h = (h ^ word) * 0x9E3779B97F4A7C15ULL;
    return h ^ (h >> 29);
  };
  uint64_t hash = mix(0x243F6A8885A308D3ULL, label + count);
  for (; count >= 8; bytes += 8, count -= 8) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    hash = mix(hash, word);
  }
  uint64_t tail = 0;
  std::memcpy(&tail, bytes, count);
  hash = mix(hash, tail);
  return hash ^ (hash >> 32);
}

// Whether one class takes all in the record's first query.
template <class T>
bool is_saturated(const T* row, const Outputs& outputs) {
  double first = -INFINITY;
  double second = -INFINITY;
  for (size_t c = 0; c < outputs.columns; ++c) {
    double v;
    if constexpr (std::is_same_v<T, Half>) {
      v = to_double(row[c]);
    } else {
      v = row[c];
    }
    if (v > first) {
      second = first;
      first = v;
    } else if (v > second) {
      second = v;
    }
  }
  constexpr double kSmall = 1e-6;
  if (outputs.columns == 1)
    return outputs.form == OutputForm::probabilities ? first < kSmall || first > 1 - kSmall
                                                     : std::abs(first) > -std::log(kSmall);
  switch (outputs.form) {
    case OutputForm::probabilities:
      return first > 1 - kSmall;
    case OutputForm::log_probabilities:
      return first > -kSmall;
    case OutputForm::logits:
      break;
  }
  return false;
}

// Hashes by side; membership −1 and saturated rows left out.
std::pair<std::vector<uint64_t>, std::vector<uint64_t>> hash_sides(const Records& records, const Context& context) {
  const Outputs& outputs = records.outputs;
  std::vector<uint64_t> hashes(records.size());
  std::vector<uint8_t> counted(records.size());
  size_t first = 0;
  for (const OutputsPart& part : outputs.parts) {
    with_element_type(part.values.type(), [&]<class T>() {
      if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, Half>) {
        const T* values = part.values.as<T>().data();
        const size_t width = outputs.queries * outputs.columns;
        parallel_blocks(part.samples(), 1 << 14, context, [&](size_t begin, size_t end) {
          for (size_t i = begin; i < end; ++i) {
            const T* row = values + i * width;
            const size_t record = first + i;
            const uint64_t label = records.labels.empty() ? 0 : static_cast<uint64_t>(records.labels[record]);
            hashes[record] = hash_bytes(reinterpret_cast<const std::byte*>(row), width * sizeof(T), label);
            counted[record] = !is_saturated(row, outputs);
          }
        });
      }
    });
    first += part.samples();
  }
  std::pair<std::vector<uint64_t>, std::vector<uint64_t>> sides;
  for (size_t i = 0; i < hashes.size(); ++i) {
    if (!counted[i] || records.membership[i] < 0) continue;
    (records.membership[i] ? sides.first : sides.second).push_back(hashes[i]);
  }
  return sides;
}

}  // namespace

uint64_t count_duplicates(const Records& records, const Context& context) {
  auto [members, nonmembers] = hash_sides(records, context);
  // Only hashes whose bucket a member fills can match, so the larger part of the work is one pass over bits.
  constexpr size_t kBuckets = size_t{1} << 26;
  std::vector<bool> seen(kBuckets);
  for (const uint64_t hash : members) seen[hash % kBuckets] = true;
  std::erase_if(nonmembers, [&](uint64_t hash) { return !seen[hash % kBuckets]; });
  seen.assign(kBuckets, false);
  for (const uint64_t hash : nonmembers) seen[hash % kBuckets] = true;
  std::erase_if(members, [&](uint64_t hash) { return !seen[hash % kBuckets]; });
  std::sort(members.begin(), members.end());
  // Named in the capture: clang before 16 captures no structured binding otherwise.
  return static_cast<uint64_t>(std::count_if(nonmembers.begin(), nonmembers.end(), [&members = members](uint64_t hash) {
    return std::binary_search(members.begin(), members.end(), hash);
  }));
}

std::optional<double> class_balance_p(const Records& records) {
  if (records.labels.empty()) return {};
  std::vector<double> counts[2] = {std::vector<double>(records.outputs.classes),
                                   std::vector<double>(records.outputs.classes)};
  double totals[2] = {0, 0};
  for (size_t i = 0; i < records.size(); ++i) {
    if (records.membership[i] < 0) continue;
    ++counts[records.membership[i]][static_cast<size_t>(records.labels[i])];
    ++totals[records.membership[i]];
  }
  // Classes too rare for the chi-squared approximation count together.
  double statistic = 0;
  double rare[2] = {0, 0};
  size_t cells = 0;
  const auto add = [&](double nonmembers, double members) {
    const double total = nonmembers + members;
    const double expected[2] = {total * totals[0] / (totals[0] + totals[1]),
                                total * totals[1] / (totals[0] + totals[1])};
    statistic += (nonmembers - expected[0]) * (nonmembers - expected[0]) / expected[0] +
                 (members - expected[1]) * (members - expected[1]) / expected[1];
    ++cells;
  };
  const double smaller_share = std::min(totals[0], totals[1]) / (totals[0] + totals[1]);
  for (size_t c = 0; c < records.outputs.classes; ++c) {
    if ((counts[0][c] + counts[1][c]) * smaller_share < 5) {
      rare[0] += counts[0][c];
      rare[1] += counts[1][c];
    } else {
      add(counts[0][c], counts[1][c]);
    }
  }
  if ((rare[0] + rare[1]) * smaller_share >= 5) add(rare[0], rare[1]);
  if (cells < 2) return {};
  return chi_squared_survival(static_cast<double>(cells - 1), statistic);
}

namespace {

/// The class of a record's first query.
template <class T>
size_t predicted(const T* row, const Outputs& outputs) {
  const auto value = [&](size_t c) {
    if constexpr (std::is_same_v<T, Half>)
      return to_double(row[c]);
    else
      return static_cast<double>(row[c]);
  };
  if (outputs.columns == 1) {
    const double middle = outputs.form == OutputForm::probabilities       ? 0.5
                          : outputs.form == OutputForm::log_probabilities ? -std::numbers::ln2
                                                                          : 0;
    return value(0) > middle;
  }
  size_t best = 0;
  for (size_t c = 1; c < outputs.columns; ++c)
    if (value(c) > value(best)) best = c;
  return best;
}

std::optional<LabelFit> label_fit(const Records& records) {
  constexpr size_t kMost = 100'000;
  const Outputs& outputs = records.outputs;
  if (records.labels.empty() || outputs.parts.empty()) return {};
  const size_t step = records.size() / kMost + 1;
  std::vector<double> labels(outputs.classes), predictions(outputs.classes);
  LabelFit fit;
  size_t first = 0;
  for (const OutputsPart& part : outputs.parts) {
    with_element_type(part.values.type(), [&]<class T>() {
      if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, Half>) {
        const T* values = part.values.as<T>().data();
        for (size_t i = (step - first % step) % step; i < part.samples(); i += step) {
          const auto label = static_cast<size_t>(records.labels[first + i]);
          const size_t own = predicted(values + i * outputs.queries * outputs.columns, outputs);
          ++labels[label];
          ++predictions[own];
          ++fit.records;
          fit.accuracy += own == label;
        }
      }
    });
    first += part.samples();
  }
  if (fit.records == 0) return {};
  const auto count = static_cast<double>(fit.records);
  fit.accuracy /= count;
  for (size_t c = 0; c < outputs.classes; ++c) fit.by_chance += labels[c] * predictions[c] / (count * count);
  return fit;
}

/// Whether labels may as well be those of other records.
bool is_unfit(const LabelFit& fit) {
  constexpr uint64_t kFewest = 100;
  constexpr double kSurely = 1.645;
  const double deviation = std::sqrt(fit.by_chance * (1 - fit.by_chance) / static_cast<double>(fit.records));
  return fit.records >= kFewest && fit.by_chance < 1 && fit.accuracy <= fit.by_chance + kSurely * deviation;
}

/// Of very many scores, some that lie evenly among them: the check is of the figures, not of the scores.
Estimate null_of_some(const ScoredRecords& scored, uint64_t seed, const Context& context) {
  constexpr size_t kMost = size_t{1} << 21;
  const size_t step = scored.scores.size() / kMost + 1;
  std::vector<double> scores;
  std::vector<int8_t> membership;
  for (const int8_t side : {int8_t{0}, int8_t{1}}) {
    size_t place = 0;
    for (size_t i = 0; i < scored.scores.size(); ++i) {
      if (scored.membership[i] != side || place++ % step != 0) continue;
      scores.push_back(scored.scores[i]);
      membership.push_back(side);
    }
  }
  return permutation_null(scores, membership, kCheckLevel, seed, context);
}

}  // namespace

SelfChecks check_audit(const Records& records, const ScoredRecords& scored, uint64_t seed, const Context& context) {
  SelfChecks checks;
  checks.permutation_null = null_of_some(scored, seed, context);
  checks.permutation_null_passed = holds(*checks.permutation_null, 0.5);

  // Normal scores with members shifted by one deviation: the true AUC is Φ(1/√2).
  checks.planted_leak_truth = normal_cdf(1 / std::numbers::sqrt2);
  const size_t planted = std::min(records.size(), kPlantedRecords);
  std::vector<double> planted_scores(planted);
  std::vector<int8_t> truth(planted);
  Rng rng(seed, 1);
  for (size_t i = 0; i < planted; ++i) {
    truth[i] = static_cast<int8_t>(i % 2);
    planted_scores[i] = rng.normal() + truth[i];
  }
  checks.planted_leak = auc_estimate(sort_scores(planted_scores, truth, context), kCheckLevel, context);
  checks.planted_leak_passed = holds(*checks.planted_leak, checks.planted_leak_truth);

  checks.duplicates = count_duplicates(records, context);
  checks.class_balance_p = class_balance_p(records);
  checks.label_fit = label_fit(records);
  return checks;
}

void add_check_warnings(const SelfChecks& checks, std::vector<Notice>& warnings) {
  if (!checks.permutation_null_passed)
    warnings.push_back({"permutation_null_failed",
                        "under shuffled membership the AUC's interval does not hold 0.5: the figures cannot be trusted",
                        "report this as a fault of miaudit, with the seed"});
  if (!checks.planted_leak_passed)
    warnings.push_back({"planted_leak_missed", "a planted leak was not measured right: the figures cannot be trusted",
                        "report this as a fault of miaudit, with the seed"});
  if (checks.duplicates > 0)
    warnings.push_back({"duplicates",
                        fmt::format("exactly the outputs{} of a member: {}", checks.class_balance_p ? " and label" : "",
                                    counted(checks.duplicates, "non-member")),
                        "look for records that are on both sides; if there are such, the leak is understated: remove "
                        "them and audit again"});
  if (checks.label_fit && is_unfit(*checks.label_fit))
    warnings.push_back({"labels_unfit",
                        fmt::format("the model is right in {:.1f} % of records, no more than by chance ({:.1f} %)",
                                    100 * checks.label_fit->accuracy, 100 * checks.label_fit->by_chance),
                        "check that labels belong to these rows, in this order, and number classes as the outputs' "
                        "columns do; if not, "
                        "attacks that use them miss what leaks"});
  if (checks.class_balance_p && *checks.class_balance_p < 1e-4)
    warnings.push_back({"class_mix",
                        fmt::format("members and non-members differ in their mix of classes (chi-squared p = {:.1e})",
                                    *checks.class_balance_p),
                        "attacks may be telling classes apart rather than membership: draw both sides from one "
                        "distribution"});
}

uint64_t nonmembers_for(double fpr) {
  // Beyond this a count says no more than that nobody has as many.
  constexpr double kMost = 1e15;
  return static_cast<uint64_t>(std::llround(std::min(1 / fpr, kMost)));
}

bool are_too_few(uint64_t nonmembers, double fpr) {
  return fpr < 1 / static_cast<double>(nonmembers);
}

void warn_of_few_nonmembers(uint64_t nonmembers, std::span<const double> fprs, std::vector<Notice>& warnings) {
  for (const double fpr : fprs)
    if (are_too_few(nonmembers, fpr))
      warnings.push_back(
          {"few_nonmembers",
           fmt::format("{} {} not allow an estimate of the TPR at an FPR of {}; only its bounds are given",
                       counted(nonmembers, "non-member"), nonmembers == 1 ? "does" : "do", fpr),
           fmt::format("audit at least {} non-members", grouped(nonmembers_for(fpr)))});
}

void warn_of_mixed_groups(uint64_t mixed, std::vector<Notice>& warnings) {
  if (mixed == 0) return;
  warnings.push_back({"mixed_groups",
                      fmt::format("no group-level score for {} with members and non-members, or with unknown records",
                                  counted(mixed, "group")),
                      "check --groups; a person with records on both sides is a member by one of them"});
}

void warn_of_idle_bootstrap(AuditResult& result) {
  if (result.interval_method != "bca") return;
  const auto is_by_one = [](const Metrics& metrics) {
    const auto is_bca = [](const Estimate& estimate) { return estimate.method.starts_with("bca"); };
    return is_bca(metrics.auc) ||
           std::ranges::any_of(metrics.tpr_at_fpr, [&](const RateAtFpr& rate) { return is_bca(rate.tpr); });
  };
  for (const AttackResult& attack : result.attacks)
    if (is_by_one(attack.estimates) || (attack.group_estimates && is_by_one(*attack.group_estimates))) return;
  const bool are_grouped = result.subject.targets > 1 || result.subject.groups > 0;
  result.warnings.push_back(
      {"bootstrap_unused",
       fmt::format("--bootstrap changed no interval: {}",
                   are_grouped ? "records that go together, as those of one person or under one target do, cannot be "
                                 "drawn one by one"
                               : "with so few records or replicates, or for scores that are learnt, its intervals "
                                 "would not cover what they claim"),
       "the analytic intervals hold (docs/statistics.md, Bootstrap); leave --bootstrap away"});
}

void warn_of_inversion(const std::vector<std::string>& names, std::string_view check, std::vector<Notice>& warnings) {
  if (names.empty()) return;
  warnings.push_back(
      {"below_chance", fmt::format("members surely score lower than non-members by {}", fmt::join(names, ", ")),
       fmt::format("check that membership is not swapped, {}; if all is right, the model leaks in a way that these "
                   "scores read backwards",
                   check)});
}

}  // namespace miaudit
