// Attacks with reference models: bench_references [MODELS RECORDS]. One target's scores beside one read of the matrix
// of signals that they are made of, and every model as the target in turn, to figures with intervals.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "cli/memory.h"
#include "miaudit/audit/audit.h"
#include "miaudit/audit/target_evidence.h"
#include "miaudit/base/parallel.h"
#include "miaudit/base/rng.h"

using namespace miaudit;

namespace {

constexpr const char* kAttacks[] = {"lira", "rmia", "base", "bavaria_n", "bavaria_t"};

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
double median_seconds(const std::function<void()>& work) {
  std::vector<double> times;
  for (int repeat = 0; repeat < 7; ++repeat) times.push_back(seconds(work));
  std::ranges::sort(times);
  return times[times.size() / 2];
}

/// Complementary pairs of models of two classes.
Models made_models(size_t count, size_t records) {
  Models models;
  models.audited.assign(records, 1);
  models.labels.assign(records, 1);
  Rng rng(1);
  for (size_t m = 0; m < count; ++m) {
    AuditedModel model;
    model.number = m;
    std::vector<float> logits(2 * records);
    for (size_t i = 0; i < records; ++i) {
      model.membership.push_back(static_cast<int8_t>(m % 2 ? 1 - models.models[m - 1].membership[i] : rng.below(2)));
      logits[2 * i + 1] = static_cast<float>(rng.normal() + 0.3 * model.membership[i]);
    }
    model.outputs.parts = {{Array::from(std::move(logits), {records, 1, 2}), "made"}};
    model.outputs.samples = records;
    model.outputs.queries = 1;
    model.outputs.columns = model.outputs.classes = 2;
    models.models.push_back(std::move(model));
    models.families.push_back(m & ~size_t{1});
  }
  return models;
}

double read_matrix(ModelSignals& signals, size_t models, const Context& context) {
  std::vector<double> sums(models);
  parallel_blocks(models, 1, context, [&](size_t m, size_t) {
    const std::span<const double> values = signals.values("rescaled_logit", m);
    double lanes[32] = {};  // enough sums at once that the additions do not wait for each other
    for (size_t i = 0; i + 32 <= values.size(); i += 32)
      for (size_t l = 0; l < 32; ++l) lanes[l] += values[i + l];
    for (const double lane : lanes) sums[m] += lane;
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

}  // namespace

int main(int argc, char** argv) {
  miaudit::cli::keep_freed_memory();
  const size_t count = argc > 2 ? std::stoul(argv[1]) : 256;
  const size_t records = argc > 2 ? std::stoul(argv[2]) : 50'000;
  const Models models = made_models(count, records);
  Context context;
  context.threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  ModelSignals signals(models, context, context, uint64_t{2} << 30);
  for (const char* name : {"rescaled_logit", "confidence", "loss"}) signals.values(name, 0);
  double checksum = 0;
  const double read = median_seconds([&] { checksum += read_matrix(signals, count, context); });
  fmt::print("models {} records {} threads {} checksum {:.3g}\n", count, records, context.threads, checksum);
  fmt::print("read_matrix {:.5f}\n", read);
  Context one_core;
  one_core.threads = 1;
  fmt::print("read_matrix_by_one {:.5f}\n", median_seconds([&] { checksum += read_matrix(signals, count, one_core); }));
  fmt::print("balance {:.5f}\n", median_seconds([&] { const TargetEvidence target(signals, 2, 0); }));
  for (const char* name : kAttacks) {
    const AttackRow& row = find_attack(name);
    const Parameters parameters(row.name, row.parameters, {});
    std::vector<double> times;
    for (int repeat = 0; repeat < 7; ++repeat) {
      // Evidence of its own each time, so that no moments are left over.
      signals.forget_moments();
      TargetEvidence target(signals, 2, 0);
      times.push_back(seconds([&] { score_all(row, target.evidence(), parameters, context); }));
    }
    std::ranges::sort(times);
    const double time = times[times.size() / 2];
    fmt::print("{} {:.5f} {:.2f}\n", name, time, time / read);
  }
  std::vector<size_t> targets(count);
  for (size_t t = 0; t < count; ++t) targets[t] = t;
  AuditPlan plan;
  plan.attacks = {"lira", "rmia", "base", "bavaria_n"};
  fmt::print("all_targets {:.3f}\n", seconds([&] { audit(models, targets, {}, plan, context); }));
}
