// What training costs: bench_train FASHION_MNIST_FOLDER [NETWORK] prints, for each network and precision that this
// machine can do, samples a second with one model and with one on each of two threads, data handling included, and the
// share of the sgemm peak of oneDNN itself, measured in the same run. resnet20 learns made-up images of 32x32x3.
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <oneapi/dnnl/dnnl.hpp>
#include <thread>

#include "miaudit/base/rng.h"
#include "miaudit/engine/network.h"
#include "miaudit/train/trainer.h"

namespace {

using miaudit::Dataset;

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// work(thread) on so many threads at once; the seconds that it took.
template <class Work>
double time_of(size_t threads, const Work& work) {
  const double start = seconds();
  std::vector<std::thread> others;
  for (size_t t = 0; t < threads; ++t) others.emplace_back([&work, t] { work(t); });
  for (std::thread& other : others) other.join();
  return seconds() - start;
}

/// FLOP/s of one thread while so many are at it.
double sgemm_peak(size_t threads) {
  constexpr int64_t kSide = 1024;
  constexpr int kRounds = 20;
  const auto multiply = [&](size_t) {
    omp_set_num_threads(1);
    std::vector<float> a(kSide * kSide, 1), b(a), c(a);
    for (int i = 0; i < kRounds; ++i)
      dnnl_sgemm('N', 'N', kSide, kSide, kSide, 1, a.data(), kSide, b.data(), kSide, 0, c.data(), kSide);
  };
  multiply(0);
  double best = 1e9;
  for (int round = 0; round < 3; ++round) best = std::min(best, time_of(threads, multiply));
  return kRounds * 2.0 * kSide * kSide * kSide / best;
}

Dataset made_images(size_t records, miaudit::Shape shape, size_t classes) {
  Dataset dataset;
  miaudit::Rng rng(1);
  std::vector<uint8_t> pixels(records * shape.size());
  for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(rng() & 255);
  dataset.features = miaudit::Array::from(std::move(pixels), {records, shape.size()});
  dataset.shape = shape;
  dataset.layout = miaudit::ImageLayout::hwc;
  dataset.mean.assign(shape.size(), 127.5f);
  dataset.scale.assign(shape.size(), 1 / 73.9f);
  for (size_t i = 0; i < records; ++i) dataset.labels.push_back(static_cast<int32_t>(rng.below(classes)));
  dataset.classes = classes;
  return dataset;
}

/// Operations of a training step on one record: forward, gradients of weights, gradients of values but the first
/// layer's.
double step_operations(const std::string& name, const Dataset& dataset) {
  const miaudit::Architecture network = miaudit::make_architecture(name, dataset.shape, dataset.classes);
  const miaudit::Shape out = miaudit::layer_shapes(network)[0];
  const miaudit::Layer& layer = network.layers[0];
  const double of_first = 2.0 * static_cast<double>(out.size()) *
                          static_cast<double>(layer.kind == miaudit::LayerKind::dense
                                                  ? dataset.shape.size()
                                                  : dataset.shape.channels * layer.kernel * layer.kernel);
  return 3 * miaudit::forward_operations(network) - of_first;
}

/// Samples a second of all threads together: the best of three rounds.
double speed(const std::string& architecture, miaudit::Precision precision, const Dataset& dataset, size_t samples,
             size_t threads) {
  double best = 0;
  for (int round = 0; round < 3; ++round) {
    const double time = time_of(threads, [&](size_t t) {
      miaudit::TrainingJob job;
      job.recipe.architecture = architecture;
      job.recipe.precision = precision;
      job.recipe.epochs = 1;
      job.recipe.optimizer.rate = 0.01;
      job.model = t;
      job.members = miaudit::draw_members(dataset.size(), std::min(samples, dataset.size()), 0, t);
      job.recipe.epochs = std::max<size_t>(1, samples / job.members.size());
      miaudit::train_model(dataset, job, {}, {});
    });
    best = std::max(best, static_cast<double>(threads * samples) / time);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    fmt::print(stderr, "usage: bench_train FASHION_MNIST_FOLDER [NETWORK]\n");
    return 2;
  }
  const std::string folder = argv[1];
  const Dataset fashion =
      miaudit::read_dataset({folder + "/train-images-idx3-ubyte.gz", folder + "/train-labels-idx1-ubyte.gz"}, {}, {});
  const Dataset colour = made_images(2000, {3, 32, 32}, 10);
  const double peaks[] = {sgemm_peak(1), sgemm_peak(2)};
  fmt::print("{}; sgemm {:.1f} GFLOP/s on one thread, {:.1f} on each of two\n", miaudit::engine_name(), peaks[0] / 1e9,
             peaks[1] / 1e9);
  fmt::print("{:<10} {:<9} {:>10} {:>8} {:>12} {:>8}\n", "network", "precision", "1 thread/s", "of peak", "2 threads/s",
             "of peak");
  struct Row {
    const char* architecture;
    const Dataset* dataset;
    size_t samples;
  };
  for (const Row& row : {Row{"cnn", &fashion, 60000}, Row{"cnn-small", &fashion, 60000}, Row{"mlp", &fashion, 240000},
                         Row{"logistic", &fashion, 600000}, Row{"resnet20", &colour, 1000}}) {
    for (const miaudit::Precision precision : {miaudit::Precision::float32, miaudit::Precision::bf16}) {
      if (argc == 3 && argv[2] != std::string(row.architecture)) continue;
      const bool is_bf16 = precision == miaudit::Precision::bf16;
      if (!miaudit::why_unsupported(precision).empty()) continue;
      const double one = speed(row.architecture, precision, *row.dataset, row.samples, 1);
      const double two = speed(row.architecture, precision, *row.dataset, row.samples, 2);
      const double operations = step_operations(row.architecture, *row.dataset);
      const auto share = [&](double rate, double peak) {
        return is_bf16 ? std::string("-") : fmt::format("{:.0f} %", 100 * rate * operations / peak);
      };
      fmt::print("{:<10} {:<9} {:>10.0f} {:>8} {:>12.0f} {:>8}\n", row.architecture, is_bf16 ? "bf16" : "float32", one,
                 share(one, peaks[0]), two, share(two / 2, peaks[1]));
      std::fflush(stdout);
    }
  }
  return 0;
}
