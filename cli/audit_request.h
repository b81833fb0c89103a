#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/shell.h"
#include "miaudit/audit/gate.h"
#include "miaudit/audit/plan.h"
#include "miaudit/data/models.h"
#include "miaudit/data/records.h"
#include "miaudit/data/stored_signals.h"

namespace miaudit::cli {

/// One audit from files to report, as `audit` and `demo` run it.
struct AuditRequest {
  std::string run;               ///< A run folder, or "": then `paths`.
  std::optional<size_t> target;  ///< The one model of the run to audit; each in turn when empty.
  std::optional<Shard> shard;    ///< The one part of the run's records to compute signals of, or scores by a fit.
  bool fit = false;              ///< Whether to find what follows from all records at once, for shards to score by.
  bool merge = false;            ///< Whether shards have computed the signals.
  RecordPaths paths;
  ReferencePaths references;
  RecordOptions reading;
  AuditPlan plan;
  GateTexts gates;
  std::string out;  ///< Folder for result.json, scores and records.csv; "" for none.
  bool json = false;
  bool show_records = false;
};

/// Reads, audits, writes what was asked for, prints the report. Returns the exit code: 0, or 3 when a gate was
/// exceeded.
int run_audit(const AuditRequest& request, Shell& shell);

/// The FPRs of the gates join those to report.
std::vector<Gate> parse_gates(const GateTexts& texts, MeasureOptions& measure);
/// Judges every gate into result.gates; the exit code that follows.
int judge_gates(const std::vector<Gate>& gates, AuditResult& result);

}  // namespace miaudit::cli
