#include "miaudit/base/error.h"

#include <algorithm>
#include <numeric>

namespace miaudit {

std::string grouped(unsigned long long count) {
  std::string digits = std::to_string(count);
  for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ' ');
  return digits;
}

std::string counted(unsigned long long count, std::string_view noun, std::string_view nouns) {
  if (count == 1) return fmt::format("1 {}", noun);
  return nouns.empty() ? fmt::format("{} {}s", grouped(count), noun) : fmt::format("{} {}", grouped(count), nouns);
}

namespace {

/// Of an ASCII letter.
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t substituted = diagonal + (lower(a[i]) != lower(b[j]));
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest_name(std::string_view given, const std::vector<std::string>& names) {
  std::string best;
  size_t best_distance = given.size() / 3 + 2;
  for (const std::string& name : names) {
    const size_t distance = edit_distance(given, name);
    if (distance < best_distance) {
      best_distance = distance;
      best = name;
    }
  }
  return best;
}

}  // namespace miaudit
