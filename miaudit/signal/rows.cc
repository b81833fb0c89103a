#include "miaudit/signal/rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace miaudit {
namespace {

double widen(Half value) {
  return to_double(value);
}
double widen(float value) {
  return static_cast<double>(value);
}
double widen(double value) {
  return value;
}

/// log(1 − e^l) for l <= 0 (Mächler 2012, "Accurately computing log(1 − exp(−|a|))").
double log_complement(double l, double floor) {
  constexpr double kLogHalf = -0.6931471805599453;
  return l > kLogHalf ? std::log(std::max(-std::expm1(l), floor)) : std::log1p(-std::exp(l));
}

void read_pair(double value, OutputForm form, RowView view, double floor, double* out) {
  out[1] = value;
  switch (form) {
    case OutputForm::logits:
      out[0] = 0;
      return;
    case OutputForm::log_probabilities:
      out[0] = log_complement(value, floor);
      return;
    case OutputForm::probabilities:
      break;
  }
  if (view == RowView::given) {
    out[0] = 1 - value;
    return;
  }
  // Each branch where it loses nothing: 1 − p is exact from ½ on, and both classes agree to the last bit at ½.
  out[0] = value < 0.5 ? std::log1p(-std::max(value, 0.0)) : std::log(std::max(1 - value, floor));
  out[1] = std::log(std::max(value, floor));
}

template <class T>
void read_rows_of(const Outputs& outputs, std::span<const T> values, RowView view, std::span<double> out) {
  const double floor = smallest_positive(ElementTypeOf<T>::value);
  if (outputs.columns == 1) {
    for (size_t r = 0; r < values.size(); ++r) read_pair(widen(values[r]), outputs.form, view, floor, &out[2 * r]);
    return;
  }
  const bool logs = view == RowView::logs && outputs.form == OutputForm::probabilities;
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = widen(values[i]);
    out[i] = logs ? std::log(std::max(value, floor)) : value;
  }
}

}  // namespace

double smallest_positive(ElementType type) {
  if (type == ElementType::float16) return 0x1p-24;
  if (type == ElementType::float32) return static_cast<double>(std::numeric_limits<float>::denorm_min());
  return std::numeric_limits<double>::denorm_min();
}

void read_rows(const Outputs& outputs, const OutputsPart& part, size_t first, RowView view, std::span<double> out) {
  const size_t begin = first * outputs.columns, count = out.size() / outputs.classes * outputs.columns;
  switch (part.values.type()) {
    case ElementType::float16:
      return read_rows_of(outputs, part.values.as<Half>().subspan(begin, count), view, out);
    case ElementType::float32:
      return read_rows_of(outputs, part.values.as<float>().subspan(begin, count), view, out);
    default:
      return read_rows_of(outputs, part.values.as<double>().subspan(begin, count), view, out);
  }
}

}  // namespace miaudit
