#pragma once

#include <span>
#include <string>
#include <vector>

#include "miaudit/engine/network.h"

namespace miaudit {

enum class Descent { sgd, adam };
enum class Decline {
  constant,
  cosine,  ///< rate · cos(cosine_turn · progress)
  steps,   ///< a tenth from ½ and a hundredth from ¾ of the training on
};

/// How weights follow their gradients.
struct OptimizerOptions {
  Descent descent = Descent::sgd;
  double rate = 0.05;        ///< > 0
  double momentum = 0.9;     ///< [0, 1); sgd
  bool is_nesterov = false;  ///< sgd
  double beta1 = 0.9;        ///< [0, 1); adam
  double beta2 = 0.999;      ///< [0, 1); adam
  double weight_decay = 0;   ///< >= 0; of the weights of convolutions and dense layers
  Decline decline = Decline::cosine;
  double cosine_turn = 1.5707963267948966;  ///< radians at the end; π/2 declines to 0, LiRA's recipe takes 7π/16
  double warm_up = 0;                       ///< [0, 1): this share of the training raises the rate from 0
  double average = 0;  ///< [0, 1): the share of the weights' moving average kept at a step; 0: no average
};

/// The rate of a step, 0-based, of so many.
double rate_at(const OptimizerOptions& options, size_t step, size_t steps);

/// Keeps what an update remembers, in the network's own layout.
class Optimizer {
 public:
  Optimizer(const OptimizerOptions& options, Network& network, const std::vector<Parameter>& parameters);

  /// Moves the weights by the gradients of the last backward pass. `step` is 0-based.
  void update(size_t step, size_t steps);

  /// What a checkpoint must hold beside the weights, tensor by tensor: each with its parameter, a name (momentum, mean,
  /// square or average) and values in the network's layout. The average holds the weights as they are until the first
  /// update.
  struct Memory {
    size_t parameter = 0;
    const char* name = "";
    std::vector<float> values;
  };
  std::vector<Memory>& memories() { return memories_; }

  /// The moving average of a parameter's weights where one is kept, else the weights.
  std::span<const float> final_weights(size_t parameter) const;

  /// Starts the averages at the weights; call once the network holds its first ones.
  void start_average();

 private:
  struct Places {
    Memory* first = nullptr;
    Memory* second = nullptr;
    Memory* average = nullptr;
  };

  OptimizerOptions options_;
  std::span<const Network::Slot> slots_;
  std::vector<bool> decays_;
  std::vector<Memory> memories_;
  std::vector<Places> places_;
};

}  // namespace miaudit
