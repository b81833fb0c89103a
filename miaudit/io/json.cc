#include "miaudit/io/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "miaudit/base/error.h"
#include "miaudit/io/file.h"
#include "miaudit/io/raw.h"

namespace miaudit {
namespace {

/// Refuses deep nesting before anything recursive sees it.
void check_depth(std::string_view text, const std::string& name) {
  constexpr int kDeepest = 100;
  int depth = 0;
  bool in_string = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string && c == '\\')
      ++at;
    else if (c == '"')
      in_string = !in_string;
    else if (!in_string && (c == '[' || c == '{'))
      ++depth;
    else if (!in_string && (c == ']' || c == '}'))
      --depth;
    if (depth > kDeepest) fail(Category::input, "{}: JSON nested more than {} deep", name, kDeepest);
  }
}

/// The library's message without its "[json.exception.parse_error.101] parse error at line 1, column 2: ".
std::string reason(std::string_view message) {
  if (message.starts_with('[')) message.remove_prefix(std::min(message.find("] ") + 2, message.size()));
  if (const size_t colon = message.find(": "); message.starts_with("parse error at") && colon != std::string_view::npos)
    message.remove_prefix(colon + 2);
  return std::string(message);
}

template <class Json>
std::string text_of(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

bool is_of_numbers(const nlohmann::ordered_json& value) {
  return value.is_number() || (value.is_array() && std::ranges::all_of(value, is_of_numbers));
}

void append(const nlohmann::ordered_json& value, size_t indent, size_t depth, std::string& text) {
  if (!value.is_structured() || value.empty() || is_of_numbers(value)) {
    text += text_of(value, -1);
    return;
  }
  char before = value.is_object() ? '{' : '[';
  for (const auto& [key, element] : value.items()) {
    text += std::exchange(before, ',');
    text.append(1, '\n').append(indent * (depth + 1), ' ');
    if (value.is_object()) text += text_of(nlohmann::ordered_json(key), -1) + ": ";
    append(element, indent, depth + 1, text);
  }
  text.append(1, '\n').append(indent * depth, ' ') += value.is_object() ? '}' : ']';
}

}  // namespace

nlohmann::json parse_json(std::span<const std::byte> bytes, const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  check_depth(text, name);
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    const std::string_view before = text.substr(0, error.byte > 0 ? error.byte - 1 : 0);
    const size_t line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
    const size_t column = before.size() - (before.rfind('\n') + 1) + 1;
    fail(Category::input, "{}, line {}, column {}: malformed JSON: {}", name, line, column, reason(error.what()));
  } catch (const nlohmann::json::exception& error) {
    fail(Category::input, "{}: malformed JSON: {}", name, reason(error.what()));
  }
}

nlohmann::json read_json(const std::filesystem::path& path) {
  return parse_json(FileBytes::open(path).bytes(), path.string());
}

std::string json_text(const nlohmann::json& value, int indent) {
  return text_of(value, indent) + '\n';
}

std::string json_text(const nlohmann::ordered_json& value, int indent) {
  if (indent < 0) return text_of(value, indent) + '\n';
  std::string text;
  append(value, static_cast<size_t>(indent), 0, text);
  return text + '\n';
}

}  // namespace miaudit
