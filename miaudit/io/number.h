#pragma once

#include <optional>
#include <string_view>

namespace miaudit {

/// The decimal number that all of `text` spells, blanks around it aside; nan, inf and infinity in any case are numbers.
/// Empty when it is none or passes float64's range. The locale does not matter.
std::optional<double> parse_number(std::string_view text);

/// Does `text` say that a value is missing ("", "?", "NA", "null", …)?
bool is_missing(std::string_view text);

}  // namespace miaudit
