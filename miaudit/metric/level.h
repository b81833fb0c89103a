#pragma once

#include "miaudit/base/error.h"

namespace miaudit {

/// What a two-sided interval at `level` leaves out, on both sides together. Throws Error(config) unless 0 < level < 1.
inline double error_rate(double level) {
  if (!(level > 0 && level < 1))
    fail(Category::config, "a confidence level of {} was asked for; it must lie strictly between 0 and 1, as 0.95",
         level);
  return 1 - level;
}

}  // namespace miaudit
