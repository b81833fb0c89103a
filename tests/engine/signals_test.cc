// oneDNN before 3.11.2 keeps the stack pointer in the heap during matrix products; a signal handled then overwrote the
// heap: a Ctrl-C ended a training in a crash, or left wrong weights in its checkpoint.
#include <gtest/gtest.h>
#include <sys/time.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <functional>

#include "miaudit/base/rng.h"
#include "miaudit/engine/loss.h"
#include "miaudit/engine/network.h"

namespace miaudit {
namespace {

std::atomic<int> alarms{0};

/// Interrupts this process ten thousand times a second.
class Alarms {
 public:
  Alarms() {
    std::signal(SIGALRM, [](int) { ++alarms; });
    every({0, 100});
  }
  ~Alarms() {
    every({0, 0});
    std::signal(SIGALRM, SIG_DFL);
  }

 private:
  static void every(timeval interval) {
    const itimerval timer{interval, interval};
    setitimer(ITIMER_REAL, &timer, nullptr);
  }
};

/// The gradients after passes forward and back, until `is_enough`.
std::vector<std::vector<float>> gradients(const char* name, Shape input, const std::function<bool()>& is_enough) {
  const Architecture architecture = make_architecture(name, input, 10);
  constexpr size_t kBatch = 64;
  const auto network = make_network(architecture, kBatch, Precision::float32, Purpose::training);
  Rng rng(3);
  const std::vector<Parameter> all = parameters(architecture);
  for (size_t p = 0; p < all.size(); ++p) {
    std::vector<float> plain(all[p].size(), 1);
    if (all[p].fan_in > 0)
      for (float& w : plain)
        w = static_cast<float>((2 * rng.uniform() - 1) / std::sqrt(static_cast<double>(all[p].fan_in)));
    network->from_plain(p, plain, network->slots()[p].weights);
  }
  for (float& x : network->records()) x = static_cast<float>(rng.normal());
  std::vector<int32_t> labels;
  for (size_t r = 0; r < kBatch; ++r) labels.push_back(static_cast<int32_t>(rng.below(10)));
  std::vector<float> gradient(kBatch * 10);
  do {
    softmax_cross_entropy(network->forward(), labels, 10, 0, gradient);
    network->backward(gradient);
  } while (!is_enough());
  std::vector<std::vector<float>> found;
  for (const Network::Slot& slot : network->slots()) found.emplace_back(slot.gradient.begin(), slot.gradient.end());
  return found;
}

struct Case {
  const char* name;
  Shape input;
};

/// What ctest calls it.
void PrintTo(const Case& of, std::ostream* out) {
  *out << of.name;
}

class Interrupted : public ::testing::TestWithParam<Case> {};

TEST_P(Interrupted, GivesTheSameBytes) {
  const auto [name, input] = GetParam();
  const auto undisturbed = gradients(name, input, [] { return true; });
  const int enough = alarms + 300;
  const Alarms interrupting;
  EXPECT_EQ(gradients(name, input, [&] { return alarms >= enough; }), undisturbed);
}

// Where oneDNN multiplies by other code (from 3.11.2 on, or on CPUs of a later kind) nothing is at stake, and they
// pass.
INSTANTIATE_TEST_SUITE_P(Architectures, Interrupted,
                         ::testing::Values(Case{"logistic", {600, 1, 1}}, Case{"mlp", {446, 1, 1}},
                                           Case{"cnn-small", {1, 28, 28}}, Case{"cnn", {3, 32, 32}}));

}  // namespace
}  // namespace miaudit
