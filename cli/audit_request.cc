#include "cli/audit_request.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>

#include "cli/audit_steps.h"
#include "cli/report_folder.h"
#include "cli/shell.h"
#include "miaudit/audit/audit.h"
#include "miaudit/audit/targets.h"
#include "miaudit/data/model_status.h"
#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/report/records_csv.h"
#include "miaudit/report/report.h"

namespace miaudit::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kGateExceeded = 3;

// One score an input row, NaN for rows that were dropped, so that scores line up with the user's files.
void write_scores(const fs::path& path, std::span<const double> scores, const Records& records) {
  std::vector<double> by_row(records.input_rows, std::numeric_limits<double>::quiet_NaN());
  for (size_t i = 0; i < scores.size(); ++i) by_row[records.row(i)] = scores[i];
  write_npy(path, Array::from(std::move(by_row), {records.input_rows}));
}

/// Columns of some of the records.
struct Kept {
  std::vector<uint64_t> rows;
  std::vector<std::string> ids;
  std::vector<int8_t> membership;
  std::vector<int32_t> labels;
  std::vector<std::string> groups;
};

Kept columns_of(const Records& records, const std::vector<size_t>& which) {
  Kept kept;
  for (const size_t i : which) {
    kept.rows.push_back(records.row(i));
    kept.membership.push_back(records.membership[i]);
    if (!records.ids.empty()) kept.ids.push_back(records.ids[i]);
    if (!records.labels.empty()) kept.labels.push_back(records.labels[i]);
    if (!records.groups.empty()) kept.groups.push_back(records.group_names[static_cast<size_t>(records.groups[i])]);
  }
  return kept;
}

/// One line for each record that the audit is about (`audited`: 1; empty for all).
void write_records(const ReportFolder& folder, const Records& records, std::span<const uint8_t> audited,
                   const AuditResult& result, bool show_values) {
  std::vector<size_t> which;
  for (size_t i = 0; i < records.size(); ++i)
    if (audited.empty() || audited[i]) which.push_back(i);
  const Kept kept = columns_of(records, which);
  RecordColumns columns;
  columns.rows = kept.rows;
  columns.ids = kept.ids;
  columns.membership = kept.membership;
  columns.labels = kept.labels;
  columns.groups = kept.groups;
  size_t order_by = 0;
  std::vector<std::vector<double>> all(result.attacks.size());
  for (size_t a = 0; a < all.size(); ++a) {
    const std::string& name = result.attacks[a].name;
    if (name == result.headline->auc.attack) order_by = a;
    const Array by_row = read_npy(folder.scores(name));
    for (const uint64_t row : kept.rows) all[a].push_back(by_row.as<double>()[row]);
    columns.attacks.push_back(name);
    columns.scores.emplace_back(all[a]);
  }
  if (show_values) {
    columns.outputs = records.outputs.queries * records.outputs.columns;
    columns.output = [&records, &which, width = columns.outputs](size_t line, size_t value) {
      size_t record = which[line];
      for (const OutputsPart& part : records.outputs.parts) {
        if (record >= part.samples()) {
          record -= part.samples();
          continue;
        }
        return with_element_type(part.values.type(), [&]<class T>() -> double {
          const T stored = part.values.as<T>()[record * width + value];
          if constexpr (std::is_same_v<T, Half>) {
            return to_double(stored);
          } else {
            return static_cast<double>(stored);
          }
        });
      }
      fail(Category::internal, "record {} past the last part", record);
    };
  }
  write_records_csv(folder.records(), columns, order_by);
}

}  // namespace

std::vector<Gate> parse_gates(const GateTexts& texts, MeasureOptions& measure) {
  std::vector<Gate> gates;
  for (const std::string& text : texts.fail_if) gates.push_back(parse_gate(Gate::Kind::fail_if, text));
  for (const std::string& text : texts.fail_unless) gates.push_back(parse_gate(Gate::Kind::fail_unless, text));
  for (const Gate& gate : gates)
    if (gate.metric == Gate::Metric::tpr &&
        std::find(measure.fprs.begin(), measure.fprs.end(), gate.fpr) == measure.fprs.end())
      measure.fprs.push_back(gate.fpr);
  return gates;
}

int judge_gates(const std::vector<Gate>& gates, AuditResult& result) {
  int exit_code = 0;
  for (const Gate& gate : gates) {
    result.gates.push_back(judge(gate, result));
    if (result.gates.back().failed) exit_code = kGateExceeded;
  }
  return exit_code;
}

namespace {

/// Scores of every target, one row a model.
void write_target_scores(const fs::path& path, std::span<const double> scores, size_t targets) {
  const size_t records = scores.size() / targets;
  std::vector<double> values(scores.begin(), scores.end());
  write_npy(path, Array::from(std::move(values),
                              targets > 1 ? std::vector<size_t>{targets, records} : std::vector<size_t>{records}));
}

int finish(const AuditRequest& request, const std::vector<Gate>& gates, AuditResult& result, const ReportFolder& folder,
           const std::string& what, const std::function<void()>& write_more, Shell& shell) {
  const int exit_code = judge_gates(gates, result);
  if (folder.is_wanted()) {
    write_more();
    write_file(folder.result(), to_json(result));
    folder.publish();
  }
  shell.clear_progress();
  print(request.json ? to_json(result) : to_terminal(result));
  if (folder.is_wanted() && !request.json)
    print(fmt::format("\nWritten to {}:\n{}.\nThey say who was in the training set: keep them as safe as the data.\n",
                      request.out, what));
  return exit_code;
}

/// records: what was read of a single target, for records.csv.
int audit_models(const AuditRequest& request, const Models& models, const std::vector<size_t>& targets,
                 const Records& records, const AuditPlan& plan, const std::vector<Gate>& gates, Shell& shell) {
  if (request.show_records && targets.size() > 1)
    fail(Category::config, "--show-records shows one model's outputs; give --target as well");
  const ReportFolder folder(request.out);
  ScoreSink sink;
  if (folder.is_wanted())
    sink = [&](const std::string& attack, std::span<const double> scores) {
      write_target_scores(folder.scores(attack), scores, targets.size());
    };
  AuditResult result = audit(models, targets, records.groups, plan, shell.context(), sink);
  name_records(records, result);
  if (targets.size() > 1)
    return finish(
        request, gates, result, folder, "result.json, records.csv (most exposed first) and scores/ (one row a model)",
        [&] { write_exposure_csv(folder.records(), *result.exposure, models.labels); }, shell);
  return finish(
      request, gates, result, folder, "result.json, records.csv (most exposed first) and scores/",
      [&] { write_records(folder, records, models.audited, result, request.show_records); }, shell);
}

}  // namespace

int run_audit(const AuditRequest& request, Shell& shell) {
  AuditPlan plan = request.plan;
  const std::vector<Gate> gates = parse_gates(request.gates, plan.measure);
  check_plan(plan);
  if (const std::vector<std::string> unused = unused_parameters(plan); !unused.empty())
    fmt::print(stderr, "not used, since --attacks leaves out what takes it: {}\n", fmt::join(unused, ", "));
  if (request.show_records && request.out.empty())
    fail(Category::config, "--show-records puts outputs into records.csv; give --out as well");
  const Context context = shell.context();
  if (!request.run.empty()) {
    const Run run = read_run(request.run);
    if (request.shard) return run_shard(request, run, shell);
    if (request.fit) return run_fit(request, run, shell);
    auto [models, targets] = read_run_models(request, run, context);
    if (!models.has_outputs() && request.show_records)
      fail(Category::config, "{} holds signals and no outputs; leave --show-records out", request.run);
    if (!request.paths.features.empty()) {
      Features features = read_features(request.paths.features, run.records, models.files);
      models.features = std::move(features.values);
      models.feature_columns = features.columns;
    }
    Records target;
    target.outputs = models.models[targets.front()].outputs;
    target.labels = models.labels;
    target.membership = models.models[targets.front()].membership;
    target.input_rows = models.records();
    read_whose(request.paths, run.records, target, models.files);
    models.warnings.insert(models.warnings.end(), target.warnings.begin(), target.warnings.end());
    return audit_models(request, models, targets, target, plan, gates, shell);
  }
  const Records records = read_records(request.paths, request.reading, context);
  if (!request.references.outputs.empty() || !request.references.population.empty()) {
    const Models models = read_references(records, request.references, request.reading, context);
    return audit_models(request, models, {0}, records, plan, gates, shell);
  }

  const ReportFolder folder(request.out);
  ScoreSink sink;
  if (folder.is_wanted())
    sink = [&](const std::string& attack, std::span<const double> scores) {
      write_scores(folder.scores(attack), scores, records);
    };
  AuditResult result = audit(records, plan, context, sink);
  return finish(
      request, gates, result, folder, "result.json, records.csv (most exposed first) and scores/",
      [&] { write_records(folder, records, {}, result, request.show_records); }, shell);
}

}  // namespace miaudit::cli
