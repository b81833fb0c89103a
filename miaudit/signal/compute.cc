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
  const size_t record = row / job.outputs.queries;
  const int32_t y = job.labels.empty() ? 0 : job.labels[record];
  if (y < 0 || static_cast<size_t>(y) >= job.outputs.classes)
    fail(Category::internal, "record {} has the label {}, outside 0 … {}", job.first_sample + record, y,
         job.outputs.classes - 1);
  const double value = evaluate_row(job.function, values, static_cast<size_t>(y));
  if (std::isnan(value)) fail_constant(job, row);
  return value;
}

/// Rows of records [begin, end) by vectors. A single column is first widened to two classes.
RowOutcome evaluate_vectors(const PartJob& job, size_t begin, size_t end, std::span<double> out) {
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
  return evaluate_rows(job.function, block, out.data());
}

void evaluate_block(const PartJob& job, size_t begin, size_t end, std::span<double> out) {
  RowOutcome outcome = RowOutcome::bad_label;
  if (job.kernels == Kernels::best) outcome = evaluate_vectors(job, begin, end, out);
  if (outcome == RowOutcome::settled) return;
  std::vector<double> row(job.outputs.classes);
  for (size_t r = 0; r < out.size(); ++r)
    if (outcome == RowOutcome::bad_label || !std::isfinite(out[r]))
      out[r] = evaluate_scalar(job, begin * job.outputs.queries + r, row);
}

void compute_part(const PartJob& job, std::span<double> out, const Context& context) {
  const size_t queries = job.outputs.queries;
  constexpr size_t kBlockValues = 1 << 18;
  const size_t block = std::max<size_t>(1, kBlockValues / (job.outputs.classes * queries));
  parallel_blocks(job.part.samples(), block, context, [&](size_t begin, size_t end) {
    evaluate_block(job, begin, end, out.subspan(begin * queries, (end - begin) * queries));
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
