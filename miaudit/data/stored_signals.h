#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "miaudit/data/models.h"
#include "miaudit/data/run.h"

namespace miaudit {

/// One of `count` ranges of a run's records, all of nearly one length. number: from 1.
struct Shard {
  size_t number = 1;
  size_t count = 1;
  RecordRange range(size_t records) const { return {records * (number - 1) / count, records * number / count}; }
};

/// Signals of all of a run's models for one shard of its records, in RUN/signals/NUMBER-of-COUNT. Fills a folder of
/// its own under attempts/, which one rename publishes: two writers of one shard do no harm, a killed one leaves
/// nothing that counts, and `shadow gc` removes it.
class SignalWriter {
 public:
  /// models: of the shard's records, or of all. identities: outputs_identities() before they were read. writer: a name
  /// that no other process has, HOST.PROCESS.
  SignalWriter(const Run& run, const Models& models, Shard shard, const std::vector<std::string>& identities,
               const std::string& writer);
  ~SignalWriter();
  SignalWriter(const SignalWriter&) = delete;
  SignalWriter& operator=(const SignalWriter&) = delete;

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
  std::filesystem::path attempt_;  // "" once published
  std::vector<std::string> signals_;
};

/// What shards read of whole models whose files are as they were, with the same options.
Readings stored_readings(const Run& run, const RecordOptions& options);

/// Signals of all of a run's models that need not be computed: stored by shards, or brought by the models themselves in
/// place of outputs.
class StoredSignals {
 public:
  /// A complete set of shards. Throws Error(input) that names the missing and the stale ones where there is none.
  StoredSignals(const Run& run, const Models& models);
  /// Those that models bring; add() takes one model after the other.
  StoredSignals() = default;
  /// Reads run.signals(m), which brings one .npy a signal, [records] or [records][queries] of finite floats. Throws
  /// Error(input) where it is not such, or brings other signals or queries than the models before.
  void add(const Run& run, size_t m, std::vector<FileRecord>& files);

  const std::vector<std::string>& names() const { return signals_; }
  size_t queries() const { return queries_; }
  /// The instruction sets that shards computed them by, in order of name.
  const std::set<std::string>& kernel_targets() const { return kernel_targets_; }
  bool holds(std::string_view signal) const;
  /// One model's values of a signal, [records][queries].
  void read(std::string_view signal, size_t model, std::span<double> out) const;

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
  size_t queries_ = 0;
};

}  // namespace miaudit
