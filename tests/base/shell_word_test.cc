#include "miaudit/base/shell_word.h"

#include <gtest/gtest.h>

namespace miaudit {
namespace {

TEST(ShellWord, QuotesWhatAShellWouldTakeApart) {
  EXPECT_EQ(quoted_word("runs/a"), "'runs/a'");
  EXPECT_EQ(quoted_word("it's"), "'it'\\''s'");
  for (const char* plain : {"runs/a-1_2.npy", "/x/y.npz:key", "../r"}) EXPECT_EQ(shell_word(plain), plain);
  for (const char* odd : {"", "a b", "$HOME", "a;b", "a*", "~", "a&b", "(a)", "a\nb", "é", "#a", "a\"b"})
    EXPECT_EQ(shell_word(odd), quoted_word(odd)) << odd;
}

}  // namespace
}  // namespace miaudit
