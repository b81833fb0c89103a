#include "miaudit/data/families.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "miaudit/base/rng.h"

namespace miaudit {
namespace {

using Split = std::vector<int8_t>;

Split random_split(size_t records, double share, Rng& rng) {
  Split split(records);
  for (int8_t& side : split) side = rng.uniform() < share;
  return split;
}

/// A round of cross-validation: each model leaves out one fold, or learns one.
std::vector<Split> round_of(size_t records, size_t folds, bool learns_one, Rng& rng) {
  std::vector<size_t> deck(records);
  for (size_t i = 0; i < records; ++i) deck[i] = i % folds;
  rng.shuffle(std::span(deck));
  std::vector<Split> splits(folds, Split(records));
  for (size_t f = 0; f < folds; ++f)
    for (size_t i = 0; i < records; ++i) splits[f][i] = (deck[i] == f) == learns_one;
  return splits;
}

Models with_families(const std::vector<Split>& splits, std::vector<size_t> partners = {}) {
  Models models;
  for (const Split& split : splits) models.models.push_back({models.models.size(), {}, split});
  models.audited.assign(splits.front().size(), 1);
  partners.resize(splits.size(), SIZE_MAX);
  find_families(models, partners);
  return models;
}

std::vector<size_t> families_of(const std::vector<Split>& splits, std::vector<size_t> partners = {}) {
  return with_families(splits, std::move(partners)).families;
}

/// Whether each model is barred by its own family alone.
bool are_unlike(const std::vector<Split>& splits) {
  const Models models = with_families(splits);
  for (size_t m = 0; m < splits.size(); ++m)
    if (barred_families(models, m) != std::vector<size_t>{models.families[m]}) return false;
  return true;
}

std::vector<size_t> own_each(size_t models) {
  std::vector<size_t> families;
  for (size_t m = 0; m < models; ++m) families.push_back(m);
  return families;
}

TEST(Families, JoinPartnersAndNearlyEqualOrOppositeSplits) {
  Rng rng(1);
  std::vector<Split> splits;
  for (size_t m = 0; m < 6; ++m) splits.push_back(random_split(2000, 0.5, rng));
  EXPECT_EQ(families_of(splits), own_each(6));
  EXPECT_TRUE(are_unlike(splits));
  splits[4] = splits[1];
  for (size_t i = 0; i < 2000; ++i) splits[5][i] = static_cast<int8_t>(i % 50 == 0 ? splits[2][i] : 1 - splits[2][i]);
  EXPECT_EQ(families_of(splits), (std::vector<size_t>{0, 1, 2, 3, 1, 2}));
  EXPECT_EQ(families_of(splits, {SIZE_MAX, SIZE_MAX, SIZE_MAX, 0}), (std::vector<size_t>{0, 1, 2, 0, 1, 2}));
}

TEST(Families, JoinRoundsOfCrossValidationWhereOthersAreLeft) {
  for (const bool learns_one : {false, true})
    for (const size_t folds : {3, 5, 10}) {
      Rng rng(2, folds);
      std::vector<Split> splits;
      for (size_t round = 0; round < 3; ++round)
        for (Split& split : round_of(2000, folds, learns_one, rng)) splits.push_back(std::move(split));
      std::vector<size_t> expected;
      for (size_t m = 0; m < splits.size(); ++m) expected.push_back(m / folds * folds);
      EXPECT_EQ(families_of(splits), expected) << folds << learns_one;
      EXPECT_TRUE(are_unlike(splits));
      // One that failed does not hide its round.
      splits.erase(splits.begin() + 1);
      for (size_t& family : expected) family = family == 0 ? 0 : family - 1;
      expected.erase(expected.begin() + 1);
      EXPECT_EQ(families_of(splits), expected) << folds << learns_one;
      // A round alone has none but its own.
      splits.resize(folds - 1);
      EXPECT_EQ(families_of(splits), own_each(folds - 1)) << folds << learns_one;
    }
}

TEST(Families, DoNotJoinIndependentSplitsOfAnyShare) {
  for (const double share : {0.02, 0.1, 0.5, 0.9, 0.98})
    for (const size_t records : {9, 60, 1000}) {
      Rng rng(3, records);
      std::vector<Split> splits;
      for (size_t m = 0; m < 40; ++m) splits.push_back(random_split(records, share, rng));
      const std::vector<size_t> families = families_of(splits);
      for (size_t m = 0; m < 40; ++m)
        for (size_t other = 0; other < m; ++other) {
          if (families[m] != families[other] || records < 1000) continue;
          ADD_FAILURE() << share << ": " << m << " and " << other;
        }
      EXPECT_TRUE(records < 1000 || are_unlike(splits)) << share;
    }
}

TEST(Families, BarThoseWhoseSplitsResembleTheirs) {
  Rng rng(4);
  std::vector<Split> splits;
  for (size_t m = 0; m < 5; ++m) splits.push_back(random_split(4000, 0.5, rng));
  splits.push_back(splits[3]);
  for (size_t i = 0; i < 4000; ++i)
    if (rng.uniform() > 0.4) splits[3][i] = static_cast<int8_t>(1 - splits[1][i]);  // correlates by −.6
  for (size_t i = 0; i < 4000; ++i) splits[5][i] = static_cast<int8_t>(1 - splits[3][i]);
  const Models models = with_families(splits);
  EXPECT_EQ(models.families, (std::vector<size_t>{0, 1, 2, 3, 4, 3}));
  EXPECT_EQ(barred_families(models, 1), (std::vector<size_t>{1, 3}));
  EXPECT_EQ(barred_families(models, 3), (std::vector<size_t>{1, 3}));
  EXPECT_EQ(barred_families(models, 5), (std::vector<size_t>{1, 3}));
  EXPECT_EQ(barred_families(models, 0), (std::vector<size_t>{0}));
  // Of so few records chance makes as much.
  for (Split& split : splits) split.resize(60);
  EXPECT_EQ(barred_families(with_families(splits), 1), std::vector<size_t>{1});
}

// Small folds, of records or of few persons, are disjoint from those of other rounds by chance.
TEST(Families, TellRoundsOfSmallFoldsApart) {
  struct Design {
    size_t units, of_unit, folds, rounds;
  };
  for (const Design& design :
       {Design{500, 1, 20, 5}, {120, 1, 10, 3}, {200, 1, 10, 3}, {100, 10, 10, 3}, {20, 200, 5, 3}})
    for (uint64_t seed = 0; seed < 4; ++seed)
      for (const bool learns_one : {false, true}) {
        Rng rng(6, seed);
        std::vector<Split> splits;
        std::vector<size_t> order;
        for (size_t round = 0; round < design.rounds; ++round)
          for (const Split& units : round_of(design.units, design.folds, learns_one, rng)) {
            order.push_back(splits.size());
            splits.emplace_back();
            for (const int8_t side : units) splits.back().insert(splits.back().end(), design.of_unit, side);
          }
        rng.shuffle(std::span(order));
        std::vector<Split> shuffled;
        for (const size_t m : order) shuffled.push_back(splits[m]);
        const std::vector<size_t> families = families_of(shuffled);
        for (size_t a = 0; a < order.size(); ++a)
          for (size_t b = 0; b < a; ++b)
            EXPECT_EQ(families[a] == families[b], order[a] / design.folds == order[b] / design.folds)
                << design.units << " units, seed " << seed << ": " << order[a] << " and " << order[b];
      }
}

// Pairs correlate as much one way as the other: the one that is nearest stands out, however little the others are.
TEST(Families, BarTheNearestOfPairsThatAllDepend) {
  for (const size_t pairs : {3, 4, 5}) {
    Rng rng(7, pairs);
    std::vector<Split> splits = {random_split(4000, 0.5, rng)};
    for (size_t p = 1; p < pairs; ++p) {
      splits.push_back(random_split(4000, 0.5, rng));
      for (size_t i = 0; i < 4000; ++i)
        if (rng.uniform() < (p == 1 ? 0.8 : 0.17)) splits[p][i] = splits[0][i];
    }
    for (size_t p = 0; p < pairs; ++p) {
      splits.push_back(splits[p]);
      for (int8_t& side : splits.back()) side = static_cast<int8_t>(1 - side);
    }
    const Models models = with_families(splits);
    EXPECT_EQ(barred_families(models, 0), (std::vector<size_t>{0, 1})) << pairs;
    EXPECT_EQ(barred_families(models, pairs + 1), (std::vector<size_t>{0, 1})) << pairs;
    EXPECT_EQ(barred_families(models, 2), std::vector<size_t>{2}) << pairs;
  }
}

// Where every split depends on the target's in the same way, none tells more of it than the others.
TEST(Families, DoNotBarOthersThatAreAllAlike) {
  Rng rng(5);
  std::vector<Split> splits = {random_split(4000, 0.5, rng)};  // shadow models learn from what it left out alone
  for (size_t m = 0; m < 6; ++m) {
    splits.push_back(random_split(4000, 0.5, rng));
    for (size_t i = 0; i < 4000; ++i)
      if (splits[0][i]) splits.back()[i] = 0;
  }
  EXPECT_EQ(barred_families(with_families(splits), 0), std::vector<size_t>{0});
  EXPECT_EQ(families_of(splits), own_each(7));

  for (const auto& [models, learn] : {std::pair<size_t, size_t>{4, 2}, {5, 2}, {6, 3}, {10, 3}})
    for (const size_t records : {500, 3000}) {
      std::vector<Split> exact(models, Split(records));  // every record in as many of them
      std::vector<size_t> deck = own_each(models);
      for (size_t i = 0; i < records; ++i) {
        rng.shuffle(std::span(deck));
        for (size_t k = 0; k < learn; ++k) exact[deck[k]][i] = 1;
      }
      EXPECT_TRUE(are_unlike(exact)) << models << " models, " << records << " records";
      EXPECT_EQ(families_of(exact), own_each(models));
    }
  // Dealt out in unequal parts.
  const std::vector<double> ends = {0.3, 0.6, 0.8, 1};
  std::vector<Split> dealt(4, Split(2000));
  for (size_t i = 0; i < 2000; ++i) {
    const double place = rng.uniform();
    size_t model = 0;
    while (place >= ends[model]) ++model;
    dealt[model][i] = 1;
  }
  EXPECT_TRUE(are_unlike(dealt));
}

}  // namespace
}  // namespace miaudit
