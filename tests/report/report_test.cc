#include "miaudit/report/report.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "miaudit/report/records_csv.h"

namespace miaudit {
namespace {

AuditResult made_result() {
  AuditResult result;
  result.miaudit_version = "1.2.3";
  result.subject = {2000, 1000, 1000, 0, 0, 10, 1, "logits", true, "float32"};
  for (const char* name : {"loss", "modified_entropy"}) {
    AttackResult attack;
    attack.name = name;
    attack.estimates.auc = {0.8701, 0.85449, 0.88449, 0.95, "delong"};
    attack.estimates.tpr_at_fpr = {{0.01, {0.12345, 0.0567, 0.2222, 0.95, "x"}, 1.5, {}},
                                   {0.001, {{}, 0.0, 0.0371, 0.95, "x"}, {}, {}},
                                   {0.0001, {{}, 0.0, 0.5, 0.95, "x"}, {}, {}}};
    result.attacks.push_back(attack);
  }
  result.headline = Headline{2, "bonferroni", {"loss", {0.8701, 0.84, 0.9, 0.975, "delong"}}, {}, {}, {}};
  result.verdict = {std::string(200, 'a') + " b",
                    "A sentence of words that is long enough to need a second line of its own."};
  result.warnings = {{"few_nonmembers", "too few", "audit more"}};
  result.files = {{"outputs", "caf\xe9.npy", "float32", {2000, 10}, "00ff"}};
  return result;
}

size_t columns(const std::string& line) {
  return static_cast<size_t>(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

TEST(Terminal, FitsEightyColumns) {
  std::istringstream lines(to_terminal(made_result()));
  for (std::string line; std::getline(lines, line);) {
    // A single word that is longer cannot be helped.
    if (columns(line) < 200) {
      EXPECT_LE(columns(line), 80u) << line;
    }
  }
}

TEST(Terminal, RoundsBoundsOutwardsAndShowsRefusedEstimatesAsSuch) {
  const std::string text = to_terminal(made_result());
  EXPECT_NE(text.find("0.870 [0.854, 0.885]"), std::string::npos) << text;
  EXPECT_NE(text.find("12.3% [5.6, 22.3]"), std::string::npos) << text;
  EXPECT_NE(text.find("- [0.00, 3.71]"), std::string::npos) << text;
  EXPECT_NE(text.find("strongest of 2"), std::string::npos);
}

TEST(Terminal, ShowsEveryFprThatWasAskedFor) {
  AuditResult result = made_result();
  const std::string all = to_terminal(result);
  const size_t second = all.find("attack            TPR at 0.01% FPR\n");
  ASSERT_NE(second, std::string::npos) << all;
  EXPECT_NE(all.find("\nmodified_entropy  - [0.0, 50.0]\n", second), std::string::npos) << all;
  for (AttackResult& attack : result.attacks) attack.estimates.tpr_at_fpr.resize(2);
  const std::string two = to_terminal(result);
  EXPECT_EQ(two.find("attack ", two.find("attack ") + 1), std::string::npos) << two;
}

TEST(Terminal, KnowsOneFromMany) {
  AuditResult result = made_result();
  result.subject = {2, 1, 1, 0, 1, 10, 1, "logits", true, "float32"};
  EXPECT_NE(to_terminal(result).find("2 records: 1 member, 1 non-member; 1 group;"), std::string::npos)
      << to_terminal(result);
}

TEST(Terminal, ShowsTheLevelAsItWasGiven) {
  AuditResult result = made_result();
  for (const auto& [level, text] : {std::pair(0.95, "at 95 %"), {0.9999999, "at 99.99999 %"}, {0.57, "at 57 %"}}) {
    result.level = level;
    EXPECT_NE(to_terminal(result).find(text), std::string::npos) << to_terminal(result);
  }
}

TEST(Json, HoldsWhatTheResultHolds) {
  const nlohmann::json json = nlohmann::json::parse(to_json(made_result()));
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["attacks"][0]["name"], "loss");
  EXPECT_EQ(json["attacks"][0]["estimates"]["auc"]["low"], 0.85449);
  EXPECT_TRUE(json["attacks"][0]["estimates"]["tpr_at_fpr"][1]["value"].is_null());
  EXPECT_EQ(json["headline"]["auc"]["level"], 0.975);
  EXPECT_EQ(json["warnings"][0]["advice"], "audit more");
  EXPECT_EQ(json["provenance"]["files"][0]["xxh3_128"], "00ff");
}

TEST(RecordsCsv, PutsTheMostExposedFirstAndDefusesFormulas) {
  const std::vector<double> loss = {0.5, 2, 1, 2};
  const std::vector<double> margin = {1, 2, 3, 4};
  const std::vector<int8_t> membership = {1, 0, -1, 1};
  const std::vector<std::string> ids = {"ann", "=cmd()", "say \"hi\"", "b,c"};
  RecordColumns columns_of;
  columns_of.ids = ids;
  columns_of.membership = membership;
  columns_of.attacks = {"loss", "margin"};
  columns_of.scores = {loss, margin};
  const auto path = std::filesystem::path(testing::TempDir()) / "records_csv_test.csv";
  write_records_csv(path, columns_of, 0);
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(text,
            "row,rank,id,membership,loss,margin\n1,1.5,\"'=cmd()\",0,2,2\n3,1.5,\"b,c\",1,2,4\n"
            "2,3,\"say \"\"hi\"\"\",-1,1,3\n0,4,\"ann\",1,0.5,1\n");
  EXPECT_EQ(std::filesystem::status(path).permissions() & std::filesystem::perms::mask,
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace miaudit
