#include "miaudit/train/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "miaudit/data/stored_signals.h"
#include "miaudit/train/asking.h"
#include "miaudit/train/checkpoint.h"
#include "miaudit/train/plan.h"

namespace miaudit {
namespace {

namespace fs = std::filesystem;

/// What is wrong with the outputs of a finished model; "" for nothing. `shape`: of the first that was looked at.
std::string outputs_wrong(const Run& run, size_t m, size_t classes, Columns columns, std::vector<size_t>& shape) {
  try {
    const Array outputs = read_model_outputs(run, m);
    if (std::string why = outputs_complaint(outputs, run.records, 0, classes, columns); !why.empty()) return why;
    if (shape.empty()) shape = outputs.shape();
    if (outputs.shape() == shape) return "";
    return fmt::format("its outputs have {} and {}, those of earlier models {} and {}",
                       counted(outputs.shape()[1], "query", "queries"), counted(outputs.shape()[2], "class", "classes"),
                       shape[1], shape[2]);
  } catch (const Error& error) {
    return error.what();
  }
}

/// The same of signals that a model made by hand brings in their place. `brought`: by those before it.
std::string signals_wrong(const Run& run, size_t m, StoredSignals& brought) {
  std::vector<FileRecord> ignored;
  try {
    brought.add(run, m, ignored);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

/// What is to be said of a checkpoint: damage, or that it is not this model's; "" for nothing. `lost`: what is done
/// again without it.
std::string checkpoint_note(const fs::path& path, const std::string& fingerprint, const std::string& engine,
                            const char* lost, RunCheck& check) {
  if (const std::string damage = checkpoint_complaint(path); !damage.empty()) {
    check.is_sound = false;
    return fmt::format("{} cannot be used, so {}: {}", path.string(), lost, damage);
  }
  std::string why_not;
  read_checkpoint(path, fingerprint, engine, why_not);
  return why_not.empty() ? "" : fmt::format("{} will not be used: {}", path.string(), why_not);
}

/// Of an unfinished model: as it learns, and as it is asked.
void check_checkpoints(const Run& run, size_t m, const ShadowPlan& plan, const nlohmann::json& data, RunCheck& check) {
  std::string& why = check.models[m].why;
  const auto add = [&](const std::string& note) {
    if (!note.empty()) why += (why.empty() ? "" : "; ") + note;
  };
  const fs::path path = run.checkpoint(m), answers = answers_beside(path);
  const std::string job = fingerprint(job_of(run, plan, m), data), engine = engine_of(plan.recipe);
  std::error_code error;
  if (fs::exists(path, error)) add(checkpoint_note(path, job, engine, "its training starts again", check));
  if (fs::exists(answers, error))
    add(checkpoint_note(answers, answers_fingerprint(job, plan.queries), engine, "it is asked again", check));
}

void check_data(const Run& run, const ShadowPlan& plan, const Context& context, RunCheck& check) {
  const auto look = [&](const std::string& missing, const std::function<void()>& compare) {
    if (!missing.empty()) {
      check.data.push_back(
          fmt::format("{} is not there: whether it changed since the plan was not looked at", missing));
      return;
    }
    try {
      compare();
    } catch (const Error& error) {
      if (error.category() == Category::interrupted) throw;
      check.data.emplace_back(error.what());
      check.is_sound = false;
    }
  };
  look(missing_data(plan), [&] { read_planned_data(run.path, plan, context); });
  if (!plan.target_outputs.empty()) look(missing_target_outputs(plan), [&] { read_target_outputs(plan); });
}

}  // namespace

EpochsKept epochs_kept(const Run& run, const std::vector<ModelStatus>& models) {
  EpochsKept epochs{0, std::vector<std::optional<uint64_t>>(models.size())};
  const auto has_begun = [](const ModelStatus& model) {
    return model.has_checkpoint && model.state != ModelState::done;
  };
  if (run.units.empty() || std::ranges::none_of(models, has_begun)) return epochs;
  const ShadowPlan plan = read_plan(run.path);
  const nlohmann::json data = planned_identity(run.path);
  epochs.planned = plan.recipe.epochs;
  for (size_t m = 0; m < models.size(); ++m)
    if (has_begun(models[m]) && plan.command.empty())
      epochs.done[m] = checkpoint_epochs(run.checkpoint(m), fingerprint(job_of(run, plan, m), data));
  return epochs;
}

RunCheck check_run(const Run& run, const Context& context) {
  RunCheck check;
  for (size_t m = 0; m < run.models; ++m) {
    context.report("checking", m, run.models);
    check.models.push_back(model_status(run, m, true));
  }
  const bool is_planned = !run.units.empty();
  const ShadowPlan plan = is_planned ? read_plan(run.path) : ShadowPlan();
  const nlohmann::json data = is_planned ? planned_identity(run.path) : nlohmann::json();
  const size_t classes =
      is_planned ? data.at("classes").get<size_t>() : static_cast<size_t>(*std::ranges::max_element(run.labels) + 1);
  const Columns columns = is_planned ? Columns::as_many : Columns::as_many_or_more;
  std::vector<size_t> shape;
  StoredSignals brought;
  for (size_t m = 0; m < run.models; ++m) {
    context.report("checking", m, run.models);
    ModelStatus& status = check.models[m];
    if (status.state == ModelState::done) {
      std::error_code error;
      const bool has_outputs = is_planned || fs::exists(run.outputs(m), error);
      if (has_outputs ? !brought.names().empty() : !shape.empty())
        status.why = fmt::format("it brings {}; those before it do not, and every model must bring the same",
                                 has_outputs ? "outputs" : "signals");
      else
        status.why = has_outputs ? outputs_wrong(run, m, classes, columns, shape) : signals_wrong(run, m, brought);
      if (!status.why.empty()) status.state = ModelState::broken;
    } else if (is_planned && plan.command.empty()) {
      check_checkpoints(run, m, plan, data, check);
    }
    if (status.state == ModelState::broken || status.state == ModelState::failed) check.is_sound = false;
  }
  if (is_planned) check_data(run, plan, context, check);
  return check;
}

}  // namespace miaudit
