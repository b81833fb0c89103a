#include "miaudit/train/shadow_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "miaudit/data/model_status.h"
#include "miaudit/train/unit.h"

namespace miaudit {

ShadowProgress::ShadowProgress(const Run& run, const ShadowPlan& plan, std::span<const size_t> todo, size_t workers)
    : run_(run),
      plan_(plan),
      todo_(todo.size()),
      workers_(workers),
      is_left_out_(run.models),
      is_seen_done_(run.models),
      counted_at_(-std::numeric_limits<double>::infinity()) {
  for (const size_t model : todo) total_ += work_of(run, plan, model);
  is_known_ = total_ > 0;
}

std::function<void(uint64_t, uint64_t)> ShadowProgress::begin(size_t worker) {
  Worker& own = workers_[worker];
  own.before = own.done;
  own.spared = 0;
  return [this, &own](uint64_t done, uint64_t spared) {
    total_ -= spared - own.spared;
    own.spared = spared;
    own.done = own.before + done;
  };
}

void ShadowProgress::leave_out(size_t model) {
  const std::lock_guard lock(mutex_);
  if (!is_left_out_[model]) total_ -= work_of(run_, plan_, model);
  is_left_out_[model] = true;
}

void ShadowProgress::give_up(size_t worker, size_t model) {
  const Worker& own = workers_[worker];
  total_ -= work_of(run_, plan_, model) - own.spared - (own.done - own.before);
}

uint64_t ShadowProgress::work_done() const {
  uint64_t sum = 0;
  for (const Worker& worker : workers_) sum += worker.done;
  return sum;
}

size_t ShadowProgress::models_done() {
  for (size_t model = 0; model < run_.models; ++model)
    if (!is_seen_done_[model]) is_seen_done_[model] = model_status(run_, model, false).state == ModelState::done;
  return static_cast<size_t>(std::ranges::count(is_seen_done_, true));
}

void ShadowProgress::tell(size_t ended, std::span<const size_t> waiting, double now, const Context& context) {
  constexpr double kCountEvery = 10;
  if (ended != ended_then_ || now - counted_at_ > kCountEvery) {
    done_ = models_done();
    for (const size_t model : waiting)
      if (is_seen_done_[model]) leave_out(model);
    ended_then_ = ended;
    counted_at_ = now;
  }
  const std::string detail = fmt::format("{} of {} models done", done_, run_.models);
  const uint64_t total = total_;
  if (is_known_)
    context.progress({"shadow", std::min(work_done(), total), total, detail});
  else
    context.progress({"shadow", ended, todo_, detail});
}

}  // namespace miaudit
