#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "miaudit/train/trainer.h"

namespace miaudit {

/// Where the answers of a model whose training is kept in `checkpoint` are kept.
std::filesystem::path answers_beside(const std::filesystem::path& checkpoint);

/// What tells a model's answers from those of any other: views are the plan's.
std::string answers_fingerprint(const std::string& job, size_t views);

/// A trained model's logits for every record of a data set, [records][views][classes]. Keeps what was answered beside
/// the checkpoint, as often as a training keeps itself, and goes on from there: many views take longer to ask than a
/// model to train. fingerprint: the job's. Throws Error(interrupted) when the context is cancelled, after keeping, and
/// what the model throws.
std::vector<float> ask(const TrainedModel& model, const Dataset& dataset, std::span<const View> views,
                       const std::string& fingerprint, const std::string& engine, const Keeping& keeping,
                       const Context& context);

}  // namespace miaudit
