#include "miaudit/io/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/io/test_files.h"

namespace miaudit {
namespace {

class JsonTest : public InFolder {};

nlohmann::json parse(std::string_view text) {
  return parse_json(bytes_of(text), "t.json");
}

TEST_F(JsonTest, ReadsValues) {
  EXPECT_EQ(parse(R"({"a": [1, 2.5]})")["a"][1], 2.5);
  EXPECT_EQ(read_json(written("a.json", "{\"x\": \"y\"}"))["x"], "y");
}

TEST(Json, SaysLineAndColumn) {
  expect_error(Category::input, {"t.json, line 2, column 8", "malformed JSON"}, [] { parse("{\n  \"a\": ]\n}"); });
  expect_error(Category::input, {"line 1, column 1"}, [] { parse("x"); });
  expect_error(Category::input, {"t.json, line 1"}, [] { parse(""); });
  expect_error(Category::input, {"t.json", "1e999"}, [] { parse("1e999"); });
}

TEST(JsonText, PutsNumbersOnOneLine) {
  const auto value = nlohmann::ordered_json::parse(
      R"({"curve": [[0, 0.5], [1, 1]], "none": [], "some": [{"b \"": null, "a": [1]}, "x"], "e": {}})");
  const std::string text = json_text(value, 2);
  EXPECT_EQ(text,
            "{\n  \"curve\": [[0,0.5],[1,1]],\n  \"none\": [],\n  \"some\": [\n    {\n      \"b \\\"\": null,\n"
            "      \"a\": [1]\n    },\n    \"x\"\n  ],\n  \"e\": {}\n}\n");
  EXPECT_EQ(nlohmann::ordered_json::parse(text), value);
  EXPECT_EQ(json_text(nlohmann::ordered_json(nullptr), 2), "null\n");
}

TEST(Json, RefusesDeepNestingButNotBracketsInStrings) {
  EXPECT_NO_THROW(parse(std::string(100, '[') + std::string(100, ']')));
  expect_error(Category::input, {"nested more than 100"}, [] { parse(std::string(101, '[') + std::string(101, ']')); });
  EXPECT_NO_THROW(parse("\"\\\"" + std::string(300, '[') + "\""));
}

}  // namespace
}  // namespace miaudit
