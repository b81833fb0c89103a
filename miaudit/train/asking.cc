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

  /// How many rows are answered; `why_not` says why those of a file that is there are not used.
  size_t read(std::span<float> logits, size_t classes, std::string& why_not) const {
    const std::optional<Checkpoint> found = read_checkpoint(path_, fingerprint_, engine_, why_not);
    if (!found) return 0;
    const auto fits = [&](const NamedArray& one) {
      return one.name == kAnswers && one.array.type() == ElementType::float32 && one.array.dims() == 2 &&
             one.array.shape()[1] == classes && one.array.size() <= logits.size();
    };
    if (found->tensors.size() != 1 || !fits(found->tensors.front())) {
      why_not = "the checkpoint cannot be used: it does not hold answers of this model";
      return 0;
    }
    const Array& answers = found->tensors.front().array;
    std::ranges::copy(answers.as<float>(), logits.begin());
    return answers.shape()[0];
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

std::string answers_fingerprint(const std::string& job, size_t views) {
  return fmt::format("{}, {} views of each record", job, views);
}

std::vector<float> ask(const TrainedModel& model, const Dataset& dataset, std::span<const View> views,
                       const std::string& fingerprint, const std::string& engine, const Keeping& keeping,
                       const Context& context) {
  std::vector<uint32_t> all(dataset.size());
  std::iota(all.begin(), all.end(), 0u);
  std::vector<float> logits(all.size() * views.size() * dataset.classes);
  const Answers answers(keeping, answers_fingerprint(fingerprint, views.size()), engine);
  CheckpointTimer timer(keeping);
  std::string why_not;
  Asking asking{answers.read(logits, dataset.classes, why_not), [&](size_t rows) {
                  const bool is_cancelled = context.cancelled && context.cancelled->load(std::memory_order_relaxed);
                  if (timer.is_due() || (is_cancelled && !keeping.checkpoint.empty()))
                    answers.write(logits, rows, dataset.classes);
                }};
  const double share =
      100 * static_cast<double>(asking.answered * dataset.classes) / static_cast<double>(logits.size());
  const std::string found = asking.answered > 0 ? fmt::format("{:.0f} % of the outputs were kept", share)
                            : why_not.empty()   ? ""
                                                : "Its outputs are asked for from the start: " + why_not;
  if (!found.empty() && keeping.tell) keeping.tell(found);
  model.logits(dataset, all, views, logits, context, asking);
  return logits;
}

}  // namespace miaudit
