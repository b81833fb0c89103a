#include <algorithm>
#include <cmath>
#include <map>

#include "miaudit/data/records.h"
#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"

namespace miaudit {
namespace {

void check_one_column(const Array& array, const std::string& path, std::string_view what) {
  const bool column = array.dims() == 2 && array.shape()[1] == 1;
  if (array.dims() != 1 && !column)
    fail(Category::input, "{} has shape {}; {} must be one value a record, shape (records,)", path,
         shape_text(array.shape()), what);
}

/// All elements, in order.
std::vector<int64_t> whole_elements(const Array& array, const std::string& path, std::string_view what) {
  // Text carries no types; whole numbers there are integers.
  if (is_floating(array.type()) && !is_text_file(path))
    fail(Category::input, "{} holds {} values; {} must be integers. Save them with .astype(numpy.int64)", path,
         element_name(array.type()), what);
  std::vector<int64_t> numbers(array.size());
  with_element_type(array.type(), [&]<class T>() {
    const std::span<const T> values = array.as<T>();
    for (size_t i = 0; i < values.size(); ++i) {
      if constexpr (std::is_same_v<T, double>) {
        if (values[i] != std::floor(values[i]) || std::abs(values[i]) > 0x1p53)
          fail(Category::input, "{}: row {} holds {}; {} must be integers", path, i, values[i], what);
        numbers[i] = static_cast<int64_t>(values[i]);
      } else if constexpr (std::is_integral_v<T>) {
        if constexpr (std::is_same_v<T, uint64_t>) {
          if (values[i] > static_cast<uint64_t>(INT64_MAX))
            fail(Category::input, "{}: row {} holds {}; {} must be below 2^63", path, i, values[i], what);
        }
        numbers[i] = static_cast<int64_t>(values[i]);  // NOLINT(bugprone-signed-char-misuse): numbers, of any width
      }
    }
  });
  return numbers;
}

std::vector<int64_t> whole_numbers(const Array& array, const std::string& path, std::string_view what) {
  check_one_column(array, path, what);
  return whole_elements(array, path, what);
}

/// Memberships of all elements; `place` says where one is.
template <class Place>
std::vector<int8_t> memberships_of(const std::vector<int64_t>& numbers, const Array& array, const std::string& path,
                                   const Place& place) {
  const bool unknown_allowed = array.type() == ElementType::int8 || is_text_file(path);
  std::vector<int8_t> membership(numbers.size());
  for (size_t i = 0; i < numbers.size(); ++i) {
    const bool legal = numbers[i] == 0 || numbers[i] == 1 || (numbers[i] == -1 && unknown_allowed);
    if (!legal)
      fail(Category::input,
           "{}: {} holds {} ({}); membership must be 1 (member), 0 (non-member), or -1 (unknown) in int8", path,
           place(i), numbers[i], element_name(array.type()));
    membership[i] = static_cast<int8_t>(numbers[i]);
  }
  return membership;
}

std::vector<int32_t> labels_below(const std::string& path, size_t rows, size_t classes, const std::string& others,
                                  const std::string& reason, std::vector<FileRecord>& files) {
  const Array array = read_array(path);
  files.push_back(describe_file("labels", path, array));
  const std::vector<int64_t> numbers = whole_numbers(array, path, "labels");
  if (numbers.size() != rows)
    fail(Category::input, "{} holds {} but {} {}; both must list the same records in the same order{}", path,
         counted(numbers.size(), "label"), others, counted(rows, "record"), header_hint(path, numbers.size(), rows));
  std::vector<int32_t> labels(rows);
  for (size_t i = 0; i < rows; ++i) {
    if (numbers[i] < 0 || static_cast<uint64_t>(numbers[i]) >= classes)
      fail(Category::input, "{}: row {} holds label {}{}; labels must be 0 to {}{}", path, i, numbers[i],
           numbers[i] < 0 ? "" : fmt::format(", but {}", reason), classes - 1,
           numbers[i] < 0 ? "" : ". If yours start at 1, subtract 1");
    labels[i] = static_cast<int32_t>(numbers[i]);
  }
  return labels;
}

}  // namespace

FileRecord describe_file(std::string role, const std::string& path, const Array& array) {
  return {std::move(role), path, std::string(element_name(array.type())), array.shape(),
          content_hash(array.bytes(), array.owner())};
}

std::vector<int32_t> read_labels(const std::string& path, size_t rows, const Outputs& outputs,
                                 std::vector<FileRecord>& files) {
  return labels_below(path, rows, outputs.classes, "the outputs",
                      fmt::format("the model has {}{}", counted(outputs.classes, "class", "classes"),
                                  outputs.columns == 1 ? ", since outputs of one column are a binary model's" : ""),
                      files);
}

std::vector<int32_t> read_class_labels(const std::string& path, size_t rows, const std::optional<size_t>& classes,
                                       std::vector<FileRecord>& files) {
  // More classes than records is a slip: ids, or classes that are not numbered one by one.
  return labels_below(path, rows, classes.value_or(rows), "the data",
                      classes ? fmt::format("there are {}", counted(*classes, "class", "classes"))
                              : fmt::format("there are {}", counted(rows, "record")),
                      files);
}

std::vector<int32_t> read_run_labels(const std::string& path, size_t rows, std::vector<FileRecord>& files) {
  constexpr size_t kMostClasses = size_t{1} << 20;
  return labels_below(path, rows, kMostClasses, "the membership",
                      fmt::format("a run may have {}", counted(kMostClasses, "class", "classes")), files);
}

std::vector<int8_t> read_membership(const std::string& path, std::vector<FileRecord>& files) {
  const Array array = read_array(path);
  files.push_back(describe_file("membership", path, array));
  if (is_floating(array.type()) && !is_text_file(path))
    fail(Category::input,
         "{} holds {} values; membership must be bool, 0/1 integers, or int8 with -1 for unknown. If these are "
         "scores, they belong elsewhere",
         path, element_name(array.type()));
  return memberships_of(whole_numbers(array, path, "membership"), array, path,
                        [](size_t i) { return fmt::format("row {}", i); });
}

std::vector<int8_t> read_memberships(const std::string& path, size_t records, std::vector<FileRecord>& files) {
  const Array array = read_array(path);
  files.push_back(describe_file("reference membership", path, array));
  if (array.dims() != 2 || array.shape()[1] != records || (is_floating(array.type()) && !is_text_file(path)))
    fail(Category::input, "{} is {} of {}; expected (models, {}) of bool, 0/1 integers, or int8 with -1 for unknown",
         path, shape_text(array.shape()), element_name(array.type()), records);
  return memberships_of(whole_elements(array, path, "membership"), array, path,
                        [&](size_t i) { return fmt::format("model {}, record {}", i / records, i % records); });
}

std::vector<uint32_t> read_indices(const std::string& path, size_t records, const std::string& role,
                                   std::vector<FileRecord>& files) {
  const Array array = read_array(path);
  files.push_back(describe_file(role, path, array));
  if (array.type() == ElementType::boolean)
    fail(Category::input, "{} is of bool; expected the indices of the records, as numpy.flatnonzero() gives them",
         path);
  std::vector<uint32_t> indices;
  for (const int64_t index : whole_numbers(array, path, "indices of records")) {
    if (index < 0 || static_cast<uint64_t>(index) >= records)
      fail(Category::input, "{} names record {}; expected indices from 0 to {}", path, index, records - 1);
    indices.push_back(static_cast<uint32_t>(index));
  }
  if (indices.empty()) fail(Category::input, "{} names no record; leave it away, or give their indices", path);
  std::ranges::sort(indices);
  if (const auto twice = std::ranges::adjacent_find(indices); twice != indices.end())
    fail(Category::input, "{} names record {} twice; give each once", path, *twice);
  return indices;
}

std::vector<double> read_scores(const std::string& path, std::vector<FileRecord>& files,
                                std::span<const int8_t> membership) {
  const Array array = read_array(path);
  files.push_back(describe_file("scores", path, array));
  check_one_column(array, path, "scores");
  std::vector<double> scores(array.size());
  with_element_type(array.type(), [&]<class T>() {
    const std::span<const T> values = array.as<T>();
    for (size_t i = 0; i < values.size(); ++i) {
      if constexpr (std::is_same_v<T, Half>) {
        scores[i] = to_double(values[i]);
      } else {
        scores[i] = static_cast<double>(values[i]);
      }
      if constexpr (std::is_integral_v<T> && sizeof(T) == 8) {
        constexpr T kMost = T{1} << 53;
        if (values[i] > kMost || (std::is_signed_v<T> && values[i] < T{0} - kMost))
          fail(Category::input,
               "{}: row {} holds {}; integers beyond 2^53 are not told apart as float64. Give ranks, or floats", path,
               i, values[i]);
      }
    }
  });
  for (size_t i = 0; i < scores.size(); ++i) {
    if (std::isfinite(scores[i])) continue;
    const bool is_unknown = membership.size() == scores.size() && membership[i] < 0;
    if (!is_unknown || !std::isnan(scores[i]))
      fail(Category::input, "{}: row {} holds {}; scores must be finite{}", path, i, scores[i],
           membership.empty() ? "" : ", but for NaN where membership is unknown (-1)");
    scores[i] = 0;
  }
  return scores;
}

}  // namespace miaudit
