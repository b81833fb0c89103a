// Every signal of a few million rows of 10 float32 logits, by vectors and by the scalar code, beside what this machine
// reads from memory in the same run. Usage: bench_signal [rows] [classes] [threads]

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "cli/memory.h"
#include "miaudit/base/parallel.h"
#include "miaudit/base/rng.h"
#include "miaudit/signal/signal.h"

namespace {

using namespace miaudit;

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Median times of several pieces of work, done in turn so that what else runs on the machine slows all alike.
std::vector<double> medians(int rounds, const std::vector<std::function<void()>>& works) {
  std::vector<std::vector<double>> times(works.size());
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < works.size(); ++i) times[i].push_back(seconds(works[i]));
  }
  std::vector<double> middle;
  for (std::vector<double>& of_one : times) {
    std::nth_element(of_one.begin(), of_one.begin() + rounds / 2, of_one.end());
    middle.push_back(of_one[static_cast<size_t>(rounds) / 2]);
  }
  return middle;
}

/// One read of everything, by the widest vectors that the compiler makes of a sum.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
uint64_t
sum_of(const uint64_t* words, size_t count) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; ++i) sum += words[i];
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  miaudit::cli::keep_freed_memory();
  const auto argument = [&](int i, size_t otherwise) {
    return argc > i ? static_cast<size_t>(std::strtoull(argv[i], nullptr, 10)) : otherwise;
  };
  const size_t rows = argument(1, 4'000'000), classes = argument(2, 10);
  Context context;
  context.threads = static_cast<int>(argument(3, 2));

  std::vector<float> logits(rows * classes);
  parallel_blocks(rows, 65536, context, [&](size_t begin, size_t end) {
    Rng rng(1, begin);
    for (size_t i = begin * classes; i < end * classes; ++i) logits[i] = static_cast<float>(4 * rng.normal());
  });
  std::vector<int32_t> labels(rows);
  for (size_t i = 0; i < rows; ++i) labels[i] = static_cast<int32_t>(i * 7 % classes);
  const double gigabytes = static_cast<double>(logits.size() * sizeof(float)) * 1e-9;

  Outputs outputs;
  outputs.samples = rows;
  outputs.queries = 1;
  outputs.columns = outputs.classes = classes;
  outputs.parts.push_back({Array::from(std::move(logits), {rows, 1, classes}), "bench"});
  const auto* words = reinterpret_cast<const uint64_t*>(outputs.parts[0].values.bytes().data());
  const size_t count = rows * classes / 2, block = 1 << 17;
  std::vector<uint64_t> sums(count / block + 1);
  const auto read_all = [&] {
    parallel_blocks(count, block, context,
                    [&](size_t begin, size_t end) { sums[begin / block] = sum_of(words + begin, end - begin); });
  };
  read_all();

  std::vector<double> out(rows);
  fmt::print("{} rows x {} float32 = {:.3f} GB, {} threads, {}\n", rows, classes, gigabytes, context.threads,
             kernel_target());
  fmt::print("{:<18}{:>10}{:>10}{:>8}{:>8}  {:>10}{:>8}{:>8}\n", "signal", "read GB/s", "vector s", "GB/s", "share",
             "scalar s", "GB/s", "times");
  double all_reads = 0, all_signals = 0;
  for (const SignalRow& signal : signal_table()) {
    const auto labels_of = signal.needs_labels ? std::span<const int32_t>(labels) : std::span<const int32_t>();
    const auto run = [&](Kernels kernels) {
      return [&, kernels] { compute_signal(signal, outputs, labels_of, out, context, kernels); };
    };
    const std::vector<double> pair = medians(7, {read_all, run(Kernels::best)});
    const double scalar = medians(3, {run(Kernels::scalar)})[0];
    fmt::print("{:<18}{:>10.1f}{:>10.4f}{:>8.2f}{:>7.0f}%  {:>10.4f}{:>8.2f}{:>8.1f}\n", signal.name,
               gigabytes / pair[0], pair[1], gigabytes / pair[1], 100 * pair[0] / pair[1], scalar, gigabytes / scalar,
               scalar / pair[1]);
    all_reads += pair[0];
    all_signals += pair[1];
  }
  fmt::print("{:<18}{:>10}{:>10.4f}{:>8}{:>7.0f}%\n", "all of them", "", all_signals, "",
             100 * all_reads / all_signals);
  return sums[0] == 1;  // the sums are used
}
