#include "miaudit/train/table.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/train/made_data.h"

namespace miaudit {
namespace {

using testing::Folder;

constexpr const char* kTable =
    "age,job,smokes,id,ill\n"
    "31, nurse ,0,7,no\n"
    "54,cook,1,8,yes\n"
    "20,?,1,9,no\n";

std::string refusal(const std::string& text, const TableOptions& options) {
  const Folder folder;
  try {
    const std::string path = folder.text("t.csv", text);
    encode_columns(read_csv(path), "t.csv", options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Table, EncodesNumbersAndCategories) {
  const Folder folder;
  const CsvTable table = read_csv(folder.text("t.csv", kTable));
  TableOptions options;
  options.label_column = "ill";
  options.ignored = {"id"};
  const TableEncoding encoding = encode_columns(table, "t.csv", options);
  ASSERT_EQ(encoding.features(), 5u);  // age, three jobs (one of them unknown), smokes
  EXPECT_EQ(encoding.columns[1].categories, (std::vector<std::string>{"?", "cook", "nurse"}));
  size_t unknown = 0;
  EXPECT_EQ(encode_rows(table, encoding, "t.csv", unknown),
            (std::vector<float>{31, 0, 0, 1, 0, 54, 0, 1, 0, 1, 20, 1, 0, 0, 1}));
  EXPECT_EQ(unknown, 0u);
  EXPECT_EQ(encode_labels(table, encoding, "t.csv"), (std::vector<int32_t>{0, 1, 0}));
  const nlohmann::json json = to_json(encoding);
  EXPECT_EQ(json["columns"][1]["categories"][2], "nurse");
  EXPECT_EQ(json["classes"][1], "yes");
}

TEST(Table, FurtherRowsGoByTheColumnsNames) {
  const Folder folder;
  TableOptions options;
  options.label_column = "ill";
  options.ignored = {"id"};
  const TableEncoding encoding = encode_columns(read_csv(folder.text("t.csv", kTable)), "t.csv", options);
  const CsvTable more = read_csv(folder.text("m.csv", "job,ill,smokes,age\npilot,yes,1,40\n"));
  size_t unknown = 0;
  EXPECT_EQ(encode_rows(more, encoding, "m.csv", unknown), (std::vector<float>{40, 0, 0, 0, 1}));
  EXPECT_EQ(unknown, 1u);
  EXPECT_EQ(encode_labels(more, encoding, "m.csv"), (std::vector<int32_t>{1}));
  const CsvTable strange = read_csv(folder.text("s.csv", "job,ill,smokes,age\ncook,perhaps,1,40\n"));
  EXPECT_THROW(encode_labels(strange, encoding, "s.csv"), Error);
  const CsvTable word = read_csv(folder.text("w.csv", "job,ill,smokes,age\ncook,yes,1,old\n"));
  EXPECT_THROW(encode_rows(word, encoding, "w.csv", unknown), Error);
}

TEST(Table, NumbersMayNameCategories) {
  const Folder folder;
  TableOptions options;
  options.categorical = {"smokes"};
  const TableEncoding encoding = encode_columns(read_csv(folder.text("t.csv", kTable)), "t.csv", options);
  EXPECT_EQ(encoding.columns[2].categories, (std::vector<std::string>{"0", "1"}));
}

TEST(Table, RefusesWhatItCannotEncode) {
  TableOptions options;
  options.label_column = "smoke";
  EXPECT_NE(refusal(kTable, options).find("did you mean 'smokes'?"), std::string::npos) << refusal(kTable, options);
  EXPECT_NE(refusal("a,b\n1,2\n,3\n4,5\n", {}).find("one is missing, the first in row 1"), std::string::npos);
  std::string ids = "name,x\n";
  for (int i = 0; i < 1001; ++i) ids += fmt::format("person{},{}\n", i, i);
  EXPECT_NE(refusal(ids, {}).find("--ignore-columns"), std::string::npos);
  options.label_column = "a";
  EXPECT_NE(refusal("a\n1\n2\n", options).find("no column to learn from"), std::string::npos);
}

}  // namespace
}  // namespace miaudit
