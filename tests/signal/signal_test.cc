#include "miaudit/signal/signal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "miaudit/base/rng.h"
#include "miaudit/signal/scalar.h"

namespace miaudit {
namespace {

struct GoldenRow {
  OutputForm form;
  ElementType type;
  std::vector<double> values;
  int32_t label;
  std::vector<double> expected;  // in the order of kGoldenSignals
};
constexpr std::string_view kGoldenSignals[] = {"loss",   "confidence", "max_probability",  "rescaled_logit",
                                               "margin", "entropy",    "modified_entropy", "taylor_confidence"};
struct GoldenSpread {
  size_t classes;
  int64_t seed;
  double expected;
};
#include "tests/signal/golden_values.inc"

Array array_of(ElementType type, const std::vector<double>& values, std::vector<size_t> shape) {
  if (type == ElementType::float64) return Array::from(values, std::move(shape));
  if (type == ElementType::float32)
    return Array::from(std::vector<float>(values.begin(), values.end()), std::move(shape));
  std::vector<Half> halves;
  for (const double value : values) halves.push_back(to_half(value));
  return Array::from(std::move(halves), std::move(shape));
}

/// One part of [samples][queries][columns].
Outputs outputs_of(ElementType type, const std::vector<double>& values, size_t queries, size_t columns,
                   OutputForm form = OutputForm::logits) {
  Outputs outputs;
  outputs.samples = values.size() / (queries * columns);
  outputs.queries = queries;
  outputs.columns = columns;
  outputs.classes = std::max<size_t>(columns, 2);
  outputs.form = form;
  outputs.parts.push_back({array_of(type, values, {outputs.samples, queries, columns}), "a.npy"});
  return outputs;
}

std::vector<double> compute(std::string_view name, const Outputs& outputs, const std::vector<int32_t>& labels,
                            Kernels kernels = Kernels::best, int threads = 1) {
  Context context;
  context.threads = threads;
  std::vector<double> out(outputs.samples * outputs.queries, -1);
  const SignalRow& signal = find_signal(name);
  compute_signal(signal, outputs, signal.needs_labels ? labels : std::vector<int32_t>(), out, context, kernels);
  return out;
}

std::vector<double> random_values(size_t count, uint64_t seed, double scale = 4) {
  Rng rng(seed);
  std::vector<double> values(count);
  for (double& value : values) value = static_cast<double>(static_cast<float>(scale * rng.normal()));
  return values;
}
std::vector<int32_t> random_labels(size_t count, size_t classes) {
  Rng rng(99);
  std::vector<int32_t> labels(count);
  for (int32_t& label : labels) label = static_cast<int32_t>(rng.below(classes));
  return labels;
}

TEST(SignalTable, OrderIsThatOfTheRowFunctions) {
  // compute_signal takes a row's place for its function.
  const std::pair<std::string_view, RowFunction> pairs[] = {{"loss", RowFunction::loss},
                                                            {"confidence", RowFunction::confidence},
                                                            {"max_probability", RowFunction::max_probability},
                                                            {"rescaled_logit", RowFunction::rescaled_logit},
                                                            {"margin", RowFunction::margin},
                                                            {"entropy", RowFunction::entropy},
                                                            {"modified_entropy", RowFunction::modified_entropy},
                                                            {"correctness", RowFunction::correctness},
                                                            {"spread", RowFunction::spread},
                                                            {"taylor_confidence", RowFunction::taylor_confidence}};
  ASSERT_EQ(signal_table().size(), std::size(pairs));
  for (const auto& [name, function] : pairs) EXPECT_EQ(signal_table()[static_cast<size_t>(function)].name, name);
}

TEST(SignalTable, NamesTheNearest) {
  try {
    find_signal("entropi");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::config);
    EXPECT_NE(std::string(error.what()).find("did you mean 'entropy'"), std::string::npos) << error.what();
  }
}

TEST(Signal, GoldenValues) {
  for (const GoldenRow& row : kGoldenRows) {
    // Enough copies of the row for the vector kernels to run.
    constexpr size_t kCopies = 19;
    std::vector<double> values;
    for (size_t i = 0; i < kCopies; ++i) values.insert(values.end(), row.values.begin(), row.values.end());
    const Outputs outputs = outputs_of(row.type, values, 1, row.values.size(), row.form);
    for (const Kernels kernels : {Kernels::best, Kernels::scalar}) {
      for (size_t s = 0; s < std::size(kGoldenSignals); ++s) {
        for (const double value :
             compute(kGoldenSignals[s], outputs, std::vector<int32_t>(kCopies, row.label), kernels)) {
          const double floor = kGoldenSignals[s] == "rescaled_logit" || kGoldenSignals[s] == "margin" ? 1 : 0;
          EXPECT_NEAR(value, row.expected[s], 1e-13 * std::max(std::abs(row.expected[s]), floor))
              << kGoldenSignals[s] << " of golden row " << &row - kGoldenRows;
        }
      }
    }
  }
}

TEST(Signal, SpreadIsNumPysToTheLastBit) {
  for (const GoldenSpread& golden : kGoldenSpreads) {
    std::vector<double> row;
    for (int64_t k = 0; k < static_cast<int64_t>(golden.classes); ++k)
      row.push_back(static_cast<double>((k * k * 7919 + 104729 * k + 13 * golden.seed) % 10007) / 997.0 - 5);
    std::vector<double> values;
    for (int i = 0; i < 9; ++i) values.insert(values.end(), row.begin(), row.end());
    const Outputs outputs = outputs_of(ElementType::float64, values, 1, golden.classes);
    for (const Kernels kernels : {Kernels::best, Kernels::scalar}) {
      for (const double value : compute("spread", outputs, {}, kernels)) EXPECT_EQ(value, golden.expected);
    }
  }
}

TEST(Signal, ThreadsDoNotChangeABit) {
  const size_t samples = 70001;
  const Outputs outputs = outputs_of(ElementType::float32, random_values(samples * 10, 1), 1, 10);
  const std::vector<int32_t> labels = random_labels(samples, 10);
  for (const SignalRow& signal : signal_table()) {
    EXPECT_EQ(compute(signal.name, outputs, labels, Kernels::best, 1),
              compute(signal.name, outputs, labels, Kernels::best, 5));
  }
}

TEST(Signal, PartsAndQueriesAreOneArray) {
  const size_t samples = 40, queries = 3, columns = 5;
  const std::vector<double> values = random_values(samples * queries * columns, 2);
  const std::vector<int32_t> labels = random_labels(samples, columns);
  Outputs whole = outputs_of(ElementType::float32, values, queries, columns), parts = whole;
  parts.parts.clear();
  // Parts of other types than each other, down to one record.
  size_t begin = 0;
  for (const auto& [end, type] : {std::pair<size_t, ElementType>{17, ElementType::float32},
                                  {18, ElementType::float64},
                                  {40, ElementType::float64}}) {
    const auto at = [&](size_t sample) {
      return values.begin() + static_cast<std::ptrdiff_t>(sample * queries * columns);
    };
    parts.parts.push_back({array_of(type, {at(begin), at(end)}, {end - begin, queries, columns}), "part"});
    begin = end;
  }
  for (const SignalRow& signal : signal_table()) {
    const std::vector<double> one = compute(signal.name, whole, labels), many = compute(signal.name, parts, labels);
    for (size_t r = 0; r < one.size(); ++r) {
      ASSERT_NEAR(one[r], many[r], 1e-14 * std::max(1.0, std::abs(one[r])));
      const std::span<const double> row(&values[r * columns], columns);
      const double expected = evaluate_row(static_cast<RowFunction>(&signal - signal_table().data()), row,
                                           static_cast<size_t>(labels[r / queries]));
      ASSERT_NEAR(one[r], expected, 1e-13 * std::max(1.0, std::abs(expected))) << signal.name;
    }
  }
}

TEST(Signal, FormsOfOneModelAgree) {
  const size_t samples = 50, classes = 7;
  const std::vector<double> logits = random_values(samples * classes, 3, 2);
  std::vector<double> probabilities(logits), logs(logits);
  for (size_t i = 0; i < samples; ++i) {
    double total = 0;
    for (size_t k = 0; k < classes; ++k) total += std::exp(logits[i * classes + k]);
    for (size_t k = 0; k < classes; ++k) {
      logs[i * classes + k] = logits[i * classes + k] - std::log(total);
      // Rows that sum to 1.0005, as far as rounded outputs go, are renormalised.
      probabilities[i * classes + k] = 1.0005 * std::exp(logits[i * classes + k]) / total;
    }
  }
  const std::vector<int32_t> labels = random_labels(samples, classes);
  for (const std::string_view name : {"loss", "confidence", "max_probability", "rescaled_logit", "margin", "entropy",
                                      "modified_entropy", "correctness"}) {
    const auto expected = compute(name, outputs_of(ElementType::float64, logits, 1, classes), labels);
    const auto from_p =
        compute(name, outputs_of(ElementType::float64, probabilities, 1, classes, OutputForm::probabilities), labels);
    const auto from_logs =
        compute(name, outputs_of(ElementType::float64, logs, 1, classes, OutputForm::log_probabilities), labels);
    for (size_t i = 0; i < samples; ++i) {
      EXPECT_NEAR(from_p[i], expected[i], 1e-12) << name;
      EXPECT_NEAR(from_logs[i], expected[i], 1e-12) << name;
    }
  }
}

TEST(Signal, OneColumnIsTwoClasses) {
  const std::vector<double> logits = {-3, -0.5, 0, 0.25, 8, 40, -40, 2, 1.5};
  const std::vector<int32_t> labels = {0, 1, 0, 1, 1, 1, 1, 0, 0};
  std::vector<double> pairs;
  for (const double z : logits) pairs.insert(pairs.end(), {0, z});
  for (const SignalRow& signal : signal_table()) {
    if (signal.name == "spread") continue;
    EXPECT_EQ(compute(signal.name, outputs_of(ElementType::float32, logits, 1, 1), labels),
              compute(signal.name, outputs_of(ElementType::float32, pairs, 1, 2), labels))
        << signal.name;
  }
  // A probability of exactly one half: a tie, which goes to class 0, and a margin of exactly 0.
  const Outputs half = outputs_of(ElementType::float32, {0.5, 0.5}, 1, 1, OutputForm::probabilities);
  EXPECT_EQ(compute("correctness", half, {0, 1}), (std::vector<double>{1, 0}));
  EXPECT_EQ(compute("margin", half, {0, 1}), (std::vector<double>{0, 0}));
  try {
    compute("spread", half, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::numeric);
  }
}

TEST(Signal, ConstantRowIsNamed) {
  std::vector<double> values = random_values(60, 4);
  for (size_t k = 0; k < 3; ++k) values[14 * 3 + k] = 2;
  Outputs outputs = outputs_of(ElementType::float64, {values.begin(), values.begin() + 30}, 1, 3);
  outputs.parts.push_back({array_of(ElementType::float64, {values.begin() + 30, values.end()}, {10, 1, 3}), "b.npy"});
  outputs.samples = 20;
  for (const Kernels kernels : {Kernels::best, Kernels::scalar}) {
    try {
      compute("spread", outputs, {}, kernels);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.category(), Category::numeric);
      EXPECT_NE(std::string(error.what()).find("b.npy: row 4 "), std::string::npos) << error.what();
    }
  }
}

TEST(Signal, SignsOfInconsistencyAreInternalErrors) {
  const Outputs outputs = outputs_of(ElementType::float32, random_values(30, 5), 1, 3);
  const auto category = [&](const std::vector<int32_t>& labels, size_t room) {
    std::vector<double> out(room);
    try {
      compute_signal(find_signal("loss"), outputs, labels, out, Context());
    } catch (const Error& error) {
      return error.category();
    }
    return Category::io;
  };
  EXPECT_EQ(category(std::vector<int32_t>(10, 0), 10), Category::io);  // nothing wrong, nothing thrown
  EXPECT_EQ(category(std::vector<int32_t>(9, 0), 10), Category::internal);
  EXPECT_EQ(category(std::vector<int32_t>(10, 0), 9), Category::internal);
  EXPECT_EQ(category(std::vector<int32_t>(10, 3), 10), Category::internal);
  EXPECT_EQ(category(std::vector<int32_t>(10, -1), 10), Category::internal);
}

TEST(Probabilities, AreMeansOverQueriesOfChosenRecords) {
  const std::vector<double> p = {0.75, 0.25, 0.25, 0.75, 1, 0, 0.5, 0.5, 0.125, 0.875, 0.375, 0.625};
  Outputs outputs = outputs_of(ElementType::float32, {p.begin(), p.begin() + 4}, 2, 2, OutputForm::probabilities);
  outputs.parts.push_back({array_of(ElementType::float64, {p.begin() + 4, p.end()}, {2, 2, 2}), "b.npy"});
  outputs.samples = 3;
  const std::vector<uint32_t> records = {2, 0, 1, 2};
  std::vector<float> out(8);
  compute_probabilities(outputs, records, {out.data(), 4, 2}, Context());
  const std::vector<float> expected = {0.25f, 0.75f, 0.5f, 0.5f, 0.75f, 0.25f, 0.25f, 0.75f};
  for (size_t i = 0; i < 8; ++i) EXPECT_FLOAT_EQ(out[i], expected[i]);
}

}  // namespace
}  // namespace miaudit
