#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "miaudit/train/trainer.h"

namespace miaudit {

/// What is asked of a trained model, and kept beside it.
struct ModelQuestions {
  size_t queries = 1;             ///< 1, 2 or 18
  const Dataset* test = nullptr;  ///< further records; null for none
};

/// Right answers to the records as they are.
struct Answers {
  uint64_t right = 0;
  uint64_t count = 0;
};
struct ModelFigures {
  Answers members, nonmembers, test;
  std::vector<EpochFigures> history;
};

/// The folder of one model: model.json (what it is and what it came from), weights.npz, outputs.npy (float32 logits
/// [records][queries][classes], without the middle axis for one query), labels.npy and membership.npy for the data
/// set's records in order; test_outputs.npy and test_labels.npy for further ones; checkpoint.npz while it is in
/// training. model.json comes last: a folder without it is unfinished.
class ModelFolder {
 public:
  explicit ModelFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path file(const char* name) const { return path_ / name; }
  std::filesystem::path checkpoint() const { return path_ / "checkpoint.npz"; }

  /// Throws Error(input) where the path is a file, or a folder that holds what no training wrote.
  void check() const;

  /// The figures of the model that is there, where it came from this very job, questions and engine and its files are
  /// whole; `why_not` says what is otherwise ("" where there is none).
  std::optional<ModelFigures> finished(const Dataset& dataset, const TrainingJob& job, const ModelQuestions& questions,
                                       std::string& why_not) const;

  /// Makes the folder; an earlier model stays until this one is trained.
  void start() const;

  /// Asks the model and writes everything; takes the checkpoint away.
  ModelFigures write(const Dataset& dataset, const TrainingJob& job, const ModelQuestions& questions,
                     const TrainedModel& model, const Context& context) const;

 private:
  void take_earlier_away() const;

  std::filesystem::path path_;
};

}  // namespace miaudit
