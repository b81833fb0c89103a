#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <ostream>

#include "fuzz/entries.h"
#include "miaudit/io/file.h"

namespace miaudit {
namespace {

using Bytes = std::span<const std::byte>;

struct Parser {
  const char* name;
  std::function<void(Bytes)> fuzz;
  std::function<void(Bytes)> parse;
};

void PrintTo(const Parser& parser, std::ostream* out) {
  *out << parser.name;
}

class Corpus : public testing::TestWithParam<Parser> {};

TEST_P(Corpus, EverySeedIsReadOrRefusedAsItsNameSays) {
  const auto folder = std::filesystem::path(MIAUDIT_SOURCE_DIR) / "fuzz" / "corpus" / GetParam().name;
  size_t read = 0, refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().filename().string());
    const std::string name = entry.path().filename().string();
    const FileBytes file = FileBytes::open(entry.path());
    EXPECT_NO_THROW(GetParam().fuzz(file.bytes()));
    if (name.starts_with("ok_")) {
      ++read;
      EXPECT_NO_THROW(GetParam().parse(file.bytes()));
    } else if (name.starts_with("bad_")) {
      ++refused;
      EXPECT_THROW(GetParam().parse(file.bytes()), Error);
    }  // Others are what fuzzing found.
  }
  EXPECT_GE(read, 5u);
  EXPECT_GE(refused, 5u);
}

INSTANTIATE_TEST_SUITE_P(
    Parsers, Corpus,
    testing::Values(Parser{"npy", fuzz_npy, [](Bytes bytes) { parse_npy(bytes, nullptr, "seed"); }},
                    Parser{"npz", fuzz_npz, [](Bytes bytes) { parse_npz(bytes, nullptr, "seed"); }},
                    Parser{"csv", fuzz_csv, [](Bytes bytes) { parse_csv(bytes, "seed"); }},
                    Parser{"idx", fuzz_idx, [](Bytes bytes) { parse_idx(bytes, "seed"); }},
                    Parser{"json", fuzz_json, [](Bytes bytes) { parse_json(bytes, "seed"); }}),
    [](const auto& parameter) { return std::string(parameter.param.name); });

}  // namespace
}  // namespace miaudit
