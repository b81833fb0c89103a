// Do the intervals of many targets hold for other models and other records? What a record is shows under every model,
// what a model is for all of its records, what a person is for all of theirs.
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "miaudit/base/rng.h"
#include "miaudit/math/distributions.h"
#include "miaudit/metric/interval.h"
#include "tests/statistical/coverage.h"

namespace miaudit {
namespace {

struct Design {
  size_t models;  ///< in complementary pairs
  size_t records;
  double of_model;   ///< shares of the variance
  double of_record;  ///< of it, and as much of the leak's
  double auc;
  size_t of_person = 1;  ///< records of each, alike in everything but noise, trained on together
  size_t of_first = 1;   ///< and of the first person

  bool is_of_one_before(size_t i) const { return i > 0 && (i < of_first || i % of_person != 0); }
};

constexpr double kFprs[] = {0.05, 0.01, 0.001};

/// Of TPRs as an audit prints them, by a bootstrap where there is enough to draw from.
class TprCoverage {
 public:
  explicit TprCoverage(const std::string& name) {
    for (const double fpr : kFprs) {
      of_fprs_.emplace_back(name + ", TPR at " + std::to_string(fpr).substr(0, 5));
      by_order_.emplace_back(name + ", by order statistics");
    }
  }
  /// Fewer resamples than an audit takes, so that its intervals hold no less often.
  void add(const PartedGroups& crossed, const std::function<double(double)>& true_tpr, uint64_t seed) {
    const double level = 0.95;
    for (size_t f = 0; f < std::size(kFprs); ++f) {
      const auto estimates = tpr_at_fpr_estimates(crossed, kFprs[f], std::span(&level, 1), {200, seed}, {});
      of_fprs_[f].add(estimates.front(), true_tpr(kFprs[f]));
      by_order_[f].add(tpr_at_fpr_estimate(crossed, kFprs[f], level), true_tpr(kFprs[f]));
    }
  }
  void expect_at_least(double least) const {
    for (size_t f = 0; f < std::size(kFprs); ++f) {
      of_fprs_[f].expect_at_least(least);
      by_order_[f].print();
    }
  }

 private:
  std::vector<Coverage> of_fprs_, by_order_;
};

// A score is a record's own + a pair's own + noise; a member's is shifted by the record's own gain, so that some
// records are exposed under most models and others under none. Still binormal in all.
TEST(Crossed, AucAndTprAreCovered) {
  for (const Design design :
       {Design{8, 500, 0.01, 0.1, 0.65}, Design{8, 1000, 0.05, 0.3, 0.8}, Design{12, 800, 0.02, 0.2, 0.65},
        Design{12, 2000, 0, 0, 0.5}, Design{10, 500, 0.005, 0.05, 0.65}, Design{16, 300, 0, 0, 0.5},
        Design{16, 300, 0.01, 0.3, 0.65}, Design{16, 1000, 0.02, 0.3, 0.8}, Design{34, 300, 0.05, 0.3, 0.65},
        Design{34, 100, 0, 0.6, 0.8}, Design{64, 1000, 0.01, 0.5, 0.65}, Design{16, 1000, 0.01, 0.3, 0.65, 5},
        Design{34, 600, 0.02, 0.2, 0.8, 3}, Design{16, 600, 0, 0, 0.5, 4}, Design{16, 300, 0.01, 0.3, 0.65, 1, 225},
        Design{16, 300, 0.01, 0.3, 0.65, 150}}) {
    const double gain = design.of_record / 2;  // variance of a record's gain
    const double shift = normal_quantile(design.auc) * std::sqrt(2 + gain);
    const auto true_tpr = [&](double fpr) {
      return normal_survival((-normal_quantile(fpr) - shift) / std::sqrt(1 + gain));
    };
    const std::string name = std::to_string(design.models) + " models x " + std::to_string(design.records) + ", AUC " +
                             std::to_string(design.auc).substr(0, 4) +
                             (design.of_person > 1 ? ", " + std::to_string(design.of_person) + " a person" : "") +
                             (design.of_first > 1 ? ", " + std::to_string(design.of_first) + " of one person" : "");
    Coverage of_auc(name), by_pairs(name + ", by pairs alone"), by_records(name + ", by pairs and records");
    TprCoverage of_tpr(name);
    for (uint64_t trial = 0; trial < 500; ++trial) {
      Rng rng(41, trial);
      std::vector<double> scores;
      std::vector<int8_t> membership;
      std::vector<int64_t> groups, of_models, people;
      std::vector<double> own(design.records), gains(design.records);
      for (size_t i = 0; i < design.records; ++i) {
        const bool is_same = design.is_of_one_before(i);
        people.push_back(is_same ? people.back() : static_cast<int64_t>(i));
        own[i] = is_same ? own[i - 1] : std::sqrt(design.of_record) * rng.normal();
        gains[i] = is_same ? gains[i - 1] : shift + std::sqrt(gain) * rng.normal();
      }
      for (size_t pair = 0; pair < design.models / 2; ++pair) {
        std::vector<int8_t> split(design.records);
        for (size_t i = 0; i < design.records; ++i)
          split[i] = design.is_of_one_before(i) ? split[i - 1] : rng.uniform() < 0.5;
        const double of_pair = std::sqrt(design.of_model) * rng.normal();
        for (const int8_t turned : {int8_t{0}, int8_t{1}}) {
          of_models.push_back(static_cast<int64_t>(pair));
          for (size_t i = 0; i < design.records; ++i) {
            const bool member = split[i] != turned;
            scores.push_back(own[i] + of_pair + member * gains[i] +
                             std::sqrt(1 - design.of_record - design.of_model) * rng.normal());
            membership.push_back(member);
            groups.push_back(static_cast<int64_t>(pair));
          }
        }
      }
      if (design.of_person == 1 && design.of_first == 1) people.clear();
      const PartedGroups crossed({scores, membership, of_models, 1, design.records, people}, {});
      const double level = 0.95;
      of_auc.add(auc_estimates(crossed, std::span(&level, 1), {}).front(), design.auc);
      of_tpr.add(crossed, true_tpr, trial);
      by_pairs.add(auc_estimate(GroupedScores{scores, membership, groups}, level, {}), design.auc);
      by_records.add(auc_estimate(GroupedScores{scores, membership, of_models, 1, design.records}, level, {}),
                     design.auc);
    }
    of_auc.expect_at_least(0.94);
    of_tpr.expect_at_least(0.94);
    by_pairs.print();
    if (design.of_person > 1) by_records.print();
  }
}

/// What scores are made of: a record's own and its gain as a member, a pair's shift and width, and noise.
struct Making {
  const char* name;
  std::function<std::pair<double, double>(Rng&)> record, pair;
  std::function<double(Rng&)> noise;
  double step = 0;  ///< scores are rounded to multiples of it

  double score(std::pair<double, double> of_record, std::pair<double, double> of_pair, bool member, Rng& rng) const {
    const double score = of_pair.second * (of_record.first + member * of_record.second + noise(rng)) + of_pair.first;
    return step > 0 ? step * std::round(score / step) : score;
  }
};

/// By a simulation of four million scores a side, each of a record and a pair of its own.
std::function<double(double)> simulated_tpr(const Making& making) {
  auto members = std::make_shared<std::vector<double>>(), nonmembers = std::make_shared<std::vector<double>>();
  Rng rng(45, 0);
  for (size_t k = 0; k < 4'000'000; ++k) {
    const auto of_record = making.record(rng), of_pair = making.pair(rng);
    nonmembers->push_back(making.score(of_record, of_pair, false, rng));
    members->push_back(making.score(of_record, of_pair, true, rng));
  }
  std::ranges::sort(*members);
  std::ranges::sort(*nonmembers);
  return [members, nonmembers](double fpr) {
    const size_t allowed = static_cast<size_t>(fpr * static_cast<double>(nonmembers->size()));
    const double excluded = (*nonmembers)[nonmembers->size() - 1 - allowed];
    return static_cast<double>(members->end() - std::ranges::upper_bound(*members, excluded)) /
           static_cast<double>(members->size());
  };
}

void expect_tpr_covered(const Making& making, size_t models, size_t records, size_t trials) {
  const std::function<double(double)> true_tpr = simulated_tpr(making);
  TprCoverage of_tpr(std::to_string(models) + " models x " + std::to_string(records) + ", " + making.name);
  for (uint64_t trial = 0; trial < trials; ++trial) {
    Rng rng(46, trial);
    std::vector<std::pair<double, double>> own;
    for (size_t i = 0; i < records; ++i) own.push_back(making.record(rng));
    std::vector<double> scores;
    std::vector<int8_t> membership;
    std::vector<int64_t> groups;
    std::vector<int8_t> split(records);
    std::pair<double, double> of_pair;
    for (size_t m = 0; m < models; ++m) {
      if (m % 2 == 0) of_pair = making.pair(rng);
      groups.push_back(static_cast<int64_t>(m / 2));
      for (size_t i = 0; i < records; ++i) {
        split[i] = m % 2 == 1 ? int8_t{1} - split[i] : rng.uniform() < 0.5;
        scores.push_back(making.score(own[i], of_pair, split[i] == 1, rng));
        membership.push_back(split[i]);
      }
    }
    of_tpr.add(PartedGroups({scores, membership, groups, 1, records, {}}, {}), true_tpr, trial);
  }
  of_tpr.expect_at_least(0.94);
}

double normal_noise(Rng& rng) {
  return rng.normal();
}
double laplace_noise(Rng& rng) {
  const double size = -std::log(1 - rng.uniform());
  return rng.uniform() < 0.5 ? size : -size;
}
std::pair<double, double> of_one_gain(Rng& rng) {
  return {0.5 * rng.normal(), 1};
}
/// Of pairs: neither shift nor width.
std::pair<double, double> all_alike(Rng&) {
  return {0, 1};
}

// A few records tower over all others as members, models differ in the width of their scores, and noise has heavy
// tails: what real attacks' scores look like.
TEST(Crossed, TprOfHeavyTailsIsCovered) {
  const Making heavy{"heavy tails",
                     [](Rng& rng) {
                       const double own = 0.7 * rng.normal();
                       return std::pair{own, rng.uniform() < 0.1 ? 2 + 3 * -std::log(1 - rng.uniform()) : 0.2};
                     },
                     [](Rng& rng) {
                       return std::pair{0.0, std::exp(0.15 * rng.normal())};
                     },
                     laplace_noise};
  for (const auto& [models, records] : {std::pair{16, 1000}, std::pair{34, 1000}, std::pair{64, 400}})
    expect_tpr_covered(heavy, models, records, 500);
}

// Models of different recipes: those whose scores are higher throughout have what lies past one threshold for all.
TEST(Crossed, TprOfModelsThatDifferIsCovered) {
  for (const double deviation : {0.5, 1.0, 2.0}) {
    const std::string name = "pairs differ by " + std::to_string(deviation).substr(0, 3);
    const Making different{name.c_str(), of_one_gain,
                           [=](Rng& rng) {
                             return std::pair{deviation * rng.normal(), 1.0};
                           },
                           normal_noise};
    for (const auto& [models, records] : {std::pair{16, 300}, std::pair{34, 300}})
      expect_tpr_covered(different, models, records, 300);
  }
}

// Now and then one is far from all others, and most runs hold none like it.
TEST(Crossed, TprOfModelsWithOutliersIsCovered) {
  const auto student = [](Rng& rng) {  // of three degrees of freedom
    const double normal = rng.normal(), a = rng.normal(), b = rng.normal(), c = rng.normal();
    return normal / std::sqrt((a * a + b * b + c * c) / 3);
  };
  for (const double size : {0.25, 0.5}) {
    const std::string name = "pairs differ by " + std::to_string(size).substr(0, 4) + " t";
    const Making outlying{name.c_str(), of_one_gain,
                          [=](Rng& rng) {
                            return std::pair{size * student(rng), 1.0};
                          },
                          normal_noise};
    expect_tpr_covered(outlying, 34, 300, 300);
  }
}

// Some models give away much more than others.
TEST(Crossed, TprOfUnevenLeaksIsCovered) {
  const Making uneven{"leaks differ",
                      [](Rng& rng) {
                        return std::pair{0.5 * rng.normal(), 1.0};
                      },
                      [](Rng& rng) {
                        return std::pair{0.0, std::exp(0.4 * rng.normal())};
                      },
                      normal_noise};
  expect_tpr_covered(uneven, 34, 300, 300);
}

// Scores of few levels: the threshold jumps from one to the next.
TEST(Crossed, TprOfCoarseScoresIsCovered) {
  for (const double step : {2.0, 0.5, 0.1}) {
    const std::string name = "steps of " + std::to_string(step).substr(0, 3);
    for (const auto& [models, records] : {std::pair{16, 600}, std::pair{34, 300}})
      expect_tpr_covered({name.c_str(), of_one_gain, all_alike, normal_noise, step}, models, records, 300);
  }
  // A level of so many non-members that it is just within an FPR of 5 %, or just not.
  for (const double share : {0.049, 0.05, 0.051}) {
    const std::string name = "three levels, " + std::to_string(share).substr(0, 5) + " at the second";
    const Making stepped{name.c_str(),
                         [](Rng& rng) {
                           return std::pair{0.0, rng.uniform() < 0.5 ? 1.0 : 0.0};
                         },
                         all_alike,
                         [share](Rng& rng) {
                           const double luck = rng.uniform();
                           return luck < share / 5 ? 2.0 : luck < share ? 1.0 : 0.0;
                         }};
    expect_tpr_covered(stepped, 16, 600, 300);
  }
}

// Scores of two levels, as `correctness` has: nearly all members have the upper one, or all of them.
TEST(Crossed, AucOfTwoLevelsIsCovered) {
  struct TwoLevels {
    size_t models, records;
    double wrong_members, wrong_nonmembers;
  };
  for (const auto& [models, records, wrong_members, wrong_nonmembers] :
       {TwoLevels{34, 1000, 0, 0.34}, TwoLevels{16, 1000, 0, 0.1}, TwoLevels{10, 500, 0, 0.34},
        TwoLevels{34, 1000, 1e-4, 0.34}, TwoLevels{16, 5000, 1e-3, 0.05}}) {
    const double auc = 0.5 + 0.5 * (wrong_nonmembers - wrong_members);
    Coverage of_auc(std::to_string(models) + " models x " + std::to_string(records) + ", wrong " +
                    std::to_string(wrong_members) + " and " + std::to_string(wrong_nonmembers));
    for (uint64_t trial = 0; trial < 500; ++trial) {
      Rng rng(43, trial);
      // Half of what makes an answer right is the record's.
      std::vector<double> ease(records), scores;
      std::vector<int8_t> membership;
      std::vector<int64_t> groups;
      for (double& own : ease) own = std::sqrt(0.5) * rng.normal();
      for (size_t pair = 0; pair < models / 2; ++pair) {
        std::vector<int8_t> split(records);
        for (int8_t& side : split) side = rng.uniform() < 0.5;
        for (const int8_t turned : {int8_t{0}, int8_t{1}}) {
          groups.push_back(static_cast<int64_t>(pair));
          for (size_t i = 0; i < records; ++i) {
            const bool member = split[i] != turned;
            const double wrong = member ? wrong_members : wrong_nonmembers;
            const double luck = ease[i] + std::sqrt(0.5) * rng.normal();
            scores.push_back(wrong == 0 || luck > normal_quantile(wrong) ? 1 : 0);
            membership.push_back(member);
          }
        }
      }
      of_auc.add(auc_estimate(GroupedScores{scores, membership, groups, 1, records}, 0.95, {}), auc);
    }
    of_auc.expect_at_least(0.94);
  }
}

// Persons all of whose records as members have the upper level, while non-members' show how alike a person's are.
TEST(Grouped, AucOfTwoLevelsIsCovered) {
  struct Persons {
    size_t count, records;
    double shared;  ///< of the variance
  };
  constexpr double kWrong = 0.34;
  for (const auto& [count, records, shared] :
       {Persons{10, 6, 0.9}, Persons{10, 6, 0.2}, Persons{40, 5, 0.9}, Persons{200, 10, 0.5}, Persons{400, 2, 0.9}}) {
    Coverage of_auc(std::to_string(count) + " persons a side of " + std::to_string(records) + " records, " +
                    std::to_string(shared).substr(0, 3) + " shared");
    for (uint64_t trial = 0; trial < 2000; ++trial) {
      Rng rng(44, trial);
      std::vector<double> scores;
      std::vector<int8_t> membership;
      std::vector<int64_t> groups;
      for (size_t person = 0; person < 2 * count; ++person) {
        const double own = std::sqrt(shared) * rng.normal();
        for (size_t i = 0; i < records; ++i) {
          const double luck = own + std::sqrt(1 - shared) * rng.normal();
          membership.push_back(person < count);
          scores.push_back(person < count || luck > normal_quantile(kWrong) ? 1 : 0);
          groups.push_back(static_cast<int64_t>(person));
        }
      }
      of_auc.add(auc_estimate(GroupedScores{scores, membership, groups}, 0.95, {}), 0.5 + 0.5 * kWrong);
    }
    of_auc.expect_at_least(0.94);
  }
}

}  // namespace
}  // namespace miaudit
