#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "miaudit/base/context.h"
#include "miaudit/train/plan.h"

namespace miaudit {

/// How far a call is with its models: work in the units of work_of(), which a command does not tell, and models,
/// whoever made them. Workers, each in a thread of its own, report beside each other.
class ShadowProgress {
 public:
  /// todo: the models that the call begins with.
  ShadowProgress(const Run& run, const ShadowPlan& plan, std::span<const size_t> todo, size_t workers);

  /// For a worker's next model: hears how much of its work is done, and how much what was kept spares.
  std::function<void(uint64_t done, uint64_t spared)> begin(size_t worker);
  /// Others made a model that nobody here is at.
  void leave_out(size_t model);
  /// Others did what was left of the model that a worker is at.
  void give_up(size_t worker, size_t model);

  /// Done by the workers.
  uint64_t work_done() const;
  /// Of the run: what others finished since the last count is among them. Looks at every model's files.
  size_t models_done();
  /// As a line for a person, with a count of models that is at most ten seconds old. ended: models of `todo` that came
  /// to an end; waiting: those that nobody here is at; now: seconds.
  void tell(size_t ended, std::span<const size_t> waiting, double now, const Context& context);

 private:
  struct Worker {
    std::atomic<uint64_t> done = 0;  ///< of all its models
    uint64_t before = 0, spared = 0;
  };
  const Run& run_;
  const ShadowPlan& plan_;
  const size_t todo_;
  std::vector<Worker> workers_;
  bool is_known_ = false;
  std::atomic<uint64_t> total_ = 0;
  std::mutex mutex_;
  std::vector<bool> is_left_out_;
  std::vector<bool> is_seen_done_;
  size_t done_ = 0, ended_then_ = 0;
  double counted_at_;
};

}  // namespace miaudit
