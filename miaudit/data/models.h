#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "miaudit/data/readings.h"
#include "miaudit/data/records.h"
#include "miaudit/data/run.h"

namespace miaudit {

/// One model's outputs for every record, and who taught it: what serves as a target or as a reference.
struct AuditedModel {
  size_t number = 0;  ///< in its run
  Outputs outputs;
  std::vector<int8_t> membership;  ///< [records]: 1 member, 0 non-member, −1 unknown
};

class StoredScores;
class StoredSignals;

/// Some consecutive records of a run.
struct RecordRange {
  size_t begin = 0;
  size_t end = SIZE_MAX;
};

/// Models of one set of records with known splits.
struct Models {
  std::vector<AuditedModel> models;
  /// Of each model, the first place in `models` of those whose training set is nearly its own, or nearly what it left
  /// out, or of one round of cross-validation with it: each of them gives its membership away.
  std::vector<size_t> families;
  /// At a family's first place, other families whose splits depend on its own otherwise than those of most others do:
  /// what one of their models says depends on its membership too. In any order; empty where nothing was looked for.
  std::vector<std::vector<size_t>> resembling;
  std::vector<size_t> partners;  ///< In a run: the place of each one's recorded partner, past the last where none is.
  std::vector<int32_t> labels;   ///< [records], or empty
  std::vector<float> features;   ///< [records][feature_columns], or empty
  size_t feature_columns = 0;
  std::vector<uint8_t> audited;       ///< [records]: 1 for those that the audit is about
  std::vector<uint32_t> population;   ///< records known to be in no training set
  std::map<size_t, Warning> missing;  ///< models that are named but cannot be used, by number, and why
  std::vector<FileRecord> files;
  std::vector<Warning> warnings;
  bool form_detected = false;
  /// Signals that `audit --shard` computed beforehand, or that the models bring in place of outputs; or null.
  std::shared_ptr<const StoredSignals> stored;
  /// Scores that shards made of a fit; or null.
  std::shared_ptr<const StoredScores> scores;

  size_t records() const { return audited.size(); }
  bool has_outputs() const { return models.front().outputs.columns > 0; }
};

/// Throws as check_unchanged(owner) does, for what is mapped of any model.
void check_unchanged(const Models& models);

/// Every finished model of a run folder; the others are named in `missing`. Checksums are compared. Throws Error(input)
/// where fewer than two are there, where their outputs differ in shape, or in form with one column, or population
/// records turn up in a training set. Models that `known` tells of are not read again.
Models read_models(const Run& run, const RecordOptions& options, const Context& context, const Readings& known = {});
/// The same of some of the records, without reading the others; checksums, which are of all, are not compared.
Models read_models(const Run& run, const RecordRange& range, const RecordOptions& options, const Context& context);

/// Where a target's reference models are, as flat arrays.
struct ReferencePaths {
  std::string outputs;     ///< (models, records[, queries], classes), or a folder with one file a model
  std::string membership;  ///< (models, records)
  std::string population;  ///< Indices of records known to be in no training set, or ""
};
/// The target (model 0) and its references. Throws Error(input) as above.
Models read_references(const Records& target, const ReferencePaths& paths, const RecordOptions& options,
                       const Context& context);

}  // namespace miaudit
