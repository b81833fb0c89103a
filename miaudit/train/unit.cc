#include "miaudit/train/unit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "miaudit/base/version.h"
#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/json.h"
#include "miaudit/train/asking.h"
#include "miaudit/train/foreign.h"
#include "miaudit/train/work_folder.h"

namespace miaudit {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

json about_file(const fs::path& file) {
  const FileBytes bytes = FileBytes::open(file);
  return {{"bytes", bytes.bytes().size()}, {"hash", content_hash(bytes.bytes())}};
}

Array in_output_type(std::vector<float> logits, std::vector<size_t> shape, ElementType type) {
  if (type == ElementType::float32) return Array::from(std::move(logits), std::move(shape));
  std::vector<Half> halves;
  halves.reserve(logits.size());
  constexpr float kLargestHalf = 65504;
  for (const float value : logits) {
    if (std::abs(value) > kLargestHalf)
      fail(Category::numeric,
           "a logit of {} is beyond float16, which ends at {}; plan with --output-type float32, or with a lower --rate "
           "if that is not what a logit should be",
           value, kLargestHalf);
    halves.push_back(to_half(static_cast<double>(value)));
  }
  return Array::from(std::move(halves), std::move(shape));
}

json share_json(std::span<const uint8_t> is_right, const std::vector<uint32_t>& records) {
  uint64_t right = 0;
  for (const uint32_t record : records) right += is_right[record];
  return {{"right", right}, {"count", records.size()}};
}

json figures(const Run& run, size_t model, std::span<const uint8_t> is_right) {
  std::vector<uint32_t> members = run.members(model), nonmembers, test;
  std::vector<bool> is_member(run.records);
  for (const uint32_t member : members) is_member[member] = true;
  for (size_t i = 0; i < run.records; ++i) {
    if (run.roles[i] == Role::test) test.push_back(static_cast<uint32_t>(i));
    if (run.roles[i] == Role::audited && !is_member[i]) nonmembers.push_back(static_cast<uint32_t>(i));
  }
  return {{"members", share_json(is_right, members)},
          {"nonmembers", share_json(is_right, nonmembers)},
          {"test", share_json(is_right, test)}};
}

uint64_t training_work(const Run& run, const ShadowPlan& plan, size_t model) {
  return plan.recipe.epochs * run.members(model).size();
}
uint64_t asking_work(const Run& run, const ShadowPlan& plan) {
  return run.records * plan.queries / 3;
}

/// Tells training from asking, and what this process does from what was kept: that is no work of its own, and neither
/// its rate nor the time left may count it.
class WorkFollower {
 public:
  WorkFollower(uint64_t training, uint64_t asking, const std::function<void(uint64_t, uint64_t)>& tell)
      : stages_{{"training", 0, training, {}}, {"asking", training, asking, {}}}, tell_(tell) {}

  void hear(const Progress& at) {
    for (Stage& stage : stages_) {
      if (at.stage != stage.name || at.total == 0) continue;
      const uint64_t reached = stage.work * at.done / at.total;
      if (!stage.spared) stage.spared = reached;
      const uint64_t spared = stages_[0].spared.value_or(0) + stages_[1].spared.value_or(0);
      tell_(stage.before + reached - spared, spared);
    }
  }

 private:
  struct Stage {
    std::string_view name;
    uint64_t before, work;
    std::optional<uint64_t> spared;
  };
  std::vector<Stage> stages_;
  const std::function<void(uint64_t, uint64_t)>& tell_;
};

json train(const UnitSource& source, const Attempt& attempt, const UnitContext& context) {
  const auto& [run, plan, dataset, options, files] = source;
  const size_t model = attempt.model();
  const TrainingJob job = job_of(run, plan, model);
  WorkFollower follower(training_work(run, plan, model), asking_work(run, plan), context.progress);
  Context own;
  own.cancelled = &context.is_stopped;
  own.progress = [&](const Progress& at) { follower.hear(at); };
  const Keeping keeping{run.checkpoint(model), options.checkpoint_every, options.clock,
                        [&](const std::string& text) { context.tell(fmt::format("Model {}: {}", model, text)); }};
  const double start = options.clock();
  const std::unique_ptr<TrainedModel> trained = train_model(dataset, job, keeping, own);
  follower.hear({"training", 1, 1});

  const double trained_at = options.clock();
  const std::vector<View> views = asked_views(plan.recipe, plan.queries, dataset);
  std::vector<float> logits =
      ask(*trained, dataset, views, fingerprint(job, dataset), engine_of(plan.recipe), keeping, own);
  const double asked_at = options.clock();
  follower.hear({"asking", 1, 1});
  std::vector<uint8_t> is_right;
  for (size_t i = 0; i < run.records; ++i) {
    const auto row = std::span(logits).subspan(i * views.size() * dataset.classes, dataset.classes);
    is_right.push_back(std::max_element(row.begin(), row.end()) - row.begin() == dataset.labels[i]);
  }
  write_npy(attempt.folder() / "outputs.npy",
            in_output_type(std::move(logits), {run.records, views.size(), dataset.classes}, plan.output_type));
  return {{"training_seconds", trained_at - start},
          {"asking_seconds", asked_at - trained_at},
          {"engine", engine_of(plan.recipe)},
          {"figures", figures(run, model, is_right)},
          {"loss", trained->history().back().loss}};
}

/// What a command made of data that changed meanwhile is no model of this plan, and its checkpoints are none either.
void refuse_changed_data(const UnitSource& source, const Attempt& attempt) {
  // Another plan may be of other data; what becomes of this model then is seen when it is to be published.
  if (!is_still_planned(source.run, attempt.model())) return;
  try {
    source.files.compare();
  } catch (const Error& error) {
    // What may not be read for now need not have changed.
    if (error.category() != Category::input || !source.files.are_there()) throw;
    std::error_code ignored;
    fs::remove_all(work_folder(source.run, attempt), ignored);
    fail(Category::input, "{}. What commands under way kept in their {{work}} may be of those data, and is removed",
         error.what());
  }
}

/// A command that died of a full disk does not make its model one that cannot be trained.
void refuse_full_disk(const Run& run, const std::string& why) {
  constexpr uintmax_t kLeast = 1'000'000;
  std::error_code error;
  const fs::space_info space = fs::space(run.path, error);
  if (!error && space.capacity > 0 && space.available < kLeast)
    fail(Category::io, "no space left on the file system of {}: {} available, and a command failed ({})",
         run.path.string(), counted(space.available, "byte"), why);
}

MadeUnit call(const UnitSource& source, const Attempt& attempt, const UnitContext& context) {
  ForeignOutputs made;
  try {
    made = call_command(source, attempt, context);
  } catch (const Error& error) {
    // Data that are gone as the machine is being cleared: the next start finds them, or says what has changed.
    if (error.category() != Category::checkpointed || source.files.are_there()) refuse_changed_data(source, attempt);
    throw;
  }
  refuse_changed_data(source, attempt);
  if (made.why.empty())
    return {{{"engine", "command"}, {"command", source.plan.command}, {"attempts", made.tries}}, "", {}};
  refuse_full_disk(source.run, made.why);
  return {{}, fmt::format("{} (tried {})", made.why, counted(made.tries, "time")), attempt.folder() / kCommandLog};
}

}  // namespace

uint64_t work_of(const Run& run, const ShadowPlan& plan, size_t model) {
  if (!plan.command.empty() || run.is_brought[model]) return 0;
  return training_work(run, plan, model) + asking_work(run, plan);
}

MadeUnit make_unit(const UnitSource& source, const Attempt& attempt, const UnitContext& context) {
  try {
    if (source.run.is_brought[attempt.model()]) {
      bring_outputs(source, attempt);
      return {{{"engine", "brought"}, {"from", source.plan.target_outputs}}, "", {}};
    }
    if (!source.plan.command.empty()) return call(source, attempt, context);
    return {train(source, attempt, context), "", {}};
  } catch (const Error& error) {
    if (error.category() != Category::numeric) throw;
    return {{}, error.what(), {}};
  }
}

void seal_unit(const Run& run, const Attempt& attempt, json about) {
  about["schema_version"] = Run::kSchemaVersion;
  about["miaudit"] = version();
  about["unit"] = run.units[attempt.model()];
  about["model"] = attempt.model();
  // What took a session of its own may still write to the log.
  for (const auto& entry : fs::directory_iterator(attempt.folder()))
    if (entry.path().filename() != kCommandLog)
      about["files"][entry.path().filename().string()] = about_file(entry.path());
  write_file(attempt.folder() / "done.json", json_text(about, 1));
}

void record_failure(const Run& run, size_t model, const std::string& why, const fs::path& log) {
  std::error_code ignored;
  fs::remove(run.failure_log(model), ignored);
  if (!log.empty()) fs::copy_file(log, run.failure_log(model), ignored);
  write_file(run.failure(model), json_text(json{{"unit", run.units[model]}, {"why", why}}, 1));
}

}  // namespace miaudit
