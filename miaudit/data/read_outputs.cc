#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "miaudit/data/records.h"
#include "miaudit/data/scan.h"
#include "miaudit/io/formats.h"

namespace miaudit {
namespace {

OutputsPart as_part(const Array& array, const std::string& path) {
  if (!is_floating(array.type()))
    fail(Category::input,
         "{} holds {} values; model outputs must be float16, float32 or float64 logits or probabilities, one row a "
         "record. If these are labels, give them as --labels",
         path, element_name(array.type()));
  const std::vector<size_t>& shape = array.shape();
  if (shape.empty() || shape.size() > 3)
    fail(Category::input,
         "{} has shape {}; model outputs must be (records, classes), (records, queries, classes), or (records,) for a "
         "binary model with one output",
         path, shape_text(shape));
  const size_t queries = shape.size() == 3 ? shape[1] : 1;
  const size_t columns = shape.size() == 1 ? 1 : shape.back();
  if (array.size() == 0)
    fail(Category::input, "{} has shape {}: it holds no values; expected at least one record", path, shape_text(shape));
  if (array.size() / columns / queries > UINT32_MAX - 1)
    fail(Category::unsupported, "{} holds {} records; at most 4 294 967 294 can be audited at once", path,
         grouped(shape[0]));
  return {array.reshaped({shape[0], queries, columns}), path};
}

[[noreturn]] void refuse_nonfinite(const OutputsPart& part, const ScanResult& scan, bool can_drop) {
  const size_t queries = part.values.shape()[1];
  const std::string query = queries > 1 ? fmt::format(", query {}", scan.first_nonfinite_query) : std::string();
  fail(Category::input,
       "{} holds {} NaN and {} infinite or too large values in {} of {}, the first at row {}{}, column {} (from 0); "
       "outputs must be within ±3.4e38, as float32 is. Mend the model's outputs (a probability of 0 whose logarithm "
       "was taken gives -inf){}",
       part.source, grouped(scan.nan), grouped(scan.infinite), grouped(scan.nonfinite_records.size()),
       counted(part.samples(), "row"), scan.nonfinite_records.front(), query, scan.first_nonfinite_column,
       can_drop ? ", or leave those records out with --on-nonfinite drop" : "");
}

// The part without some of its records, in memory of its own.
OutputsPart without(const OutputsPart& part, const std::vector<uint64_t>& dropped) {
  const size_t record_bytes = part.values.shape()[1] * part.values.shape()[2] * element_size(part.values.type());
  const size_t kept = part.samples() - dropped.size();
  auto bytes = std::make_shared<std::vector<std::byte>>(kept * record_bytes);
  std::byte* to = bytes->data();
  std::vector<uint64_t> rows;
  rows.reserve(kept);
  auto next_dropped = dropped.begin();
  for (size_t i = 0; i < part.samples(); ++i) {
    if (next_dropped != dropped.end() && *next_dropped == i) {
      ++next_dropped;
      continue;
    }
    rows.push_back(i);
    std::memcpy(to, part.values.bytes().data() + i * record_bytes, record_bytes);
    to += record_bytes;
  }
  std::vector<size_t> shape = part.values.shape();
  shape[0] = kept;
  return {Array(part.values.type(), shape, bytes->data(), bytes), part.source, std::move(rows)};
}

void check_alike(const OutputsPart& part, const OutputsPart& first, std::vector<Warning>& warnings) {
  const std::vector<size_t>& shape = part.values.shape();
  const std::vector<size_t>& expected = first.values.shape();
  if (shape[1] != expected[1] || shape[2] != expected[2])
    fail(Category::input, "{} holds {} of {} a record, but {} {} of {}; both must come from one model", part.source,
         counted(shape[1], "query", "queries"), counted(shape[2], "column"), first.source, expected[1], expected[2]);
  if (part.values.type() != first.values.type())
    warnings.push_back({"mixed_precision",
                        fmt::format("{} holds {} but {} {}: rounding alone can tell the files apart", part.source,
                                    element_name(part.values.type()), first.source, element_name(first.values.type())),
                        "save the outputs of members and non-members with one precision, and audit again"});
}

/// A single column is of a binary model.
size_t classes_of(size_t columns) {
  return columns == 1 ? 2 : columns;
}

OutputForm form_of(const ScanResult& scan, size_t columns) {
  if (scan.not_probabilities.count == 0) return OutputForm::probabilities;
  return columns > 1 && scan.not_log_probabilities.count == 0 ? OutputForm::log_probabilities : OutputForm::logits;
}

// What all rows would be, were it not for a few.
struct NearForm {
  OutputForm form;
  Misfits misfits;
};
std::optional<NearForm> nearly(const ScanResult& scan, size_t columns) {
  constexpr uint64_t kFewestRows = 20;
  // Rows of logits do not sum to 1 by chance, but a single logit often lies in [0, 1].
  const uint64_t few = std::max<uint64_t>(1, scan.finite_records / (columns > 1 ? 2 : 100));
  if (form_of(scan, columns) != OutputForm::logits || scan.finite_records < kFewestRows) return {};
  if (scan.not_probabilities.count <= few) return NearForm{OutputForm::probabilities, scan.not_probabilities};
  if (columns > 1 && scan.not_log_probabilities.count <= few)
    return NearForm{OutputForm::log_probabilities, scan.not_log_probabilities};
  return {};
}

std::string all_but(const NearForm& near) {
  return fmt::format("all rows but {} are {}; the first that is not is row {}", grouped(near.misfits.count),
                     form_name(near.form), near.misfits.first);
}

void warn_of_near_form(const NearForm& near, const std::string& path, std::vector<Warning>& warnings) {
  warnings.push_back({"nearly_probabilities", fmt::format("{}: {}. All were taken as logits", path, all_but(near)),
                      fmt::format("if they are {}, mend those rows and say --input {}; if they are logits, say --input "
                                  "logits",
                                  form_name(near.form), form_name(near.form))});
}

void warn_of_percentages(const std::string& path, std::vector<Warning>& warnings) {
  warnings.push_back({"percentages",
                      fmt::format("{}: every row sums to 100 as percentages do, and was taken as logits", path),
                      "if they are percentages, divide them by 100; if they are logits, say --input logits"});
}

void warn_of_sums(const ScanResult& scan, const std::string& path, std::vector<Warning>& warnings) {
  warnings.push_back(
      {"logits_sum_to_one",
       fmt::format(
           "{}: every row sums to 1 as probabilities do, but {} of {} hold a value outside [0, 1], the first row "
           "{}. All were taken as logits",
           path, grouped(scan.outside_unit_interval.count), counted(scan.finite_records, "row"),
           scan.outside_unit_interval.first),
       "if they are probabilities, clip them to [0, 1] and say --input probabilities; if they are logits, say --input "
       "logits"});
}

void warn_of_certainty(const ScanResult& scan, const std::string& path, std::vector<Warning>& warnings) {
  if (2 * scan.certain > scan.finite_records)
    warnings.push_back({"certain_probabilities",
                        fmt::format("{}: in {} of {} a probability is exactly 1, so that such rows tie", path,
                                    grouped(scan.certain), counted(scan.finite_records, "row")),
                        "save logits, or probabilities in float64 where the model gives more than one-hot rows: what "
                        "tells such records "
                        "apart was rounded away"});
}

void check_form(OutputForm form, const ScanResult& scan, size_t columns, const std::string& path,
                std::vector<Warning>& warnings) {
  const auto refuse = [&](const Misfits& misfits, std::string_view why) {
    if (misfits.count > 0)
      fail(Category::input, "{}: --input {} was given, but in {} of {} {}; the first is row {}", path, form_name(form),
           grouped(misfits.count), counted(scan.finite_records, "row"), why, misfits.first);
  };
  if (form == OutputForm::probabilities) {
    refuse(scan.outside_unit_interval, "a value lies outside [0, 1]");
    refuse(scan.not_rounded,
           fmt::format("the values do not sum to 1 within {:.3g}, as those rounded to two decimals do",
                       rounding_tolerance(columns)));
    if (scan.not_probabilities.count > 0)
      warnings.push_back(
          {"rounded_probabilities",
           fmt::format("{}: rows sum to 1 only within {:.2g}, as rounded probabilities do", path, scan.largest_off),
           "save probabilities in full, or logits: rounded ones tie, and a tie hides what is found at a low FPR"});
  }
  if (form == OutputForm::logits && columns > 1 && scan.not_probabilities.count == 0)
    warnings.push_back({"logits_like_probabilities",
                        fmt::format("{}: every row sums to 1 as probabilities do, and was taken as logits", path),
                        "say --input probabilities, or leave --input out, unless these truly are logits"});
  if (form == OutputForm::log_probabilities)
    refuse(scan.not_log_probabilities, "a value is above 0, or the exponentials do not sum to 1 within 0.001");
}

}  // namespace

namespace {

struct Source {
  Array array;
  std::string path;
};

LoadedOutputs check_sources(const std::vector<Source>& sources, const RecordOptions& options, const Context& context) {
  LoadedOutputs loaded;
  Outputs& outputs = loaded.outputs;
  bool in_unit_interval = true;
  std::string first_looks;
  for (const auto& [array, path] : sources) {
    OutputsPart part = as_part(array, path);
    const std::vector<size_t>& shape = part.values.shape();
    if (!outputs.parts.empty()) check_alike(part, outputs.parts[0], loaded.warnings);
    outputs.queries = shape[1];
    outputs.columns = shape[2];

    const ScanResult scan = scan_outputs(part, context);
    const size_t part_rows = part.samples();
    if (!scan.nonfinite_records.empty()) {
      if (options.on_nonfinite != OnNonfinite::drop)
        refuse_nonfinite(part, scan, options.on_nonfinite == OnNonfinite::refuse);
      if (scan.nonfinite_records.size() == part_rows)
        fail(Category::input, "{}: every record holds NaN, infinite or too large values; nothing is left to audit",
             path);
      loaded.warnings.push_back({"dropped_nonfinite",
                                 fmt::format("{} of {} of {} {} dropped: outputs that are NaN, infinite or too large",
                                             grouped(scan.nonfinite_records.size()), counted(part_rows, "record"), path,
                                             scan.nonfinite_records.size() == 1 ? "was" : "were"),
                                 "find out why: if it happens more to members or to non-members, the audit is biased"});
      part = without(part, scan.nonfinite_records);
    }
    for (const uint64_t record : scan.nonfinite_records) loaded.dropped.push_back(loaded.rows + record);
    const OutputForm form = form_of(scan, outputs.columns);
    const std::optional<NearForm> near = nearly(scan, outputs.columns);
    const std::string looks =
        near ? fmt::format("{} ({})", form_name(form), all_but(*near)) : std::string(form_name(form));
    if (outputs.parts.empty()) {
      outputs.form = form;
      first_looks = looks;
    }
    if (options.form) {
      check_form(*options.form, scan, outputs.columns, path, loaded.warnings);
    } else if (form != outputs.form) {
      fail(Category::input,
           "{} looks like {}, but {} like {}; both must hold the same kind of output of one model. If the values "
           "mislead, say what they are with --input",
           path, looks, outputs.parts[0].source, first_looks);
    } else if (near) {
      warn_of_near_form(*near, path, loaded.warnings);
    } else if (outputs.columns > 1 && scan.finite_records > 0 && scan.not_percentages.count == 0) {
      warn_of_percentages(path, loaded.warnings);
    } else if (form == OutputForm::logits && scan.finite_records > 0 && scan.not_summing_to_one.count == 0) {
      warn_of_sums(scan, path, loaded.warnings);
    }
    if (options.form.value_or(form) == OutputForm::probabilities && outputs.columns > 1)
      warn_of_certainty(scan, path, loaded.warnings);
    in_unit_interval &= !near && scan.outside_unit_interval.count == 0;
    loaded.rows += part_rows;
    outputs.samples += part.samples();
    outputs.parts.push_back(std::move(part));
  }
  outputs.classes = classes_of(outputs.columns);
  if (options.form) {
    outputs.form = *options.form;
  } else if (outputs.form == OutputForm::logits && in_unit_interval) {
    loaded.warnings.push_back(
        {"unit_interval_logits",
         "all outputs lie in [0, 1] but rows do not sum to 1 within 0.001; they were taken as logits",
         "if they are probabilities of something else than exclusive classes, this audit does not fit them; otherwise "
         "say what they are with --input logits, probabilities or log-probabilities"});
  }
  return loaded;
}

}  // namespace

LoadedOutputs read_outputs(const std::vector<std::string>& paths, const RecordOptions& options,
                           const Context& context) {
  std::vector<Source> sources;
  std::vector<FileRecord> files;
  for (const std::string& path : paths) {
    sources.push_back({read_array(path, options.holding), path});
    files.push_back(describe_file("outputs", path, sources.back().array));
  }
  LoadedOutputs loaded = check_sources(sources, options, context);
  loaded.files = std::move(files);
  return loaded;
}

LoadedOutputs unread_outputs(const std::string& path, OutputForm form, Holding holding) {
  LoadedOutputs loaded;
  Outputs& outputs = loaded.outputs;
  outputs.parts.push_back(as_part(read_array(path, holding), path));
  const std::vector<size_t>& shape = outputs.parts.front().values.shape();
  loaded.rows = outputs.samples = shape[0];
  outputs.queries = shape[1];
  outputs.columns = shape[2];
  outputs.classes = classes_of(outputs.columns);
  outputs.form = form;
  return loaded;
}

LoadedOutputs check_outputs(const Array& array, const std::string& source, const RecordOptions& options,
                            const Context& context) {
  return check_sources({{array, source}}, options, context);
}

}  // namespace miaudit
