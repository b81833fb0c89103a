#pragma once

#include <functional>
#include <string>
#include <vector>

#include "miaudit/data/models.h"

namespace miaudit {

/// What models of a run and models beside each other in arrays must have in common.

/// Throws Error(input) where a model's outputs are of another shape than the first's, or, of a single column, of
/// another form.
void check_alike(const Outputs& outputs, const std::string& path, const Outputs& first, const std::string& first_path);

/// Each model is read by its own form, as where a service that gives probabilities is audited beside models that give
/// logits; it is said. Log-probabilities are logits. name: as check_population() has it.
void warn_of_forms(Models& models, const std::function<std::string(size_t place)>& name);

/// One warning of a kind is enough for all models.
void add_new(const std::vector<Warning>& warnings, std::vector<Warning>& all);

/// Throws Error(input) where a record of the population was, or may have been, in a model's training set. `name` of a
/// model: its number in a run, or which file and row it comes from.
void check_population(const Models& models, const std::function<std::string(size_t place)>& name);

}  // namespace miaudit
