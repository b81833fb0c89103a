#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>

#include "cli/options.h"
#include "cli/verbs.h"
#include "miaudit/attack/attack.h"
#include "miaudit/audit/audit.h"
#include "miaudit/io/formats.h"
#include "miaudit/metric/interval.h"

namespace miaudit::cli {
namespace {

struct Arguments {
  std::string members, nonmembers, evaluate, out, truth, scores;
  std::string member_labels, nonmember_labels, evaluate_labels;
  RecordOptions reading;
  PredictPlan plan;
};

std::string accuracy(const Prediction& prediction, const std::vector<int8_t>& truth, const std::string& path) {
  if (truth.size() != prediction.membership.size())
    fail(Category::input, "{} holds {} but --evaluate {}; both must list the same records", path,
         counted(truth.size(), "membership"), counted(prediction.membership.size(), "record"));
  uint64_t right[2] = {0, 0};
  uint64_t count[2] = {0, 0};
  for (size_t i = 0; i < truth.size(); ++i) {
    if (truth[i] < 0) continue;
    ++count[truth[i]];
    right[truth[i]] += prediction.membership[i] == static_cast<uint8_t>(truth[i]);
  }
  const auto line = [](const char* what, uint64_t k, uint64_t n) {
    const Estimate share = proportion_estimate(k, n, 0.95);
    return n == 0 ? fmt::format("{}: none with known truth\n", what)
                  : fmt::format("{}: {:.4f} [{:.4f}, {:.4f}] ({} of {})\n", what, *share.value, *share.low, *share.high,
                                grouped(k), grouped(n));
  };
  return line("accuracy", right[0] + right[1], count[0] + count[1]) + line("  on members", right[1], count[1]) +
         line("  on non-members", right[0], count[0]);
}

std::string rule_text(const Prediction& prediction, const PredictPlan& plan) {
  if (std::isfinite(prediction.threshold))
    return fmt::format("score >= {:.10g} says member ({})", prediction.threshold, prediction.rule);
  return fmt::format(
      "nobody is called a member: so many known non-members share the highest score that no threshold\n"
      "  keeps the FPR at {} or below",
      plan.fpr);
}

// What is written must not take the place of what was given, nor of each other.
void check_targets(const Arguments& a) {
  // Before one of the two is written in vain.
  for (const std::string& target : {a.out, a.scores}) {
    if (target.empty()) continue;
    std::error_code error;
    const std::filesystem::path folder = std::filesystem::absolute(target).parent_path();
    if (!std::filesystem::is_directory(folder, error))
      fail(Category::io, "cannot write {}: {} is no folder", target, folder.string());
  }
  if (a.out == a.scores) fail(Category::config, "--out and --scores both name {}; give each a file of its own", a.out);
  for (const std::string& target : {a.out, a.scores})
    for (const std::string& input :
         {a.members, a.nonmembers, a.evaluate, a.truth, a.member_labels, a.nonmember_labels, a.evaluate_labels}) {
      std::error_code missing;
      if (!target.empty() && !input.empty() && std::filesystem::equivalent(target, input, missing))
        fail(Category::config, "{} is both read and to be written; name another file for the result", target);
    }
}

void run(const Arguments& a, Shell& shell) {
  const Context context = shell.context();
  check_predict(a.plan);
  check_targets(a);
  if (a.member_labels.empty() != a.nonmember_labels.empty() || a.member_labels.empty() != a.evaluate_labels.empty())
    fail(Category::config, "--member-labels, --nonmember-labels and --evaluate-labels go together");
  RecordPaths paths;
  paths.outputs = {a.members, a.nonmembers};
  if (!a.member_labels.empty()) paths.labels = {a.member_labels, a.nonmember_labels};
  const Records known = read_records(paths, a.reading, context);

  const LoadedOutputs evaluate = read_outputs({a.evaluate}, a.reading, context);
  shell.clear_progress();
  // Before anything is refused on account of what they tell.
  for (const std::vector<Warning>* warnings : {&known.warnings, &evaluate.warnings})
    for (const Warning& warning : *warnings)
      fmt::print(stderr, "warning: {}. Advice: {}.\n", warning.message, warning.advice);
  std::vector<FileRecord> files;
  std::vector<int32_t> labels;
  if (!a.evaluate_labels.empty()) labels = read_labels(a.evaluate_labels, evaluate.rows, evaluate.outputs, files);
  std::vector<int8_t> truth;
  if (!a.truth.empty()) truth = read_membership(a.truth, files);

  const Prediction prediction = predict(known, evaluate.outputs, labels, a.plan, context);
  const std::string verdict = a.truth.empty() ? std::string() : accuracy(prediction, truth, a.truth);
  const size_t rows = prediction.membership.size();
  write_npy(a.out, Array::from(prediction.membership, {rows}));
  if (!a.scores.empty()) write_npy(a.scores, Array::from(prediction.scores, {rows}));

  shell.clear_progress();
  const auto said = std::count(prediction.membership.begin(), prediction.membership.end(), uint8_t{1});
  print(
      fmt::format("{}: {}\n"
                  "  mean score of known members {:.10g}, of known non-members {:.10g}\n"
                  "called members: {} of {}; written to {} as uint8\n{}",
                  a.plan.attack, rule_text(prediction, a.plan), prediction.member_mean, prediction.nonmember_mean,
                  grouped(static_cast<uint64_t>(said)), counted(rows, "record"), a.out, verdict));
}

}  // namespace

void add_predict(CLI::App& app, Shell& shell) {
  CLI::App* verb = app.add_subcommand("predict", "Call each of some records member (1) or non-member (0)");
  verb->footer("Example: miaudit predict --members in.npy --nonmembers out.npy --evaluate who.npy --out result.npy");
  auto a = std::make_shared<Arguments>();
  verb->add_option("--members", a->members, "Outputs for known members")->type_name(kFileType)->required();
  verb->add_option("--nonmembers", a->nonmembers, "Outputs for known non-members")->type_name(kFileType)->required();
  verb->add_option("--evaluate", a->evaluate, "Outputs for the records to decide")->type_name(kFileType)->required();
  verb->add_option("--out", a->out, "Result: uint8 .npy, 0 or 1 for each record, in order")
      ->type_name(kFileType)
      ->required();
  verb->add_option("--attack", a->plan.attack, "Attack that decides (`miaudit list attacks`)")->type_name(kAttackType);
  verb->add_option("--fpr", a->plan.fpr,
                   "Call members as many as keep the known non-members' false positive rate at most this; 0: the "
                   "attack's own rule")
      ->check(share(0, "a share above 0 and below 1 (by 1e-12 at least), or 0 for the attack's own rule"))
      ->type_name("FLOAT:0 to below 1");
  verb->add_option("--truth", a->truth, "True membership of the records to decide; prints the accuracy")
      ->type_name(kFileType);
  verb->add_option("--scores", a->scores, "Write the scores here as well, float64 .npy")->type_name(kFileType);
  verb->add_option("--member-labels", a->member_labels, "True classes of the members, 0 to classes-1")
      ->type_name(kFileType);
  verb->add_option("--nonmember-labels", a->nonmember_labels, "True classes of the non-members")->type_name(kFileType);
  verb->add_option("--evaluate-labels", a->evaluate_labels, "True classes of the records to decide")
      ->type_name(kFileType);
  add_input_option(*verb, a->reading);  // nothing is dropped: the result lists every record in order
  a->reading.on_nonfinite = OnNonfinite::never_drop;
  add_attack_parameters(*verb, a->plan.parameters, [](const AttackRow& row) { return row.needs_one_model_alone(); });
  add_common_options(*verb, shell);
  verb->callback([a, &shell] { run(*a, shell); });
}

}  // namespace miaudit::cli
