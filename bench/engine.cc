#include <fmt/core.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <thread>
#include <vector>

#include "miaudit/base/rng.h"
#include "miaudit/engine/loss.h"
#include "miaudit/engine/optimizer.h"
using namespace miaudit;
int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "cnn";
  const int threads = argc > 2 ? atoi(argv[2]) : 1;
  const Precision precision = argc > 3 && std::string(argv[3]) == "bf16" ? Precision::bf16 : Precision::float32;
  const Shape shape = name == "resnet20" ? Shape{3, 32, 32} : Shape{1, 28, 28};
  const Architecture a = make_architecture(name, shape, 10);
  const size_t batch = 128;
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t) pool.emplace_back([&] {
    auto start = std::chrono::steady_clock::now();
    auto now = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
    auto net = make_network(a, batch, precision, Purpose::training);
    const double made = now();
    Rng rng(1);
    auto params = parameters(a);
    for (size_t p = 0; p < params.size(); ++p) {
      std::vector<float> plain(params[p].size());
      for (float& x : plain) x = params[p].fan_in ? float((rng.uniform() * 2 - 1) / std::sqrt(double(params[p].fan_in))) : 1.f;
      auto s = net->slots()[p].weights;
      net->from_plain(p, plain, s);
    }
    OptimizerOptions oo; oo.rate = 0.01;
    Optimizer opt(oo, *net, params);
    std::vector<int32_t> labels(batch);
    std::vector<float> g(batch * 10);
    for (auto& l : labels) l = int32_t(rng.below(10));
    for (float& x : net->records()) x = float(rng.normal());
    double t0 = 0; const size_t steps = name == "resnet20" ? 20 : 300;
    BatchLoss loss;
    for (size_t s = 0; s < steps + 3; ++s) {
      if (s == 3) t0 = now();
      loss = softmax_cross_entropy(net->forward(), labels, 10, 0, g);
      net->backward(g);
      opt.update(s, steps + 3);
    }
    const double took = now() - t0, rate = double(steps * batch) / took;
    fmt::print("{} made {:.4f} s, {:.0f} samples/s, {:.1f} GFLOP/s, loss {:.4f}\n", name, made, rate, 3 * rate * forward_operations(a) * 1e-9, loss.sum / double(batch));
  });
  for (auto& t : pool) t.join();
  fmt::print("{}\n", engine_name());
}
