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
  std::vector<double> variance;  ///< mean squared deviation from the mean
};
struct Moments {
  SideMoments in;   ///< models that trained on the record
  SideMoments out;  ///< models that did not

  void reshape(size_t size) {
    for (SideMoments* side : {&in, &out}) {
      side->mean.resize(size);
      side->variance.resize(size);
    }
  }
};

/// A reference model in the target's place: everything that an attack sees of a target, and the truth, which is the
/// auditor's own.
class PseudoTarget {
 public:
  virtual ~PseudoTarget() = default;
  virtual const Evidence& evidence() const = 0;
  virtual std::span<const int8_t> membership() const = 0;  ///< 1 member, 0 non-member, −1 not to be counted
};

/// What models with known membership say of the records. They come balanced: every record that has any on both sides
/// has as many IN as OUT, and as many as every other record, so that no count tells the target's membership
/// (methods.md §3, "the pairing rule"). The target's partner is never among them.
class ReferenceSource {
 public:
  virtual ~ReferenceSource() = default;
  virtual size_t count() const = 0;
  /// Models that a record has on the OUT side (and, unless none has any, on the IN side).
  virtual size_t per_side() const = 0;
  virtual bool has_in() const = 0;
  /// Of a signal, over a record's models. Valid until another signal's are asked for. Cost: one read of the values.
  virtual const Moments& moments(std::string_view signal) = 0;
  /// Every model's values of a signal. Valid as long as this object.
  virtual SidedValues values(std::string_view signal) = 0;
  /// Class probabilities by one model, averaged over queries; out is [records][classes].
  virtual void probabilities(size_t reference, std::span<const uint32_t> records, MatrixView<float> out) = 0;
  /// The model as the target of the others, its own partner left out as well.
  virtual std::unique_ptr<PseudoTarget> as_target(size_t reference) = 0;
};

}  // namespace miaudit
