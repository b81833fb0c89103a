#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "miaudit/engine/architecture.h"

namespace miaudit {

enum class Precision {
  float32,
  bf16,  ///< activations and products in bfloat16; weights, sums and gradients of weights stay float32
};

enum class Purpose {
  training,   ///< batch norms use the batch's own statistics; backward() can follow
  inference,  ///< batch norms use the running statistics
};

/// A network in memory, for batches of one size. Make it, use it and destroy it in one thread: it computes in that
/// thread alone. Same instruction set, weights and batch: same bytes.
class Network {
 public:
  virtual ~Network() = default;

  /// Where the next batch goes, [batch][channels][height][width].
  virtual std::span<float> records() = 0;
  /// The logits of records(), [batch][classes].
  virtual std::span<const float> forward() = 0;
  /// After forward() of the same records: fills the gradients from the loss's gradient by the logits, [batch][classes],
  /// and moves the running statistics a tenth of the way to the batch's.
  virtual void backward(std::span<const float> logit_gradient) = 0;

  /// A parameter as the engine lays it out, with padding that is 0 and stays 0 under any update that maps weight 0 and
  /// gradient 0 to 0.
  struct Slot {
    std::span<float> weights;
    std::span<const float> gradient;  ///< empty for what is not trained, and for inference
  };
  /// In the order of parameters().
  virtual std::span<const Slot> slots() = 0;
  /// Between the engine's layout of a parameter, or of anything of its size such as a momentum, and the plain one.
  virtual void to_plain(size_t parameter, std::span<const float> own, std::span<float> plain) = 0;
  virtual void from_plain(size_t parameter, std::span<const float> plain, std::span<float> own) = 0;
};

/// A network on this machine's CPU, by oneDNN. Costs some milliseconds and, for training, about
/// 4·batch·(values of all layers) bytes. All weights are 0. Throws Error(unsupported) where the CPU cannot do the
/// precision.
std::unique_ptr<Network> make_network(const Architecture& architecture, size_t batch, Precision precision,
                                      Purpose purpose);

/// What of this machine decides the bytes of a result: oneDNN's version and the instruction sets that it and our own
/// vectors use here.
std::string engine_name();

/// Empty where this machine can compute with this precision, else the reason.
std::string why_unsupported(Precision precision);

}  // namespace miaudit
