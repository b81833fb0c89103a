#include "cli/audit_steps.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>

#include "miaudit/attack/attack.h"
#include "miaudit/audit/fit.h"
#include "miaudit/audit/shard.h"
#include "miaudit/audit/targets.h"
#include "miaudit/audit/trial.h"
#include "miaudit/data/model_status.h"
#include "miaudit/data/run_files.h"
#include "miaudit/signal/signal.h"

namespace miaudit::cli {
namespace {

constexpr const char* kOtherFit = "it is of other models, labels, splits or signals, or damaged; --fit makes it again";

std::string writer_name() {
  return fmt::format("{}.{}", host_name(), getpid());
}

void tell_missing(const Models& models) {
  for (const auto& [number, missing] : models.missing) fmt::print(stderr, "{}; it is left out\n", missing.message);
}
bool has_fit(const Run& run) {
  return is_there(fit_path(run) / "done.json");
}
/// by: the attacks that do not use it; "" for all.
std::string unused_fit(const Run& run, const std::string& why, const std::string& by = "") {
  return fmt::format("{} is not used{}: {}", fit_path(run).string(), by.empty() ? "" : " for " + by, why);
}

void check_has_outputs(const AuditRequest& request, const Models& models, const char* flag) {
  if (!models.has_outputs())
    fail(Category::config, "{} holds signals already: there is nothing to store; audit it without {}", request.run,
         flag);
}

/// All of a run's models, without reading what shards have read.
Models read_known_models(const Run& run, const AuditRequest& request, const Context& context) {
  return read_models(run, request.reading, context, stored_readings(run, request.reading));
}

/// Which of the models to audit: the one asked for, those that were brought, or all.
std::vector<size_t> targets_of(const Models& models, const Run& run, const std::optional<size_t>& asked) {
  std::vector<size_t> all, brought;
  for (size_t p = 0; p < models.models.size(); ++p) {
    const size_t number = models.models[p].number;
    if (asked && number == *asked) return {p};
    all.push_back(p);
    if (run.is_brought[number]) brought.push_back(p);
  }
  if (asked && *asked >= run.models)
    fail(Category::input, "--target {}: the run has {}, which are numbered from 0 to {}", *asked,
         counted(run.models, "model"), run.models - 1);
  if (asked) {
    const Warning& why = models.missing.at(*asked);
    fail(Category::input, "--target {}: {}; {}", *asked, why.message, why.advice);
  }
  return brought.empty() ? all : brought;
}

/// Load::values of an audit whose targets have so many.
size_t scored_values(const AuditPlan& plan, size_t values) {
  return needs_references(plan) ? values : 0;
}

std::vector<size_t> choose_targets(Models& models, const Run& run, const AuditRequest& request) {
  const size_t values = models.records() * models.models.front().outputs.queries;
  return targets_within(request.plan.memory, models, targets_of(models, run, request.target), models.warnings,
                        scored_values(request.plan, values));
}

/// The least that the audit can come to, before a large run is read in vain.
void check_least_memory(const AuditRequest& request, const Run& run) {
  const bool are_pairs = !request.target && std::ranges::count(run.is_brought, true) == 0 &&
                         std::ranges::count(run.partners, Run::kNoPartner) == 0;
  check_memory({.targets = are_pairs ? size_t{2} : 1,
                .records = run.records,
                .are_one_family = are_pairs,
                .values = scored_values(request.plan, run.records)},
               request.plan.memory);
}

/// Has the audit take what shards scored by a fit, where they did so as it would itself; else says why not.
void take_scores(const Run& run, const std::vector<std::string>& identities, const AuditPlan& plan, RunModels& all) {
  std::vector<const AttackRow*> attacks;
  for (const AttackRow& attack : attack_table())
    if (attack.is_fitted() && is_wanted(plan, attack.name)) attacks.push_back(&attack);
  if (attacks.empty() || !has_fit(run)) return;
  const auto tell = [&](const std::string& why) { fmt::print(stderr, "{}\n", unused_fit(run, why)); };
  std::optional<Fit> fit = read_fit(run, all.models, identities);
  if (!fit || fit->signals != all.models.stored->id()) return tell(kOtherFit);
  std::vector<size_t> numbers;
  for (const size_t target : all.targets) numbers.push_back(all.models.models[target].number);
  std::string flaws = "it holds none of the attacks asked for, with these parameters, targets and seed, that can run";
  std::optional<StoredScores> scores;
  if (std::ranges::any_of(attacks, [&](const AttackRow* attack) { return does_cover(*fit, *attack, numbers, plan); }))
    scores = StoredScores::find(run, std::move(*fit), flaws);
  if (!scores) return tell(flaws);
  all.models.scores = std::make_shared<const StoredScores>(std::move(*scores));
  std::vector<std::string_view> others;
  for (const AttackRow* attack : attacks) {
    const Fit& of_all = all.models.scores->fit();
    const bool is_in = std::ranges::find(of_all.attacks, attack->name, &Fit::OfAttack::name) != of_all.attacks.end();
    if (is_in && !does_cover(of_all, *attack, numbers, plan)) others.push_back(attack->name);
  }
  if (!others.empty())
    fmt::print(
        stderr, "{}\n",
        unused_fit(run, "it holds other parameters, targets or seed", fmt::format("{}", fmt::join(others, ", "))));
}

/// Scores the shard by the fit that is there. Else why not, "" where there is none.
std::optional<std::string> reason_not_to_score(const AuditRequest& request, const Run& run, Shell& shell) {
  if (!has_fit(run)) return "";
  const Context context = shell.context();
  const std::vector<std::string> identities = outputs_identities(run);
  if (!may_have_fit(run, identities)) return kOtherFit;
  Models models = read_known_models(run, request, context);
  const std::optional<Fit> fit = read_fit(run, models, identities);
  if (!fit) return kOtherFit;
  const Shard shard = *request.shard;
  const RecordRange range = shard.range(run.records);
  ScoreWriter writer(run, models, identities, *fit, shard, writer_name());
  const bool is_done = writer.is_done();
  // Scores that are there do not spare a shard its signals: the merge reads both.
  const size_t count = StoredSignals::complete_count(run, models, identities);
  const bool may_lack = count == 0 || count == shard.count;
  const bool lacks_own = may_lack && !SignalWriter(run, models, shard, identities, writer_name()).is_done();
  if (lacks_own || (count == 0 && !is_done))
    return "signals are missing or damaged; once all are there, run this shard again";
  if (!is_done) {
    models.stored = std::make_shared<const StoredSignals>(run, models, range);
    if (fit->signals != models.stored->id()) return kOtherFit;
    apply_fit(
        models, *fit, range, request.plan.memory, context,
        [&](const Fit::OfAttack& attack) { return FitNumbers(run, *fit, attack); },
        [&](ShardScores scores) { writer.write(std::move(scores)); });
    writer.publish(kernel_target());
  }
  shell.clear_progress();
  print(fmt::format("shard {}/{}: scores of {} by {} against {} {}\n", shard.number, shard.count,
                    counted(range.end - range.begin, "record"), counted(fit->attacks.size(), "attack"),
                    counted(fit->targets.size(), "target"), is_done ? "were there already; nothing to do" : "written"));
  return {};
}

}  // namespace

int run_shard(const AuditRequest& request, const Run& run, Shell& shell) {
  const Shard shard = *request.shard;
  if (shard.count > run.records)
    fail(Category::config, "--shard {}/{}: the run has {}; give as many shards or fewer", shard.number, shard.count,
         counted(run.records, "record"));
  const std::optional<std::string> unscored = reason_not_to_score(request, run, shell);
  if (!unscored) return 0;
  const Context context = shell.context();
  const std::vector<std::string> identities = outputs_identities(run);
  const Models models = read_models(run, shard.range(run.records), request.reading, context);
  check_has_outputs(request, models, "--shard");
  const bool is_new =
      store_shard(run, models, shard, identities, writer_name(), request.reading, request.plan, context);
  shell.clear_progress();
  if (!is_new && !unscored->empty()) fail(Category::input, "{}", unused_fit(run, *unscored));
  tell_missing(models);
  if (!unscored->empty()) fmt::print(stderr, "{}\n", unused_fit(run, *unscored));
  print(fmt::format("shard {}/{}: signals of {} by {} {}\n", shard.number, shard.count,
                    counted(models.records(), "record"), counted(models.models.size(), "model"),
                    is_new ? "written" : "were there already; nothing to do"));
  return 0;
}

int run_fit(const AuditRequest& request, const Run& run, Shell& shell) {
  check_least_memory(request, run);
  const Context context = shell.context();
  const std::vector<std::string> identities = outputs_identities(run);
  Models models = read_known_models(run, request, context);
  check_has_outputs(request, models, "--fit");
  models.stored = std::make_shared<const StoredSignals>(run, models);
  const std::vector<size_t> targets = choose_targets(models, run, request);
  FitWriter writer(run, models, identities, writer_name());
  const Fit fit =
      fit_attacks(models, targets, request.plan, context,
                  [&](const std::string& attack, std::span<const double> numbers) { writer.write(attack, numbers); });
  writer.publish(fit);
  shell.clear_progress();
  tell_missing(models);
  print(fmt::format("fit of {} against {} written: --shard scores by it, and --merge with the same options audits\n",
                    counted(fit.attacks.size(), "attack"), counted(fit.targets.size(), "target")));
  return 0;
}

RunModels read_run_models(const AuditRequest& request, const Run& run, const Context& context) {
  check_least_memory(request, run);
  if (!request.merge) {
    Models models = read_models(run, request.reading, context);
    std::vector<size_t> targets = choose_targets(models, run, request);
    return {std::move(models), std::move(targets)};
  }
  const std::vector<std::string> identities = outputs_identities(run);
  RunModels all{read_known_models(run, request, context), {}};
  if (!all.models.has_outputs())
    fail(Category::config, "{} holds signals and no outputs; leave --merge out", request.run);
  all.models.stored = std::make_shared<const StoredSignals>(run, all.models);
  all.targets = choose_targets(all.models, run, request);
  take_scores(run, identities, request.plan, all);
  return all;
}

}  // namespace miaudit::cli
