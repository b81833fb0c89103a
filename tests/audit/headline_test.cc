#include "miaudit/audit/headline.h"

#include <gtest/gtest.h>

#include <string>

namespace miaudit {
namespace {

/// In every order of running.
std::string headline_of(std::vector<Candidate> ran) {
  std::string found;
  const auto before = [](const Candidate& a, const Candidate& b) { return a.attack < b.attack; };
  std::ranges::sort(ran, before);
  do {
    std::vector<Candidate> held;
    for (const Candidate& one : ran) add_candidate(held, one);
    if (!found.empty() && found != held.front().attack) return "depends on the order";
    found = held.front().attack;
  } while (std::ranges::next_permutation(ran, before).found);
  return found;
}

TEST(Headline, IsTheFirstThatWasChosenBeforehand) {
  EXPECT_EQ(headline_of({{"base", 100, 0.6}, {"lira", 100, 0.9}, {"rmia_offline", 100, 0.7}}), "base");
  EXPECT_EQ(headline_of({{"base", 100, 0.6}, {"stacked", 100, 0.5}}), "stacked");
}

TEST(Headline, IsTheStrongestWhereNoneWas) {
  EXPECT_EQ(headline_of({{"loss", 100, 0.6}, {"lira", 10, 0.9}, {"rmia", 100, 0.7}}), "lira");
}

TEST(Headline, ScoresNineInTenOfWhatOthersDo) {
  EXPECT_EQ(headline_of({{"base", 90, 0.6}, {"rmia_offline", 100, 0.7}}), "base");
  EXPECT_EQ(headline_of({{"base", 89, 0.6}, {"rmia_offline", 100, 0.7}, {"loss", 1000, 0.9}}), "rmia_offline");
  // The first is near the second and far from the third, which the second is near.
  EXPECT_EQ(headline_of({{"stacked", 82, 0.6}, {"base", 91, 0.6}, {"rmia_offline", 100, 0.7}}), "base");
}

}  // namespace
}  // namespace miaudit
