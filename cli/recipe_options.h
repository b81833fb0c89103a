#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "miaudit/train/dataset.h"
#include "miaudit/train/recipe.h"

namespace miaudit::cli {

/// --data and its kin: what models learn.
void add_data_options(CLI::App& verb, DatasetPaths& paths, DatasetOptions& reading);

/// --architecture and its kin: how they learn it. What is given changes a preset.
class RecipeOptions {
 public:
  void add_to(CLI::App& verb);
  /// The recipe for these data. Throws Error(config) for an option that the architecture or optimizer has no use for.
  Recipe recipe(const Dataset& dataset) const;
  /// One of these options that was given; "" where none was.
  std::string first_given() const;

 private:
  struct Change {
    std::string flag;
    std::function<void(Recipe&)> apply;
  };
  template <class T>
  CLI::Option* add(CLI::App& verb, const std::string& flag, const std::string& description, T Recipe::*member);
  template <class T>
  CLI::Option* add(CLI::App& verb, const std::string& flag, const std::string& description,
                   T OptimizerOptions::*member);
  template <class T>
  CLI::Option* add_change(CLI::App& verb, const std::string& flag, const std::string& description,
                          std::function<void(Recipe&, const T&)> apply);
  void add_flag(CLI::App& verb, const std::string& flag, const std::string& description,
                std::function<void(Recipe&, bool)> apply);
  void check_use(const Recipe& recipe) const;

  std::string preset_;
  std::string architecture_;
  std::vector<Change> changes_;
};

}  // namespace miaudit::cli
