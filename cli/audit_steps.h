#pragma once

#include <vector>

#include "cli/audit_request.h"
#include "cli/shell.h"
#include "miaudit/data/models.h"
#include "miaudit/data/run.h"

namespace miaudit::cli {

/// Computes signals of one part of the run's records, or scores where a fit is there. Returns the exit code.
int run_shard(const AuditRequest& request, const Run& run, Shell& shell);
/// Finds what follows from all records at once, for shards to score by. Returns the exit code.
int run_fit(const AuditRequest& request, const Run& run, Shell& shell);

/// A run's models and which of them to audit: the one asked for, those that were brought, or all, as many as the memory
/// allows. With --merge together with what shards stored.
struct RunModels {
  Models models;
  std::vector<size_t> targets;  ///< places in models.models
};
RunModels read_run_models(const AuditRequest& request, const Run& run, const Context& context);

}  // namespace miaudit::cli
