#include "miaudit/math/kernels.h"

#include <algorithm>
#include <cstring>
#include <vector>

// Four targets are enough: plain C++, SSE4, AVX2, AVX-512 (and NEON on Arm); each costs compile time.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "miaudit/math/kernels.cc"
// foreach_target.h must come first: it includes this file once for each target.
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "miaudit/math/row_functions-inl.h"
#include "miaudit/math/row_group-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace miaudit::HWY_NAMESPACE {
namespace {

HWY_INLINE bool are_labels_below(const int32_t* labels, size_t count, size_t bound) {
  const hn::CappedTag<int32_t, 16> d;
  const auto least = hn::Zero(d), most = hn::Set(d, static_cast<int32_t>(bound - 1));
  auto smallest = least, largest = least;
  size_t i = 0;
  for (; i + hn::MaxLanes(d) <= count; i += hn::MaxLanes(d)) {
    const auto some = hn::LoadU(d, labels + i);
    smallest = hn::Min(smallest, some);
    largest = hn::Max(largest, some);
  }
  bool are_below = hn::AllTrue(d, hn::And(hn::Eq(smallest, least), hn::Eq(hn::Max(largest, most), most)));
  for (; i < count; ++i) are_below &= labels[i] >= 0 && static_cast<size_t>(labels[i]) < bound;
  return are_below;
}

template <class Function, class T, class Source>
RowOutcome evaluate(const RowBlock& block, double* out) {
  constexpr size_t kRows = Tile<T>::kRows;
  Strip<T> strip;
  Groups<T, Source> groups(block);
  Vector unsettled = hn::Zero(kDoubles);  // NaN as soon as a value is not finite
  const size_t last = block.rows - kRows;
  for (size_t begin = 0; begin < block.rows; begin += kStrip) {
    const size_t end = std::min(begin + kStrip, block.rows);
    if (block.labels) {
      const size_t repeats = block.rows_per_label, first = begin / repeats, past = (end + repeats - 1) / repeats;
      if (!are_labels_below(block.labels + first, past - first, block.columns)) return RowOutcome::bad_label;
      const size_t last_label = (block.rows - 1) / repeats;
      for (size_t i = past + kStrip; i < past + 2 * kStrip; i += 16)  // of what comes two strips on
        hwy::Prefetch(block.labels + std::min(i, last_label));
    }
    for (size_t i = begin; i < end; i += 8) hwy::Prefetch(out + std::min(i + kStrip, last));  // the next strip's room
    // The last group goes back so as to end with the block; rows do not depend on their neighbours.
    const auto group_at = [&](size_t row) { return std::min(row, last); };
    for (size_t row = begin; row < end; row += kRows) {
      const Tile<T> tile = groups.seek(group_at(row));
      typename Function::template Sift<T> sift;
      auto label = hn::Zero(Across<T>());
      auto number = hn::Zero(Classes<T>()), y = number;
      if constexpr (Function::kNeedsLabel) y = tile.label();
      groups.read([&](size_t k, Values<T> z) HWY_ATTR {
        const auto is_label = hn::RebindMask(Across<T>(), hn::Eq(number, y));
        number = hn::Add(number, hn::Set(Classes<T>(), 1));
        if constexpr (Function::kNeedsLabel) label = hn::IfThenElse(is_label, z, label);
        sift.take(tile, k, z, is_label);
      });
      sift.end(tile);
      hn::Store(label, Across<T>(), strip.label + (row - begin));
      for (size_t part = 0; part < tile.kParts; ++part)
        Function::reduce(tile, part, Notes<T>(strip, row - begin + part * kLanes));
      if constexpr (requires { Function::template reduce_again<T>; }) {
        for (size_t part = 0; part < tile.kParts; ++part)
          Function::reduce_again(tile, part, Notes<T>(strip, row - begin + part * kLanes));
      }
    }
    for (size_t row = begin; row < end; row += kRows)
      for (size_t lane = 0; lane < kRows; lane += kLanes) {
        const Vector value = Function::finish(Notes<T>(strip, row - begin + lane));
        hn::StoreU(value, kDoubles, out + group_at(row) + lane);
        unsettled = hn::Add(unsettled, hn::Sub(value, value));
      }
  }
  return hn::AllTrue(kDoubles, hn::Eq(unsettled, unsettled)) ? RowOutcome::settled : RowOutcome::some_left;
}

template <class Function>
RowOutcome evaluate_types(const RowBlock& block, double* out) {
  const bool logs = block.floor > 0;
  switch (block.type) {
    case RowType::float16:
      return logs ? evaluate<Function, double, hwy::float16_t>(block, out)
                  : evaluate<Function, float, hwy::float16_t>(block, out);
    case RowType::float32:
      return logs ? evaluate<Function, double, float>(block, out) : evaluate<Function, float, float>(block, out);
    case RowType::float64:
      break;
  }
  return evaluate<Function, double, double>(block, out);
}

size_t rows_of_group() {
  return Tile<float>::kRows;
}

RowOutcome evaluate_rows_here(RowFunction function, const RowBlock& block, double* out) {
  switch (function) {
    case RowFunction::loss:
      return evaluate_types<Loss>(block, out);
    case RowFunction::confidence:
      return evaluate_types<Confidence>(block, out);
    case RowFunction::max_probability:
      return evaluate_types<MaxProbability>(block, out);
    case RowFunction::rescaled_logit:
      return evaluate_types<RescaledLogit>(block, out);
    case RowFunction::margin:
      return evaluate_types<Margin>(block, out);
    case RowFunction::entropy:
      return evaluate_types<Entropy>(block, out);
    case RowFunction::modified_entropy:
      return evaluate_types<ModifiedEntropy>(block, out);
    case RowFunction::correctness:
      return evaluate_types<Correctness>(block, out);
    case RowFunction::spread:
      return evaluate_types<Spread>(block, out);
    case RowFunction::taylor_confidence:
      break;
  }
  return evaluate_types<TaylorConfidence>(block, out);
}

const char* target_here() {
  return hwy::TargetName(HWY_TARGET);
}

}  // namespace
}  // namespace miaudit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace miaudit {
namespace {

HWY_EXPORT(evaluate_rows_here);
HWY_EXPORT(rows_of_group);
HWY_EXPORT(target_here);

size_t bytes_of(RowType type) {
  return type == RowType::float16 ? 2 : type == RowType::float32 ? 4 : 8;
}

/// Fewer rows than make a group, with the last repeated: a row's value must not depend on how many others come with it.
RowOutcome evaluate_few(RowFunction function, const RowBlock& few, size_t rows, double* out) {
  const size_t row_bytes = few.columns * bytes_of(few.type);
  std::vector<std::byte> values(rows * row_bytes);
  std::vector<int32_t> labels(few.labels ? rows : 0);
  for (size_t i = 0; i < rows; ++i) {
    const size_t from = std::min(i, few.rows - 1);
    std::memcpy(values.data() + i * row_bytes, static_cast<const std::byte*>(few.values) + from * row_bytes, row_bytes);
    if (few.labels) labels[i] = few.labels[from / few.rows_per_label];
  }
  RowBlock block = few;
  block.values = values.data();
  block.rows = rows;
  block.rows_per_label = 1;
  if (few.labels) block.labels = labels.data();
  std::vector<double> found(rows);
  const RowOutcome outcome = HWY_DYNAMIC_DISPATCH(evaluate_rows_here)(function, block, found.data());
  std::copy_n(found.begin(), few.rows, out);
  return outcome;
}

}  // namespace

RowOutcome evaluate_rows(RowFunction function, const RowBlock& block, double* out) {
  const size_t least = HWY_DYNAMIC_DISPATCH(rows_of_group)();
  if (block.rows == 0) return RowOutcome::settled;
  if (block.rows < least) return evaluate_few(function, block, least, out);
  return HWY_DYNAMIC_DISPATCH(evaluate_rows_here)(function, block, out);
}

std::string vector_target() {
  return HWY_DYNAMIC_DISPATCH(target_here)();
}

}  // namespace miaudit
#endif
