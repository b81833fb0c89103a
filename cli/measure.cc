#include "miaudit/audit/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/audit_request.h"
#include "cli/verbs.h"
#include "miaudit/audit/checks.h"
#include "miaudit/data/records.h"
#include "miaudit/metric/interval.h"
#include "miaudit/report/report.h"

namespace miaudit::cli {
namespace {

struct Arguments {
  std::string scores, membership, against, groups;
  MeasureOptions measure;
  GateTexts gates;
  bool json = false;
};

Comparison compare(const PairedScores& pair, const MeasureOptions& options, const Context& context) {
  constexpr uint32_t kReplicates = 2000;
  const uint32_t replicates = options.bootstrap ? options.bootstrap : kReplicates;
  Comparison comparison;
  comparison.auc_difference = auc_difference(pair, options.level, context);
  const auto nonmembers = static_cast<uint64_t>(std::ranges::count(pair.membership, 0));
  for (const double fpr : options.fprs) {
    if (nonmembers < nonmembers_for(fpr)) {
      comparison.tpr_difference.push_back({fpr, Estimate{{}, {}, {}, options.level, "too_few_nonmembers"}, {}, {}});
      continue;
    }
    const RocStatistic tpr = [fpr](const SortedScores& s) {
      return static_cast<double>(point_at_fpr(s, fpr).true_positives) / static_cast<double>(s.members.size());
    };
    comparison.tpr_difference.push_back(
        {fpr, statistic_difference(pair, tpr, options.level, replicates, options.seed, context), {}, {}});
  }
  return comparison;
}

void add_files(AuditResult& result, const std::vector<FileRecord>& files) {
  for (const FileRecord& file : files)
    result.files.push_back(
        {file.role, file.path, file.element_type, {file.shape.begin(), file.shape.end()}, file.hash});
}

int run(Arguments a, Shell& shell) {
  const Context context = shell.context();
  const std::vector<Gate> gates = parse_gates(a.gates, a.measure);
  check_measure(a.measure);
  std::vector<FileRecord> files;
  const std::vector<int8_t> membership = read_membership(a.membership, files);
  const std::vector<double> scores = read_scores(a.scores, files, membership);
  const auto check_rows = [&](const std::string& path, size_t rows) {
    if (rows != scores.size())
      fail(Category::input, "{} holds {} but {} {}; both must list the same records in the same order", path,
           counted(rows, "row"), a.scores, grouped(scores.size()));
  };
  check_rows(a.membership, membership.size());
  std::vector<int64_t> groups;
  if (!a.groups.empty()) {
    groups = read_groups(a.groups, scores.size(), files);
    check_rows(a.groups, groups.size());
  }
  AuditResult result = measure_scores({scores, membership, groups}, a.measure, context);
  if (!a.against.empty()) {
    const std::vector<double> other = read_scores(a.against, files, membership);
    check_rows(a.against, other.size());
    result.comparison = compare({scores, other, membership, groups}, a.measure, context);
    if (result.comparison->auc_difference.method == "same_scores")
      result.warnings.push_back(
          {"same_scores", fmt::format("{} and {} hold the same scores of all known records", a.scores, a.against),
           "give two scores that differ"});
  }
  add_files(result, files);
  const int exit_code = judge_gates(gates, result);
  shell.clear_progress();
  print(a.json ? to_json(result) : to_terminal(result));
  return exit_code;
}

}  // namespace

void add_measure(CLI::App& app, Shell& shell) {
  CLI::App* verb = app.add_subcommand("measure", "Metrics of anybody's scores, with intervals");
  verb->footer("Example: miaudit measure scores.npy membership.npy --against other_scores.npy");
  auto a = std::make_shared<Arguments>();
  verb->add_option("scores", a->scores,
                   "One finite score a record (NaN where membership is unknown); higher = more likely a member")
      ->type_name(kFileType)
      ->required();
  verb->add_option("membership", a->membership, "1 member, 0 non-member; int8 may hold -1 for unknown")
      ->type_name(kFileType)
      ->required();
  verb->add_option("--against", a->against, "Other scores of the same records: their difference, paired")
      ->type_name(kFileType);
  verb->add_option("--groups", a->groups, "The person (or other unit) of each record; intervals then respect it")
      ->type_name(kFileType);
  add_measure_options(*verb, a->measure);
  verb->add_flag("--json", a->json, "Print JSON in place of the table");
  add_gate_options(*verb, a->gates, "scores");
  add_common_options(*verb, shell);
  verb->callback([a, &shell] { shell.exit_code = run(*a, shell); });
}

}  // namespace miaudit::cli
