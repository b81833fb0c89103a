#pragma once

#include <filesystem>
#include <memory>
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
  /// models: of the shard's records, or of all. writer: a name that no other process has, HOST.PROCESS.
  SignalWriter(const Run& run, const Models& models, Shard shard, const std::string& writer);
  ~SignalWriter();
  SignalWriter(const SignalWriter&) = delete;
  SignalWriter& operator=(const SignalWriter&) = delete;

  /// Whether this shard is there already, of just these models; one of others is replaced.
  bool is_done() const;
  /// values: [models][records of the shard][queries].
  void write(std::string_view signal, std::vector<double> values);
  void publish();

 private:
  const Run& run_;
  const Models& models_;
  Shard shard_;
  std::filesystem::path attempt_;  // "" once published
  std::vector<std::string> signals_;
};

/// Signals that all shards of a run hold together.
class StoredSignals {
 public:
  /// A complete set of shards. Throws Error(input) that names the missing and the stale ones where there is none.
  StoredSignals(const Run& run, const Models& models);
  size_t shards() const { return parts_.size(); }
  bool holds(std::string_view signal) const;
  /// One model's values of a signal, [records][queries].
  void read(std::string_view signal, size_t model, std::span<double> out) const;

 private:
  struct Part {
    RecordRange range;
    std::vector<Array> values;  ///< of each signal
  };
  std::vector<std::string> signals_;
  std::vector<Part> parts_;
  size_t queries_;
};

}  // namespace miaudit
