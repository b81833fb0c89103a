#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "miaudit/base/context.h"
#include "miaudit/metric/crossing.h"
#include "miaudit/metric/interval.h"
#include "miaudit/metric/roc.h"

namespace miaudit {

/// One side's scores by group, ascending: of groups without one here none.
struct GroupedSide {
  int8_t which = 1;
  std::vector<std::span<const double>> by_group;
  size_t scores = 0;
  double worth = 1;                      ///< Of every score, beside what its groups take.
  std::vector<uint32_t> crossing_count;  ///< How many of its scores are each crossing record's (or person's).

  double size() const { return static_cast<double>(scores); }
  size_t places() const { return by_group.size(); }
  std::span<const double> of(size_t g) const { return by_group[g]; }
  double count(size_t g) const { return static_cast<double>(by_group[g].size()); }
  double groups() const;     ///< How many hold a score.
  double records() const;    ///< Of those that cross, how many are looked at and hold one; 0 where none do.
  double looked_at() const;  ///< How many scores are of such records.
};

/// Grouped scores by truth.
struct PartedGroups::Parts {
  std::vector<double> scores[2];  ///< What the sides show parts of; empty where those are another's.
  GroupedSide members;
  GroupedSide nonmembers;
  SortedScores sorted;  ///< Of a half of others' groups: empty.
  Crossing crossing;
  std::vector<uint32_t> group_of_model;  ///< Where records cross: each model's place among the groups.
};
using Parted = PartedGroups::Parts;

Parted part_groups(const GroupedScores& grouped, const Context& context);

/// A random half of the groups, each group whole: `first` to choose a threshold from, `second` to judge it on, which
/// must not outlive what was split.
struct Halves {
  SortedScores first;
  Parted second;
};
Halves split_groups(const Parted& all, uint64_t seed, const Context& context);

/// How many of a side's scores are >= threshold.
double count_from(const GroupedSide& side, double threshold);

/// What a score is worth if those of a group (or of a record under all models, whichever is less) are copies of each
/// other: the least it can be (Kish 1965).
double worth_of_copies(const GroupedSide& side);

/// What a score is worth for the share of scores >= threshold (> threshold if `strict`): 1/design effect, never above
/// 1 (where few scores of few groups lie past it, at least that of a threshold nearer by; as copies where there are too
/// few for that too), with Korn & Graubard's correction for the number of groups that it was estimated from. Where
/// records cross the groups, the variance is that by groups and that by records, less what both hold (Cameron, Gelbach
/// & Miller 2011, doi:10.1198/jbes.2010.07136).
double worth_at(const Parted& parted, int8_t which, double threshold, bool strict, double tail);

}  // namespace miaudit
