#include "miaudit/metric/exposure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "miaudit/base/rng.h"
#include "miaudit/math/distributions.h"

namespace miaudit {
namespace {

struct Made {
  size_t records;
  std::vector<double> scores;
  std::vector<int8_t> membership;
  std::vector<int64_t> families;

  TargetedScores view() const { return {scores, membership, records, families}; }
};

/// Complementary pairs; score(record, is member).
Made made_scores(size_t pairs, size_t records, uint64_t seed,
                 const std::function<double(Rng&, size_t record, bool member)>& score) {
  Made made{records, std::vector<double>(2 * pairs * records), std::vector<int8_t>(2 * pairs * records), {}};
  for (size_t p = 0; p < pairs; ++p) {
    Rng rng(seed, p);
    made.families.insert(made.families.end(), 2, static_cast<int64_t>(p));
    for (size_t i = 0; i < records; ++i) {
      const bool first = rng.uniform() < 0.5;
      for (const size_t turned : {0u, 1u}) {
        const size_t place = (2 * p + turned) * records + i;
        made.membership[place] = first != (turned == 1);
        made.scores[place] = score(rng, i, made.membership[place] == 1);
      }
    }
  }
  return made;
}

TEST(RecordExposures, CountsWhatIsFoundAndPutsTheMostExposedFirst) {
  // Two pairs, three records.
  const std::vector<double> scores = {5, 1, 3, 0, 4, 2, 6, 9, 1, 1, 8, 0};
  const std::vector<int8_t> membership = {1, 0, 1, 0, 1, 0, 1, -1, 1, 0, 1, 0};
  const std::vector<int64_t> families = {0, 0, 1, 1};
  const std::vector<std::optional<double>> thresholds = {3, 5, std::nullopt};
  const auto found = record_exposures({scores, membership, 3, families}, thresholds, {});
  ASSERT_EQ(found.size(), 3u);
  for (size_t k = 0; k < 3; ++k) EXPECT_EQ(found[k].rank, static_cast<double>(k + 1));
  EXPECT_EQ(found[0].record, 0u);  // found twice of two by the stricter threshold
  EXPECT_EQ(found[0].found, (std::vector<uint32_t>{2, 2, 0}));
  EXPECT_EQ(found[0].separation, 5.5 - 0.5);
  EXPECT_EQ(found[1].record, 1u);  // once of two; the score that does not count would have been a third
  EXPECT_EQ(found[1].trained, 2u);
  EXPECT_EQ(found[1].found, (std::vector<uint32_t>{2, 1, 0}));
  EXPECT_EQ(found[2].record, 2u);
  EXPECT_EQ(found[2].found, (std::vector<uint32_t>{1, 0, 0}));
}

// Where models are missing: one that is found once of once may have been lucky.
TEST(RecordExposures, PutsTheSurerFirst) {
  constexpr size_t kTargets = 10, kRecords = 3;
  Made made{kRecords, std::vector<double>(kTargets * kRecords, 0), std::vector<int8_t>(kTargets * kRecords, 1), {}};
  for (size_t t = 0; t < kTargets; ++t) {
    made.families.push_back(static_cast<int64_t>(t));
    made.scores[t * kRecords] = t > 0 ? 2 : 0;  // 9 of 10
    made.scores[t * kRecords + 1] = 2;          // 1 of 1
    made.membership[t * kRecords + 1] = t == 0 ? 1 : -1;
    made.scores[t * kRecords + 2] = t < 3 ? 2 : 0;  // 3 of 10
  }
  const std::vector<std::optional<double>> thresholds = {1};
  const auto found = record_exposures(made.view(), thresholds, {});
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].record, 0u);
  EXPECT_EQ(found[1].record, 2u);
  EXPECT_EQ(found[2].record, 1u);
}

TEST(RecordExposures, GiveEqualsOneRank) {
  const std::vector<double> scores = {1, 1, 2, 1, 0, 0, 0, 0};
  const std::vector<int8_t> membership = {1, 1, 1, 1, 0, 0, 0, 0};
  const std::vector<std::optional<double>> thresholds = {3};
  const auto found = record_exposures({scores, membership, 4, std::vector<int64_t>{0, 0}}, thresholds, {});
  EXPECT_EQ(found[0].record, 2u);
  EXPECT_EQ(found[0].rank, 1);
  for (size_t k = 1; k < 4; ++k) EXPECT_EQ(found[k].rank, 3);
}

TEST(MostExposedOfOne, AreTheFirstOfAll) {
  for (const double step : {0.0, 0.5, 1e-3}) {  // all alike, ties, hardly any
    Rng rng(7);
    std::vector<double> scores;
    std::vector<int8_t> membership;
    for (size_t i = 0; i < 500; ++i) {
      scores.push_back(step * std::round(rng.normal() / std::max(step, 0.1)));
      membership.push_back(static_cast<int8_t>(rng.below(3)) - 1);
    }
    const TargetedScores one{scores, membership, scores.size(), std::vector<int64_t>{0}};
    for (const std::vector<std::optional<double>>& thresholds :
         {std::vector<std::optional<double>>{0.5, 1.0}, {std::nullopt, 0.5}, {0.5, std::nullopt}, {}}) {
      const auto all = record_exposures(one, thresholds, {});
      for (const size_t most : {size_t{1}, size_t{7}, size_t{100}, size_t{1000}}) {
        const auto first = most_exposed_of_one(one, thresholds, most);
        ASSERT_EQ(first.size(), std::min(most, all.size()));
        for (size_t k = 0; k < first.size(); ++k) {
          EXPECT_EQ(first[k].record, all[k].record);
          EXPECT_EQ(first[k].trained, all[k].trained);
          EXPECT_EQ(first[k].found, all[k].found);
          EXPECT_EQ(first[k].separation, all[k].separation);
          EXPECT_EQ(first[k].rank, all[k].rank);
        }
      }
    }
  }
  EXPECT_TRUE(
      most_exposed_of_one({std::vector<double>{1}, std::vector<int8_t>{0}, 1, std::vector<int64_t>{0}}, {}, 5).empty());
}

// A leak in records of narrow scores, among as many with wide ones: one threshold for all finds next to nobody.
TEST(PerRecordRates, FindWhoIsHiddenAmongWiderScores) {
  const auto score = [](double leak) {
    return [leak](Rng& rng, size_t i, bool member) { return (i % 2 ? 50 : 0.1) * rng.normal() + member * leak; };
  };
  for (const double fpr : {0.1, 0.01}) {
    const auto noise = per_record_rates(made_scores(8, 20'000, 1, score(0)).view(), fpr, 0.9999, 1, {});
    ASSERT_TRUE(noise);
    EXPECT_EQ(noise->records, 20'000u);
    EXPECT_LE(*noise->tpr.low, fpr);
    EXPECT_GE(*noise->tpr.high, fpr);
    EXPECT_NEAR(*noise->tpr.value, fpr, 0.1 * fpr);
    const auto leak = per_record_rates(made_scores(8, 20'000, 1, score(1)).view(), fpr, 0.95, 1, {});
    EXPECT_GT(*leak->tpr.low, 0.4);
  }
}

TEST(PerRecordRates, AreThoseOfAPlainStatement) {
  const Made made = made_scores(
      5, 40, 2, [](Rng& rng, size_t i, bool m) { return rng.normal() + (m ? 2.0 : 0.0) + static_cast<double>(i); });
  const double fpr = 0.05;
  std::vector<double> members, corrected, nonmembers;
  for (size_t t = 0; t < 10; ++t)
    for (size_t i = 0; i < 40; ++i) {
      std::vector<double> null;
      double inside = 0, inside_sum = 0;
      for (size_t u = 0; u < 10; ++u) {
        const double score = made.scores[u * 40 + i];
        if (made.membership[u * 40 + i] == 0 && u / 2 != t / 2) null.push_back(score);
        if (made.membership[u * 40 + i]) inside_sum += score, ++inside;
      }
      ASSERT_EQ(null.size(), 4u);
      double mean = 0, squares = 0;
      for (const double x : null) mean += x / 4;
      for (const double x : null) squares += (x - mean) * (x - mean) / 3;
      const double unit = student_t_quantile(3, 1 - fpr) * std::sqrt(squares * (1 + 1. / 4));
      const double own = made.scores[t * 40 + i] - mean;
      if (made.membership[t * 40 + i]) {
        members.push_back(own / unit);
        corrected.push_back((own - (1 - std::sqrt(0.5)) * (inside_sum / inside - mean)) / unit);
      } else {
        nonmembers.push_back(own / unit);
      }
    }
  std::ranges::sort(nonmembers, std::greater());
  const size_t allowed = static_cast<size_t>(fpr * static_cast<double>(nonmembers.size()));
  const auto share = [&](const std::vector<double>& scores) {
    return static_cast<double>(std::ranges::count_if(scores, [&](double s) { return s > nonmembers[allowed]; })) /
           static_cast<double>(scores.size());
  };
  const auto rates = per_record_rates(made.view(), fpr, 0.95, 1, {});
  ASSERT_TRUE(rates);
  EXPECT_NEAR(*rates->tpr.value, share(members), 1e-12);
  EXPECT_NEAR(*rates->corrected_tpr.value, share(corrected), 1e-12);
  EXPECT_LT(*rates->corrected_tpr.value, *rates->tpr.value);
}

// A model is the mean of the 20 values that it was trained on, out of the same 40 for every model: such means vary half
// as much as those of 20 values drawn anew, which is what the next model would have. A member adds its own shift.
TEST(PerRecordRates, CorrectForOneFiniteSetOfRecords) {
  constexpr size_t kPairs = 32, kRecords = 4000, kPool = 40;
  const double shift = 0.5, fpr = 0.05;
  Made made{kRecords, std::vector<double>(2 * kPairs * kRecords), std::vector<int8_t>(2 * kPairs * kRecords), {}};
  for (size_t p = 0; p < kPairs; ++p) made.families.insert(made.families.end(), 2, static_cast<int64_t>(p));
  for (size_t i = 0; i < kRecords; ++i) {
    Rng rng(3, i);
    std::vector<double> pool(kPool);
    for (double& value : pool) value = rng.normal();
    for (size_t p = 0; p < kPairs; ++p) {
      rng.shuffle(std::span(pool));
      double means[2] = {0, 0};
      for (size_t k = 0; k < kPool; ++k) means[k % 2] += pool[k] / (kPool / 2);
      const bool first = rng.uniform() < 0.5;
      for (const size_t turned : {0u, 1u}) {
        const bool member = first != (turned == 1);
        made.membership[(2 * p + turned) * kRecords + i] = member;
        made.scores[(2 * p + turned) * kRecords + i] = means[turned] + shift * member;
      }
    }
  }
  const double anew = std::sqrt(1. / (kPool / 2));
  const double truth = normal_survival(-normal_quantile(fpr) - shift / anew);
  const auto rates = per_record_rates(made.view(), fpr, 0.95, 1, {});
  ASSERT_TRUE(rates);
  EXPECT_GT(*rates->tpr.value, truth + 0.15);
  EXPECT_NEAR(*rates->corrected_tpr.value, truth, 0.03);
}

TEST(PerRecordRates, AccuseNobodyWhoseScoresAreAllAlikeAndJudgeNobodyByFewerThanThree) {
  const Made same = made_scores(8, 50, 4, [](Rng&, size_t, bool member) { return member ? 1.0 : 0.0; });
  const auto rates = per_record_rates(same.view(), 0.01, 0.95, 1, {});
  ASSERT_TRUE(rates);
  EXPECT_EQ(rates->tpr.value, 0.0);
  EXPECT_FALSE(per_record_rates(made_scores(3, 50, 5, [](Rng& rng, size_t, bool) { return rng.normal(); }).view(), 0.01,
                                0.95, 1, {}));
}

// Taking a relative's score back out of a sum leaves rounding where the other scores are all alike.
TEST(PerRecordRates, AccuseNobodyForTheRoundingThatARelativeLeaves) {
  Made made = made_scores(9, 900, 20, [](Rng&, size_t, bool) { return 0.1; });
  for (size_t i = 0; i < made.records; ++i)
    for (const size_t t : {2 * (i % 9), 2 * (i % 9) + 1}) {
      const size_t place = t * made.records + i;
      made.scores[place] = made.membership[place] == 1 ? 1 : 0.3 + 1e-4 * static_cast<double>(i);
    }
  const auto rates = per_record_rates(made.view(), 0.01, 0.95, 1, {});
  ASSERT_TRUE(rates);
  EXPECT_LE(*rates->tpr.value, 0.01);
  EXPECT_LE(*rates->corrected_tpr.value, 0.01);
}

TEST(PerRecordRates, DoNotDependOnThreads) {
  const Made made = made_scores(6, 1000, 6, [](Rng& rng, size_t, bool m) { return rng.normal() + m; });
  const auto one = per_record_rates(made.view(), 0.01, 0.95, 1, {1}),
             three = per_record_rates(made.view(), 0.01, 0.95, 1, {3});
  EXPECT_EQ(one->tpr.value, three->tpr.value);
  EXPECT_EQ(one->tpr.high, three->tpr.high);
}

}  // namespace
}  // namespace miaudit
