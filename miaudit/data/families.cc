#include "miaudit/data/families.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

namespace miaudit {
namespace {

/// Correlation of two splits from which they are taken for one split, or for one and what it leaves out.
constexpr double kSameSplit = 0.9;
/// So many records tell that.
constexpr size_t kMostCompared = 1 << 15;

/// A model's side of some records, a bit each.
struct Split {
  std::vector<uint64_t> in;
  std::vector<uint64_t> known;
};

size_t common_bits(std::span<const uint64_t> a, std::span<const uint64_t> b) {
  int bits = 0;
  for (size_t w = 0; w < a.size(); ++w) bits += std::popcount(a[w] & b[w]);
  return static_cast<size_t>(bits);
}

Split split_of(std::span<const int8_t> membership, std::span<const uint32_t> records) {
  const size_t words = (records.size() + 63) / 64;
  Split split{std::vector<uint64_t>(words), std::vector<uint64_t>(words)};
  for (size_t k = 0; k < records.size(); ++k) {
    split.in[k / 64] |= uint64_t{membership[records[k]] == 1} << (k % 64);
    split.known[k / 64] |= uint64_t{membership[records[k]] >= 0} << (k % 64);
  }
  return split;
}

double correlation(const Split& a, const Split& b) {
  const double both = static_cast<double>(common_bits(a.in, b.in));
  const double of_a = static_cast<double>(common_bits(a.in, b.known));
  const double of_b = static_cast<double>(common_bits(a.known, b.in));
  const double all = static_cast<double>(common_bits(a.known, b.known));
  const double spread = of_a * (all - of_a) * of_b * (all - of_b);
  return spread > 0 ? (both * all - of_a * of_b) / std::sqrt(spread) : 0;
}

/// Some that lie evenly among the audited.
std::vector<uint32_t> compared_records(const Models& models) {
  std::vector<uint32_t> records;
  for (uint32_t i = 0; i < models.records(); ++i)
    if (models.audited[i]) records.push_back(i);
  const size_t step = records.size() / kMostCompared + 1;
  for (size_t k = 0; k * step < records.size(); ++k) records[k] = records[k * step];
  records.resize((records.size() + step - 1) / step);
  return records;
}

void join(std::vector<size_t>& families, size_t a, size_t b) {
  const size_t first = std::min(families[a], families[b]), second = std::max(families[a], families[b]);
  std::ranges::replace(families, second, first);
}

/// Which models' sides of the records, each bit one, make up rounds. A side is what a model left out, or what it
/// learnt.
class Rounds {
 public:
  /// sides: in an order that does not come of the models' numbers, as what is found may depend on it.
  explicit Rounds(const std::vector<std::vector<uint64_t>>& sides) : sides_(sides), is_in_one_(sides.size()) {
    for (const std::vector<uint64_t>& side : sides) sizes_.push_back(common_bits(side, side));
  }

  /// The model and others whose sides part all records (`all`, a bit each) between them, if that is not by chance; or
  /// the model alone.
  std::vector<size_t> whole(size_t model, const std::vector<uint64_t>& all) {
    std::vector<size_t> round = {model};
    steps_ = 0;
    if (is_in_one_[model] || !completes(round, sides_[model], all) || round.size() < 2) return {model};
    return settle(std::move(round), common_bits(all, all));
  }

  /// The same of a round of which models are missing, where so many records are shared by chance that two disjoint
  /// sides tell: each of the round's is disjoint from the others, and from no more.
  std::vector<size_t> part(size_t model, const std::vector<uint64_t>& all) {
    constexpr double kLeastCovered = 0.55;
    const size_t count = common_bits(all, all);
    if (is_in_one_[model]) return {model};
    std::vector<size_t> round = disjoint_from(model, count);
    size_t covered = 0;
    for (const size_t own : round) {
      if (own != model && disjoint_from(own, count) != round) return {model};
      covered += sizes_[own];
    }
    if (static_cast<double>(covered) < kLeastCovered * static_cast<double>(count)) return {model};
    return settle(std::move(round), count);
  }

 private:
  static constexpr size_t kMostSteps = 2'000'000;  // of a search; rounds take a few hundred

  static bool are_common(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
    for (size_t w = 0; w < a.size(); ++w)
      if (a[w] & b[w]) return true;
    return false;
  }
  /// Records that two sides would share by chance.
  double expected(size_t a, size_t b, double all) const {
    return static_cast<double>(sizes_[a]) * static_cast<double>(sizes_[b]) / all;
  }

  /// The model and those whose sides tell that they are disjoint from its own, ascending.
  std::vector<size_t> disjoint_from(size_t model, size_t all) const {
    constexpr double kTelling = 12;
    std::vector<size_t> found;
    for (size_t other = 0; other < sides_.size(); ++other)
      if (other == model || (!is_in_one_[other] && expected(model, other, static_cast<double>(all)) >= kTelling &&
                             !are_common(sides_[model], sides_[other])))
        found.push_back(other);
    return found;
  }

  /// Adds to the round until all is covered. The first record that is not has to be on the side of the next.
  bool completes(std::vector<size_t>& round, const std::vector<uint64_t>& covered, const std::vector<uint64_t>& all) {
    size_t w = 0;
    while (w < all.size() && !(all[w] & ~covered[w])) ++w;
    if (w == all.size()) return true;
    const uint64_t rest = all[w] & ~covered[w], first = rest & (~rest + 1);
    for (size_t other = 0; other < sides_.size() && steps_ < kMostSteps; ++other) {
      ++steps_;
      if (is_in_one_[other] || !(sides_[other][w] & first) || are_common(covered, sides_[other])) continue;
      std::vector<uint64_t> more = covered;
      std::ranges::transform(more, sides_[other], more.begin(), std::bit_or());
      round.push_back(other);
      if (completes(round, more, all)) return true;
      round.pop_back();
    }
    return false;
  }

  std::vector<size_t> settle(std::vector<size_t> round, size_t all) {
    constexpr double kPastChance = 20;
    double shared = 0;
    for (size_t a = 0; a < round.size(); ++a)
      for (size_t b = 0; b < a; ++b) shared += expected(round[a], round[b], static_cast<double>(all));
    if (shared < kPastChance) return {round.front()};
    for (const size_t model : round) is_in_one_[model] = true;
    return round;
  }

  const std::vector<std::vector<uint64_t>>& sides_;
  std::vector<size_t> sizes_;
  std::vector<bool> is_in_one_;
  size_t steps_ = 0;
};

/// Of one round alone all are each other's references: none of them is nearer to the target than the others.
void join_rounds(const std::vector<Split>& splits, std::vector<size_t>& families) {
  std::vector<size_t> order(splits.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t m) { return std::tie(splits[m].in, splits[m].known); });
  for (const bool of_left_out : {true, false}) {
    std::vector<std::vector<uint64_t>> sides;
    for (const size_t m : order) {
      sides.push_back(splits[m].in);
      for (size_t w = 0; of_left_out && w < sides.back().size(); ++w)
        sides.back()[w] = splits[m].known[w] & ~splits[m].in[w];
    }
    std::vector<size_t> joined = families;
    const auto join_all = [&](const std::vector<size_t>& round) {
      for (const size_t k : round) join(joined, order[round.front()], order[k]);
    };
    Rounds rounds(sides);
    for (size_t k = 0; k < order.size(); ++k) join_all(rounds.whole(k, splits[order[k]].known));
    for (size_t k = 0; k < order.size(); ++k) join_all(rounds.part(k, splits[order[k]].known));
    if (std::ranges::count(joined, joined.front()) < static_cast<ptrdiff_t>(joined.size())) families = joined;
  }
}

/// A correlation that differs by as much from those of most others stands out; of independent splits of so many records
/// hardly any does.
double least_to_stand_out(size_t records) {
  constexpr double kUnlike = 0.3, kDeviations = 6;
  return std::max(kUnlike, kDeviations / std::sqrt(static_cast<double>(records)));
}

/// Finds Models::resembling. correlations: [models][models].
void find_resembling(const std::vector<float>& correlations, double least, Models& models) {
  const std::vector<size_t>& families = models.families;
  const size_t count = families.size();
  std::set<std::pair<size_t, size_t>> found;
  for (size_t m = 0; m < count; ++m) {
    const std::span<const float> own = std::span(correlations).subspan(m * count, count);
    std::vector<float> others;
    for (size_t other = 0; other < count; ++other)
      if (families[other] != families[m]) others.push_back(own[other]);
    if (others.empty()) continue;
    std::ranges::sort(others);
    // Of pairs, which correlate as much one way as the other, exactly 0.
    const float median = (others[(others.size() - 1) / 2] + others[others.size() / 2]) / 2;
    for (size_t other = 0; other < count; ++other)
      if (families[other] != families[m] && std::abs(own[other] - median) >= least)
        found.emplace(families[m], families[other]);
  }
  models.resembling.assign(count, {});
  for (const auto& [family, other] : found) models.resembling[family].push_back(other);
  // Where they differ all round, none is like most others.
  const size_t all = std::set(families.begin(), families.end()).size();
  for (std::vector<size_t>& of_family : models.resembling)
    if (of_family.size() + 1 == all) of_family.clear();
}

}  // namespace

void find_families(Models& models, std::span<const size_t> partners) {
  const std::vector<uint32_t> records = compared_records(models);
  std::vector<Split> splits;
  for (const AuditedModel& model : models.models) splits.push_back(split_of(model.membership, records));
  const size_t count = splits.size();
  models.families.resize(count);
  std::iota(models.families.begin(), models.families.end(), size_t{0});
  std::vector<float> correlations(count * count);
  for (size_t m = 0; m < count; ++m)
    for (size_t other = 0; other < m; ++other) {
      const double found = correlation(splits[m], splits[other]);
      correlations[m * count + other] = correlations[other * count + m] = static_cast<float>(found);
      if (partners[m] == other || std::abs(found) >= kSameSplit) join(models.families, m, other);
    }
  join_rounds(splits, models.families);
  find_resembling(correlations, least_to_stand_out(records.size()), models);
}

std::vector<size_t> barred_families(const Models& models, size_t model) {
  const size_t family = models.families[model];
  std::vector<size_t> barred = {family};
  if (!models.resembling.empty())
    barred.insert(barred.end(), models.resembling[family].begin(), models.resembling[family].end());
  std::ranges::sort(barred);
  return barred;
}

}  // namespace miaudit
