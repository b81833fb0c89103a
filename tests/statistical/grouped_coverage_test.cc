// Do the intervals hold when records of one person resemble each other, and when two scores are compared?
#include <cmath>
#include <vector>

#include "miaudit/base/rng.h"
#include "miaudit/math/distributions.h"
#include "miaudit/metric/interval.h"
#include "tests/statistical/coverage.h"

namespace miaudit {
namespace {

enum class Groups { pure, mixed };

struct Design {
  const char* name;
  Groups kind;
  size_t groups;
  int size;       ///< records of a group; one in three groups is twice as large
  double shared;  ///< share of the variance that is the group's
  double auc;
};

// A score is shift·member + √shared·(the group's own) + √(1−shared)·(the record's own): still binormal in all.
TEST(Grouped, AucTprAndAdvantageAreCovered) {
  for (const Design design : {Design{"40 groups of 5", Groups::pure, 40, 5, 0.5, 0.5},
                              Design{"40 groups of 5", Groups::pure, 40, 5, 0.5, 0.8},
                              Design{"200 groups of 10", Groups::pure, 200, 10, 0.3, 0.8},
                              Design{"200 groups of 10", Groups::pure, 200, 10, 0.9, 0.96},
                              Design{"20 groups of both", Groups::mixed, 20, 4, 0.8, 0.8},
                              Design{"100 groups of both", Groups::mixed, 100, 6, 0.9, 0.96},
                              Design{"100 groups of both", Groups::mixed, 100, 6, 0.5, 0.5},
                              Design{"100 groups of both", Groups::mixed, 100, 6, 0.5, 0.8}}) {
    const double shift = std::sqrt(2.0) * normal_quantile(design.auc);
    const double true_tpr = normal_survival(-normal_quantile(0.05) - shift);
    const double true_advantage = 1 - 2 * normal_survival(shift / 2);
    const std::string name = std::string(design.name) + ", AUC " + std::to_string(design.auc).substr(0, 4);
    Coverage of_auc(name);
    Coverage of_tpr(name + ", TPR at 5 %");
    Coverage of_advantage(name + ", advantage");
    for (uint64_t trial = 0; trial < 2000; ++trial) {
      Rng rng(31, trial);
      std::vector<double> scores;
      std::vector<int8_t> membership;
      std::vector<int64_t> groups;
      for (size_t group = 0; group < design.groups; ++group) {
        const double own = rng.normal();
        const int size = group % 3 == 0 ? 2 * design.size : design.size;
        for (int k = 0; k < size; ++k) {
          const bool member = design.kind == Groups::pure ? group % 2 == 0 : k % 2 == 0;
          scores.push_back(shift * member + std::sqrt(design.shared) * own +
                           std::sqrt(1 - design.shared) * rng.normal());
          membership.push_back(member);
          groups.push_back(static_cast<int64_t>(group));
        }
      }
      const GroupedScores grouped{scores, membership, groups};
      of_tpr.add(tpr_at_fpr_estimate(grouped, 0.05, 0.95, {}), true_tpr);
      of_advantage.add(advantage_estimate(grouped, 0.95, trial, {}), true_advantage);
      of_auc.add(auc_estimate(grouped, 0.95, {}), design.auc);
    }
    of_auc.expect_at_least(0.94);
    of_tpr.expect_at_least(0.94);
    of_advantage.expect_at_least(0.94);
  }
}

// A person with most of a side's records hides in the mean that they make.
TEST(Grouped, AucIsCoveredWhereFewHoldMostRecords) {
  struct Sizes {
    const char* name;
    size_t large, size, small;  ///< of either side
    bool is_zipf = false;
    size_t singles = 0;  ///< non-members, each of a person of their own, in the place of such a side
  };
  for (const Sizes sizes :
       {Sizes{"1 of 40 and 9 of 1", 1, 40, 9}, Sizes{"2 of 40 and 8 of 1", 2, 40, 8},
        Sizes{"3 of 50 and 47 of 1", 3, 50, 47}, Sizes{"4 of 40 and 16 of 1", 4, 40, 16},
        Sizes{"10 of 40 and 40 of 1", 10, 40, 40}, Sizes{"50 by Zipf", 50, 60, 0, true},
        Sizes{"1 of 100, 100 singles", 1, 100, 0, false, 100}, Sizes{"2 of 50, 100 singles", 2, 50, 0, false, 100},
        Sizes{"3 of 33, 100 singles", 3, 33, 0, false, 100}})
    for (const double shared : {0.2, 0.5, 0.9})
      for (const double auc : {0.5, 0.75, 0.9}) {
        const double shift = std::sqrt(2.0) * normal_quantile(auc);
        Coverage coverage(std::string(sizes.name) + ", shared " + std::to_string(shared).substr(0, 3) + ", AUC " +
                          std::to_string(auc).substr(0, 4));
        for (uint64_t trial = 0; trial < 1000; ++trial) {
          Rng rng(36, trial);
          std::vector<double> scores;
          std::vector<int8_t> membership;
          std::vector<int64_t> groups;
          const size_t a_side = sizes.large + sizes.small, others = sizes.singles ? sizes.singles : a_side;
          for (size_t group = 0; group < a_side + others; ++group) {
            const bool is_member = group < a_side;
            const size_t place = is_member ? group : group - a_side;
            size_t size = place >= sizes.large ? 1 : sizes.is_zipf ? sizes.size / (place + 1) + 1 : sizes.size;
            if (!is_member && sizes.singles) size = 1;
            const double own = rng.normal();
            for (size_t k = 0; k < size; ++k) {
              membership.push_back(is_member);
              scores.push_back(shift * membership.back() + std::sqrt(shared) * own +
                               std::sqrt(1 - shared) * rng.normal());
              groups.push_back(static_cast<int64_t>(group));
            }
          }
          coverage.add(auc_estimate(GroupedScores{scores, membership, groups}, 0.95, {}), auc);
        }
        coverage.expect_at_least(0.94);
      }
}

// Persons with records of both sides: what is theirs lifts all their scores, or members' up and non-members' down.
TEST(Grouped, AucIsCoveredWhereFewHoldMostRecordsOfBothSides) {
  struct Sizes {
    const char* name;
    size_t large, size, small;  ///< of either side
  };
  for (const Sizes sizes : {Sizes{"1 of 40 and 9 of 1", 1, 40, 9}, Sizes{"3 of 50 and 6 of 1", 3, 50, 6},
                            Sizes{"3 of 50 and 20 of 1", 3, 50, 20}, Sizes{"10 of 40 and 40 of 1", 10, 40, 40}})
    for (const bool is_opposite : {false, true})
      for (const double shared : {0.3, 0.7, 0.95})
        for (const double auc : {0.5, 0.8}) {
          const double shift = std::sqrt(2.0) * normal_quantile(auc);
          // Of pairs of one person's the difference varies otherwise.
          const double records = static_cast<double>(sizes.large * sizes.size + sizes.small);
          const double of_one =
              static_cast<double>(sizes.large * sizes.size * sizes.size + sizes.small) / (records * records);
          const double auc_of_one = normal_cdf(shift / std::sqrt(2 * (1 - shared) + 4 * shared * is_opposite));
          Coverage coverage(std::string(sizes.name) + (is_opposite ? ", opposite " : ", alike ") +
                            std::to_string(shared).substr(0, 4) + ", AUC " + std::to_string(auc).substr(0, 4));
          for (uint64_t trial = 0; trial < 1000; ++trial) {
            Rng rng(37, trial);
            std::vector<double> scores;
            std::vector<int8_t> membership;
            std::vector<int64_t> groups;
            for (size_t group = 0; group < sizes.large + sizes.small; ++group) {
              const double own = rng.normal();
              for (size_t k = 0; k < 2 * (group < sizes.large ? sizes.size : 1); ++k) {
                membership.push_back(k % 2);
                const double sign = is_opposite && k % 2 == 0 ? -1 : 1;
                scores.push_back(shift * membership.back() + sign * std::sqrt(shared) * own +
                                 std::sqrt(1 - shared) * rng.normal());
                groups.push_back(static_cast<int64_t>(group));
              }
            }
            coverage.add(auc_estimate(GroupedScores{scores, membership, groups}, 0.95, {}),
                         of_one * auc_of_one + (1 - of_one) * auc);
          }
          coverage.expect_at_least(0.94);
        }
}

// Members that are right or wrong as a whole person, mostly all right, beside non-members of whom next to none tell
// how much a person's records resemble each other.
TEST(Grouped, AucIsCoveredWhereResemblanceDoesNotShow) {
  constexpr size_t kPersons = 10, kSize = 40, kOthers = 400;
  for (const double wrong : {0.05, 0.1})
    for (const size_t twins : {0, 1, 10, 40}) {
      Coverage coverage(std::to_string(twins) + " twins among singles, wrong " + std::to_string(wrong).substr(0, 4));
      for (uint64_t trial = 0; trial < 1000; ++trial) {
        Rng rng(38, trial);
        std::vector<double> scores;
        std::vector<int8_t> membership;
        std::vector<int64_t> groups;
        for (size_t person = 0; person < kPersons; ++person) {
          const double score = rng.uniform() >= wrong;
          for (size_t k = 0; k < kSize; ++k) {
            scores.push_back(score);
            membership.push_back(1);
            groups.push_back(static_cast<int64_t>(person));
          }
        }
        for (size_t k = 0; k < kOthers; ++k) {
          scores.push_back(rng.uniform() >= 0.3);
          membership.push_back(0);
          groups.push_back(static_cast<int64_t>(kPersons + (k < 2 * twins ? k / 2 : k)));
        }
        coverage.add(auc_estimate(GroupedScores{scores, membership, groups}, 0.95, {}), (1 - wrong + 0.3) / 2);
      }
      coverage.expect_at_least(0.94);
    }
}

TEST(Paired, DifferenceOfAucIsCovered) {
  for (const double auc : {0.5, 0.8, 0.96})
    for (const size_t records : {50, 200, 1000}) {
      const double shift = std::sqrt(2.0) * normal_quantile(auc);
      const double noise = 0.75;
      const double weaker = normal_cdf(shift / std::sqrt(2 * (1 + noise * noise)));
      Coverage coverage("difference from " + std::to_string(auc).substr(0, 4) + ", " + std::to_string(records));
      for (uint64_t trial = 0; trial < 4000; ++trial) {
        Rng rng(32, trial);
        std::vector<double> a(records);
        std::vector<double> b(records);
        std::vector<int8_t> membership(records);
        for (size_t i = 0; i < records; ++i) {
          membership[i] = i % 2 == 0;
          a[i] = rng.normal() + shift * membership[i];
          b[i] = a[i] + noise * rng.normal();
        }
        coverage.add(auc_difference({a, b, membership}, 0.95, {}), auc - weaker);
      }
      coverage.expect_at_least(0.94);
    }
}

// Persons with records of both sides, whose own level and whose own noise of the weaker score all of theirs share.
TEST(Paired, DifferenceOfAucOverGroupsIsCovered) {
  for (const size_t groups : {30, 100, 400}) {
    constexpr size_t kRecords = 6;
    const double shift = std::sqrt(2.0) * normal_quantile(0.8), noise = 0.75;
    const double weaker = normal_cdf(shift / std::sqrt(2 * (1 + noise * noise)));
    Coverage coverage(std::to_string(groups) + " groups, difference"), alone("  as of independent records");
    for (uint64_t trial = 0; trial < 1000; ++trial) {
      Rng rng(35, trial);
      std::vector<double> a, b;
      std::vector<int8_t> membership;
      std::vector<int64_t> group;
      for (size_t g = 0; g < groups; ++g) {
        const double level = rng.normal(), off = rng.normal();
        const bool member = rng.uniform() < 0.5;
        for (size_t i = 0; i < kRecords; ++i) {
          membership.push_back(member);
          group.push_back(static_cast<int64_t>(g));
          a.push_back(shift * member + std::sqrt(0.5) * (level + rng.normal()));
          b.push_back(a.back() + noise * std::sqrt(0.5) * (off + rng.normal()));
        }
      }
      coverage.add(auc_difference({a, b, membership, group}, 0.95, {}), 0.8 - weaker);
      alone.add(auc_difference({a, b, membership}, 0.95, {}), 0.8 - weaker);
    }
    coverage.expect_at_least(0.94);
    alone.print();
  }
}

}  // namespace
}  // namespace miaudit
