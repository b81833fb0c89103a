#include "miaudit/train/asking.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "miaudit/train/checkpoint.h"

namespace miaudit {
namespace {

constexpr const char* kAnswers = "answers/logits";

/// Answers as a checkpoint of no epochs, whose one tensor they are: [rows][classes].
class Answers {
 public:
  Answers(const Keeping& keeping, std::string fingerprint, std::string engine)
      : path_(keeping.checkpoint.empty() ? "" : answers_beside(keeping.checkpoint)),
        fingerprint_(std::move(fingerprint)),
        engine_(std::move(engine)) {}

  /// How many rows are answered. What cannot be used is asked again: it costs time only.
  size_t read(std::span<float> logits, size_t classes) const {
    std::string ignored;
    const std::optional<Checkpoint> found = read_checkpoint(path_, fingerprint_, engine_, ignored);
    if (!found || found->tensors.size() != 1) return 0;
    const auto& [name, array] = found->tensors.front();
    const bool fits = name == kAnswers && array.type() == ElementType::float32 && array.dims() == 2 &&
                      array.shape()[1] == classes && array.size() <= logits.size();
    if (!fits) return 0;
    std::ranges::copy(array.as<float>(), logits.begin());
    return array.shape()[0];
  }

  void write(std::span<const float> logits, size_t rows, size_t classes) const {
    Checkpoint checkpoint;
    checkpoint.fingerprint = fingerprint_;
    checkpoint.engine = engine_;
    const std::span<const float> own = logits.first(rows * classes);
    checkpoint.tensors.push_back({kAnswers, Array::from(std::vector<float>(own.begin(), own.end()), {rows, classes})});
    write_checkpoint(path_, checkpoint);
  }

 private:
  std::filesystem::path path_;
  std::string fingerprint_, engine_;
};

}  // namespace

std::filesystem::path answers_beside(const std::filesystem::path& checkpoint) {
  return std::filesystem::path(checkpoint).replace_extension(".answers.npz");
}

std::vector<float> ask(const TrainedModel& model, const Dataset& dataset, std::span<const View> views,
                       const std::string& fingerprint, const std::string& engine, const Keeping& keeping,
                       const Context& context) {
  std::vector<uint32_t> all(dataset.size());
  std::iota(all.begin(), all.end(), 0u);
  std::vector<float> logits(all.size() * views.size() * dataset.classes);
  // The views are the plan's, and part of what is kept.
  const Answers answers(keeping, fmt::format("{}, {} views of each record", fingerprint, views.size()), engine);
  CheckpointTimer timer(keeping);
  Asking asking{answers.read(logits, dataset.classes), [&](size_t rows) {
                  const bool is_cancelled = context.cancelled && context.cancelled->load(std::memory_order_relaxed);
                  if (timer.is_due() || (is_cancelled && !keeping.checkpoint.empty()))
                    answers.write(logits, rows, dataset.classes);
                }};
  if (asking.answered > 0 && keeping.tell)
    keeping.tell(
        fmt::format("{:.0f} % of the outputs were kept",
                    100 * static_cast<double>(asking.answered * dataset.classes) / static_cast<double>(logits.size())));
  model.logits(dataset, all, views, logits, context, asking);
  return logits;
}

}  // namespace miaudit
