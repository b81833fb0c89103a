#include "cli/emit.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <numeric>
#include <regex>

#include "miaudit/base/error.h"
#include "miaudit/base/shell_word.h"
#include "miaudit/io/raw.h"

namespace miaudit::cli {
namespace {

// Slurm's array indices are below its MaxArraySize, 1001 unless the site says otherwise.
constexpr size_t kMostElements = 1000;

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

std::string chunk_option(const EmitOptions& o) {
  return o.chunk > 1 ? fmt::format(" --chunk {}", o.chunk) : "";
}

// Whoever submits again wants the models that were given up tried again.
std::string train_line(const EmitOptions& o, const std::string& index) {
  return fmt::format("miaudit shadow train {} --index {}{} --jobs {} --retry-failed", quoted_word(o.run), index,
                     chunk_option(o), o.cpus);
}

std::string work_line(const EmitOptions& o, const std::string& index) {
  if (o.verb != "audit") return train_line(o, index);
  return fmt::format("miaudit audit {} --shard {}/{} --threads {}", quoted_word(o.run), index, o.shards, o.cpus);
}

// More than an audit keeps to by itself: the system counts the pages of files as well.
std::string memory_of(const EmitOptions& o) {
  if (!o.memory.empty()) return o.memory;
  return o.verb == "audit" ? "3G" : o.least_memory;
}

/// "4h", "1d12h" and "1-12:00:00" as the hours, minutes and seconds that both Slurm and SGE read. A number alone would
/// be minutes to one and seconds to the other.
std::string clock_text(const std::string& time) {
  std::smatch found;
  static const std::regex kUnits("(?:([0-9]{1,4})d)?(?:([0-9]{1,4})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,6})s)?");
  static const std::regex kClock("(?:([0-9]{1,4})-)?([0-9]{1,4}):([0-5][0-9]):([0-5][0-9])");
  uint64_t seconds = 0;
  if (std::regex_match(time, found, kUnits) || std::regex_match(time, found, kClock)) {
    constexpr uint64_t kSeconds[] = {86400, 3600, 60, 1};
    for (size_t k = 0; k < 4; ++k)
      if (found[k + 1].matched) seconds += kSeconds[k] * std::stoull(found[k + 1].str());
  }
  if (seconds == 0)
    fail(Category::config, "--time {}: expected a time such as 4h, 1d12h, 90m, 04:00:00 or 1-12:00:00",
         printable(time));
  return fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

void check_memory_text(const EmitOptions& o) {
  static const std::regex kPattern("[1-9][0-9]{0,8}[KMGT]i?");
  const bool is_binary = o.memory.ends_with("i");
  if (std::regex_match(o.memory, kPattern) && (!is_binary || o.system == "kubernetes")) return;
  fail(Category::config, "--memory {}: expected a number and K, M, G or T, such as 4G", printable(o.memory));
}

// The batch shell alone gets TERM, 30 s ahead of the end: it passes it on and waits again. Exit code 75 is a
// checkpoint: the element goes back into the queue.
std::string slurm(const EmitOptions& o, const std::vector<size_t>& elements) {
  return fmt::format(
      R"(#!/bin/bash
#SBATCH --job-name=miaudit
#SBATCH --array={array}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={cpus}
#SBATCH --mem={memory}
#SBATCH --time={time}
{gpus}#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@30
{train} &
child=$!
trap 'kill -TERM $child' TERM INT
wait $child
code=$?
# A trapped signal ends wait early.
while kill -0 $child 2> /dev/null; do wait $child; code=$?; done
if [ $code = 75 ]; then scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"; fi
exit $code
# {afterwards}
)",
      fmt::arg("afterwards",
               o.verb == "audit"
                   ? fmt::format(
                         "Then: miaudit audit {0} --merge, which names elements that are missing. Or, to have records "
                         "scored by elements too:\n# miaudit audit {0} --fit, this script again, and --merge with the "
                         "options that --fit had",
                         quoted_word(o.run))
                   : fmt::format("What is left afterwards: miaudit shadow status {} --missing --format slurm{}",
                                 quoted_word(o.run), chunk_option(o))),
      fmt::arg("array", ranges_text(elements)), fmt::arg("cpus", o.cpus), fmt::arg("memory", memory_of(o)),
      fmt::arg("time", o.time), fmt::arg("gpus", o.gpus > 0 ? fmt::format("#SBATCH --gpus-per-task={}\n", o.gpus) : ""),
      fmt::arg("train", work_line(o, "\"$SLURM_ARRAY_TASK_ID\"")));
}

std::string sge(const EmitOptions& o, size_t elements) {
  return fmt::format(R"(#!/bin/bash
# Untested template.
#$ -S /bin/bash
#$ -N miaudit
#$ -t 1-{elements}
#$ -pe smp {cpus}
#$ -l h_rt={time},h_vmem={memory}{gpus}
#$ -r y -cwd -notify
trap 'kill -TERM $child' USR1 USR2 TERM
{train} &
child=$!
wait $child
code=$?
while kill -0 $child 2> /dev/null; do wait $child; code=$?; done
# 99 puts the element back into the queue.
if [ $code = 75 ]; then exit 99; fi
exit $code
)",
                     fmt::arg("elements", elements), fmt::arg("cpus", o.cpus), fmt::arg("time", o.time),
                     fmt::arg("gpus", o.gpus > 0 ? fmt::format(",gpu={}", o.gpus) : ""),
                     fmt::arg("memory", memory_of(o)), fmt::arg("train", work_line(o, "$((SGE_TASK_ID - 1))")));
}

std::string htcondor(const EmitOptions& o, size_t elements) {
  return fmt::format(R"(# Untested template.
executable = /bin/sh
arguments = "-c '{train}'"
# 75 is a checkpoint; what failed otherwise would fail again.
retry_until = ExitCode =!= 75
request_cpus = {cpus}
request_memory = {memory}
{gpus}max_retries = 100
success_exit_code = 0
getenv = True
log = miaudit.log
output = miaudit.$(Process).out
error = miaudit.$(Process).err
queue {elements}
)",
                     fmt::arg("train", replaced(replaced(train_line(o, "$(Process)"), "'", "''"), "\"", "\"\"")),
                     fmt::arg("gpus", o.gpus > 0 ? fmt::format("request_gpus = {}\n", o.gpus) : ""),
                     fmt::arg("cpus", o.cpus), fmt::arg("memory", memory_of(o)), fmt::arg("elements", elements));
}

std::string kubernetes(const EmitOptions& o, size_t elements) {
  const std::string line = "exec " + train_line(o, "$JOB_COMPLETION_INDEX");
  if (!is_utf8(line))
    fail(Category::config, "{} is no UTF-8, which YAML must be; give the folder another name", printable(o.run));
  return fmt::format(
      R"(# Untested template. Put your image and the volume that holds the run in.
apiVersion: batch/v1
kind: Job
metadata:
  name: miaudit
spec:
  completionMode: Indexed
  completions: {elements}
  parallelism: {elements}
  backoffLimit: 100
  template:
    spec:
      restartPolicy: OnFailure
      terminationGracePeriodSeconds: 30
      containers:
        - name: train
          image: YOUR-IMAGE-WITH-MIAUDIT
          command: ["/bin/sh", "-c", {train}]
          resources:
            requests: {{cpu: "{cpus}", memory: "{memory}"}}
{gpus})",
      fmt::arg("elements", elements),
      fmt::arg("gpus", o.gpus > 0 ? fmt::format("            limits: {{nvidia.com/gpu: {}}}\n", o.gpus) : ""),
      fmt::arg("train", nlohmann::json(line).dump()), fmt::arg("cpus", o.cpus), fmt::arg("memory", memory_of(o)));
}

}  // namespace

std::vector<size_t> elements_of(const std::vector<size_t>& models, size_t chunk) {
  std::vector<size_t> elements;
  for (const size_t model : models)
    if (elements.empty() || elements.back() != model / chunk) elements.push_back(model / chunk);
  return elements;
}

std::string ranges_text(const std::vector<size_t>& numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size();) {
    size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    if (!text.empty()) text += ",";
    text += last == i ? fmt::format("{}", numbers[i]) : fmt::format("{}-{}", numbers[i], numbers[last]);
    i = last + 1;
  }
  return text;
}

std::string job_script(const EmitOptions& given, size_t models, size_t records, const std::vector<size_t>& missing) {
  EmitOptions options = given;
  options.time = clock_text(given.time);
  if (!given.memory.empty()) check_memory_text(given);
  if (options.verb == "audit") {
    if (options.system != "slurm") fail(Category::config, "--verb audit: expected the system slurm");
    if (options.shards > records)
      fail(Category::config, "--shards {}: the run has {}; give as many shards or fewer", options.shards,
           counted(records, "record"));
    std::vector<size_t> shards(options.shards);
    std::iota(shards.begin(), shards.end(), size_t{1});
    return slurm(options, shards);
  }
  if (missing.empty()) fail(Category::config, "{}: every model is done; there is nothing to submit", options.run);
  const std::vector<size_t> elements = elements_of(missing, options.chunk);
  const size_t all = (models + options.chunk - 1) / options.chunk;
  if (options.system != "slurm") {
    if (options.system == "sge") return sge(options, all);
    return options.system == "htcondor" ? htcondor(options, all) : kubernetes(options, all);
  }
  if (elements.back() > kMostElements)
    fail(Category::config, "element {} is past the {} that Slurm's arrays have room for; use --chunk {}",
         elements.back(), kMostElements, models / kMostElements + 1);
  return slurm(options, elements);
}

}  // namespace miaudit::cli
