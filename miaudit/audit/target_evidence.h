#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "miaudit/attack/attack.h"
#include "miaudit/audit/balance.h"
#include "miaudit/audit/model_signals.h"

namespace miaudit {

/// One model as the target and the others, balanced, as its references. Its family is not among them, nor are the
/// families `barred`. Of the records that the signals are of, as they are among all.
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
  const Moments& moments(std::string_view signal) override { return moments(signal, true); }
  const Moments& means(std::string_view signal) override { return moments(signal, false); }
  SidedValues values(std::string_view signal) override;
  void probabilities(size_t reference, std::span<const uint32_t> records, MatrixView<float> out) override;
  size_t families() const override { return families_.size(); }
  std::unique_ptr<HeldEvidence> without(std::span<const size_t> families) override;
  std::unique_ptr<PseudoTarget> as_target(size_t reference) override;
  const Moments& moments(std::string_view signal, bool with_variances);

  ModelSignals& signals_;
  size_t target_;
  uint64_t seed_;
  std::vector<size_t> barred_;  // families, ascending
  std::vector<size_t> references_;
  std::vector<size_t> families_;  // of the references, in their order
  Sides sides_;
  std::vector<int8_t> membership_;
  std::vector<uint32_t> population_;
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
