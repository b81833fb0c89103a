#pragma once

#include <cstddef>
#include <span>

namespace miaudit {

/// A view of a row-major matrix that somebody else owns.
template <class T>
struct MatrixView {
  T* data = nullptr;
  size_t rows = 0;
  size_t cols = 0;

  std::span<T> row(size_t i) const { return {data + i * cols, cols}; }
  T& operator()(size_t i, size_t j) const { return data[i * cols + j]; }
  operator MatrixView<const T>() const { return {data, rows, cols}; }
};

}  // namespace miaudit
