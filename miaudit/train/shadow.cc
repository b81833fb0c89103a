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
#include "miaudit/io/file.h"
#include "miaudit/io/json.h"
#include "miaudit/train/attempt.h"
#include "miaudit/train/foreign.h"

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

/// All that a call works on.
class ShadowRun {
 public:
  ShadowRun(const fs::path& path, const ShadowOptions& options, const Context& context)
      : options_(options), context_(context), run_(read_run(path)), plan_(read_plan(path)) {
    if (run_.units.empty()) fail(Category::input, "{} was made by hand: there is nothing to train", path.string());
    if (read_run_file(path).units != run_.units)
      fail(Category::input, "{} was planned again while it was read; run the same again", path.string());
    for (const size_t model : options.models)
      if (model >= run_.models)
        fail(Category::config, "there is no model {}; the run has 0 to {}", model, run_.models - 1);
    find_work();
  }

  ShadowReport work() {
    news_ = std::move(again_);
    pass_on_news();
    if (todo_.empty()) return std::move(report_);
    try {
      dataset_ = read_planned_data(run_.path, plan_, context_);
    } catch (const Error& error) {
      if (error.category() != Category::interrupted) throw;
      // Every model has the checkpoint that it had: to whoever started this, it is one like any other.
      fail(Category::checkpointed, "stopped while the data were read; run the same again to go on");
    }
    const double start = options_.clock();
    std::vector<std::thread> workers;
    const size_t jobs = std::min(options_.jobs, todo_.size());
    running_ = jobs;
    begun_with_ = todo_.size();
    is_seen_done_.assign(run_.models, false);
    progress_ = std::vector<std::atomic<uint64_t>>(jobs);
    for (const size_t model : todo_)
      if (plan_.command.empty() && !run_.is_brought[model]) total_ += plan_.recipe.epochs * run_.members(model).size();
    has_total_ = total_ > 0;
    for (size_t j = 0; j < jobs; ++j) workers.emplace_back([this, j] { see_to_models(j); });
    watch();
    for (std::thread& worker : workers) worker.join();
    pass_on_news();
    if (error_) rethrow();
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
      if (!status.why.empty()) again_.push_back(fmt::format("Model {} is trained again: {}", model, status.why));
      todo_.push_back(model);
    }
  }

  [[noreturn]] void rethrow() const {
    try {
      std::rethrow_exception(error_);
    } catch (const Error& error) {
      if (error.category() != Category::io) throw;
      fail(Category::io, "{}. Finished models and checkpoints stay: mend the cause, and run the same again to go on",
           error.what());
    }
  }

  /// Models of the list that came to an end.
  size_t ended() const {
    return report_.trained + report_.by_others + report_.discarded + report_.overtaken + given_up_;
  }
  /// Models of the run that are done, whoever did them: what others finished since the last count is among them.
  size_t done_now() {
    for (size_t model = 0; model < run_.models; ++model)
      if (!is_seen_done_[model]) is_seen_done_[model] = model_status(run_, model, false).state == ModelState::done;
    return static_cast<size_t>(std::ranges::count(is_seen_done_, true));
  }
  bool is_done(size_t model) const { return model_status(run_, model, true).state == ModelState::done; }

  void tell(std::string sentence) {
    const std::lock_guard lock(mutex_);
    news_.push_back(std::move(sentence));
  }

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
    // Another process may have been faster, or changed the plan, since the list was made.
    if (is_done(model)) return count(report_.by_others);
    if (!is_still_planned(run_, model)) return overtaken(model);
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
    const Published published = attempt.publish();
    if (published == Published::overtaken) return overtaken(model);
    count(published == Published::yes ? report_.trained : report_.discarded);
    std::error_code ignored;
    fs::remove(run_.checkpoint(model), ignored);
    fs::remove(run_.failure(model), ignored);
    fs::remove(run_.failure(model).replace_extension(".log"), ignored);
    if (!attempt.has_rival()) fs::remove_all(work_folder(run_, model), ignored);
  }

  void overtaken(size_t model) {
    count(report_.overtaken);
    tell(
        fmt::format("Model {} is to be another by a plan made meanwhile; by the plan before it is given up. Run the "
                    "same again to train by the new one",
                    model));
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
    const uint64_t before = progress_[worker], all_samples = job.members.size() * job.recipe.epochs;
    // What a checkpoint spared is no work of this process: neither its rate nor the time left may count it.
    std::optional<uint64_t> spared;
    const auto set_out = [&](uint64_t samples) {
      spared = samples;
      total_ -= samples;
    };
    own.progress = [&](const Progress& at) {
      if (at.stage != "training" || at.total == 0) return;
      const uint64_t samples = all_samples * at.done / at.total;
      if (!spared) set_out(samples);
      progress_[worker] = before + samples - *spared;
    };
    const Keeping keeping{run_.checkpoint(model), options_.checkpoint_every, options_.clock,
                          [&](const std::string& text) { tell(fmt::format("Model {}: {}", model, text)); }};
    const double start = options_.clock();
    const std::unique_ptr<TrainedModel> trained = train_model(dataset_, job, keeping, own);
    if (!spared) set_out(all_samples);
    progress_[worker] = before + all_samples - *spared;
    samples_ += all_samples - *spared;

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
            {"engine", engine_of(plan_.recipe)},
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

  json bring(const Attempt& attempt) {
    bring_outputs(run_, plan_, dataset_.classes, attempt);
    return {{"engine", "brought"}, {"from", plan_.target_outputs}};
  }

  json call(size_t model, const Attempt& attempt) {
    const ForeignOutputs made =
        call_command(run_, plan_, dataset_.classes, model, attempt, options_.attempts, [this] { return stop_.load(); });
    if (made.why.empty()) return {{"engine", "command"}, {"command", plan_.command}, {"attempts", made.tries}};
    give_up(model, fmt::format("{} (tried {})", made.why, counted(made.tries, "time")), attempt.folder() / kCommandLog);
    return nullptr;
  }

  void give_up(size_t model, std::string why, const fs::path& log = {}) {
    // Two at one model may come to different ends; the one that succeeded counts.
    if (is_done(model)) return count(report_.by_others);
    if (!is_still_planned(run_, model)) return overtaken(model);
    const fs::path kept = run_.failure(model).replace_extension(".log");
    std::error_code ignored;
    fs::remove(kept, ignored);
    if (!log.empty() && fs::copy_file(log, kept, ignored)) why += fmt::format("; the log is {}", kept.string());
    const json failure = {{"unit", run_.units[model]}, {"why", why}};
    write_file(run_.failure(model), failure.dump(1) + "\n");
    const std::lock_guard lock(mutex_);
    report_.failed.push_back({model, std::move(why)});
    ++given_up_;
  }

  void pass_on_news() {
    std::vector<std::string> news;
    {
      const std::lock_guard lock(mutex_);
      news.swap(news_);
    }
    if (!options_.tell) return;
    for (const std::string& sentence : news) options_.tell(sentence);
  }

  /// The calling thread's part: progress, and passing on a wish to stop.
  void watch() {
    // Counting looks at every model's files.
    constexpr double kCountEvery = 10;
    double touched = options_.clock(), counted_at = touched;
    size_t done = context_.progress ? done_now() : 0, ended_then = 0;
    while (running_ > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      if (context_.cancelled && context_.cancelled->load(std::memory_order_relaxed)) stop_ = true;
      if (options_.clock() - touched > 30) {
        touched = options_.clock();
        touch_attempts(run_, options_.host);
      }
      pass_on_news();
      if (!context_.progress || stop_) continue;
      uint64_t samples = 0;
      for (const auto& one : progress_) samples += one;
      size_t ended_now = 0;
      {
        const std::lock_guard lock(mutex_);
        ended_now = ended();
      }
      if (ended_now != ended_then || options_.clock() - counted_at > kCountEvery) {
        done = done_now();
        ended_then = ended_now;
        counted_at = options_.clock();
      }
      const std::string detail = fmt::format("{} of {} models done", done, run_.models);
      const uint64_t total = total_;
      if (has_total_)
        context_.progress({"shadow", std::min(samples, total), total, detail});
      else
        context_.progress({"shadow", ended_now, begun_with_, detail});
    }
  }

  const ShadowOptions& options_;
  const Context& context_;
  Run run_;
  ShadowPlan plan_;
  Dataset dataset_;
  std::vector<size_t> todo_, put_off_;
  ShadowReport report_;
  size_t begun_with_ = 0, given_up_ = 0;
  std::vector<bool> is_seen_done_;  ///< for done_now()
  std::mutex mutex_;
  std::exception_ptr error_;
  bool is_interrupted_ = false;
  std::atomic<bool> stop_ = false;
  std::atomic<size_t> running_ = 0;
  std::vector<std::string> again_;  ///< What there was of models and does not count, and why.
  std::vector<std::string> news_;   ///< for options_.tell
  bool has_total_ = false;
  std::atomic<uint64_t> total_ = 0;  ///< samples to train on; a command's are not known
  std::atomic<uint64_t> samples_ = 0;
  std::vector<std::atomic<uint64_t>> progress_;  ///< samples of each worker
};

}  // namespace

ShadowReport train_shadow_models(const fs::path& path, const ShadowOptions& options, const Context& context) {
  return ShadowRun(path, options, context).work();
}

}  // namespace miaudit
