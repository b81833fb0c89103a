#include <algorithm>
#include <cmath>

#include "miaudit/base/parallel.h"
#include "miaudit/signal/rows.h"
#include "miaudit/signal/signal.h"

namespace miaudit {
namespace {

/// Adds weight·softmax(z) to sum; z is overwritten.
void add_softmax(std::span<double> z, double weight, std::span<double> sum) {
  const double max = *std::max_element(z.begin(), z.end());
  double total = 0;
  for (double& value : z) {
    value = std::exp(value - max);
    total += value;
  }
  for (size_t k = 0; k < z.size(); ++k) sum[k] += weight * (z[k] / total);
}

}  // namespace

void compute_probabilities(const Outputs& outputs, std::span<const uint32_t> records, MatrixView<float> out,
                           const Context& context) {
  const size_t classes = outputs.classes, queries = outputs.queries;
  if (out.rows != records.size() || out.cols != classes)
    fail(Category::internal, "room for {}×{} probabilities where {}×{} were asked for", out.rows, out.cols,
         records.size(), classes);
  std::vector<size_t> first_of_part;
  size_t samples = 0;
  for (const OutputsPart& part : outputs.parts) {
    first_of_part.push_back(samples);
    samples += part.samples();
  }

  const size_t block = std::max<size_t>(1, (1 << 16) / (classes * queries));
  parallel_blocks(records.size(), block, context, [&](size_t begin, size_t end) {
    std::vector<double> z(classes), mean(classes);
    for (size_t i = begin; i < end; ++i) {
      const size_t record = records[i];
      if (record >= samples) fail(Category::internal, "record {} of {}", record, samples);
      const auto after = std::upper_bound(first_of_part.begin(), first_of_part.end(), record);
      const size_t p = static_cast<size_t>(after - first_of_part.begin()) - 1;
      std::fill(mean.begin(), mean.end(), 0.0);
      for (size_t q = 0; q < queries; ++q) {
        read_rows(outputs, outputs.parts[p], (record - first_of_part[p]) * queries + q, RowView::logs, z);
        add_softmax(z, 1 / static_cast<double>(queries), mean);
      }
      for (size_t k = 0; k < classes; ++k) out(i, k) = static_cast<float>(mean[k]);
    }
  });
}

}  // namespace miaudit
