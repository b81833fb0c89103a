#pragma once

#include <optional>
#include <string>
#include <vector>

#include "miaudit/audit/result.h"

namespace miaudit {

/// A limit that an audit must keep: "<attack|headline>.<auc|balanced_accuracy|advantage|tpr@FPR> <op> <number>", with
/// op one of > >= < <=.
struct Gate {
  enum class Kind { fail_if, fail_unless };
  enum class Metric { auc, balanced_accuracy, advantage, tpr };
  enum class Comparison { greater, greater_equal, less, less_equal };
  Kind kind;
  std::string text;
  std::string attack;
  Metric metric;
  double fpr = 0;
  Comparison comparison;
  double limit;
};

/// Throws Error(config) that shows the form, or names what is unknown.
Gate parse_gate(Gate::Kind kind, const std::string& text);

/// fail-if fails only when the whole interval satisfies the comparison; fail-unless fails unless the whole interval
/// does. Throws Error(config) when the result holds no such figure: a gate that cannot be judged must not pass for one
/// that held.
GateResult judge(const Gate& gate, const AuditResult& result);

}  // namespace miaudit
