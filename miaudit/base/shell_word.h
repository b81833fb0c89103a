#pragma once

#include <string>

namespace miaudit {

/// A text as one word of a shell's line, in single quotes.
std::string quoted_word(const std::string& text);
/// The same, without quotes where none are needed: for commands that people are told to run.
std::string shell_word(const std::string& text);

}  // namespace miaudit
