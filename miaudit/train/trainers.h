#pragma once

#include "miaudit/train/trainer.h"

// The kinds of trainers behind train_model().
namespace miaudit {

/// A network of the engine.
std::unique_ptr<TrainedModel> train_network(const Dataset& dataset, const TrainingJob& job, const Keeping& keeping,
                                            const Context& context);

/// Boosted trees.
std::unique_ptr<TrainedModel> train_trees(const Dataset& dataset, const TrainingJob& job, const Keeping& keeping,
                                          const Context& context);
/// Throws Error(config) for what trees have no use for.
void check_trees(const Recipe& recipe);

}  // namespace miaudit
