#pragma once

#include <string>

namespace miaudit {

/// The first word that a path is put in for, as "{outputs}", that stands inside quotes of the command's own or right
/// behind a backslash, where the quotes that filled_command() puts around the path would become part of its name; ""
/// for none. It goes by sh's rules for quotes, $( ), ` ` and comments. What follows a here-document's << on later lines
/// is not looked at: these may be of another language.
std::string quoted_place(const std::string& command);

}  // namespace miaudit
