#include "miaudit/io/number.h"

#include <algorithm>
#include <charconv>

namespace miaudit {
namespace {

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

bool is_missing(std::string_view text) {
  constexpr std::string_view kWords[] = {"", "?", "-", ".", "na", "n/a", "#n/a", "null", "none", "missing"};
  text = trimmed(text);
  return std::any_of(std::begin(kWords), std::end(kWords),
                     [&](std::string_view word) { return same_word(text, word); });
}

}  // namespace miaudit
