#include "miaudit/train/shadow.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

#include "miaudit/data/model_status.h"
#include "miaudit/io/file.h"
#include "miaudit/train/asking.h"
#include "miaudit/train/attempt.h"
#include "miaudit/train/shadow_progress.h"
#include "miaudit/train/unit.h"
#include "miaudit/train/work_folder.h"

namespace miaudit {
namespace {

namespace fs = std::filesystem;

/// All that a call works on.
class ShadowRun {
 public:
  ShadowRun(const fs::path& path, const ShadowOptions& options, const Context& context)
      : options_(options), context_(context), run_(read_run(path)), plan_(read_plan(path)), files_(path, plan_) {
    if (run_.units.empty()) fail(Category::input, "{} was made by hand: there is nothing to train", path.string());
    if (read_run_file(path).units != run_.units)
      fail(Category::input, "{} was planned again while it was read; run the same again", path.string());
    for (const size_t model : options.models)
      if (model >= run_.models)
        fail(Category::config, "there is no model {}; the run has 0 to {}", model, run_.models - 1);
    find_work();
  }

  ShadowReport work() {
    pass_on_news();
    if (todo_.empty()) return std::move(report_);
    // Whatever copied the run may have left empty folders out.
    for (const char* folder : kRunFolders) make_directory(run_.path / folder);
    const bool trains_here = plan_.command.empty();
    try {
      // A command reads them by itself.
      dataset_ = read_planned_data(run_.path, plan_, context_, trains_here ? Holding::copied : Holding::mapped);
    } catch (const Error& error) {
      if (error.category() != Category::interrupted) throw;
      // Every model has the checkpoint that it had: to whoever started this, it is one like any other.
      fail(Category::checkpointed, "stopped while the data were read; run the same again to go on");
    }
    if (!trains_here) dataset_.features = Array();
    const double start = options_.clock();
    std::vector<std::thread> threads;
    const size_t jobs = std::min(options_.jobs, todo_.size());
    running_ = jobs;
    workers_ = std::vector<Worker>(jobs);
    progress_.emplace(run_, plan_, todo_, jobs);
    for (size_t j = 0; j < jobs; ++j) threads.emplace_back([this, j] { see_to_models(j); });
    try {
      watch();
    } catch (...) {
      stop_all();
    }
    for (std::thread& thread : threads) thread.join();
    pass_on_news();
    if (error_) std::rethrow_exception(error_);
    if (is_interrupted_ || (stop_ && !todo_.empty()))
      fail(Category::checkpointed, "stopped with {} of {} done; run the same again to go on", progress_->models_done(),
           run_.models);
    const double seconds = options_.clock() - start;
    if (seconds > 0) report_.samples_per_second = static_cast<double>(progress_->work_done()) / seconds;
    return std::move(report_);
  }

 private:
  struct Worker {
    std::atomic<bool> is_stopped = false;  ///< heard by whatever makes its model
    std::optional<size_t> model;           ///< that it is at
    bool is_beaten = false;                ///< nobody needs it any more
  };

  void find_work() {
    std::vector<size_t> models = options_.models;
    if (models.empty()) {
      models.resize(run_.models);
      std::iota(models.begin(), models.end(), size_t{0});
    }
    for (const size_t model : models) {
      const ModelStatus status = model_status(run_, model, true);
      const bool has_failed = status.state == ModelState::failed;
      if (status.state == ModelState::done) {
        ++report_.done_before;
      } else if (has_failed && !options_.retries_failed) {
        report_.failed.push_back({model, status.why});
      } else {
        if (has_failed)
          news_.push_back(fmt::format("Model {} had failed and is tried again", model));
        else if (!status.why.empty())
          news_.push_back(fmt::format("Model {} is trained again: {}", model, status.why));
        todo_.push_back(model);
      }
    }
  }

  void stop() {
    stop_ = true;
    for (Worker& worker : workers_) worker.is_stopped = true;
  }

  /// On what is being caught: the first error is the one to be told.
  void stop_all() {
    const std::lock_guard lock(mutex_);
    stop();
    try {
      throw;
    } catch (const Error& error) {
      const Category category = error.category();
      const char* advice =
          category == Category::io
              ? ". Finished models and checkpoints stay: mend the cause, and run the same again to go on"
              : "";
      if (category == Category::checkpointed || category == Category::interrupted)
        is_interrupted_ = true;
      else if (!error_)
        error_ = std::make_exception_ptr(Error(category, std::string(error.what()) + advice));
    } catch (...) {
      if (!error_) error_ = std::current_exception();
    }
  }

  /// Models of the list that came to an end.
  size_t ended() const {
    return report_.trained + report_.by_others + report_.discarded + report_.overtaken + given_up_;
  }
  bool is_done(size_t model) const { return model_status(run_, model, true).state == ModelState::done; }

  void count(size_t& what) {
    const std::lock_guard lock(mutex_);
    ++what;
  }
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
    } catch (...) {
      stop_all();
    }
    --running_;
  }

  void see_to(size_t model, size_t worker) {
    // Another process may have been faster, or changed the plan, since the list was made.
    if (is_done(model)) return progress_->leave_out(model), count(report_.by_others);
    if (!is_still_planned(run_, model)) return progress_->leave_out(model), overtaken(model);
    Attempt attempt(run_, model, options_.host);
    if (attempt.is_second() && put_off(model)) return;
    const double start = options_.clock();
    std::optional<MadeUnit> made = make(attempt, worker);
    if (!made && !is_still_planned(run_, model)) return overtaken(model);
    if (!made) return clear_away(attempt), count(report_.by_others);
    if (!made->why.empty()) return give_up(attempt, made->why, made->log);
    made->about["seconds"] = options_.clock() - start;
    seal_unit(run_, attempt, std::move(made->about));
    const Published published = attempt.publish();
    if (published == Published::overtaken) return overtaken(model);
    count(published == Published::yes ? report_.trained : report_.discarded);
    clear_away(attempt);
  }

  /// None where another process, or a new plan, was faster.
  std::optional<MadeUnit> make(const Attempt& attempt, size_t place) {
    Worker& worker = workers_[place];
    {
      const std::lock_guard lock(mutex_);
      worker.model = attempt.model();
      worker.is_beaten = false;
    }
    worker.is_stopped = false;
    if (stop_) worker.is_stopped = true;  // asked for before that line
    const auto speak = [this](std::string sentence) { tell(std::move(sentence)); };
    std::optional<MadeUnit> made;
    try {
      made = make_unit({run_, plan_, dataset_, options_, files_}, attempt,
                       {worker.is_stopped, progress_->begin(place), speak});
    } catch (const Error& error) {
      const std::lock_guard lock(mutex_);
      if (!worker.is_beaten ||
          (error.category() != Category::checkpointed && error.category() != Category::interrupted))
        throw;
      progress_->give_up(place, attempt.model());
    }
    const std::lock_guard lock(mutex_);
    worker.model.reset();
    return made;
  }

  /// What nobody needs once a model is there.
  void clear_away(const Attempt& attempt) {
    const size_t model = attempt.model();
    std::error_code ignored;
    for (const fs::path& left :
         {run_.checkpoint(model), answers_beside(run_.checkpoint(model)), run_.failure(model), run_.failure_log(model)})
      fs::remove(left, ignored);
    fs::remove_all(work_folder(run_, attempt), ignored);
  }

  /// Ends work on what other processes have made meanwhile, and on what is to be another model by a new plan.
  void look_for_others() {
    const std::lock_guard lock(mutex_);
    for (Worker& worker : workers_) {
      if (!worker.model || worker.is_beaten) continue;
      if (!is_done(*worker.model) && is_still_planned(run_, *worker.model)) continue;
      worker.is_beaten = true;
      worker.is_stopped = true;
    }
  }

  void overtaken(size_t model) {
    count(report_.overtaken);
    tell(
        fmt::format("Model {} is to be another by a plan made meanwhile; by the plan before it is given up. Run the "
                    "same again to train by the new one",
                    model));
  }

  /// Back to the end of the list, once: two processes that began together part here.
  bool put_off(size_t model) {
    const std::lock_guard lock(mutex_);
    if (todo_.empty() || std::find(put_off_.begin(), put_off_.end(), model) != put_off_.end()) return false;
    put_off_.push_back(model);
    todo_.push_back(model);
    return true;
  }

  void give_up(const Attempt& attempt, const std::string& why, const fs::path& log) {
    const size_t model = attempt.model();
    // Two at one model may come to different ends; the one that succeeded counts.
    if (is_done(model)) return count(report_.by_others);
    if (!is_still_planned(run_, model)) return overtaken(model);
    record_failure(run_, model, why, log);
    const std::lock_guard lock(mutex_);
    report_.failed.push_back({model, failure_text(run_, model, why)});
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
    double touched = options_.clock(), looked = touched;
    while (running_ > 0) {
      show_progress();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      if (context_.cancelled && context_.cancelled->load(std::memory_order_relaxed)) stop();
      if (options_.clock() - looked > 5) {
        looked = options_.clock();
        look_for_others();
      }
      if (options_.clock() - touched > 30) {
        touched = options_.clock();
        touch_attempts(run_, options_.host);
      }
      pass_on_news();
    }
    show_progress();
  }

  void show_progress() {
    if (!context_.progress || stop_) return;
    size_t ended_now = 0;
    std::vector<size_t> waiting;
    {
      const std::lock_guard lock(mutex_);
      ended_now = ended();
      waiting = todo_;
    }
    progress_->tell(ended_now, waiting, options_.clock(), context_);
  }

  const ShadowOptions& options_;
  const Context& context_;
  Run run_;
  ShadowPlan plan_;
  PlannedFiles files_;
  Dataset dataset_;
  std::vector<size_t> todo_, put_off_;
  ShadowReport report_;
  size_t given_up_ = 0;
  std::mutex mutex_;
  std::exception_ptr error_;
  bool is_interrupted_ = false;
  std::atomic<bool> stop_ = false;
  std::atomic<size_t> running_ = 0;
  std::vector<std::string> news_;  ///< for options_.tell
  std::optional<ShadowProgress> progress_;
  std::vector<Worker> workers_;
};

}  // namespace

ShadowReport train_shadow_models(const fs::path& path, const ShadowOptions& options, const Context& context) {
  return ShadowRun(path, options, context).work();
}

}  // namespace miaudit
