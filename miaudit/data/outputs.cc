#include "miaudit/data/outputs.h"

#include <algorithm>

#include "miaudit/io/file.h"
#include "miaudit/io/scratch.h"

namespace miaudit {

std::string_view form_name(OutputForm form) {
  switch (form) {
    case OutputForm::logits:
      return "logits";
    case OutputForm::probabilities:
      return "probabilities";
    case OutputForm::log_probabilities:
      break;
  }
  return "log-probabilities";
}

void check_unchanged(const Outputs& outputs) {
  for (const OutputsPart& part : outputs.parts) check_unchanged(part.values.owner());
}

void let_pass(const OutputsPart& part, size_t begin, size_t end) {
  const std::span<const std::byte> bytes = part.values.bytes();
  const size_t sample = bytes.size() / part.samples();
  let_pass(part.values.owner(), bytes.subspan(begin * sample, (end - begin) * sample));
}

size_t samples_of_a_block(const OutputsPart& part) {
  return std::max<size_t>(1, (size_t{1} << 20) / (part.values.bytes().size() / part.samples()));
}

}  // namespace miaudit
