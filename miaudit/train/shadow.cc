#include "miaudit/train/shadow.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "miaudit/base/version.h"
#include "miaudit/engine/network.h"
#include "miaudit/io/file.h"
#include "miaudit/io/json.h"
#include "miaudit/learn/boosting.h"
#include "miaudit/train/attempt.h"
#include "miaudit/train/command.h"

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
  for (const float value : logits) halves.push_back(to_half(static_cast<double>(value)));
  return Array::from(std::move(halves), std::move(shape));
}

json share_json(std::span<const uint8_t> is_right, const std::vector<uint32_t>& records) {
  uint64_t right = 0;
  for (const uint32_t record : records) right += is_right[record];
  return {{"right", right}, {"count", records.size()}};
}

/// All that a call works on.
class ShadowRun {
 public:
  ShadowRun(const fs::path& path, const ShadowOptions& options, const Context& context)
      : options_(options), context_(context), run_(read_run(path)), plan_(read_plan(path)) {
    if (run_.units.empty()) fail(Category::input, "{} was made by hand: there is nothing to train", path.string());
    for (const size_t model : options.models)
      if (model >= run_.models)
        fail(Category::config, "there is no model {}; the run has 0 to {}", model, run_.models - 1);
    find_work();
  }

  ShadowReport work() {
    if (todo_.empty()) return std::move(report_);
    dataset_ = read_planned_data(run_.path, plan_, context_);
    const double start = options_.clock();
    std::vector<std::thread> workers;
    const size_t jobs = std::min(options_.jobs, todo_.size());
    running_ = jobs;
    progress_ = std::vector<std::atomic<uint64_t>>(jobs);
    uint64_t total = 0;  // samples to train on; a command's are not known
    for (const size_t model : todo_)
      if (plan_.command.empty() && !run_.is_brought[model]) total += plan_.recipe.epochs * run_.members(model).size();
    for (size_t j = 0; j < jobs; ++j) workers.emplace_back([this, j] { see_to_models(j); });
    watch(total);
    for (std::thread& worker : workers) worker.join();
    if (error_) std::rethrow_exception(error_);
    if (is_interrupted_)
      fail(Category::checkpointed, "stopped with {} of {} done; run the same again to go on", done_now(), run_.models);
    const double seconds = options_.clock() - start;
    if (seconds > 0) report_.samples_per_second = static_cast<double>(samples_.load()) / seconds;
    return std::move(report_);
  }

 private:
  void find_work() {
    std::vector<size_t> models = options_.models;
    if (models.empty()) {
      models.resize(run_.models);
      std::iota(models.begin(), models.end(), size_t{0});
    }
    for (const size_t model : models) {
      const ModelStatus status = model_status(run_, model, true);
      if (status.state == ModelState::done) {
        ++report_.done_before;
        continue;
      }
      if (status.state == ModelState::failed && !options_.retries_failed) {
        report_.failed.push_back({model, status.why});
        continue;
      }
      if (!status.why.empty()) report_.again.push_back({model, status.why});
      todo_.push_back(model);
    }
  }

  size_t done_now() const { return report_.done_before + report_.trained + report_.by_others + report_.discarded; }

  /// The next model that nobody is at; then those that others are at, for they may be dead without our knowing.
  std::optional<size_t> next_model() {
    const std::lock_guard lock(mutex_);
    const std::vector<bool> under_way = models_under_way(run_, options_.host);
    for (const bool takes_others : {false, true}) {
      for (auto it = todo_.begin(); it != todo_.end(); ++it) {
        if (under_way[*it] && !takes_others) continue;
        const size_t model = *it;
        todo_.erase(it);
        return model;
      }
    }
    return {};
  }

  void see_to_models(size_t worker) {
    try {
      while (!stop_) {
        const std::optional<size_t> model = next_model();
        if (!model) break;
        see_to(*model, worker);
      }
    } catch (const Error& error) {
      const std::lock_guard lock(mutex_);
      if (error.category() == Category::checkpointed || error.category() == Category::interrupted)
        is_interrupted_ = true;
      else if (!error_)
        error_ = std::current_exception();
      stop_ = true;
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
      stop_ = true;
    }
    --running_;
  }

  void see_to(size_t model, size_t worker) {
    // Another process may have been faster since the list was made.
    if (model_status(run_, model, true).state == ModelState::done) return count(report_.by_others);
    Attempt attempt(run_, model, options_.host);
    if (attempt.is_second() && put_off(model)) return;
    const double start = options_.clock();
    json done;
    try {
      done = run_.is_brought[model]  ? bring(attempt)
             : plan_.command.empty() ? train(model, attempt, worker)
                                     : call(model, attempt);
    } catch (const Error& error) {
      if (error.category() != Category::numeric) throw;
      return give_up(model, error.what());
    }
    if (done.is_null()) return;
    done["schema_version"] = Run::kSchemaVersion;
    done["miaudit"] = version();
    done["unit"] = run_.units[model];
    done["model"] = model;
    done["seconds"] = options_.clock() - start;
    for (const auto& entry : fs::directory_iterator(attempt.folder()))
      done["files"][entry.path().filename().string()] = about_file(entry.path());
    write_file(attempt.folder() / "done.json", done.dump(1) + "\n");
    count(attempt.publish() ? report_.trained : report_.discarded);
    std::error_code ignored;
    fs::remove(run_.checkpoint(model), ignored);
    fs::remove(run_.failure(model), ignored);
    fs::remove(run_.failure(model).replace_extension(".log"), ignored);
    fs::remove_all(work_folder(model), ignored);
  }

  void count(size_t& what) {
    const std::lock_guard lock(mutex_);
    ++what;
  }

  /// Back to the end of the list, once: two processes that began together part here.
  bool put_off(size_t model) {
    const std::lock_guard lock(mutex_);
    if (todo_.empty() || std::find(put_off_.begin(), put_off_.end(), model) != put_off_.end()) return false;
    put_off_.push_back(model);
    todo_.push_back(model);
    return true;
  }

  json train(size_t model, const Attempt& attempt, size_t worker) {
    const TrainingJob job = job_of(run_, plan_, model);
    Context own;
    own.cancelled = &stop_;
    const uint64_t before = progress_[worker];
    own.progress = [&](const Progress& at) {
      if (at.stage == "training") progress_[worker] = before + at.done;
    };
    const Keeping keeping{run_.checkpoint(model), options_.checkpoint_every, options_.clock, {}};
    const double start = options_.clock();
    const std::unique_ptr<TrainedModel> trained = train_model(dataset_, job, keeping, own);
    progress_[worker] = before + job.members.size() * job.recipe.epochs;
    samples_ += job.members.size() * job.recipe.epochs;

    const double trained_at = options_.clock();
    const std::vector<View> views = asked_views(plan_.recipe, plan_.queries, dataset_);
    std::vector<uint32_t> all(run_.records);
    std::iota(all.begin(), all.end(), 0u);
    std::vector<float> logits(all.size() * views.size() * dataset_.classes);
    trained->logits(dataset_, all, views, logits, own);
    const double asked_at = options_.clock();
    std::vector<uint8_t> is_right;
    for (size_t i = 0; i < all.size(); ++i) {
      const auto row = std::span(logits).subspan(i * views.size() * dataset_.classes, dataset_.classes);
      is_right.push_back(std::max_element(row.begin(), row.end()) - row.begin() == dataset_.labels[i]);
    }
    write_npy(attempt.folder() / "outputs.npy",
              in_output_type(std::move(logits), {all.size(), views.size(), dataset_.classes}, plan_.output_type));
    return {{"training_seconds", trained_at - start},
            {"asking_seconds", asked_at - trained_at},
            {"engine", plan_.recipe.architecture == "gbdt" ? boosting_name() : engine_name()},
            {"figures", figures(model, is_right)},
            {"loss", trained->history().back().loss}};
  }

  json figures(size_t model, std::span<const uint8_t> is_right) const {
    std::vector<uint32_t> members = run_.members(model), nonmembers, test;
    std::vector<bool> is_member(run_.records);
    for (const uint32_t member : members) is_member[member] = true;
    for (size_t i = 0; i < run_.records; ++i) {
      if (run_.roles[i] == Role::test) test.push_back(static_cast<uint32_t>(i));
      if (run_.roles[i] == Role::audited && !is_member[i]) nonmembers.push_back(static_cast<uint32_t>(i));
    }
    return {{"members", share_json(is_right, members)},
            {"nonmembers", share_json(is_right, nonmembers)},
            {"test", share_json(is_right, test)}};
  }

  /// What is wrong with the outputs of somebody else's program; "" for nothing.
  std::string complaint(const fs::path& outputs) const {
    try {
      const Array array = read_npy(outputs);
      const std::vector<size_t>& shape = array.shape();
      if (!is_floating(array.type()))
        return fmt::format("its outputs are {}; expected float16, float32 or float64", element_name(array.type()));
      const bool has_queries = shape.size() == 3 && shape[1] == plan_.queries;
      if ((!(shape.size() == 2 && plan_.queries == 1) && !has_queries) || shape[0] != run_.records ||
          shape.back() < dataset_.classes)
        return fmt::format("its outputs have shape {}; expected ({}, {}{})", shape_text(shape), run_.records,
                           plan_.queries > 1 ? fmt::format("{}, ", plan_.queries) : "", dataset_.classes);
      size_t bad = 0;
      with_element_type(array.type(), [&]<class T>() {
        for (const T value : array.as<T>()) {
          if constexpr (std::is_same_v<T, Half>)
            bad += !std::isfinite(to_double(value));
          else if constexpr (std::is_floating_point_v<T>)
            bad += !std::isfinite(value);
        }
      });
      return bad == 0 ? "" : fmt::format("its outputs hold {} that are NaN or infinite", counted(bad, "value"));
    } catch (const Error& error) {
      return error.what();
    }
  }

  json bring(const Attempt& attempt) {
    const Array given = read_array(plan_.target_outputs);
    write_npy(attempt.folder() / "outputs.npy", given);
    if (const std::string why = complaint(attempt.folder() / "outputs.npy"); !why.empty())
      fail(Category::input, "{}: {}", plan_.target_outputs, why);
    return {{"engine", "brought"}, {"from", plan_.target_outputs}};
  }

  fs::path work_folder(size_t model) const { return run_.path / "checkpoints" / fmt::format("{:04}.work", model); }

  json call(size_t model, const Attempt& attempt) {
    make_directory(work_folder(model));
    const fs::path keep = work_folder(model) / "keep.npy", log = attempt.folder() / "log.txt";
    std::vector<uint8_t> membership(run_.records);
    for (const uint32_t member : run_.members(model)) membership[member] = 1;
    write_npy(keep, Array::from(std::move(membership), {run_.records}));
    const CommandPlaces places{fs::absolute(keep).string(), fs::absolute(attempt.folder() / "outputs.npy").string(),
                               fs::absolute(work_folder(model)).string(), command_seed(plan_, model), model};
    std::string why;
    for (size_t tried = 0; tried < options_.attempts; ++tried) {
      const CommandEnd end = run_command(filled_command(plan_.command, places), log, [this] { return stop_.load(); });
      if (end.is_stopped) fail(Category::checkpointed, "stopped");
      why = end.exit_code != 0 ? fmt::format("exit code {}: {}", end.exit_code, tail_of(log))
                               : complaint(attempt.folder() / "outputs.npy");
      if (why.empty()) return {{"engine", "command"}, {"command", plan_.command}, {"attempts", tried + 1}};
    }
    std::error_code ignored;
    fs::copy_file(log, run_.failure(model).replace_extension(".log"), fs::copy_options::overwrite_existing, ignored);
    give_up(model, fmt::format("{} (tried {}; the log is {})", why, counted(options_.attempts, "time"),
                               run_.failure(model).replace_extension(".log").string()));
    return nullptr;
  }

  void give_up(size_t model, const std::string& why) {
    const json failure = {{"unit", run_.units[model]}, {"why", why}};
    write_file(run_.failure(model), failure.dump(1) + "\n");
    const std::lock_guard lock(mutex_);
    report_.failed.push_back({model, why});
  }

  /// The calling thread's part: progress, and passing on a wish to stop.
  void watch(uint64_t total) {
    double touched = options_.clock();
    while (running_ > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      if (context_.cancelled && context_.cancelled->load(std::memory_order_relaxed)) stop_ = true;
      if (options_.clock() - touched > 30) {
        touched = options_.clock();
        touch_attempts(run_, options_.host);
      }
      if (!context_.progress || stop_) continue;
      uint64_t samples = 0;
      for (const auto& one : progress_) samples += one;
      size_t done = 0;
      {
        const std::lock_guard lock(mutex_);
        done = done_now();
      }
      const std::string detail = fmt::format("{} of {} models done", done, run_.models);
      if (total > 0)
        context_.progress({"shadow", std::min(samples, total), total, detail});
      else
        context_.progress({"shadow", done - report_.done_before, run_.models - report_.done_before, detail});
    }
  }

  const ShadowOptions& options_;
  const Context& context_;
  Run run_;
  ShadowPlan plan_;
  Dataset dataset_;
  std::vector<size_t> todo_, put_off_;
  ShadowReport report_;
  std::mutex mutex_;
  std::exception_ptr error_;
  bool is_interrupted_ = false;
  std::atomic<bool> stop_ = false;
  std::atomic<size_t> running_ = 0;
  std::atomic<uint64_t> samples_ = 0;
  std::vector<std::atomic<uint64_t>> progress_;  ///< samples of each worker
};

}  // namespace

ShadowReport train_shadow_models(const fs::path& path, const ShadowOptions& options, const Context& context) {
  return ShadowRun(path, options, context).work();
}

std::vector<fs::path> collect_garbage(const fs::path& path, const std::string& host) {
  const Run run = read_run(path);
  std::vector<fs::path> garbage = dead_attempts(run, host);
  std::error_code error;
  for (size_t m = 0; m < run.models; ++m) {
    if (model_status(run, m, false).state != ModelState::done) continue;
    for (const fs::path& left : {run.checkpoint(m), run.path / "checkpoints" / fmt::format("{:04}.work", m)})
      if (fs::exists(left, error)) garbage.push_back(left);
  }
  for (const char* folder : {"", "checkpoints", "failed"})
    for (const auto& entry : fs::directory_iterator(path / folder, error))
      if (is_unfinished_file(entry.path())) garbage.push_back(entry.path());
  for (const auto& entry : fs::directory_iterator(path / "attempts", error))
    if (entry.path().filename().string().ends_with(".replaced")) garbage.push_back(entry.path());
  for (const fs::path& one : garbage) fs::remove_all(one, error);
  return garbage;
}

}  // namespace miaudit
