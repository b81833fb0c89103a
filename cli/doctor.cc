#include <fmt/format.h>
#include <sys/sysinfo.h>

#include <cmath>
#include <filesystem>
#include <vector>

#include "cli/options.h"
#include "cli/verbs.h"
#include "miaudit/base/rng.h"
#include "miaudit/base/version.h"
#include "miaudit/learn/boosting.h"
#include "miaudit/math/distributions.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/roc.h"
#include "miaudit/signal/signal.h"

namespace miaudit::cli {
namespace {

// The vector code against the scalar code, on outputs made here.
bool kernels_agree(const Context& context) {
  constexpr size_t kRecords = 1001;
  constexpr size_t kClasses = 10;
  Rng rng(7);
  std::vector<float> values(kRecords * kClasses);
  for (float& v : values) v = static_cast<float>(8 * rng.normal());
  std::vector<int32_t> labels(kRecords);
  for (int32_t& label : labels) label = static_cast<int32_t>(rng.below(kClasses));
  Outputs outputs;
  outputs.parts = {{Array::from(std::move(values), {kRecords, 1, kClasses}), "doctor"}};
  outputs.samples = kRecords;
  outputs.queries = 1;
  outputs.columns = outputs.classes = kClasses;
  for (const SignalRow& signal : signal_table()) {
    std::vector<double> best(kRecords), scalar(kRecords);
    compute_signal(signal, outputs, labels, best, context, Kernels::best);
    compute_signal(signal, outputs, labels, scalar, context, Kernels::scalar);
    for (size_t i = 0; i < kRecords; ++i)
      if (!(std::abs(best[i] - scalar[i]) <= 1e-9 * (1 + std::abs(scalar[i])))) return false;
  }
  return true;
}

// What grows them, or why nothing can.
std::string boosted_trees() {
  try {
    return boosting_name();
  } catch (const Error& error) {
    return fmt::format("NO: {}", error.what());
  }
}

// A leak planted in normal scores is measured as what it is.
bool planted_leak_is_found(const Context& context) {
  constexpr size_t kRecords = 4000;
  Rng rng(11);
  std::vector<double> scores(kRecords);
  std::vector<int8_t> membership(kRecords);
  for (size_t i = 0; i < kRecords; ++i) {
    membership[i] = static_cast<int8_t>(i % 2);
    scores[i] = rng.normal() + membership[i];
  }
  const Estimate auc = auc_estimate(sort_scores(scores, membership, context), 0.9999, context);
  const double truth = normal_cdf(0.70710678118654752);
  return *auc.low <= truth && truth <= *auc.high && *auc.low > 0.5;
}

}  // namespace

void add_doctor(CLI::App& app, Shell& shell) {
  CLI::App* verb = app.add_subcommand("doctor", "What this machine offers, and whether miaudit computes rightly on it");
  add_common_options(*verb, shell);
  verb->callback([&shell] {
    const Context context = shell.context();
    struct sysinfo memory {};
    sysinfo(&memory);
    const double gigabyte = 1e9 / static_cast<double>(memory.mem_unit ? memory.mem_unit : 1);
    const bool kernels = kernels_agree(context);
    const bool leak = planted_leak_is_found(context);
    const std::string trees = boosted_trees();
    const bool images = std::filesystem::exists("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz");
    const auto verdict = [](bool good) { return good ? "yes" : "NO"; };
    print(
        fmt::format("miaudit                        {}\n"
                    "instruction set used           {}\n"
                    "threads                        {}\n"
                    "memory                         {:.1f} GB, {:.1f} GB free\n"
                    "boosted trees                  {}\n"
                    "demo images installed          {}\n"
                    "vector code agrees with scalar {}\n"
                    "a planted leak is measured     {}\n",
                    version(), kernel_target(), context.threads, static_cast<double>(memory.totalram) / gigabyte,
                    static_cast<double>(memory.freeram) / gigabyte, trees,
                    images ? "yes" : "no (package dataset-fashion-mnist)", verdict(kernels), verdict(leak)));
    if (!kernels || !leak) fail(Category::internal, "a self-check failed: no figure from this machine can be trusted");
  });
}

}  // namespace miaudit::cli
