#include "miaudit/audit/fit.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "miaudit/audit/model_trial.h"
#include "miaudit/audit/target_evidence.h"
#include "miaudit/audit/targets.h"
#include "miaudit/base/parallel.h"
#include "miaudit/signal/signal.h"

namespace miaudit {
namespace {

Context with_one_thread(const Context& context) {
  Context one;
  one.cancelled = context.cancelled;
  return one;
}

Fit::OfTarget fit_target(const AttackRow& attack, const Evidence& evidence, const Parameters& parameters,
                         const Context& context, std::vector<double>& numbers) {
  Fit::OfTarget target;
  target.shortage = shortage_of(attack, evidence, 0);
  if (!target.shortage.empty()) return target;
  try {
    Parameters settled = parameters;
    if (attack.tune) attack.tune(evidence, settled, context);
    target.settled = settled.values();
    numbers = std::get<FittedAttack>(attack.run).fit(evidence, settled, context);
    target.count = numbers.size();
  } catch (const Error& error) {
    if (error.category() != Category::numeric) throw;
    target.shortage = error.what();
  }
  return target;
}

/// How many targets a shard may score at the same time: beside the values of its records it holds what the fit found of
/// each, which is of all records, and its scores against all. Throws Error(config) where not one.
size_t shard_targets_at_once(const Fit& fit, const Models& models, size_t records, size_t queries, uint64_t memory) {
  constexpr uint64_t kBytesAValue = 48, kBytesANumber = 12;
  size_t numbers = 0;
  for (const Fit::OfAttack& attack : fit.attacks)
    for (const Fit::OfTarget& target : attack.targets) numbers = std::max(numbers, target.count);
  const uint64_t scores = fit.targets.size() * records * sizeof(double);
  const uint64_t of_one = records * queries * kBytesAValue + numbers * kBytesANumber;
  const size_t most = targets_at_once(of_one, models.models.size(), records, memory);
  if (scores <= memory / 4 && most > 0) return most;
  fail(Category::config,
       "scores of {} against {} take {} MB, and scoring one of them {}; give more shards, or --memory {}M",
       counted(records, "record"), counted(fit.targets.size(), "target"), (scores >> 20) + 1, (of_one >> 20) + 1,
       (std::max(4 * scores, 2 * of_one) >> 20) + 1);
}

}  // namespace

Fit fit_attacks(const Models& models, std::span<const size_t> targets, const AuditPlan& plan, const Context& context,
                const FitSink& sink) {
  ModelTrial all(models, targets, {}, plan, context);
  const Trial& trial = all.trial();
  const size_t count = trial.targets.size();
  const Context own = count > 1 ? with_one_thread(context) : context;
  Fit fit;
  for (const Target& target : trial.targets) fit.targets.push_back(target.model);
  fit.seed = plan.measure.seed;
  fit.kernel_target = kernel_target();
  fit.signals = models.stored->id();
  for (const AttackRow& attack : attack_table()) {
    if (!attack.is_fitted() || !is_wanted(plan, attack.name) || !obstacle(attack, trial, plan).empty()) continue;
    context.report(attack.name, fit.attacks.size(), attack_table().size());
    const Parameters parameters = parameters_of(attack, plan.parameters);
    Fit::OfAttack fitted{std::string(attack.name), parameters.values(), std::vector<Fit::OfTarget>(count), {}};
    // What is found of a few targets at a time fits into the memory.
    const Context few = with_threads_for(trial.at_once, context);
    const size_t threads = static_cast<size_t>(few.threads), most = std::max(trial.at_once, threads);
    const size_t step = std::min(trial.together * threads, most), block = (step + threads - 1) / threads;
    for (size_t first = 0; first < count; first += step) {
      std::vector<std::vector<double>> numbers(std::min(step, count - first));
      parallel_blocks(numbers.size(), block, few, [&](size_t begin, size_t end) {
        for (size_t t = begin; t < end; ++t)
          fitted.targets[first + t] = fit_target(attack, *trial.evidence(first + t), parameters, own, numbers[t]);
      });
      for (const std::vector<double>& of_one : numbers) sink(fitted.name, of_one);
    }
    fitted.signals = all.signals().asked();
    all.signals().forget_asked();
    fit.attacks.push_back(std::move(fitted));
    trial.forget();
  }
  if (fit.attacks.empty())
    fail(Category::config,
         "--fit: none of the attacks asked for scores by formula beside reference models, or can run on these models; "
         "`miaudit list attacks` says what each needs");
  return fit;
}

void apply_fit(const Models& models, const Fit& fit, const RecordRange& range, uint64_t memory, const Context& context,
               const std::function<FitNumbers(const Fit::OfAttack&)>& numbers,
               const std::function<void(ShardScores)>& sink) {
  std::vector<size_t> places;
  for (const size_t number : fit.targets)
    places.push_back(
        static_cast<size_t>(std::ranges::find(models.models, number, &AuditedModel::number) - models.models.begin()));
  const size_t count = places.size(), records = range.end - range.begin;
  const Context own = count > 1 ? with_one_thread(context) : context;
  ModelSignals signals(models, context, own, memory, range);
  const size_t together = count > 1 ? signals.expect(places, fit.seed) : 1;
  const Context few = with_threads_for(shard_targets_at_once(fit, models, records, signals.queries(), memory), context);
  for (const Fit::OfAttack& fitted : fit.attacks) {
    context.report(fitted.name, static_cast<size_t>(&fitted - fit.attacks.data()), fit.attacks.size());
    const FitNumbers found = numbers(fitted);
    const AttackRow& attack = find_attack(fitted.name);
    ShardScores scored{fitted.name, std::vector<double>(count * records, NAN), std::vector<std::string>(count), {}};
    parallel_blocks(count, together, few, [&](size_t begin, size_t end) {
      for (size_t t = begin; t < end; ++t) {
        const Fit::OfTarget& target = fitted.targets[t];
        if (!target.shortage.empty()) continue;
        try {
          const TargetEvidence evidence(signals, places[t], fit.seed);
          const Parameters settled(attack.name, attack.parameters, target.settled);
          const std::vector<double> scores =
              std::get<FittedAttack>(attack.run).apply(evidence.evidence(), found.of(t), settled, own);
          std::ranges::copy(scores, scored.scores.begin() + static_cast<ptrdiff_t>(t * records));
        } catch (const Error& error) {
          if (error.category() != Category::numeric) throw;
          scored.shortages[t] = error.what();
        }
      }
    });
    scored.signals = signals.asked();
    signals.forget_asked();
    signals.settle();
    sink(std::move(scored));
  }
}

bool does_cover(const Fit& fit, const AttackRow& attack, std::span<const size_t> targets, const AuditPlan& plan) {
  const auto fitted = std::ranges::find(fit.attacks, attack.name, &Fit::OfAttack::name);
  const std::set<size_t> all(fit.targets.begin(), fit.targets.end());
  return fitted != fit.attacks.end() && fit.seed == plan.measure.seed &&
         fitted->asked == parameters_of(attack, plan.parameters).values() &&
         std::ranges::all_of(targets, [&](size_t number) { return all.contains(number); });
}

}  // namespace miaudit
