#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "miaudit/base/context.h"
#include "miaudit/data/models.h"

namespace miaudit {

/// How much an audit has to do at once.
struct Load {
  size_t targets;
  size_t records;
  bool are_one_family = false;  ///< The targets, if there are several: each record is then a group of its own scores.
  size_t values = 0;  ///< Of a target beside reference models (records × queries); 0 where no attack needs those.
};
/// Throws Error(config), with a figure that would do, where that would take more than `memory` allows: figures of all
/// targets together take all of their scores at once, in half of it.
void check_memory(const Load& load, uint64_t memory);

/// How many targets may be scored at the same time, for what attacks by formula beside reference models hold of their
/// values (one a record and query), and the models' sides of records, to take half of `memory`. Throws Error(config)
/// where it does not hold one's values.
size_t targets_at_once(const Models& models, size_t queries, uint64_t memory);
/// The same where the values take so many bytes. models: how many have sides, of `records`.
size_t targets_at_once(uint64_t bytes, size_t models, size_t records, uint64_t memory);

/// `threads` as many as may be of use for so many targets at the same time.
Context with_threads_for(size_t targets, const Context& context);

/// Of the targets that are asked for (places in models.models) those that `memory` allows, in the order asked: all, or
/// as many whole families as fit, spread evenly over what models learnt, whatever their numbers. Of those left out a
/// warning says how many, why, and which memory would do. values: as Load::values. Throws Error(config) where it
/// allows no family.
std::vector<size_t> targets_within(uint64_t memory, const Models& models, std::span<const size_t> asked,
                                   std::vector<Warning>& warnings, size_t values = 0);

}  // namespace miaudit
