#include <algorithm>
#include <cmath>

#include "miaudit/attack/reference_scores.h"
#include "miaudit/attack/rows.h"
#include "miaudit/base/rng.h"
#include "miaudit/learn/learners.h"

namespace miaudit {
namespace {

/// Signals that are set beside what reference models say.
constexpr std::string_view kSignals[] = {"rescaled_logit", "loss", "margin", "modified_entropy"};
/// So many views of a target at most.
constexpr size_t kViews = 8;
/// What the trees see of each record: [records][columns].
class FeatureTable {
 public:
  void add(const std::vector<double>& column) { columns_.push_back({column.begin(), column.end()}); }
  size_t columns() const { return columns_.size(); }
  /// Rows without a value that is not a number.
  bool is_whole(size_t record) const {
    return std::ranges::all_of(columns_, [&](const std::vector<float>& c) { return std::isfinite(c[record]); });
  }
  void append(size_t record, std::vector<float>& row) const {
    for (const std::vector<float>& column : columns_) row.push_back(column[record]);
  }

 private:
  std::vector<std::vector<float>> columns_;
};

/// Mean and standard deviation over a side's models, averaged over queries.
struct Spread {
  std::vector<double> mean;
  std::vector<double> deviation;
};
Spread spread_of(const SideMoments& side, size_t samples, size_t queries, const Context& context) {
  return {mean_of(samples, queries, context, [&](size_t k) { return side.mean[k]; }),
          mean_of(samples, queries, context, [&](size_t k) { return std::sqrt(side.variance[k]); })};
}

std::vector<double> combined(size_t size, const auto& value) {
  std::vector<double> column(size);
  for (size_t i = 0; i < size; ++i) column[i] = value(i);
  return column;
}

void add_signal(std::string_view name, bool is_online, const Evidence& evidence, const Context& context,
                FeatureTable& table) {
  const size_t n = evidence.samples;
  const SignalMatrix& target = evidence.signals.signal(name);
  const std::vector<double> value = mean_over_queries(target, 1);
  const Moments& moments = evidence.references->moments(name);
  const double within_out = std::sqrt(totals_of(moments.out, evidence, "OUT").within);
  const Spread out = spread_of(moments.out, n, target.queries, context);
  table.add(value);
  table.add(out.mean);
  table.add(out.deviation);
  table.add(combined(n, [&](size_t i) { return value[i] - out.mean[i]; }));
  table.add(combined(n, [&](size_t i) { return (value[i] - out.mean[i]) / (out.deviation[i] + within_out + 1e-12); }));
  if (!is_online) return;
  const double within_in = std::sqrt(totals_of(moments.in, evidence, "IN").within);
  const Spread in = spread_of(moments.in, n, target.queries, context);
  table.add(in.mean);
  table.add(in.deviation);
  table.add(combined(n, [&](size_t i) { return value[i] - in.mean[i]; }));
  table.add(combined(n, [&](size_t i) { return (value[i] - in.mean[i]) / (in.deviation[i] + within_in + 1e-12); }));
  table.add(combined(n, [&](size_t i) { return in.mean[i] - out.mean[i]; }));
  table.add(combined(
      n, [&](size_t i) { return (value[i] - 0.5 * (in.mean[i] + out.mean[i])) * (in.mean[i] - out.mean[i]); }));
}

FeatureTable features_of(const Evidence& evidence, bool is_online, const Context& context) {
  FeatureTable table;
  for (const std::string_view signal : kSignals) add_signal(signal, is_online, evidence, context, table);
  return table;
}

/// One attack learnt for each fold of the records, from the records of the others.
class Trees final : public Lesson {
 public:
  /// families: of the references that a teacher had.
  Trees(std::vector<std::unique_ptr<BinaryClassifier>> by_fold, std::span<const uint8_t> fold_of, bool is_online,
        size_t families)
      : by_fold_(std::move(by_fold)),
        fold_of_(fold_of.begin(), fold_of.end()),
        is_online_(is_online),
        families_(families) {}

  /// Teachers had fewer families of references than the target has: not their own, nor those of targets that are scored
  /// beside it. So the target is seen as they were, with one set of as many families after the other left out, and what
  /// the trees say is averaged.
  std::vector<double> score(const Evidence& evidence, const Context& context) const override {
    ReferenceSource& references = *evidence.references;
    const size_t families = references.families();
    if (families <= families_) return score_whole(evidence, context);
    const size_t left_out = families - families_;
    const size_t views = std::min(kViews, (families + left_out - 1) / left_out);
    // Without pairs a view may lack what another has of a record.
    std::vector<double> sums(evidence.samples), counts(evidence.samples);
    std::vector<size_t> places(left_out);
    for (size_t v = 0; v < views; ++v) {
      for (size_t k = 0; k < left_out; ++k) places[k] = (v * families / views + k) % families;
      const std::unique_ptr<HeldEvidence> view = references.without(places);
      const std::vector<double> scores = score_whole(view->evidence(), context);
      for (size_t i = 0; i < sums.size(); ++i) {
        if (std::isnan(scores[i])) continue;
        sums[i] += scores[i];
        ++counts[i];
      }
    }
    for (size_t i = 0; i < sums.size(); ++i) sums[i] = counts[i] > 0 ? sums[i] / counts[i] : NAN;
    return sums;
  }

 private:
  std::vector<double> score_whole(const Evidence& evidence, const Context& context) const {
    const FeatureTable table = features_of(evidence, is_online_, context);
    std::vector<double> scores(evidence.samples, NAN);
    parallel_blocks(by_fold_.size(), 1, context, [&](size_t fold, size_t) {
      std::vector<size_t> records;
      std::vector<float> rows;
      for (size_t i = 0; i < evidence.samples; ++i) {
        if (fold_of_[i] != fold || !table.is_whole(i)) continue;
        records.push_back(i);
        table.append(i, rows);
      }
      std::vector<double> margins(records.size());
      by_fold_[fold]->score({rows.data(), records.size(), table.columns()}, margins);
      for (size_t k = 0; k < records.size(); ++k) scores[records[k]] = margins[k];
    });
    return scores;
  }

  std::vector<std::unique_ptr<BinaryClassifier>> by_fold_;
  std::vector<uint8_t> fold_of_;
  bool is_online_;
  size_t families_;
};

constexpr ParameterRow kParameters[] = {
    {"trees", "how many trees", IntegerParameter{200, 1, 10'000}},
    {"learning_rate", "share of each tree's correction that is taken", RealParameter{0.05, 0.001, 1}},
    {"max_leaves", "leaves of a tree at most", IntegerParameter{8, 2, 1024}},
    {"min_leaf_weight", "least sum of weight times p(1-p) in a leaf: 12.5 is 50 undecided rows",
     RealParameter{12.5, 0, 1e6}},
    {"teachers", "reference models in the target's place at most", IntegerParameter{32, 2, 100'000}},
    {"rows", "rows (a record under one of them) that trees are fitted to at most",
     IntegerParameter{400'000, 1000, 1'000'000'000}}};

/// What the trees are fitted to.
struct Rows {
  std::vector<float> features;
  std::vector<uint8_t> labels;
  std::vector<uint8_t> folds;
  size_t columns = 0;
  size_t families = 0;  ///< of references, at most

  /// Those of records of other folds.
  Rows without(size_t fold) const {
    Rows kept;
    kept.columns = columns;
    for (size_t r = 0; r < labels.size(); ++r) {
      if (folds[r] == fold) continue;
      const auto row = features.begin() + static_cast<ptrdiff_t>(r * columns);
      kept.features.insert(kept.features.end(), row, row + static_cast<ptrdiff_t>(columns));
      kept.labels.push_back(labels[r]);
    }
    return kept;
  }
};

Rows rows_of(Teachers& teachers, bool is_online, const Parameters& parameters, const Context& context) {
  const size_t count = std::min(teachers.count(), static_cast<size_t>(parameters.integer("teachers")));
  Rows rows;
  for (size_t t = 0; t < count; ++t) {
    context.report(is_online ? "stacked" : "stacked_offline", t, count);
    // Evenly among all.
    const std::unique_ptr<PseudoTarget> teacher = teachers.teacher(t * teachers.count() / count);
    const Evidence& evidence = teacher->evidence();
    const std::span<const int8_t> membership = teacher->membership();
    if (!evidence.references || evidence.references->models_out() == 0 ||
        (is_online && evidence.references->models_in() == 0))
      fail(Category::numeric,
           "a reference model in the target's place has too few references of its own; train more models");
    const FeatureTable table = features_of(evidence, is_online, context);
    rows.columns = table.columns();
    rows.families = std::max(rows.families, evidence.references->families());
    const double share =
        static_cast<double>(parameters.integer("rows")) / static_cast<double>(count * evidence.samples);
    Rng rng(teachers.seed(), t);
    for (size_t i = 0; i < evidence.samples; ++i) {
      const bool is_drawn = share >= 1 || rng.uniform() < share;
      if (!is_drawn || membership[i] < 0 || !table.is_whole(i)) continue;
      table.append(i, rows.features);
      rows.labels.push_back(static_cast<uint8_t>(membership[i]));
      rows.folds.push_back(teachers.fold_of()[i]);
    }
  }
  return rows;
}

template <bool is_online>
std::unique_ptr<const Lesson> learn(Teachers& teachers, const Parameters& parameters, const Context& context) {
  const Rows rows = rows_of(teachers, is_online, parameters, context);
  const TreesOptions options{.trees = static_cast<int>(parameters.integer("trees")),
                             .learning_rate = parameters.real("learning_rate"),
                             .max_leaves = static_cast<int>(parameters.integer("max_leaves")),
                             .min_leaf_weight = parameters.real("min_leaf_weight")};
  std::vector<std::unique_ptr<BinaryClassifier>> by_fold(static_cast<size_t>(teachers.folds()));
  Context own;
  own.cancelled = context.cancelled;
  parallel_blocks(by_fold.size(), 1, context, [&](size_t fold, size_t) {
    const Rows others = rows.without(fold);
    if (std::ranges::count(others.labels, 1) == 0 || std::ranges::count(others.labels, 0) == 0)
      fail(Category::numeric, "reference models have members or non-members in too few records to learn from");
    by_fold[fold] =
        fit_trees({{others.features.data(), others.labels.size(), others.columns}, others.labels}, options, own);
  });
  return std::make_unique<const Trees>(std::move(by_fold), teachers.fold_of(), is_online, rows.families);
}

}  // namespace

constinit const AttackRow kStackedAttack = {
    .name = "stacked",
    .summary = "Boosted trees on signals of target and references, fitted to references in the target's place.",
    .needs = kNeedInAndOut,
    .parameters = kParameters,
    .citation = "this project",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = learn<true>,
};
constinit const AttackRow kStackedOfflineAttack = {
    .name = "stacked_offline",
    .summary = "As stacked, with models without the record only.",
    .needs = kNeedOut,
    .parameters = kParameters,
    .citation = "this project",
    .decision = DecisionRule::best_balanced_accuracy,
    .run = learn<false>,
    .online = "stacked",
};

}  // namespace miaudit
