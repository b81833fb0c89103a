#pragma once

#include <string>

#include "miaudit/audit/result.h"

namespace miaudit {

/// result.json: every field of the result, pretty-printed, fields in a fixed order, numbers in the shortest form that
/// reads back the same.
std::string to_json(const AuditResult& result);

/// The terminal's page: at most 80 columns, plain text (UTF-8).
std::string to_terminal(const AuditResult& result);

}  // namespace miaudit
