#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

namespace miaudit {

/// The JSON value in `bytes`, which are hostile: nested at most 100 deep, numbers in float64's range, UTF-8.
/// Throws Error(input) with line and column. `name` stands in messages.
nlohmann::json parse_json(std::span<const std::byte> bytes, const std::string& name);
nlohmann::json read_json(const std::filesystem::path& path);

/// A value as a file's text. Paths and what programs print may hold bytes that are no UTF-8, for which JSON has no
/// room: U+FFFD stands for these. `indent`: of each depth; −1 for all on one line.
std::string json_text(const nlohmann::json& value, int indent);
/// The same with keys in the order given and, for people who scroll through it, arrays of numbers (a curve's points as
/// well) on one line.
std::string json_text(const nlohmann::ordered_json& value, int indent);

}  // namespace miaudit
