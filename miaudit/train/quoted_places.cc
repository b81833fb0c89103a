#include "miaudit/train/quoted_places.h"

#include <string_view>
#include <vector>

namespace miaudit {
namespace {

/// What a character of a shell's line stands in. Substitutions begin anew, whatever they stand in.
enum class Within { plain, single_quotes, double_quotes, substitution, parentheses, backquotes };

/// Follows a line of shell character by character.
class ShellLine {
 public:
  explicit ShellLine(std::string_view text) : text_(text) {}

  bool has_more() const { return at_ < text_.size() && !is_over_; }
  bool starts_with(std::string_view word) const { return text_.substr(at_).starts_with(word); }
  bool is_quoted() const {
    return is_escaped_ || within_.back() == Within::single_quotes || within_.back() == Within::double_quotes;
  }

  void step() {
    const char c = text_[at_];
    if (is_escaped_)
      is_escaped_ = false;
    else if (within_.back() == Within::single_quotes)
      leave_at(c, '\'');
    else if (c == '\\')
      is_escaped_ = true;
    else if (within_.back() == Within::double_quotes)
      step_in_double_quotes(c);
    else
      step_unquoted(c);
    ++at_;
  }

 private:
  void enter(Within what) { within_.push_back(what); }
  void leave_at(char c, char end) {
    if (c == end) within_.pop_back();
  }

  // $( or `; true where one begins or ends here.
  bool step_substitution(char c) {
    if (c == '`') {
      if (within_.back() == Within::backquotes)
        within_.pop_back();
      else
        enter(Within::backquotes);
    } else if (starts_with("$(")) {
      enter(Within::substitution);
      ++at_;
    } else {
      return false;
    }
    return true;
  }

  void step_in_double_quotes(char c) {
    if (!step_substitution(c)) leave_at(c, '"');
  }

  void step_unquoted(char c) {
    const bool begins_word = at_ == 0 || std::string_view(" \t\n;&|()").find(text_[at_ - 1]) != std::string_view::npos;
    if (c == '#' && begins_word) {
      // Apostrophes in a comment are no quotes.
      while (at_ + 1 < text_.size() && text_[at_ + 1] != '\n') ++at_;
    } else if (starts_with("<<")) {
      has_document_ = true;
    } else if (c == '\n') {
      is_over_ = has_document_;
    } else if (c == '\'') {
      enter(Within::single_quotes);
    } else if (c == '"') {
      enter(Within::double_quotes);
    } else if (!step_substitution(c)) {
      if (c == '(')
        enter(Within::parentheses);
      else if (c == ')' && (within_.back() == Within::substitution || within_.back() == Within::parentheses))
        within_.pop_back();
    }
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<Within> within_ = {Within::plain};
  bool is_escaped_ = false, has_document_ = false, is_over_ = false;
};

}  // namespace

std::string quoted_place(const std::string& command) {
  for (ShellLine line(command); line.has_more(); line.step())
    for (const char* place : {"{keep}", "{outputs}", "{work}"})
      if (line.is_quoted() && line.starts_with(place)) return place;
  return "";
}

}  // namespace miaudit
