#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
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

/// Signals of all models, [models][records][queries], each computed once when first asked for, by whichever thread.
class ModelSignals {
 public:
  /// All must outlive this object. `context` computes the signals; `each` is what work on a single target may use.
  /// memory: bytes; signals of which an eighth of it cannot hold one lie on disk.
  ModelSignals(const Models& models, const Context& context, const Context& each, uint64_t memory);

  const Models& models() const { return models_; }
  const Context& context() const { return each_; }
  size_t queries() const { return models_.models.front().outputs.queries; }
  /// One model's values of a signal.
  std::span<const double> values(std::string_view signal, size_t model);
  bool holds(std::string_view signal) const;
  void probabilities(size_t model, std::span<const uint32_t> records, MatrixView<float> out) const;

  /// order_of() them.
  const std::vector<size_t>& order() const { return order_; }
  /// How many of all models stand on either side of each record.
  const SideCounts& counts() const { return counts_; }
  /// Moments of values() over the models on either side. Those of one signal and key are computed once, as long as an
  /// eighth of the memory holds them. Never from sums that the target was in: what rounding left of it would tell the
  /// side that it stood on.
  std::shared_ptr<const Moments> moments(std::string_view signal, const std::vector<size_t>& key,
                                         const std::function<SidedValues()>& values);

  /// Says which models are to be targets, in turn, a family's one after the other, all balanced by `seed`: whoever
  /// first asks for moments of one has those of a few families computed at once, while the values lie in the cache.
  /// Returns how many targets in a row a thread had better take for that.
  size_t expect(std::span<const size_t> targets, uint64_t seed);

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
  std::shared_ptr<const Moments> known_moments(std::string_view signal, const std::vector<size_t>& key) const;
  size_t most_moments() const;
  /// One expected target of each family whose moments belong with those of `key`, itself left out.
  std::vector<size_t> companions(const std::vector<size_t>& key) const;
  /// Throws Error(numeric) where models bring signals alone, so that an attack which wants more is left out.
  void check_outputs(std::string_view wanted) const;
  /// Throws Error(input) where what a model brings cannot be that signal.
  void check_range(const SignalRow& signal, size_t model, std::span<const double> values) const;

  const Models& models_;
  const Context context_;
  const Context& each_;
  const uint64_t memory_;
  const size_t width_;  // values of a model
  const SideCounts counts_;
  const std::vector<size_t> order_;
  mutable std::recursive_mutex mutex_;
  std::list<Signal> signals_;        // last used last
  std::list<KnownMoments> moments_;  // newest last
  std::vector<size_t> expected_;     // a target of each family
  uint64_t expected_seed_ = 0;
  size_t together_ = 1;
};

/// One model as the target and the others, balanced, as its references. Its family is not among them, nor are the
/// families `barred`.
class TargetEvidence final : public PseudoTarget, private SignalSource, private ReferenceSource {
 public:
  TargetEvidence(ModelSignals& signals, size_t target, uint64_t seed, std::vector<size_t> barred = {});
  ~TargetEvidence() override { signals_.release(); }
  TargetEvidence(const TargetEvidence&) = delete;
  TargetEvidence& operator=(const TargetEvidence&) = delete;

  const Evidence& evidence() const override { return *evidence_; }
  std::span<const int8_t> membership() const override { return membership_; }

 private:
  const SignalMatrix& signal(std::string_view name) override;
  void probabilities(std::span<const uint32_t> records, MatrixView<float> out) override;
  size_t count() const override { return references_.size(); }
  size_t models_in() const override { return sides_.models_in; }
  size_t models_out() const override { return sides_.models_out; }
  const Moments& moments(std::string_view signal) override;
  SidedValues values(std::string_view signal) override;
  void probabilities(size_t reference, std::span<const uint32_t> records, MatrixView<float> out) override;
  size_t families() const override { return families_.size(); }
  std::unique_ptr<HeldEvidence> without(std::span<const size_t> families) override;
  std::unique_ptr<PseudoTarget> as_target(size_t reference) override;

  ModelSignals& signals_;
  size_t target_;
  uint64_t seed_;
  std::vector<size_t> barred_;  // families, ascending
  std::vector<size_t> references_;
  std::vector<size_t> families_;  // of the references, in their order
  Sides sides_;
  std::vector<int8_t> membership_;
  std::string signal_name_;
  SignalMatrix signal_;
  std::string moments_name_;
  std::shared_ptr<const Moments> moments_;
  std::map<std::string, std::vector<const double*>, std::less<>> rows_;
  std::optional<Evidence> evidence_;
};

/// Every model that is not of the families `barred`, in the target's place.
class ReferenceTeachers final : public Teachers {
 public:
  ReferenceTeachers(ModelSignals& signals, std::vector<size_t> barred, std::vector<uint8_t> fold_of, int folds,
                    uint64_t seed);
  size_t count() const override { return models_.size(); }
  std::unique_ptr<PseudoTarget> teacher(size_t t) override {
    return std::make_unique<TargetEvidence>(signals_, models_[t], seed_, barred_);
  }
  std::span<const uint8_t> fold_of() const override { return fold_of_; }
  int folds() const override { return folds_; }
  uint64_t seed() const override { return seed_; }

 private:
  ModelSignals& signals_;
  std::vector<size_t> barred_;
  std::vector<size_t> models_;
  std::vector<uint8_t> fold_of_;
  int folds_;
  uint64_t seed_;
};

/// A model's membership of the records that the audit is about; −1 for the others.
std::vector<int8_t> audited_membership(const Models& models, size_t model);

}  // namespace miaudit
