#include <gtest/gtest.h>

#include <cmath>

#include "miaudit/io/formats.h"
#include "miaudit/io/number.h"
#include "tests/io/test_files.h"

namespace miaudit {
namespace {

using Cells = std::vector<std::string>;

CsvTable parse(std::string_view text, const CsvOptions& options = {}) {
  return parse_csv(bytes_of(text), "t.csv", options);
}

TEST(Csv, SplitsPlainRows) {
  const CsvTable table = parse("1,2\n3,4\n");
  EXPECT_TRUE(table.header.empty());
  EXPECT_EQ(table.columns, 2u);
  EXPECT_EQ(table.rows(), 2u);
  EXPECT_EQ(table.cells, (Cells{"1", "2", "3", "4"}));
}

TEST(Csv, LineEndsByteOrderMarkAndLastLine) {
  for (const char* text : {"1,2\r\n3,4\r\n", "1,2\r3,4",
                           "\xef\xbb\xbf"
                           "1,2\n3,4",
                           "1,2\n3,4\n\n\r\n"})
    EXPECT_EQ(parse(text).cells, (Cells{"1", "2", "3", "4"})) << text;
}

TEST(Csv, Quotes) {
  EXPECT_EQ(parse("\"a,b\",\"c\"\"d\"\n\"x\r\ny\",\"\"\n", {',', CsvHeader::absent}).cells,
            (Cells{"a,b", "c\"d", "x\r\ny", ""}));
  EXPECT_EQ(parse("a\"b,c\n").cells, (Cells{"a\"b", "c"}));
  EXPECT_EQ(parse("\"\"\n\"\"\n").rows(), 2u);
  expect_error(Category::input, {"t.csv, line 2", "never closed"}, [] { parse("1,2\n\"3,4\n5,6\n"); });
  expect_error(Category::input, {"line 1", "closing quote"}, [] { parse("\"1\"x,2\n"); });
}

TEST(Csv, FindsTheSeparator) {
  EXPECT_EQ(parse("1\t2\n3\t4\n").columns, 2u);
  EXPECT_EQ(parse("1,5;2,5\n3,5;4,5\n").cells, (Cells{"1,5", "2,5", "3,5", "4,5"}));
  EXPECT_EQ(parse("1|2|3\n").columns, 3u);
  EXPECT_EQ(parse("\"a;b\",c\n\"d\",e\n").columns, 2u);
  EXPECT_EQ(parse("a;b,c\nd,e\n").columns, 2u);  // ';' only once: text
  EXPECT_EQ(parse("1\n2\n").columns, 1u);
  EXPECT_EQ(parse("1,2;3\n", {';', CsvHeader::absent}).cells, (Cells{"1,2", "3"}));
}

TEST(Csv, FindsTheHeader) {
  EXPECT_EQ(parse("id,score\n1,0.5\n").header, (Cells{"id", "score"}));
  EXPECT_EQ(parse("id,score\n1,0.5\n").rows(), 1u);
  EXPECT_EQ(parse("name,age\nx,30\n").header, (Cells{"name", "age"}));
  EXPECT_TRUE(parse("a,b\nc,d\n").header.empty());  // text alone
  EXPECT_TRUE(parse("?\n1\n2\n").header.empty());   // a missing value is a row
  EXPECT_TRUE(parse("NA,x\n1,2\n").header.empty());
  EXPECT_TRUE(parse("nan,inf\n1,2\n").header.empty());
  EXPECT_TRUE(parse("a,1\nb,2\n").header.empty());  // a row of text and number
  EXPECT_EQ(parse("a,b\nc,d\n", {{}, CsvHeader::present}).header, (Cells{"a", "b"}));
  EXPECT_TRUE(parse("id\n1\n", {{}, CsvHeader::absent}).header.empty());
  // As pandas numbers columns; among whole numbers it may be a record.
  EXPECT_EQ(parse("0,1,2\n0.5,1e-3,2.0\n").header, (Cells{"0", "1", "2"}));
  EXPECT_EQ(parse("0\n0.5\n0.25\n").header, (Cells{"0"}));
  EXPECT_TRUE(parse("0\n1\n1\n").header.empty());
  EXPECT_TRUE(parse("0,1\n1,0\n").header.empty());
  EXPECT_TRUE(parse("0.0,1\n1.5,0.5\n").header.empty());
  EXPECT_EQ(parse("member\nTrue\nFalse\n").header, (Cells{"member"}));
}

TEST(Csv, TakesNoIndexForValues) {
  expect_error(Category::input, {"first column has no name", "index=False"},
               [] { numbers(parse(",a,b\n0,0.5,0.5\n1,0.5,0.5\n"), "t.csv"); });
  expect_error(Category::input, {"first column, 'id', counts the rows from 1", "index=False"},
               [] { numbers(parse("id,a\n1,0.5\n2,0.25\n3,0.5\n4,0.5\n"), "t.csv"); });
  EXPECT_EQ(numbers(parse("0,0.5\n1,0.25\n3,0.5\n4,0.5\n"), "t.csv").shape(), (std::vector<size_t>{4, 2}));
  EXPECT_EQ(numbers(parse("True\nfalse\n"), "t.csv").as<double>()[0], 1);
}

TEST(Csv, RefusesRaggedRowsByLine) {
  expect_error(Category::input, {"t.csv, line 3", "1 column ", "first row has 2"}, [] { parse("1,2\n3,4\n5\n"); });
  // A line break inside quotes counts.
  expect_error(Category::input, {"line 3"}, [] { parse("\"a\nb\",2\n5\n"); });
  expect_error(Category::input, {"line 2", "empty line"}, [] { parse("1,2\n\n3,4\n"); });
  expect_error(Category::input, {"line 2", "empty line"}, [] { parse("1\n\n3\n"); });
}

TEST(Csv, RefusesWhatIsNoText) {
  expect_error(Category::input, {"empty"}, [] { parse(""); });
  expect_error(Category::input, {"empty lines"}, [] { parse("\n\n"); });
  expect_error(Category::input, {"line 2", "NUL"}, [] { parse(std::string_view("1\n\0", 3)); });
  expect_error(Category::unsupported, {"UTF-16"}, [] {
    parse(
        "\xff\xfe"
        "1");
  });
}

TEST(Numbers, ShapeFollowsTheColumns) {
  const Array column = numbers(parse("x\n1\n2\n"), "t.csv");
  EXPECT_EQ(column.shape(), std::vector<size_t>{2});
  const Array table = numbers(parse("1,2,3\n4,5,6\n"), "t.csv");
  EXPECT_EQ(table.shape(), (std::vector<size_t>{2, 3}));
  EXPECT_EQ(table.as<double>()[5], 6);
}

TEST(Numbers, RefusesACellByRowAndColumn) {
  expect_error(Category::input, {"t.csv, row 2, column 2 ('b')", "'x'"},
               [] { numbers(parse("a,b\n1,2\n3,x\n"), "t.csv"); });
  expect_error(Category::input, {"t.csv", "one row, of names ('a', …)"}, [] { numbers(parse("a,b\n"), "t.csv"); });
  expect_error(Category::input, {"row 1, column 1", "'1,5'"}, [] { numbers(parse("1,5;2\n"), "t.csv"); });
  expect_error(Category::input, {"row 1, column 2", "''"}, [] { numbers(parse("1,\n"), "t.csv"); });
}

TEST(Number, SpellingsThatCount) {
  const std::pair<const char*, double> cases[] = {
      {"1", 1},          {"-2.5e3", -2500},        {"+4", 4},    {" 5\t", 5},
      {".5", 0.5},       {"1e-320", 1e-320},       {"0.1", 0.1}, {"-0", 0},
      {"inf", INFINITY}, {"-Infinity", -INFINITY}, {"1.", 1}};
  for (const auto& [text, value] : cases) EXPECT_EQ(parse_number(text), value) << text;
  for (const char* text : {"nan", "NaN", "-nan"}) EXPECT_TRUE(std::isnan(parse_number(text).value())) << text;
  for (const char* text : {"", " ", "x", "1x", "1,5", "0x10", "1 2", "+-1", "++1", "--1", "1e999", "1e", "e5", "."})
    EXPECT_FALSE(parse_number(text)) << text;
}

}  // namespace
}  // namespace miaudit
