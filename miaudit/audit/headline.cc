#include "miaudit/audit/headline.h"

namespace miaudit {
namespace {

constexpr std::string_view kChosenAttacks[] = {"stacked", "stacked_offline", "base", "rmia_offline"};

}  // namespace

size_t choice_of(std::string_view attack) {
  return static_cast<size_t>(std::ranges::find(kChosenAttacks, attack) - std::begin(kChosenAttacks));
}

bool is_chosen_beforehand(std::string_view attack) {
  return choice_of(attack) < std::size(kChosenAttacks);
}

bool is_beaten(const Candidate& one, const Candidate& other) {
  constexpr double kAboutAsMany = 0.9;
  const size_t own = choice_of(one.attack), others = choice_of(other.attack);
  if (!is_chosen_beforehand(one.attack) || !is_chosen_beforehand(other.attack))
    return own == others ? one.auc <= other.auc : others < own;
  if (static_cast<double>(one.scored) < kAboutAsMany * static_cast<double>(other.scored)) return true;
  return others < own && one.scored <= other.scored;
}

}  // namespace miaudit
