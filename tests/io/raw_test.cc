#include "miaudit/io/raw.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "miaudit/io/json.h"

namespace miaudit {
namespace {

std::string quoted(const std::string& text) {
  return fmt::format("'{}'", text);
}

TEST(Printable, IsCutBetweenCharacters) {
  const std::string plain(59, 'a');
  EXPECT_EQ(printable(plain + "é"), quoted(plain + "é"));
  EXPECT_EQ(printable(plain + "éb"), quoted(plain + "é…"));
  std::string wide;
  for (int i = 0; i < 61; ++i) wide += "漢";
  EXPECT_EQ(printable(wide), quoted(wide.substr(0, 180) + "…"));
}

TEST(Printable, ShowsWhatSteersTerminalsAndWhatIsNoUtf8) {
  EXPECT_EQ(printable("a\x1b[2J\n\x7f"), "'a\\x1b[2J\\x0a\\x7f'");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "'\\xc2\\x9b2J'");
  EXPECT_EQ(printable("caf\xe9 \xc3"), "'caf\\xe9 \\xc3'");
  // Overlong, a surrogate, past the last, and the last.
  EXPECT_EQ(printable("\xc0\xaf"), "'\\xc0\\xaf'");
  EXPECT_EQ(printable("\xe0\x80\xaf"), "'\\xe0\\x80\\xaf'");
  EXPECT_EQ(printable("\xed\xa0\x80"), "'\\xed\\xa0\\x80'");
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "'\\xf4\\x90\\x80\\x80'");
  EXPECT_EQ(printable("\xf4\x8f\xbf\xbf"), "'\xf4\x8f\xbf\xbf'");
}

TEST(Utf8, IsWhatJsonTakes) {
  // All strings of two bytes, each before something that could go on with it.
  for (int first = 0; first < 256; ++first)
    for (int second = 0; second < 256; ++second)
      for (const char* rest : {"", "\x80", "\x80\xbf"}) {
        const std::string text = std::string{static_cast<char>(first), static_cast<char>(second)} + rest;
        bool is_taken = true;
        try {
          static_cast<void>(nlohmann::json(text).dump());
        } catch (const nlohmann::json::exception&) {
          is_taken = false;
        }
        ASSERT_EQ(is_utf8(text), is_taken) << first << ' ' << second;
      }
}

TEST(JsonText, HasRoomForAnyBytes) {
  EXPECT_EQ(json_text(nlohmann::json{{"path", "caf\xe9"}}, -1), "{\"path\":\"caf\xef\xbf\xbd\"}\n");
}

}  // namespace
}  // namespace miaudit
