// Audits of made models, by attacks with reference models.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "miaudit/attack/attack.h"
#include "miaudit/audit/audit.h"
#include "tests/made_models.h"

namespace miaudit {

using testing_models::Design;
using testing_models::Made;
using testing_models::made_models;

inline std::vector<std::string> reference_attacks() {
  std::vector<std::string> names;
  for (const AttackRow& row : attack_table())
    if (row.needs_references()) names.emplace_back(row.name);
  return names;
}

struct Audited {
  AuditResult result;
  std::map<std::string, std::vector<double>> scores;
};

inline Audited audited(const Models& models, std::vector<size_t> targets, AuditPlan plan = {}, int threads = 1) {
  if (plan.attacks.front() == "all") plan.attacks = reference_attacks();
  for (const char* name : {"stacked", "stacked_offline"}) plan.parameters[name].try_emplace("trees", "10");
  Audited done;
  Context context;
  context.threads = threads;
  done.result = audit(models, targets, {}, plan, context, [&](const std::string& name, std::span<const double> scores) {
    done.scores[name].assign(scores.begin(), scores.end());
  });
  return done;
}

inline std::map<std::string, std::string> reasons(const AuditResult& result) {
  std::map<std::string, std::string> found;
  for (const Skipped& skipped : result.skipped) found[skipped.name] = skipped.reason;
  return found;
}

}  // namespace miaudit
