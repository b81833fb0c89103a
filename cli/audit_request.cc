#include "cli/audit_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "miaudit/audit/audit.h"
#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/report/records_csv.h"
#include "miaudit/report/report.h"

namespace miaudit::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kGateExceeded = 3;

// The folder that an audit writes, emptied of an earlier audit's files so that none can pass for this one's.
class ReportFolder {
 public:
  explicit ReportFolder(const std::string& path) : path_(path) {
    if (path_.empty()) return;
    std::error_code ignored;
    if (fs::exists(path_, ignored)) refuse_strangers();
    make_directory(path_ / "scores");
    clear();
  }

  bool is_wanted() const { return !path_.empty(); }
  fs::path result() const { return path_ / "result.json"; }
  fs::path records() const { return path_ / "records.csv"; }
  fs::path scores(const std::string& attack) const { return path_ / "scores" / (attack + ".npy"); }

 private:
  void refuse_strangers() const {
    std::error_code error;
    if (!fs::is_directory(path_, error))
      fail(Category::input, "--out {} is a file; expected a folder, existing or not", path_.string());
    for (const fs::directory_entry& entry : fs::directory_iterator(path_, error)) {
      const std::string name = entry.path().filename().string();
      if (name != "result.json" && name != "records.csv" && name != "scores")
        fail(Category::input, "--out {} already holds {}, which no audit wrote; give a new or empty folder",
             path_.string(), name);
    }
    if (error) fail(Category::io, "cannot read the folder {}: {}", path_.string(), error.message());
  }
  void clear() const {
    std::error_code error;
    fs::remove(result(), error);
    fs::remove(records(), error);
    for (const fs::directory_entry& entry : fs::directory_iterator(path_ / "scores", error))
      if (entry.path().extension() == ".npy") fs::remove(entry.path(), error);
    if (error)
      fail(Category::io, "cannot remove an earlier audit's files from {}: {}", path_.string(), error.message());
  }

  fs::path path_;
};

// One score an input row, NaN for rows that were dropped, so that scores line up with the user's files.
void write_scores(const fs::path& path, std::span<const double> scores, const Records& records) {
  std::vector<double> by_row(records.input_rows, std::numeric_limits<double>::quiet_NaN());
  for (size_t i = 0; i < scores.size(); ++i) by_row[records.row(i)] = scores[i];
  write_npy(path, Array::from(std::move(by_row), {records.input_rows}));
}

void write_records(const ReportFolder& folder, const Records& records, const AuditResult& result, bool show_values) {
  RecordColumns columns;
  columns.rows = records.rows;
  columns.ids = records.ids;
  columns.membership = records.membership;
  columns.labels = records.labels;
  columns.groups = records.groups;
  size_t order_by = 0;
  std::vector<std::vector<double>> all(result.attacks.size());
  for (size_t a = 0; a < all.size(); ++a) {
    const std::string& name = result.attacks[a].name;
    if (name == result.headline->auc.attack) order_by = a;
    const Array by_row = read_npy(folder.scores(name));
    for (size_t i = 0; i < records.size(); ++i) all[a].push_back(by_row.as<double>()[records.row(i)]);
    columns.attacks.push_back(name);
    columns.scores.emplace_back(all[a]);
  }
  if (show_values) {
    columns.outputs = records.outputs.queries * records.outputs.columns;
    columns.output = [&records, width = columns.outputs](size_t record, size_t value) {
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

int run_audit(const AuditRequest& request, Shell& shell) {
  AuditPlan plan = request.plan;
  const std::vector<Gate> gates = parse_gates(request.gates, plan.measure);
  check_plan(plan);
  const Context context = shell.context();
  const Records records = read_records(request.paths, request.reading, context);

  const ReportFolder folder(request.out);
  ScoreSink sink;
  if (folder.is_wanted())
    sink = [&](const std::string& attack, std::span<const double> scores) {
      write_scores(folder.scores(attack), scores, records);
    };
  AuditResult result = audit(records, plan, context, sink);
  const int exit_code = judge_gates(gates, result);
  if (folder.is_wanted()) {
    write_records(folder, records, result, request.show_records);
    write_file(folder.result(), to_json(result));
  }
  shell.clear_progress();
  print(request.json ? to_json(result) : to_terminal(result));
  if (folder.is_wanted() && !request.json)
    print(
        fmt::format("\nWritten to {}:\nresult.json, records.csv (most exposed first) and scores/. "
                    "They say who was in\nthe training set: keep them as safe as the data.\n",
                    request.out));
  return exit_code;
}

}  // namespace miaudit::cli
