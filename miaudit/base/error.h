#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace miaudit {

/// What went wrong, as far as the caller must tell cases apart. The command line turns the first three into exit code 2
/// and the others into 1, `interrupted` into 130, `checkpointed`
/// into 75.
enum class Category {
  input,         ///< The data given are wrong: a malformed file, shapes that disagree, a value out of range.
  config,        ///< The request is wrong: an unknown name, an option out of range, options that contradict.
  unsupported,   ///< The request makes sense, and this program or machine cannot do it.
  numeric,       ///< A computation left the range in which its result can be trusted.
  io,            ///< Reading or writing failed: permissions, a full disk.
  internal,      ///< A fault of miaudit itself.
  interrupted,   ///< The caller asked to stop.
  checkpointed,  ///< The same, and what was done is kept: running again goes on from there.
};

/// The library's only exception. what() says where, what was found, what was expected and what to do.
class Error : public std::runtime_error {
 public:
  Error(Category category, const std::string& message) : std::runtime_error(message), category_(category) {}
  Category category() const { return category_; }

 private:
  Category category_;
};

template <class... Args>
[[noreturn]] void fail(Category category, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(category, fmt::format(format, std::forward<Args>(args)...));
}

/// 1234567 as "1 234 567": every count in a message is written so.
std::string grouped(unsigned long long count);
/// "1 group", "1 234 groups"; `nouns` where an s does not make the plural.
std::string counted(unsigned long long count, std::string_view noun, std::string_view nouns = {});

/// The name nearest to `given` among `names`, or "" when none is near: for "unknown attack 'losss'; did you mean
/// 'loss'?".
std::string nearest_name(std::string_view given, const std::vector<std::string>& names);

}  // namespace miaudit
