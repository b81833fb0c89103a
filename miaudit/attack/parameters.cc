#include <algorithm>
#include <charconv>
#include <optional>

#include "miaudit/attack/attack.h"

namespace miaudit {
std::string parameter_flag(std::string_view attack, std::string_view parameter) {
  std::string text = fmt::format("--{}-{}", attack, parameter);
  std::ranges::replace(text, '_', '-');
  return text;
}

namespace {

template <class T>
std::optional<T> parse(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A value's one spelling, so that 0.10 and .1 are the same provenance.
template <class T>
std::string number_text(std::string_view name, std::string_view text, T low, T high, std::string_view kind) {
  const std::optional<T> value = parse<T>(text);
  // Written so that NaN is refused.
  if (!value || !(*value >= low && *value <= high))
    fail(Category::config, "{}: found '{}'; expected {} from {} to {}", name, text, kind, low, high);
  return fmt::format("{}", *value);
}

std::string choice_text(std::string_view name, std::string_view text, std::span<const std::string_view> choices) {
  if (std::ranges::find(choices, text) != choices.end()) return std::string(text);
  std::string list;
  for (const std::string_view choice : choices) {
    if (!list.empty()) list += choice == choices.back() ? " or " : ", ";
    list += choice;
  }
  fail(Category::config, "{}: found '{}'; expected {}", name, text, list);
}

struct Validated {
  std::string name;
  std::string_view text;
  std::string operator()(const IntegerParameter& type) const {
    return number_text(name, text, type.low, type.high, "an integer");
  }
  std::string operator()(const RealParameter& type) const {
    return number_text(name, text, type.low, type.high, "a number");
  }
  std::string operator()(const ChoiceParameter& type) const { return choice_text(name, text, type.choices); }
};

struct Fallback {
  std::string operator()(const IntegerParameter& type) const { return fmt::format("{}", type.fallback); }
  std::string operator()(const RealParameter& type) const { return fmt::format("{}", type.fallback); }
  std::string operator()(const ChoiceParameter& type) const { return std::string(type.fallback); }
};

}  // namespace

Parameters::Parameters(std::string_view attack, std::span<const ParameterRow> rows,
                       const std::map<std::string, std::string, std::less<>>& given) {
  std::vector<std::string> names;
  for (const ParameterRow& row : rows) {
    names.emplace_back(row.name);
    values_.emplace(row.name, std::visit(Fallback{}, row.type));
  }
  for (const auto& [name, text] : given) {
    const auto row = std::ranges::find(rows, name, &ParameterRow::name);
    if (row == rows.end()) {
      const std::string nearest = nearest_name(name, names);
      fail(Category::config, "unknown parameter {} of attack '{}'; {}`miaudit list attacks` shows all",
           parameter_flag(attack, name), attack,
           nearest.empty() ? "" : fmt::format("did you mean {}? ", parameter_flag(attack, nearest)));
    }
    values_.find(name)->second = std::visit(Validated{parameter_flag(attack, name), text}, row->type);
  }
}

namespace {

const std::string& value_of(const std::map<std::string, std::string, std::less<>>& values, std::string_view name) {
  const auto value = values.find(name);
  if (value == values.end()) fail(Category::internal, "an attack asked for '{}', which its row does not list", name);
  return value->second;
}

template <class T>
T number(const std::string& text) {
  const std::optional<T> value = parse<T>(text);
  if (!value) fail(Category::internal, "'{}' was read as a number of another kind", text);
  return *value;
}

}  // namespace

int64_t Parameters::integer(std::string_view name) const {
  return number<int64_t>(value_of(values_, name));
}
double Parameters::real(std::string_view name) const {
  return number<double>(value_of(values_, name));
}
std::string_view Parameters::choice(std::string_view name) const {
  return value_of(values_, name);
}
void Parameters::set(std::string_view name, double value) {
  set(name, std::string_view(fmt::format("{}", value)));
}

void Parameters::set(std::string_view name, std::string_view choice) {
  value_of(values_, name);
  values_.find(name)->second = choice;
}

}  // namespace miaudit
