#include <algorithm>
#include <cmath>
#include <limits>

#include "miaudit/base/parallel.h"
#include "miaudit/math/kernels.h"
#include "miaudit/signal/rows.h"
#include "miaudit/signal/scalar.h"
#include "miaudit/signal/signal.h"

namespace miaudit {
namespace {

/// What stays the same over all blocks of one part.
struct PartJob {
  RowFunction function;
  RowView view;
  Kernels kernels;
  const Outputs& outputs;
  const OutputsPart& part;
  size_t first_sample;              // of the part, among all
  std::span<const int32_t> labels;  // of the part
};

RowFunction function_of(const SignalRow& signal) {
  const auto table = signal_table();
  for (size_t i = 0; i < table.size(); ++i) {
    if (table[i].name == signal.name) return static_cast<RowFunction>(i);
  }
  fail(Category::internal, "signal '{}' is not of the table", signal.name);
}

RowType row_type(ElementType type) {
  if (type == ElementType::float16) return RowType::float16;
  return type == ElementType::float32 ? RowType::float32 : RowType::float64;
}

[[noreturn]] void fail_constant(const PartJob& job, size_t row) {
  const std::string query =
      job.outputs.queries > 1 ? fmt::format(", query {}", row % job.outputs.queries) : std::string();
  fail(Category::numeric,
       "{}: row {}{} (counted from 0) holds {} equal values; `spread` needs values that differ: remove the record or "
       "choose another signal",
       job.part.source, job.part.row(row / job.outputs.queries), query, grouped(job.outputs.columns));
}

double evaluate_scalar(const PartJob& job, size_t row, std::span<double> values) {
  read_rows(job.outputs, job.part, row, job.view, values);
  const size_t y = job.labels.empty() ? 0 : static_cast<size_t>(job.labels[row / job.outputs.queries]);
  const double value = evaluate_row(job.function, values, y);
  if (std::isnan(value)) fail_constant(job, row);
  return value;
}

/// Rows of records [begin, end) by vectors. A single column is first widened to two classes.
void evaluate_vectors(const PartJob& job, size_t begin, size_t end, std::span<double> out) {
  const Outputs& outputs = job.outputs;
  const size_t first = begin * outputs.queries;
  RowBlock block{.rows = out.size(), .columns = outputs.classes, .rows_per_label = outputs.queries};
  if (!job.labels.empty()) block.labels = job.labels.subspan(begin, end - begin).data();
  std::vector<double> pairs;
  if (outputs.columns == 1) {
    pairs.resize(out.size() * 2);
    read_rows(outputs, job.part, first, job.view, pairs);
    block.values = pairs.data();
    block.type = RowType::float64;
  } else {
    const ElementType type = job.part.values.type();
    block.values = job.part.values.bytes().data() + first * outputs.columns * element_size(type);
    block.type = row_type(type);
    if (job.view == RowView::logs && outputs.form == OutputForm::probabilities) block.floor = smallest_positive(type);
  }
  evaluate_rows(job.function, block, out.data());
}

void check_labels(const PartJob& job, size_t begin, size_t end) {
  if (job.labels.empty()) return;
  uint32_t largest = 0;  // a negative label is a large one
  for (size_t i = begin; i < end; ++i) largest = std::max(largest, static_cast<uint32_t>(job.labels[i]));
  if (largest >= job.outputs.classes)
    fail(Category::internal, "records {} to {} have a label outside 0 … {}", job.first_sample + begin,
         job.first_sample + end - 1, job.outputs.classes - 1);
}

void compute_part(const PartJob& job, std::span<double> out, const Context& context) {
  const size_t queries = job.outputs.queries;
  constexpr size_t kBlockValues = 1 << 18;
  const size_t block = std::max<size_t>(8, kBlockValues / (job.outputs.classes * queries) / 8 * 8);
  parallel_blocks(job.part.samples(), block, context, [&](size_t begin, size_t end) {
    check_labels(job, begin, end);
    const std::span<double> values = out.subspan(begin * queries, (end - begin) * queries);
    if (job.kernels == Kernels::best) {
      evaluate_vectors(job, begin, end, values);
    } else {
      std::fill(values.begin(), values.end(), std::numeric_limits<double>::quiet_NaN());
    }
    // What the vectors leave to the scalar code is not finite; most blocks have none of it, and a count is quick.
    const auto unsettled = [](double value) { return !(std::abs(value) <= std::numeric_limits<double>::max()); };
    size_t left = 0;
    for (const double value : values) left += unsettled(value);
    std::vector<double> row(left > 0 ? job.outputs.classes : 0);
    for (size_t r = 0; left > 0 && r < values.size(); ++r) {
      if (unsettled(values[r])) values[r] = evaluate_scalar(job, begin * queries + r, row);
    }
    let_pass(job.part, begin, end);
  });
}

void check_part(const Outputs& outputs, const OutputsPart& part) {
  if (!is_floating(part.values.type()) || part.values.size() != part.samples() * outputs.queries * outputs.columns)
    fail(Category::internal, "{}: a part of {} {} where rows of {} values and {} queries were announced", part.source,
         element_name(part.values.type()), shape_text(part.values.shape()), outputs.columns, outputs.queries);
}

}  // namespace

void compute_signal(const SignalRow& signal, const Outputs& outputs, std::span<const int32_t> labels,
                    std::span<double> out, const Context& context, Kernels kernels) {
  const RowFunction function = function_of(signal);
  if (out.size() != outputs.samples * outputs.queries)
    fail(Category::internal, "room for {} values of '{}' where there are {}", out.size(), signal.name,
         outputs.samples * outputs.queries);
  if (signal.needs_labels && labels.size() != outputs.samples)
    fail(Category::internal, "{} labels for {} records", labels.size(), outputs.samples);
  if (outputs.classes < 2 || (outputs.columns != outputs.classes && (outputs.columns != 1 || outputs.classes != 2)))
    fail(Category::internal, "{} columns for {} classes", outputs.columns, outputs.classes);
  if (function == RowFunction::spread && outputs.columns == 1)
    fail(Category::numeric,
         "`spread` compares a record's values and the outputs have one a record; choose another signal");

  // Neither needs a logarithm: it would only merge neighbours, or change what `spread` is defined on.
  const bool given = function == RowFunction::spread || function == RowFunction::correctness;
  size_t first = 0;
  for (const OutputsPart& part : outputs.parts) {
    check_part(outputs, part);
    const size_t samples = part.samples();
    if (first + samples > outputs.samples) break;
    compute_part({function, given ? RowView::given : RowView::logs, kernels, outputs, part, first,
                  signal.needs_labels ? labels.subspan(first, samples) : std::span<const int32_t>()},
                 out.subspan(first * outputs.queries, samples * outputs.queries), context);
    first += samples;
  }
  if (first != outputs.samples)
    fail(Category::internal, "parts hold other than the announced {} records", outputs.samples);
}

std::string kernel_target() {
  return vector_target();
}

}  // namespace miaudit
