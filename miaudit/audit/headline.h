#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <vector>

namespace miaudit {

/// An attack that ran, as the headline may be of it.
struct Candidate {
  std::string_view attack;
  uint64_t scored = 0;  ///< Members and non-members, over all targets.
  double auc = 0;
};

/// Whether an attack is the headline whatever it finds. Of those that are such the headline is the first, in an order
/// that measurements on other models gave (docs/attacks/stacked.md), which scores at least nine in ten of the records
/// that any other of them does, for it speaks of no others. So it needs no correction for those beside it, and the
/// target's truth is not asked. Where none such runs, it is the strongest of all.
bool is_chosen_beforehand(std::string_view attack);

/// Whether the headline is not of `one`, whatever else runs beside it and `other`, which came before.
bool is_beaten(const Candidate& one, const Candidate& other);

/// The place of an attack in that order; of those that are not chosen beforehand, past the last.
size_t choice_of(std::string_view attack);

/// Adds an attack to those of which the headline may be, and drops those of which it can no longer be: the first of
/// them is it, as far as has been run.
template <std::derived_from<Candidate> T>
void add_candidate(std::vector<T>& held, T added) {
  if (std::ranges::any_of(held, [&](const T& other) { return is_beaten(added, other); })) return;
  std::erase_if(held, [&](const T& other) { return is_beaten(other, added); });
  const auto after = std::ranges::upper_bound(held, choice_of(added.attack), {},
                                              [](const T& other) { return choice_of(other.attack); });
  held.insert(after, std::move(added));
}

}  // namespace miaudit
