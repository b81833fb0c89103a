#include <fmt/format.h>

#include <cstring>

#include "miaudit/data/records.h"
#include "miaudit/data/scan.h"
#include "miaudit/io/formats.h"

namespace miaudit {
namespace {

OutputsPart read_part(const std::string& path, std::vector<FileRecord>& files) {
  const Array array = read_array(path);
  files.push_back(describe_file("outputs", path, array));
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

[[noreturn]] void refuse_nonfinite(const OutputsPart& part, const ScanResult& scan) {
  const size_t queries = part.values.shape()[1];
  const std::string query = queries > 1 ? fmt::format(", query {}", scan.first_nonfinite_query) : std::string();
  fail(Category::input,
       "{} holds {} NaN and {} infinite values in {} of {} rows, the first at row {}{}, column {}; outputs must be "
       "finite. Mend the model's outputs (a probability of 0 whose logarithm was taken gives -inf), or leave those "
       "records out with --on-nonfinite drop",
       part.source, grouped(scan.nan), grouped(scan.infinite), grouped(scan.nonfinite_records.size()),
       grouped(part.samples()), scan.nonfinite_records.front(), query, scan.first_nonfinite_column);
}

// The part without some of its records, in memory of its own.
OutputsPart without(const OutputsPart& part, const std::vector<uint64_t>& dropped) {
  const size_t record_bytes = part.values.shape()[1] * part.values.shape()[2] * element_size(part.values.type());
  const size_t kept = part.samples() - dropped.size();
  auto bytes = std::make_shared<std::vector<std::byte>>(kept * record_bytes);
  std::byte* to = bytes->data();
  auto next_dropped = dropped.begin();
  for (size_t i = 0; i < part.samples(); ++i) {
    if (next_dropped != dropped.end() && *next_dropped == i) {
      ++next_dropped;
      continue;
    }
    std::memcpy(to, part.values.bytes().data() + i * record_bytes, record_bytes);
    to += record_bytes;
  }
  std::vector<size_t> shape = part.values.shape();
  shape[0] = kept;
  return {Array(part.values.type(), shape, bytes->data(), bytes), part.source};
}

void check_alike(const OutputsPart& part, const OutputsPart& first, std::vector<Warning>& warnings) {
  const std::vector<size_t>& shape = part.values.shape();
  const std::vector<size_t>& expected = first.values.shape();
  if (shape[1] != expected[1] || shape[2] != expected[2])
    fail(Category::input, "{} holds {} queries of {} columns a record, but {} {} of {}; both must come from one model",
         part.source, shape[1], shape[2], first.source, expected[1], expected[2]);
  if (part.values.type() != first.values.type())
    warnings.push_back({"mixed_precision",
                        fmt::format("{} holds {} but {} {}: rounding alone can tell the files apart", part.source,
                                    element_name(part.values.type()), first.source, element_name(first.values.type())),
                        "save the outputs of members and non-members with one precision, and audit again"});
}

OutputForm form_of(const ScanResult& scan, size_t columns) {
  if (columns == 1) return scan.in_unit_interval ? OutputForm::probabilities : OutputForm::logits;
  if (scan.in_unit_interval && scan.sums_to_one) return OutputForm::probabilities;
  return scan.exponentials_sum_to_one ? OutputForm::log_probabilities : OutputForm::logits;
}

void check_form(OutputForm form, const ScanResult& scan, const std::string& names) {
  if (form == OutputForm::probabilities && !scan.in_unit_interval)
    fail(Category::input, "{}: --input probabilities was given, but some values lie outside [0, 1]", names);
  if (form == OutputForm::probabilities && !scan.sums_to_one)
    fail(Category::input, "{}: --input probabilities was given, but some rows do not sum to 1 within 0.001", names);
  if (form == OutputForm::log_probabilities && !scan.exponentials_sum_to_one)
    fail(Category::input,
         "{}: --input log-probabilities was given, but in some rows a value is above 0 or the exponentials do not sum "
         "to 1 within 0.001",
         names);
}

}  // namespace

LoadedOutputs read_outputs(const std::vector<std::string>& paths, const RecordOptions& options,
                           const Context& context) {
  LoadedOutputs loaded;
  Outputs& outputs = loaded.outputs;
  ScanResult joined;
  for (const std::string& path : paths) {
    OutputsPart part = read_part(path, loaded.files);
    const std::vector<size_t>& shape = part.values.shape();
    if (!outputs.parts.empty()) check_alike(part, outputs.parts[0], loaded.warnings);
    outputs.queries = shape[1];
    outputs.columns = shape[2];

    const ScanResult scan = scan_outputs(part, context);
    const size_t part_rows = part.samples();
    if (!scan.nonfinite_records.empty()) {
      if (options.on_nonfinite == OnNonfinite::refuse) refuse_nonfinite(part, scan);
      if (scan.nonfinite_records.size() == part_rows)
        fail(Category::input, "{}: every record holds NaN or infinite values; nothing is left to audit", path);
      loaded.warnings.push_back({"dropped_nonfinite",
                                 fmt::format("{} of {} records of {} were dropped: their outputs are NaN or infinite",
                                             grouped(scan.nonfinite_records.size()), grouped(part_rows), path),
                                 "find out why: if it happens more to members or to non-members, the audit is biased"});
      part = without(part, scan.nonfinite_records);
    }
    for (const uint64_t record : scan.nonfinite_records) loaded.dropped.push_back(loaded.rows + record);
    const OutputForm form = form_of(scan, outputs.columns);
    if (outputs.parts.empty()) outputs.form = form;
    if (!options.form && form != outputs.form)
      fail(Category::input,
           "{} looks like {}, but {} like {}; both must hold the same kind of output of one model. If the values "
           "mislead, "
           "say what they are with --input",
           path, form_name(form), outputs.parts[0].source, form_name(outputs.form));
    joined.in_unit_interval &= scan.in_unit_interval;
    joined.sums_to_one &= scan.sums_to_one;
    joined.exponentials_sum_to_one &= scan.exponentials_sum_to_one;
    loaded.rows += part_rows;
    outputs.samples += part.samples();
    outputs.parts.push_back(std::move(part));
  }
  outputs.classes = outputs.columns == 1 ? 2 : outputs.columns;
  if (options.form) {
    check_form(*options.form, joined, fmt::format("{}", fmt::join(paths, ", ")));
    outputs.form = *options.form;
  } else {
    if (outputs.form == OutputForm::logits && joined.in_unit_interval)
      loaded.warnings.push_back(
          {"unit_interval_logits",
           "all outputs lie in [0, 1] but rows do not sum to 1 within 0.001; they were taken as logits",
           "if they are probabilities of something else than exclusive classes, this audit does not fit them; "
           "otherwise "
           "say what they are with --input logits, probabilities or log-probabilities"});
  }
  return loaded;
}

}  // namespace miaudit
