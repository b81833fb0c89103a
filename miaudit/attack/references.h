#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "miaudit/base/matrix.h"
#include "miaudit/math/moments.h"

namespace miaudit {

struct Evidence;

/// Mean and variance over a record's reference models of one side, [samples][queries]; NaN where it has none.
struct SideMoments {
  std::vector<double> mean;
  std::vector<double> variance;  ///< mean squared deviation from the mean; empty where means alone were asked for
};
struct Moments {
  SideMoments in;   ///< models that trained on the record
  SideMoments out;  ///< models that did not

  void reshape(size_t size, bool with_variances) {
    for (SideMoments* side : {&in, &out}) {
      side->mean.resize(size);
      side->variance.resize(with_variances ? size : 0);
    }
  }
  bool has_variances() const { return in.variance.size() == in.mean.size(); }
};

/// What an attack sees of a target, kept as long as this object.
class HeldEvidence {
 public:
  virtual ~HeldEvidence() = default;
  virtual const Evidence& evidence() const = 0;
};
/// A reference model in the target's place: everything that an attack sees of a target, and the truth, which is the
/// auditor's own.
class PseudoTarget : public HeldEvidence {
 public:
  virtual std::span<const int8_t> membership() const = 0;  ///< 1 member, 0 non-member, −1 not to be counted
};

/// What models with known membership say of the records. They come balanced: every record that has any on a side has as
/// many there as every other record, so that no count tells the target's membership (methods.md §3, "the pairing
/// rule"). Models whose split is nearly the target's, or nearly its complement, are never among them.
class ReferenceSource {
 public:
  virtual ~ReferenceSource() = default;
  virtual size_t count() const = 0;
  /// Models of a record, of those that have any, on the IN side (0 where the design allows none) and on the OUT side.
  virtual size_t models_in() const = 0;
  virtual size_t models_out() const = 0;
  /// Of a signal, over a record's models. Valid until moments or means are asked for again. Cost: one read of the
  /// values.
  virtual const Moments& moments(std::string_view signal) = 0;
  /// The same; the variances are there only where they were asked for before. Half the cost.
  virtual const Moments& means(std::string_view signal) = 0;
  /// Every model's values of a signal. Valid as long as this object.
  virtual SidedValues values(std::string_view signal) = 0;
  /// Class probabilities by one model, averaged over queries; out is [records][classes].
  virtual void probabilities(size_t reference, std::span<const uint32_t> records, MatrixView<float> out) = 0;
  /// How many families of models whose splits depend on each other there are.
  virtual size_t families() const = 0;
  /// The same target as it is seen without some of them (places below families(), not all).
  virtual std::unique_ptr<HeldEvidence> without(std::span<const size_t> families) = 0;
  /// The model as the target of the others, its own family left out as well.
  virtual std::unique_ptr<PseudoTarget> as_target(size_t reference) = 0;
};

}  // namespace miaudit
