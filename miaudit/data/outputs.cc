#include "miaudit/data/outputs.h"

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

}  // namespace miaudit
