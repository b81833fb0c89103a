#pragma once

namespace miaudit {

/// The release, as MAJOR.MINOR.PATCH. The file VERSION at the root is its only source.
const char* version();

}  // namespace miaudit
