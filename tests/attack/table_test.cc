#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "fake_signals.h"

namespace miaudit {
namespace {

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::config);
    return error.what();
  }
  return "no error";
}

TEST(AttackTable, ListsEveryAttackInOrder) {
  std::vector<std::string> names;
  for (const AttackRow& row : attack_table()) names.emplace_back(row.name);
  EXPECT_EQ(names, (std::vector<std::string>{"spread",
                                             "correctness",
                                             "loss",
                                             "confidence",
                                             "max_probability",
                                             "entropy",
                                             "modified_entropy",
                                             "margin",
                                             "class_threshold",
                                             "population",
                                             "classifier",
                                             "classifier_trees",
                                             "quantile",
                                             "shokri",
                                             "ml_leaks",
                                             "reference",
                                             "calibrated_loss",
                                             "malt",
                                             "rmia",
                                             "rmia_offline",
                                             "base",
                                             "base_offline",
                                             "lira",
                                             "lira_offline",
                                             "bavaria_n",
                                             "bavaria_t",
                                             "bavaria_n_offline",
                                             "bavaria_t_offline",
                                             "pmia",
                                             "stacked",
                                             "stacked_offline"}));
}

TEST(AttackTable, RowsAreWhole) {
  for (const AttackRow& row : attack_table()) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(&find_attack(row.name), &row);
    EXPECT_TRUE(row.summary.ends_with('.'));
    EXPECT_FALSE(row.citation.empty());
    EXPECT_EQ(row.calibrates(), std::ranges::find(row.needs, Need::known_membership) != row.needs.end());
    EXPECT_EQ(row.min_classes, row.name == "spread" ? 3u : 2u);
    const DecisionRule rule = row.name == "spread" ? DecisionRule::nonmember_mean
                              : row.name == "loss" ? DecisionRule::member_mean
                                                   : DecisionRule::best_balanced_accuracy;
    EXPECT_EQ(row.decision, rule);
    const bool label_free = row.name == "spread" || row.name == "max_probability" || row.name == "entropy";
    EXPECT_EQ(row.needs_labels(), !label_free);
    // Every fallback passes its own check.
    const Parameters defaults(row.name, row.parameters, {});
    const Parameters again(row.name, row.parameters, defaults.values());
    EXPECT_EQ(again.values(), defaults.values());
    for (const ParameterRow& parameter : row.parameters) EXPECT_FALSE(parameter.summary.empty());
  }
}

TEST(FindAttack, NamesTheNearest) {
  EXPECT_EQ(message_of([] { find_attack("losss"); }),
            "unknown attack 'losss'; did you mean 'loss'? `miaudit list attacks` shows all");
  EXPECT_EQ(message_of([] { find_attack("zzzzzzzzzzzz"); }),
            "unknown attack 'zzzzzzzzzzzz'; `miaudit list attacks` shows all");
}

TEST(PlainAttacks, HaveTheirSignalsSign) {
  struct Expected {
    const char* attack;
    const char* signal;
    double sign;
  };
  for (const auto& [attack, signal, sign] :
       {Expected{"spread", "spread", 1}, Expected{"correctness", "correctness", 1}, Expected{"loss", "loss", -1},
        Expected{"confidence", "loss", -1}, Expected{"max_probability", "max_probability", 1},
        Expected{"entropy", "entropy", -1}, Expected{"modified_entropy", "modified_entropy", -1},
        Expected{"margin", "margin", 1}}) {
    FakeSignals signals;
    signals.set(signal, {1, 3, -5, 0.5, 7, 7}, 2);
    const Evidence evidence{signals, 3, 10, {}};
    EXPECT_EQ(run_plain(find_attack(attack), evidence), (std::vector<double>{sign * 2, sign * -2.25, sign * 7}))
        << attack;
    EXPECT_EQ(signals.asked, std::vector<std::string>{signal}) << attack;
  }
}

TEST(PlainAttacks, ConfidenceDoesNotSaturate) {
  // Both probabilities are 1 in double.
  FakeSignals signals;
  signals.set("loss", {1e-30, 1e-40});
  const std::vector<double> scores = run_plain(find_attack("confidence"), {signals, 2, 10, {}});
  EXPECT_LT(scores[0], scores[1]);
}

constexpr std::string_view kChoices[] = {"red", "green", "blue"};
constexpr ParameterRow kRows[] = {{"how_many", "", IntegerParameter{3, 1, 9}},
                                  {"rate", "", RealParameter{0.5, 0, 1}},
                                  {"colour", "", ChoiceParameter{"green", kChoices}}};
Parameters parse(const TextParameters& given) {
  return Parameters("my_attack", kRows, given);
}

TEST(Parameters, DefaultsAndGivenValues) {
  const Parameters defaults = parse({});
  EXPECT_EQ(defaults.integer("how_many"), 3);
  EXPECT_EQ(defaults.real("rate"), 0.5);
  EXPECT_EQ(defaults.choice("colour"), "green");
  const Parameters given = parse({{"how_many", "9"}, {"rate", "0.250"}, {"colour", "blue"}});
  EXPECT_EQ(given.integer("how_many"), 9);
  EXPECT_EQ(given.real("rate"), 0.25);
  EXPECT_EQ(given.choice("colour"), "blue");
  EXPECT_EQ(given.values(), (TextParameters{{"colour", "blue"}, {"how_many", "9"}, {"rate", "0.25"}}));
}

TEST(Parameters, RefuseByFlag) {
  for (const char* text : {"0", "10", "3.5", "", "3x", "99999999999999999999"})
    EXPECT_EQ(message_of([&] {
                parse({{"how_many", text}});
              }),
              fmt::format("--my-attack-how-many: found '{}'; expected an integer from 1 to 9", text));
  for (const char* text : {"nan", "inf", "-0.1", "1.5", "half"})
    EXPECT_EQ(message_of([&] {
                parse({{"rate", text}});
              }),
              fmt::format("--my-attack-rate: found '{}'; expected a number from 0 to 1", text));
  EXPECT_EQ(message_of([] {
              parse({{"colour", "gren"}});
            }),
            "--my-attack-colour: found 'gren'; expected red, green or blue");
  EXPECT_EQ(message_of([] {
              parse({{"color", "red"}});
            }),
            "unknown parameter --my-attack-color of attack 'my_attack'; did you mean --my-attack-colour? `miaudit list "
            "attacks` shows all");
}

TEST(Parameters, AskingForWhatIsNotListedIsAFault) {
  const Parameters parameters = parse({});
  EXPECT_THROW(parameters.real("size"), Error);
  EXPECT_THROW(parameters.integer("colour"), Error);
}

}  // namespace
}  // namespace miaudit
