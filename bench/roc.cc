// Seconds (median of 5) that ten million scores take from unsorted doubles to AUC and DeLong's variance, on two
// threads.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <vector>

#include "cli/memory.h"
#include "miaudit/base/rng.h"
#include "miaudit/metric/roc.h"

int main() {
  miaudit::cli::keep_freed_memory();
  using Clock = std::chrono::steady_clock;
  constexpr size_t kRecords = 10'000'000;
  miaudit::Rng rng(1);
  std::vector<double> scores(kRecords);
  std::vector<int8_t> membership(kRecords);
  for (size_t i = 0; i < kRecords; ++i) {
    membership[i] = i % 2 == 0;
    scores[i] = rng.normal() + membership[i];
  }
  miaudit::Context context;
  context.threads = 2;
  std::array<double, 5> seconds;
  double auc = 0;
  for (double& time : seconds) {
    const Clock::time_point start = Clock::now();
    auc = miaudit::auc_moments(miaudit::sort_scores(scores, membership, context), context).auc;
    time = std::chrono::duration<double>(Clock::now() - start).count();
  }
  std::sort(seconds.begin(), seconds.end());
  std::fprintf(stderr, "AUC %.6f\n", auc);
  std::printf("%.4f\n", seconds[2]);
}
