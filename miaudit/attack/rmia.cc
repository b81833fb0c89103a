#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "miaudit/attack/reference_scores.h"
#include "miaudit/attack/rows.h"
#include "miaudit/math/sort.h"

namespace miaudit {
namespace {

/// Reference models that are attacked to choose `a`.
constexpr size_t kTuningTargets = 4;

constexpr std::string_view kAnswers[] = {"no", "yes"};
constexpr ParameterRow kGamma = {"gamma", "how many times its ratio a member's must be of a non-member's",
                                 RealParameter{1, 0.001, 1000}};
constexpr ParameterRow kOnlineParameters[] = {kGamma};
constexpr double kUsualA = 0.3;
constexpr ParameterRow kOfflineParameters[] = {
    kGamma,
    {"a", "how little models with the record differ from models without it: p = ((1+a) p_out + 1-a)/2",
     RealParameter{kUsualA, 0, 1}},
    {"tune", "choose a by attacking up to four of the reference models", ChoiceParameter{"no", kAnswers}}};

/// log p_θ(x) − log p(x) of every record and query.
struct LogRatios {
  size_t queries;
  std::vector<double> values;
};

/// log ½((1+a)·p_out + (1−a)).
double log_offline(double log_out, double a) {
  return std::log(0.5 * ((1 + a) * std::exp(log_out) + (1 - a)));
}

LogRatios offline_ratios(const Evidence& evidence, double a, const Context& context) {
  const LogMeanConfidences models(*evidence.references);
  const SignalMatrix& target = evidence.signals.signal("loss");
  LogRatios ratios{target.queries, std::vector<double>(target.values.size())};
  parallel_blocks(ratios.values.size(), 1 << 13, context, [&](size_t begin, size_t end) {
    for (size_t k = begin; k < end; ++k)
      // At a = 1 the mean is that of the models without the record, which may underflow as a number.
      ratios.values[k] = -target.values[k] - (a == 1 ? models.out(k) : log_offline(models.out(k), a));
  });
  return ratios;
}

LogRatios online_ratios(const Evidence& evidence, const Context& context) {
  const LogMeanConfidences models(*evidence.references);
  const SignalMatrix& target = evidence.signals.signal("loss");
  LogRatios ratios{target.queries, std::vector<double>(target.values.size())};
  std::vector<uint8_t> is_population(evidence.samples);
  for (const uint32_t z : evidence.population) is_population[z] = 1;
  parallel_blocks(ratios.values.size(), 1 << 13, context, [&](size_t begin, size_t end) {
    for (size_t k = begin; k < end; ++k) {
      // Nobody trained on the population: all of its models are OUT.
      const double mean = is_population[k / target.queries] ? models.out(k) : models.both(k);
      ratios.values[k] = -target.values[k] - mean;
    }
  });
  return ratios;
}

/// Those that records are held against: the population, or else every audited record, whoever it is.
std::vector<uint32_t> population_of(const Evidence& evidence, const LogRatios& ratios) {
  std::vector<uint32_t> records(evidence.population.begin(), evidence.population.end());
  if (records.empty())
    for (size_t i = 0; i < evidence.samples; ++i)
      if (evidence.audited.empty() || evidence.audited[i]) records.push_back(static_cast<uint32_t>(i));
  std::erase_if(records, [&](uint32_t z) { return std::isnan(ratios.values[z * ratios.queries]); });
  if (records.empty()) fail(Category::numeric, "no record has the reference models that this attack needs");
  return records;
}

/// What a record's ratio must reach to beat each of the population: [queries][population]. Of one query in ascending
/// order, as its share is then a step function.
std::vector<double> bars_of(const Evidence& evidence, const LogRatios& ratios, double gamma) {
  const std::vector<uint32_t> population = population_of(evidence, ratios);
  const size_t queries = ratios.queries;
  const double log_gamma = std::log(gamma);
  std::vector<double> bars(queries * population.size());
  for (size_t q = 0; q < queries; ++q)
    for (size_t z = 0; z < population.size(); ++z)
      bars[q * population.size() + z] = ratios.values[population[z] * queries + q] + log_gamma;
  if (queries == 1) radix_sort(bars);
  return bars;
}

std::vector<double> shares_by_order(const std::vector<double>& ratios, std::span<const double> sorted,
                                    const Context& context) {
  std::vector<double> scores(ratios.size());
  parallel_blocks(ratios.size(), 1 << 13, context, [&](size_t begin, size_t end) {
    std::vector<size_t> counts(end - begin);
    count_up_to(sorted, std::span(ratios).subspan(begin, end - begin), counts);
    for (size_t i = begin; i < end; ++i)
      scores[i] =
          std::isnan(ratios[i]) ? NAN : static_cast<double>(counts[i - begin]) / static_cast<double>(sorted.size());
  });
  return scores;
}

/// out[k] = how many bars lie at or below values[k].
template <class Rank>
void rank(std::span<const double> sorted_bars, std::span<const double> values, Rank* out) {
  std::vector<size_t> counts(values.size());
  count_up_to(sorted_bars, values, counts);
  std::ranges::transform(counts, out, [](size_t count) { return static_cast<Rank>(count); });
}

/// Several queries: x beats z where it does so by more than half of them. A ratio reaches a bar where it has as many
/// bars at or below it as the bar itself has, and of such counts many more are compared at a time.
template <class Rank>
std::vector<double> shares_by_votes(const LogRatios& ratios, std::span<const double> bars, const Context& context) {
  constexpr size_t kBlock = 2048;  // of bars: their votes stay in the first cache
  const size_t queries = ratios.queries, population = bars.size() / queries, records = ratios.values.size() / queries;
  std::vector<Rank> own(records * queries), of_bars(bars.size());  // [queries][…]
  std::vector<double> values(records);
  for (size_t q = 0; q < queries; ++q) {
    const std::span<const double> here = bars.subspan(q * population, population);
    std::vector<double> sorted(here.begin(), here.end());
    radix_sort(sorted);
    rank(sorted, here, of_bars.data() + q * population);
    for (size_t i = 0; i < records; ++i) values[i] = ratios.values[i * queries + q];
    rank(sorted, values, own.data() + q * records);
  }
  std::vector<double> scores(records);
  parallel_blocks(records, 64, context, [&](size_t begin, size_t end) {
    std::vector<size_t> beaten(end - begin);
    std::vector<Rank> votes(kBlock);
    for (size_t first = 0; first < population; first += kBlock) {
      const size_t count = std::min(kBlock, population - first);
      for (size_t i = begin; i < end; ++i) {
        std::ranges::fill(votes, Rank{0});
        for (size_t q = 0; q < queries; ++q) {
          const Rank reached = own[q * records + i];
          const Rank* bar = of_bars.data() + q * population + first;
          for (size_t z = 0; z < count; ++z) votes[z] = static_cast<Rank>(votes[z] + (bar[z] <= reached));
        }
        Rank wins = 0;
        for (size_t z = 0; z < count; ++z) wins = static_cast<Rank>(wins + (votes[z] > queries / 2));
        beaten[i - begin] += wins;
      }
    }
    for (size_t i = begin; i < end; ++i)
      scores[i] = std::isnan(ratios.values[i * queries])
                      ? NAN
                      : static_cast<double>(beaten[i - begin]) / static_cast<double>(population);
  });
  return scores;
}

std::vector<double> shares(const LogRatios& ratios, std::span<const double> bars, const Context& context) {
  if (ratios.queries == 1) return shares_by_order(ratios.values, bars, context);
  return std::max(bars.size() / ratios.queries, ratios.queries) <= UINT16_MAX
             ? shares_by_votes<uint16_t>(ratios, bars, context)
             : shares_by_votes<uint32_t>(ratios, bars, context);
}

/// Pr[a member's ratio is larger than a non-member's], ties as half.
double auc(const LogRatios& ratios, std::span<const int8_t> membership) {
  std::vector<double> sides[2];
  for (size_t i = 0; i < membership.size(); ++i)
    if (membership[i] >= 0 && !std::isnan(ratios.values[i * ratios.queries]))
      sides[membership[i]].push_back(
          std::accumulate(ratios.values.begin() + static_cast<ptrdiff_t>(i * ratios.queries),
                          ratios.values.begin() + static_cast<ptrdiff_t>((i + 1) * ratios.queries), 0.0));
  if (sides[0].empty() || sides[1].empty()) return 0.5;
  radix_sort(sides[0]);
  double wins = 0;
  for (const double value : sides[1])
    wins += 0.5 * static_cast<double>((std::ranges::lower_bound(sides[0], value) - sides[0].begin()) +
                                      (std::ranges::upper_bound(sides[0], value) - sides[0].begin()));
  return wins / static_cast<double>(sides[0].size()) / static_cast<double>(sides[1].size());
}

/// The `a` with which reference models are told apart best; the target is not looked at.
double best_a(const Evidence& evidence, const Context& context) {
  const size_t targets = std::min(kTuningTargets, evidence.references->count());
  double best_sum = -1;
  double best = 0;
  std::vector<std::unique_ptr<PseudoTarget>> pseudo;
  for (size_t t = 0; t < targets; ++t) {
    pseudo.push_back(evidence.references->as_target(t));
    const ReferenceSource* references = pseudo.back()->evidence().references;
    if (!references || references->models_out() == 0)
      fail(Category::numeric, "too few reference models to choose a by attacking one of them; give a");
  }
  for (int tenth = 0; tenth <= 10; ++tenth) {
    double sum = 0;
    for (const auto& target : pseudo)
      sum += auc(offline_ratios(target->evidence(), tenth / 10.0, context), target->membership());
    if (sum > best_sum) {
      best_sum = sum;
      best = tenth / 10.0;
    }
  }
  return best;
}

void tune(const Evidence& evidence, Parameters& parameters, const Context& context) {
  if (parameters.choice("tune") != "yes") return;
  if (parameters.real("a") != kUsualA)
    fail(Category::config, "--rmia-offline-tune yes chooses a; give it without --rmia-offline-a");
  parameters.set("a", best_a(evidence, context));
}

std::vector<double> fit_online(const Evidence& evidence, const Parameters& parameters, const Context& context) {
  return bars_of(evidence, online_ratios(evidence, context), parameters.real("gamma"));
}

std::vector<double> fit_offline(const Evidence& evidence, const Parameters& parameters, const Context& context) {
  return bars_of(evidence, offline_ratios(evidence, parameters.real("a"), context), parameters.real("gamma"));
}

std::vector<double> online(const Evidence& evidence, std::span<const double> bars, const Parameters&,
                           const Context& context) {
  return shares(online_ratios(evidence, context), bars, context);
}

std::vector<double> offline(const Evidence& evidence, std::span<const double> bars, const Parameters& parameters,
                            const Context& context) {
  return shares(offline_ratios(evidence, parameters.real("a"), context), bars, context);
}

}  // namespace

constinit const AttackRow kRmiaAttack = {
    .name = "rmia",
    .summary = "Share of the population against whom the target prefers the record more than reference models do.",
    .needs = kNeedInAndOut,
    .parameters = kOnlineParameters,
    .citation = "Zarifzadeh et al. 2024, arXiv:2312.03262",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = FittedAttack{fit_online, online},
};

constinit const AttackRow kRmiaOfflineAttack = {
    .name = "rmia_offline",
    .summary = "As rmia, with models without the record only, and a guess at what models with it would say.",
    .needs = kNeedOut,
    .parameters = kOfflineParameters,
    .citation = "Zarifzadeh et al. 2024, arXiv:2312.03262",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = FittedAttack{fit_offline, offline},
    .online = "rmia",
    .tune = tune,
};

}  // namespace miaudit
