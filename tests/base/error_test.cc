#include "miaudit/base/error.h"

#include <gtest/gtest.h>

namespace miaudit {
namespace {

TEST(Grouped, PartsThousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1 000");
  EXPECT_EQ(grouped(1234567), "1 234 567");
}

TEST(Counted, KnowsOneFromMany) {
  EXPECT_EQ(counted(1, "group"), "1 group");
  EXPECT_EQ(counted(0, "group"), "0 groups");
  EXPECT_EQ(counted(1, "class", "classes"), "1 class");
  EXPECT_EQ(counted(1234, "class", "classes"), "1 234 classes");
}

TEST(NearestName, SuggestsWhatIsNearAndNothingElse) {
  const std::vector<std::string> names = {"loss", "spread", "modified_entropy"};
  EXPECT_EQ(nearest_name("losss", names), "loss");
  EXPECT_EQ(nearest_name("modifed_entropy", names), "modified_entropy");
  EXPECT_EQ(nearest_name("quantile", names), "");
}

TEST(Fail, CarriesItsCategory) {
  try {
    fail(Category::unsupported, "row {}", 3);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::unsupported);
    EXPECT_STREQ(error.what(), "row 3");
  }
}

}  // namespace
}  // namespace miaudit
