#include "miaudit/train/splits.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "miaudit/base/error.h"
#include "miaudit/data/records.h"
#include "miaudit/train/draws.h"

namespace miaudit {
namespace {

// The model number that the roles of records and the disjoint deal are drawn for; no model has it.
constexpr uint64_t kNoModel = (1u << 24) - 1;

/// Who taught the target; empty without one.
std::vector<uint8_t> read_target_row(const ShadowPlan& plan, size_t records) {
  if (!has_target(plan)) return {};
  std::vector<FileRecord> files;
  const std::vector<int8_t> membership = read_membership(plan.target_membership, files);
  if (membership.size() != records)
    fail(Category::input, "{} holds {} but the data {}; both must list the same records in the same order",
         plan.target_membership, counted(membership.size(), "membership"), counted(records, "record"));
  for (size_t i = 0; i < membership.size(); ++i)
    if (membership[i] < 0)
      fail(Category::input, "{}: row {} is unknown (-1); a target that is to be trained needs 1 or 0",
           plan.target_membership, i);
  return {membership.begin(), membership.end()};
}

/// What a target has learnt is audited; population and test are drawn from the rest.
std::vector<Role> draw_roles(const ShadowPlan& plan, size_t records, std::span<const uint8_t> target) {
  const auto count = [&](double share) {
    return static_cast<size_t>(std::llround(share * static_cast<double>(records)));
  };
  std::vector<uint32_t> order(records);
  std::iota(order.begin(), order.end(), 0u);
  Rng draws = draws_of(plan.seed, kNoModel, Draw::split);
  draws.shuffle(std::span(order));
  if (!target.empty()) std::erase_if(order, [&](uint32_t i) { return target[i] == 1; });
  const size_t population = count(plan.population_share), test = count(plan.test_share);
  if (population + test + 4 > records || population + test > order.size())
    fail(Category::config, "--population-share {} and --test-share {} leave fewer than 4 of {} to audit{}",
         plan.population_share, plan.test_share, counted(records, "record"),
         target.empty() ? "" : ", or take in records of the target's training set");
  std::vector<Role> roles(records, Role::audited);
  for (size_t i = 0; i < population; ++i) roles[order[i]] = Role::population;
  for (size_t i = population; i < population + test; ++i) roles[order[i]] = Role::test;
  return roles;
}

}  // namespace

bool has_target(const ShadowPlan& plan) {
  return !plan.target_membership.empty();
}

std::vector<int64_t> partners_of(const ShadowPlan& plan) {
  std::vector<int64_t> partners(plan.models, Run::kNoPartner);
  if (plan.design != Design::pairs) return partners;
  for (size_t m = has_target(plan); m + 1 < plan.models; m += 2) {
    partners[m] = static_cast<int64_t>(m + 1);
    partners[m + 1] = static_cast<int64_t>(m);
  }
  return partners;
}

Splitter::Splitter(const ShadowPlan& plan, size_t records)
    : plan_(plan), target_(read_target_row(plan, records)), roles_(draw_roles(plan, records, target_)) {
  for (size_t i = 0; i < records; ++i)
    if (roles_[i] == Role::audited) audited_.push_back(static_cast<uint32_t>(i));
}

std::vector<uint8_t> Splitter::row(size_t model) const {
  if (has_target(plan_) && model == 0) return target_;
  std::vector<uint8_t> row(roles_.size());
  const size_t shadow = model - has_target(plan_);
  switch (plan_.design) {
    case Design::pairs:
      for (const uint32_t i : draw_members(audited_.size(), audited_.size() / 2, plan_.seed, shadow / 2 * 2))
        row[audited_[i]] = 1;
      if (shadow % 2 == 1)
        for (const uint32_t record : audited_) row[record] = !row[record];
      break;
    case Design::bernoulli: {
      Rng draws = draws_of(plan_.seed, shadow, Draw::split);
      for (const uint32_t record : audited_) row[record] = draws.uniform() < plan_.member_share;
      break;
    }
    case Design::disjoint: {
      const size_t shadows = plan_.models - has_target(plan_);
      std::vector<uint32_t> order = audited_;
      Rng draws = draws_of(plan_.seed, kNoModel, Draw::order);
      draws.shuffle(std::span(order));
      for (size_t i = shadow * order.size() / shadows; i < (shadow + 1) * order.size() / shadows; ++i)
        row[order[i]] = 1;
      break;
    }
  }
  return row;
}

}  // namespace miaudit
