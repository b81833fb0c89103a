#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "miaudit/data/models.h"
#include "miaudit/data/run.h"
#include "miaudit/data/sealed_folder.h"

namespace miaudit {

/// One of `count` ranges of a run's records, all of nearly one length. number: from 1.
struct Shard {
  size_t number = 1;
  size_t count = 1;
  RecordRange range(size_t records) const { return {records * (number - 1) / count, records * number / count}; }
};

/// How many shards each set has in all that is begun in a folder of N-of-COUNT, ascending.
std::vector<size_t> shard_counts(const std::filesystem::path& folder, size_t records);

/// What a run's signals are made from: any other models, form or labels give others. identities: outputs_identities().
nlohmann::json signals_identity(const Run& run, const Models& models, const std::vector<std::string>& identities);

/// Throws Error(input) where one of these models has other outputs than it had by `identities`. what: was computed of
/// them meanwhile.
void check_unchanged(const Run& run, const Models& models, const std::vector<std::string>& identities,
                     std::string_view what);

/// Signals of all of a run's models for one shard of its records, in RUN/signals/NUMBER-of-COUNT.
class SignalWriter {
 public:
  /// models: of the shard's records, or of all. identities: outputs_identities() before they were read. writer: of
  /// SealedFolder.
  SignalWriter(const Run& run, const Models& models, Shard shard, const std::vector<std::string>& identities,
               const std::string& writer);

  /// Whether this shard is there already, of all these models as they are; another is replaced.
  bool is_done() const;
  /// values: [models][records of the shard][queries].
  void write(std::string_view signal, std::vector<double> values);
  /// readings: of some of the run's models, for the merge. kernel_target: the instruction set that the signals were
  /// computed by, on which their last bits depend. Throws Error(input) where a model has other outputs than before.
  void publish(const Readings& readings, const std::string& kernel_target);

 private:
  const Run& run_;
  const Models& models_;
  Shard shard_;
  const std::vector<std::string>& identities_;
  SealedFolder folder_;
};

/// What shards read of whole models whose files are as they were, with the same options.
Readings stored_readings(const Run& run, const RecordOptions& options);

/// Signals of all of a run's models that need not be computed: stored by shards, or brought by the models themselves in
/// place of outputs.
class StoredSignals {
 public:
  /// How many shards the complete set has that would be read; 0 where there is none.
  static size_t complete_count(const Run& run, const Models& models, const std::vector<std::string>& identities);
  /// A complete set of shards, of which those are read that hold records of the range. Throws Error(input) that names
  /// the missing and the stale ones where there is none.
  StoredSignals(const Run& run, const Models& models, const RecordRange& range = {});
  /// Those that models bring; add() takes one model after the other.
  StoredSignals() = default;
  /// Reads run.signals(m), which brings one .npy a signal, [records] or [records][queries] of finite floats. Throws
  /// Error(input) where it is not such, or brings other signals or queries than the models before.
  void add(const Run& run, size_t m, std::vector<FileRecord>& files);

  const std::vector<std::string>& names() const { return signals_; }
  size_t queries() const { return queries_; }
  /// The instruction sets that shards computed them by, in order of name.
  const std::set<std::string>& kernel_targets() const { return kernel_targets_; }
  /// Tells a set of shards from another of the same run, in another number or with other values.
  const std::string& id() const { return id_; }
  bool holds(std::string_view signal) const;
  /// One model's values of a signal, [records of the range][queries].
  void read(std::string_view signal, size_t model, const RecordRange& range, std::span<double> out) const;
  /// Throws as check_unchanged(owner) does.
  void check_unchanged() const;

 private:
  /// Some models' values for some records.
  struct Part {
    size_t first_model = 0;
    std::vector<size_t> places;  ///< of the models from the first on, among those that the values are of
    RecordRange range;
    std::vector<Array> values;  ///< of each signal, [models][records][queries]
  };
  std::vector<std::string> signals_;
  std::vector<Part> parts_;
  std::set<std::string> kernel_targets_;
  std::string id_;
  size_t queries_ = 0;
};

}  // namespace miaudit
