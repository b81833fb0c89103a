#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "miaudit/attack/attack.h"
#include "miaudit/audit/balance.h"
#include "miaudit/base/context.h"
#include "miaudit/data/models.h"
#include "miaudit/io/scratch.h"

namespace miaudit {

struct SignalRow;

/// All models' places, in an order that comes of what they learnt and say, not of their numbers.
std::vector<size_t> order_of(const Models& models);

/// Signals of all models, [models][records][queries], each computed once when first asked for, by whichever thread; of
/// all records, or of some of them where signals are stored.
class ModelSignals {
 public:
  /// All must outlive this object. `context` computes the signals; `each` is what work on a single target may use.
  /// memory: bytes; signals of which an eighth of it cannot hold one lie on disk. range: of all of the models' records.
  ModelSignals(const Models& models, const Context& context, const Context& each, uint64_t memory,
               RecordRange range = {});

  const Models& models() const { return models_; }
  const Context& context() const { return each_; }
  size_t queries() const { return models_.models.front().outputs.queries; }
  const RecordRange& range() const { return range_; }
  /// How many these are.
  size_t records() const { return range_.end - range_.begin; }
  /// One model's values of a signal.
  std::span<const double> values(std::string_view signal, size_t model);
  bool holds(std::string_view signal) const;
  /// That an attack held the target against reference models' values of a signal.
  void note_asked(std::string_view signal);
  /// Which these are, since the last call of forget_asked().
  std::vector<std::string> asked() const;
  void forget_asked();
  void probabilities(size_t model, std::span<const uint32_t> records, MatrixView<float> out) const;

  /// order_of() them.
  const std::vector<size_t>& order() const { return order_; }
  /// How many of all models stand on either side of each of all records.
  const SideCounts& counts() const { return counts_; }
  /// Moments of values() over the models on either side. Those of one signal and key are computed once, as long as an
  /// eighth of the memory holds them. Never from sums that the target was in: what rounding left of it would tell the
  /// side that it stood on.
  std::shared_ptr<const Moments> moments(std::string_view signal, const std::vector<size_t>& key, bool with_variances,
                                         const std::function<SidedValues()>& values);

  /// Says which models are to be targets, in turn, a family's one after the other, all balanced by `seed`: whoever
  /// first asks for moments of one has those of a few families computed at once, while the values lie in the cache.
  /// Returns how many targets in a row a thread had better take for that.
  size_t expect(std::span<const size_t> targets, uint64_t seed);
  /// Whether several are: a signal of each is then one of all, made once for all attacks.
  bool expects_several() const { return !expected_.empty(); }

  /// Between attacks: of the signals in memory, drops those used longest ago until a quarter of it holds the rest.
  void settle();
  /// Lets go of the pages of signals on disk.
  void release() const;
  /// Drops the moments.
  void forget_moments();

 private:
  struct Signal {
    std::string name;
    Scratch values;
  };
  struct KnownMoments {
    std::string signal;
    std::vector<size_t> key;
    std::shared_ptr<const Moments> moments;
  };
  Signal& of(std::string_view signal);  // under the mutex
  /// Models beside each other where an eighth of the memory holds as many as there are threads, else one by all.
  void each_model(const std::function<void(size_t model, const Context& own)>& visit) const;
  std::shared_ptr<const Moments> known_moments(std::string_view signal, const std::vector<size_t>& key,
                                               bool with_variances) const;
  size_t most_moments() const;
  /// One expected target of each family whose moments belong with those of `key`, itself left out.
  std::vector<size_t> companions(const std::vector<size_t>& key) const;
  /// Throws Error(numeric) where models bring signals alone, so that an attack which wants more is left out, and
  /// Error(internal) where it wants more of some of the records than is stored.
  void check_outputs(std::string_view wanted) const;
  /// Throws Error(input) where what a model brings cannot be that signal.
  void check_range(const SignalRow& signal, size_t model, std::span<const double> values) const;

  const Models& models_;
  const Context context_;
  const Context& each_;
  const uint64_t memory_;
  const RecordRange range_;
  const size_t width_;  // values of a model
  const SideCounts counts_;
  const std::vector<size_t> order_;
  mutable std::recursive_mutex mutex_;
  std::list<Signal> signals_;        // last used last
  std::list<KnownMoments> moments_;  // newest last
  std::set<std::string, std::less<>> asked_;
  std::vector<size_t> expected_;  // a target of each family
  uint64_t expected_seed_ = 0;
  size_t together_ = 1;
};

}  // namespace miaudit
