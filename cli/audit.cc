#include <charconv>
#include <memory>

#include "cli/audit_request.h"
#include "cli/verbs.h"

namespace miaudit::cli {
namespace {

struct Arguments {
  AuditRequest request;
  std::string members, nonmembers, member_labels, nonmember_labels;
  std::string outputs, labels;
  std::optional<std::string> shard;
  std::optional<uint64_t> memory;
};

Shard parse_shard(const std::string& text) {
  Shard shard;
  const char* const end = text.data() + text.size();
  const auto number = std::from_chars(text.data(), end, shard.number);
  const bool has_slash = number.ec == std::errc() && number.ptr != end && *number.ptr == '/';
  const auto count = has_slash ? std::from_chars(number.ptr + 1, end, shard.count) : number;
  if (!has_slash || count.ec != std::errc() || count.ptr != end || shard.number < 1 || shard.number > shard.count)
    fail(Category::config, "--shard '{}': expected I/N with I from 1 to N, as 3/7", text);
  return shard;
}

/// Of an audit in several steps, only --merge is an audit.
void settle_stage(Arguments& a) {
  AuditRequest& request = a.request;
  const AuditPlan& plan = request.plan;
  if (a.shard) request.shard = parse_shard(*a.shard);
  if (a.shard.has_value() + request.fit + request.merge > 1)
    fail(Category::config,
         "--shard computes signals, --fit what follows from all of them, --shard again scores by that, and --merge "
         "audits; give one of them at a time");
  if (!a.shard && !request.fit) return;
  const RecordPaths& paths = request.paths;
  if (!request.out.empty() || request.json || request.gates.any() || plan.curve || !paths.groups.empty() ||
      !paths.ids.empty() || !paths.features.empty())
    fail(
        Category::config,
        "--shard and --fit make what --merge audits from; give --groups, --ids, --features, --out, --json, --curve and "
        "gates to the audit with --merge");
  if (a.shard && (request.target || plan.attacks != AuditPlan().attacks || !plan.parameters.empty() ||
                  plan.measure != MeasureOptions() || plan.folds != AuditPlan().folds))
    fail(Category::config,
         "--shard makes signals for any audit, and scores as --fit was told to; give --target, attacks, their "
         "parameters and --seed to --fit, and these and all else to the audit with --merge");
}

// The two ways of saying which records are members, as one.
void settle_paths(Arguments& a) {
  RecordPaths& paths = a.request.paths;
  const ReferencePaths& references = a.request.references;
  if (a.memory && a.request.run.empty() && references.outputs.empty())
    fail(Category::config,
         "--memory is what an audit with reference models keeps to, and there are none; leave it out");
  if (a.memory) a.request.plan.memory = *a.memory;
  if (references.outputs.empty() != references.membership.empty())
    fail(Category::config, "--reference-outputs and --reference-membership go together; {} is missing",
         references.outputs.empty() ? "--reference-outputs" : "--reference-membership");
  if (!a.request.run.empty()) {
    const bool has_more = !a.members.empty() || !a.nonmembers.empty() || !a.outputs.empty() || !a.labels.empty() ||
                          !a.member_labels.empty() || !a.nonmember_labels.empty() || !paths.membership.empty() ||
                          !references.outputs.empty() || !references.population.empty();
    if (has_more)
      fail(Category::config,
           "a run folder holds outputs, labels and membership; beside it go --groups, --ids and --features alone");
    settle_stage(a);
    return;
  }
  if (a.shard || a.request.fit || a.request.merge)
    fail(Category::config, "--shard, --fit and --merge go with a run folder; give the folder as well");
  if (a.request.target) fail(Category::config, "--target names a model of a run folder; give the folder as well");
  const bool split = !a.members.empty() || !a.nonmembers.empty();
  const bool joint = !a.outputs.empty() || !paths.membership.empty();
  if (split == joint)
    fail(Category::config, "give a run folder, --members and --nonmembers, or --outputs and --membership: {}",
         split ? "these are two of them" : "this is none of them");
  if (split) {
    if (a.members.empty() || a.nonmembers.empty())
      fail(Category::config, "--members and --nonmembers go together; {} is missing",
           a.members.empty() ? "--members" : "--nonmembers");
    if (a.member_labels.empty() != a.nonmember_labels.empty())
      fail(Category::config, "--member-labels and --nonmember-labels go together; {} is missing",
           a.member_labels.empty() ? "--member-labels" : "--nonmember-labels");
    if (!a.labels.empty())
      fail(Category::config, "--labels goes with --outputs; here give --member-labels and --nonmember-labels");
    paths.outputs = {a.members, a.nonmembers};
    if (!a.member_labels.empty()) paths.labels = {a.member_labels, a.nonmember_labels};
    return;
  }
  if (a.outputs.empty() || paths.membership.empty())
    fail(Category::config, "--outputs and --membership go together; {} is missing",
         a.outputs.empty() ? "--outputs" : "--membership");
  if (!a.member_labels.empty() || !a.nonmember_labels.empty())
    fail(Category::config, "--member-labels and --nonmember-labels go with --members; here give --labels");
  paths.outputs = {a.outputs};
  if (!a.labels.empty()) paths.labels = {a.labels};
}

}  // namespace

void add_audit(CLI::App& app, Shell& shell) {
  CLI::App* verb = app.add_subcommand("audit", "Audit models from their outputs for known members and non-members");
  verb->footer(
      "Files: .npy, .npz (FILE:KEY picks an array), .csv, .idx, .idx.gz. Outputs are (records, classes),\n"
      "(records, queries, classes), or (records,) for a binary model.\n"
      "Examples: miaudit audit --members in.npy --nonmembers out.npy --out report\n"
      "          miaudit audit RUN            (each model of a run folder in turn)");
  auto a = std::make_shared<Arguments>();
  AuditRequest& request = a->request;
  verb->add_option("RUN", request.run, "A run folder: each of its models in turn is the target, others its references")
      ->type_name(kFolderType);
  verb->add_option("--target", request.target, "The one model of the run to audit");
  const char* shards = "A run too large for one machine: every --shard, then --merge, or --fit, --shard, --merge";
  verb->add_option(
          "--shard", a->shard,
          "I/N: store signals of the I-th of N parts of the records in the run, no more; after --fit, scores of "
          "these records")
      ->type_name("I/N")
      ->group(shards);
  verb->add_flag("--fit", request.fit,
                 "Store what follows from all records at once (pooled variances, priors, the population's ratios) of "
                 "attacks by formula, for every --shard to score by")
      ->group(shards);
  verb->add_flag("--merge", request.merge, "Audit the run from the signals, and scores, that all shards stored")
      ->group(shards);
  verb->add_option("--memory", a->memory,
                   "What attacks by formula with reference models keep to: larger signals lie on disk, in $TMPDIR or "
                   "/var/tmp, and of more targets than fit as many are audited. Rows that trees learn from "
                   "(--stacked-rows) come on top")
      ->transform(memory_size())
      ->default_str("2G")
      ->type_name("SIZE")
      ->group(shards);
  verb->add_flag("--curve", request.plan.curve,
                 "Also audit with 2, 4, 8, ... reference models: what a smaller or larger budget finds");
  const char* split = "Outputs in two files";
  verb->add_option("--members", a->members, "Outputs for known members")->type_name(kFileType)->group(split);
  verb->add_option("--nonmembers", a->nonmembers, "Outputs for known non-members")->type_name(kFileType)->group(split);
  verb->add_option("--member-labels", a->member_labels, "True classes of the members, 0 to classes-1")
      ->type_name(kFileType)
      ->group(split);
  verb->add_option("--nonmember-labels", a->nonmember_labels, "True classes of the non-members")
      ->type_name(kFileType)
      ->group(split);
  const char* joint = "Outputs in one file";
  verb->add_option("--outputs", a->outputs, "Outputs for all records")->type_name(kFileType)->group(joint);
  verb->add_option("--labels", a->labels, "True classes, 0 to classes-1")->type_name(kFileType)->group(joint);
  verb->add_option("--membership", request.paths.membership,
                   "1 member, 0 non-member; int8 may hold -1 for unknown (scored, not counted)")
      ->type_name(kFileType)
      ->group(joint);

  const char* others = "Reference models (trained by the auditor on known splits)";
  verb->add_option(
          "--reference-outputs", request.references.outputs,
          "Their outputs for the same records: (models, records[, queries], classes), or a folder of .npy files")
      ->type_name(kFileType)
      ->group(others);
  verb->add_option("--reference-membership", request.references.membership, "Who taught them: (models, records)")
      ->type_name(kFileType)
      ->group(others);
  verb->add_option("--population", request.references.population,
                   "Indices of records known to be in no training set; attacks learn from them, figures leave them out")
      ->type_name(kFileType)
      ->group(others);

  add_record_options(*verb, request.reading);
  verb->add_option("--features", request.paths.features,
                   "What the records hold, or an embedding of it: one row of numbers each, for quantile")
      ->type_name(kFileType);
  verb->add_option("--groups", request.paths.groups,
                   "The person (or other unit) of each record; folds and intervals then respect it")
      ->type_name(kFileType);
  verb->add_option("--ids", request.paths.ids, "Names of the records for records.csv (.csv: the first column)")
      ->type_name(kFileType);
  add_attacks(*verb, request.plan.attacks, "Attacks to run, or all whose needs are met (`miaudit list attacks`)");
  verb->add_option("--folds", request.plan.folds, "Folds of attacks that calibrate on known records")
      ->check(CLI::Range(2, 100));
  add_measure_options(*verb, request.plan.measure);
  verb->add_option("--out", request.out,
                   "Folder for result.json, records.csv and scores/ (readable by its owner alone)")
      ->type_name(kFolderType);
  verb->add_flag("--show-records", request.show_records, "Write the outputs' values into records.csv as well");
  verb->add_flag("--json", request.json, "Print result.json in place of the table");
  add_gate_options(*verb, request.gates, "headline");
  add_attack_parameters(*verb, request.plan.parameters);
  add_common_options(*verb, shell);
  verb->callback([a, &shell] {
    settle_paths(*a);
    shell.exit_code = run_audit(a->request, shell);
  });
}

}  // namespace miaudit::cli
