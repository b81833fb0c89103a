#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

namespace miaudit {

/// A file that may not be looked at is not one that is missing: throws Error(io).
bool is_there(const std::filesystem::path& path);
/// Throws Error(unsupported) for a run's file of a newer schema, Error(input) for what is no version.
void check_schema(const std::filesystem::path& file, const nlohmann::json& schema);

}  // namespace miaudit
