#include <array>
#include <limits>

#include "miaudit/signal/signal.h"

namespace miaudit {
namespace {

constexpr bool kNeedsLabels = true, kNoLabels = false;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// In the order of RowFunction, which compute_signal relies on.
constexpr std::array<SignalRow, 10> kSignals = {{
    {"loss", "logsumexp(z) − z_y, the cross-entropy; lower for members", kNeedsLabels,
     "Yeom et al. 2018, arXiv:1709.01604", 0, kInfinity},
    {"confidence", "p_y, the probability of the true class; higher for members", kNeedsLabels,
     "Salem et al. 2018, arXiv:1806.01246", 0, 1},
    {"max_probability", "max_k p_k, the probability of the predicted class; higher for members", kNoLabels,
     "Salem et al. 2018, arXiv:1806.01246", 0, 1},
    {"rescaled_logit", "log(p_y / (1 − p_y)) as z_y − logsumexp_{k≠y} z_k; higher for members", kNeedsLabels,
     "Carlini et al. 2022, arXiv:2112.03570", -kInfinity, kInfinity},
    {"margin", "z_y − max_{k≠y} z_k, the hinge; higher for members", kNeedsLabels,
     "Carlini et al. 2022, arXiv:2112.03570", -kInfinity, kInfinity},
    {"entropy", "−Σ p log p of the prediction; lower for members", kNoLabels, "Salem et al. 2018, arXiv:1806.01246", 0,
     kInfinity},
    {"modified_entropy", "−(1−p_y) log p_y − Σ_{k≠y} p_k log(1−p_k); lower for members", kNeedsLabels,
     "Song & Mittal 2021, arXiv:2003.10595", 0, kInfinity},
    {"correctness", "1 where the first largest value is the true class's, else 0; higher for members", kNeedsLabels,
     "Yeom et al. 2018, arXiv:1709.01604", 0, 1},
    {"spread", "the row's values scaled to [0, 1], then their mean gap to the largest; higher for members", kNoLabels,
     "the classic threshold attack on min–max normalised outputs", 0, 1},
    {"taylor_confidence", "soft-margin Taylor softmax of order 4, temperature 2, margin 0.6; higher for members",
     kNeedsLabels, "Zarifzadeh et al. 2024, arXiv:2312.03262", 0, 1},
}};

}  // namespace

std::span<const SignalRow> signal_table() {
  return kSignals;
}

const SignalRow& find_signal(std::string_view name) {
  std::vector<std::string> names;
  for (const SignalRow& row : kSignals) {
    if (row.name == name) return row;
    names.emplace_back(row.name);
  }
  const std::string nearest = nearest_name(std::string(name), names);
  if (nearest.empty()) {
    fail(Category::config, "unknown signal '{}'; `miaudit list signals` names those there are", name);
  }
  fail(Category::config, "unknown signal '{}'; did you mean '{}'?", name, nearest);
}

}  // namespace miaudit
