#include "miaudit/audit/audit.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "miaudit/audit/checks.h"
#include "miaudit/audit/decision.h"
#include "miaudit/audit/measure.h"
#include "miaudit/audit/record_checks.h"
#include "miaudit/audit/verdict.h"
#include "tests/made_records.h"

namespace miaudit {
namespace {

using testing_records::made_records;

bool warned(const AuditResult& result, const std::string& code) {
  return std::any_of(result.warnings.begin(), result.warnings.end(), [&](const Notice& w) { return w.code == code; });
}

TEST(Audit, RefusesAPlanThatNamesWhatDoesNotExist) {
  AuditPlan plan;
  plan.attacks = {"losss"};
  EXPECT_THROW(check_plan(plan), Error);
  plan.attacks = {"loss"};
  plan.parameters["loss"]["colour"] = "red";
  EXPECT_THROW(check_plan(plan), Error);
  plan.parameters.clear();
  plan.measure.fprs = {1.5};
  EXPECT_THROW(check_plan(plan), Error);
}

TEST(Audit, LeavesOutWhatTheRecordsDoNotAllow) {
  Records records = made_records({.classes = 2});
  records.labels.clear();
  const AuditResult result = audit(records, {}, {});
  for (const AttackResult& attack : result.attacks) EXPECT_NE(attack.name, "loss");
  const auto reason = [&](const std::string& name) {
    for (const Skipped& skipped : result.skipped)
      if (skipped.name == name) return skipped.reason;
    return std::string();
  };
  EXPECT_NE(reason("loss").find("--labels"), std::string::npos);
  EXPECT_NE(reason("spread").find("2 classes"), std::string::npos);
}

TEST(Audit, SaysWhyNothingCanRun) {
  Records records = made_records({});
  records.labels.clear();
  AuditPlan plan;
  plan.attacks = {"loss", "margin"};
  try {
    audit(records, plan, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::input);
    EXPECT_NE(std::string(error.what()).find("margin: needs labels"), std::string::npos);
  }
}

TEST(Audit, RefusesAnEstimateBelowOneInTheNonMembers) {
  AuditPlan plan;
  plan.measure.fprs = {0.01, 0.0005};
  const AuditResult result = audit(made_records({.records = 2000}), plan, {});
  EXPECT_TRUE(warned(result, "few_nonmembers"));
  for (const AttackResult& attack : result.attacks) {
    EXPECT_TRUE(attack.estimates.tpr_at_fpr[0].tpr.value) << attack.name;
    EXPECT_FALSE(attack.estimates.tpr_at_fpr[1].tpr.value) << attack.name;
    EXPECT_TRUE(attack.estimates.tpr_at_fpr[1].tpr.high) << attack.name;
  }
}

TEST(Audit, WarnsOfDifferentClassMixes) {
  Records records = made_records({.records = 2000});
  EXPECT_FALSE(warned(audit(records, {}, {}), "class_mix"));
  for (size_t i = 0; i < records.size(); ++i)
    if (records.membership[i] && records.labels[i] == 3) records.labels[i] = 4;
  EXPECT_TRUE(warned(audit(records, {}, {}), "class_mix"));
}

// Records of one person are of one class: 40 times each of them is no more evidence than once.
TEST(Audit, CountsPersonsForTheClassMix) {
  Records records = made_records({.records = 2000});
  for (size_t i = 0; i < records.size(); ++i) {
    const auto person = static_cast<int64_t>(i / 40);
    records.labels[i] = static_cast<int32_t>(person * 5 % 13 % 4);
    records.membership[i] = static_cast<int8_t>(person % 3 == 0);
  }
  EXPECT_TRUE(warned(audit(records, {}, {}), "class_mix"));
  for (size_t i = 0; i < records.size(); ++i) records.groups.push_back(static_cast<int64_t>(i / 40));
  EXPECT_FALSE(warned(audit(records, {}, {}), "class_mix"));
}

TEST(Audit, WarnsOfMembershipThatLooksSwapped) {
  Records records = made_records({.records = 2000, .leak = 2});
  EXPECT_FALSE(warned(audit(records, {}, {}), "below_chance"));
  for (int8_t& m : records.membership) m = static_cast<int8_t>(1 - m);
  AuditPlan plan;
  plan.attacks = {"loss"};
  const AuditResult result = audit(records, plan, {});
  EXPECT_TRUE(warned(result, "below_chance"));
  EXPECT_EQ(result.finding, Finding::inconclusive);
}

TEST(Audit, WarnsOfLabelsOfOtherRecords) {
  Records records = made_records({.records = 2000});
  EXPECT_FALSE(warned(audit(records, {}, {}), "labels_unfit"));
  std::ranges::reverse(records.labels);
  EXPECT_TRUE(warned(audit(records, {}, {}), "labels_unfit"));
}

TEST(Audit, ALeakBesideScoresThatLookSwappedIsDoubted) {
  Records records = made_records({.records = 2000, .leak = 2});
  for (int8_t& m : records.membership) m = static_cast<int8_t>(1 - m);
  const AuditResult result = audit(records, {}, {});
  ASSERT_TRUE(warned(result, "below_chance"));
  const bool says_so = std::ranges::any_of(result.verdict, [](const std::string& sentence) {
    return sentence.find("check that membership is not swapped") != std::string::npos;
  });
  EXPECT_TRUE(says_so);
}

TEST(Audit, CountsRecordsOnBothSides) {
  Records records = made_records({.records = 400});
  EXPECT_EQ(count_duplicates(records, {}), 0u);
  const std::span<const float> values = records.outputs.parts[0].values.as<float>();
  std::vector<float> copied(values.begin(), values.end());
  const size_t member = static_cast<size_t>(std::find(records.membership.begin(), records.membership.end(), int8_t{1}) -
                                            records.membership.begin());
  size_t copies = 0;
  for (size_t i = 0; i < records.size() && copies < 3; ++i) {
    if (records.membership[i] || records.labels[i] != records.labels[member]) continue;
    std::copy_n(copied.begin() + static_cast<ptrdiff_t>(member * 10), 10,
                copied.begin() + static_cast<ptrdiff_t>(i * 10));
    ++copies;
  }
  records.outputs.parts[0].values = Array::from(std::move(copied), {400, 1, 10});
  EXPECT_EQ(count_duplicates(records, {}), copies);
  EXPECT_TRUE(warned(audit(records, {}, {}), "duplicates"));
}

TEST(Audit, MeasuresGroupsAndTheirMeans) {
  Records records = made_records({.records = 1000, .leak = 1});
  std::stable_sort(records.membership.begin(), records.membership.end());
  for (size_t i = 0; i < records.size(); ++i) records.groups.push_back(static_cast<int64_t>(i / 4));
  const AuditResult result = audit(records, {}, {});
  EXPECT_EQ(result.subject.groups, 250u);
  for (const AttackResult& attack : result.attacks) {
    ASSERT_TRUE(attack.group_estimates) << attack.name;
    EXPECT_EQ(attack.group_estimates->members, 125u);
  }
}

TEST(Audit, TheHeadlineCoversEveryAttackTried) {
  const AuditResult result = audit(made_records({.records = 1000, .leak = 0.5}), {}, {});
  const HeadlineFigure& best = result.headline->auc;
  EXPECT_EQ(result.headline->attacks_tried, result.attacks.size());
  EXPECT_NEAR(best.estimate.level, 1 - 0.05 / static_cast<double>(result.attacks.size()), 1e-12);
  for (const AttackResult& attack : result.attacks) {
    EXPECT_LE(*attack.estimates.auc.value, *best.estimate.value);
    EXPECT_LE(*attack.estimates.auc.high, *best.estimate.high) << attack.name;
  }
}

TEST(Audit, StopsWhenCancelled) {
  std::atomic<bool> cancelled{true};
  Context context;
  context.cancelled = &cancelled;
  try {
    audit(made_records({}), {}, context);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::interrupted);
  }
}

TEST(GroupScores, AreMeansAndLeaveMixedGroupsOut) {
  const std::vector<double> scores = {1, 3, 5, 7, 9};
  const std::vector<int8_t> membership = {1, 1, 0, 1, 0};
  const std::vector<int64_t> groups = {4, 4, 9, 2, 2};
  const GroupScores found = group_scores({scores, membership, groups});
  EXPECT_EQ(found.scores, (std::vector<double>{2, 5, 8}));
  EXPECT_EQ(found.membership, (std::vector<int8_t>{1, 0, -1}));
  EXPECT_EQ(found.mixed, 1u);
}

TEST(GroupScores, OfSeveralModelsAreEachModels) {
  const std::vector<double> scores = {1, 3, 5, 2, 4, 6};
  const std::vector<int8_t> membership = {1, 1, 0, 0, 0, 1};
  const std::vector<int64_t> families = {0, 0, 0, 1, 1, 1}, people = {7, 7, 3};
  const GroupScores found = group_scores({scores, membership, families, 1, 3, people});
  EXPECT_EQ(found.scores, (std::vector<double>{2, 5, 3, 6}));
  EXPECT_EQ(found.membership, (std::vector<int8_t>{1, 0, 0, 1}));
}

TEST(DecisionThreshold, IsTheMeanThatNumPyFinds) {
  // Sums of these in other orders, and the exact one, end otherwise: np.mean(np.arange(1000) % 7 / 10.0) and so on.
  for (const auto& [count, expected] :
       {std::pair<size_t, double>{80, 0x1.2b851eb851eb9p-2}, std::pair<size_t, double>{150, 0x1.2f1a9fbe76c8cp-2},
        std::pair<size_t, double>{1017, 0x1.32b251a8807a6p-2}, std::pair<size_t, double>{1018, 0x1.3298b1d79024fp-2}}) {
    std::vector<double> scores(count);
    for (size_t i = 0; i < count; ++i) scores[i] = static_cast<double>(i % 7) / 10.0;
    const std::vector<int8_t> membership(count, 0);
    EXPECT_EQ(decision_threshold(DecisionRule::nonmember_mean, scores, membership, {}).value, expected) << count;
  }
}

TEST(DecisionThreshold, OfEqualScoresIsThatScore) {
  const std::vector<double> scores(1000001, 0.1);
  const std::vector<int8_t> membership(scores.size(), 0);
  EXPECT_EQ(decision_threshold(DecisionRule::nonmember_mean, scores, membership, {}).value, 0.1);
}

TEST(DecisionThreshold, FollowsItsRule) {
  const std::vector<double> scores = {0, 1, 2, 10};
  const std::vector<int8_t> membership = {0, 0, 1, 1};
  EXPECT_EQ(decision_threshold(DecisionRule::nonmember_mean, scores, membership, {}).value, 0.5);
  EXPECT_EQ(decision_threshold(DecisionRule::member_mean, scores, membership, {}).value, 6);
  EXPECT_EQ(decision_threshold(DecisionRule::best_balanced_accuracy, scores, membership, {}).value, 2);
}

TEST(Verdict, SaysNothingThatTheIntervalsDoNot) {
  const auto finding = [](double low, double high) {
    AuditResult result;
    result.headline = Headline{};
    result.headline->attacks_tried = 1;
    result.headline->auc = {"loss", {(low + high) / 2, low, high, 0.95, "made"}};
    conclude(result);
    return result.finding;
  };
  EXPECT_EQ(finding(0.52, 0.6), Finding::leak);
  EXPECT_EQ(finding(0.48, 0.55), Finding::no_leak_found);
  EXPECT_EQ(finding(0.3, 0.8), Finding::inconclusive);
  EXPECT_EQ(finding(0.2, 0.3), Finding::inconclusive) << "surely below chance is no sign of safety";
}

TEST(Verdict, NamesTheAttackOfEachFigure) {
  Metrics loss, margin;
  loss.auc = {0.7, 0.6, 0.8, 0.95, "made"};
  margin.auc = {0.6, 0.5, 0.7, 0.95, "made"};
  loss.tpr_at_fpr = {{0.01, {0.2, 0.02, 0.5, 0.95, "made"}, {}, {}}};
  margin.tpr_at_fpr = {{0.01, {0.1, 0.05, 0.2, 0.95, "made"}, {}, {}}};
  AuditResult result;
  result.headline = strongest_of({"loss", "margin"}, {loss, margin});
  EXPECT_EQ(result.headline->tpr_at_fpr[0].figure.attack, "loss");
  EXPECT_EQ(result.headline->tpr_at_fpr[0].figure.surest, "margin");
  conclude(result);
  EXPECT_NE(result.verdict[0].find("the strongest of 2 attacks (by its estimate loss) tells"), std::string::npos)
      << result.verdict[0];
  EXPECT_NE(result.verdict[0].find("margin finds at least 5.00 %"), std::string::npos) << result.verdict[0];
}

// An attack chosen beforehand must not hide what others surely find, nor lend them its bounds.
TEST(Verdict, SpeaksForAllAttacksWhereOneWasChosen) {
  Metrics base, lira;
  base.auc = {0.5, 0.47, 0.53, 0.95, "made"};
  lira.auc = {0.9, 0.85, 0.95, 0.95, "made"};
  base.tpr_at_fpr = {{0.01, {0.01, 0.0, 0.05, 0.95, "made"}, {}, {}}};
  lira.tpr_at_fpr = {{0.01, {0.3, 0.2, 0.45, 0.95, "made"}, {}, {}}};
  const auto verdict_of = [&] {
    AuditResult result;
    result.headline = headline_of("base", base, 2);
    result.strongest = strongest_of({"base", "lira"}, {base, lira});
    conclude(result);
    std::string text;
    for (const std::string& sentence : result.verdict) text += sentence + ' ';
    return std::pair(result.finding, text);
  };
  auto [finding, text] = verdict_of();
  EXPECT_EQ(finding, Finding::leak);
  EXPECT_NE(text.find("the strongest of 2 attacks (by its estimate lira) tells"), std::string::npos) << text;
  EXPECT_NE(text.find("The attack that was chosen beforehand, base, found none"), std::string::npos) << text;
  EXPECT_EQ(text.find("at most 5.00 %"), std::string::npos) << text;
  base.auc = {0.6, 0.55, 0.65, 0.95, "made"};
  std::tie(finding, text) = verdict_of();
  EXPECT_NE(text.find("Others find more: lira has an AUC in [0.850, 0.950], corrected for 2 attacks"),
            std::string::npos)
      << text;
}

TEST(MeasureScores, WarnsOfWhatAnAuditWarnsOf) {
  std::vector<double> scores;
  std::vector<int8_t> membership;
  std::vector<int64_t> groups;
  for (int i = 0; i < 60; ++i) {
    scores.push_back(i);
    membership.push_back(i >= 30);
    groups.push_back(i / 4);
  }
  MeasureOptions options;
  options.fprs = {0.1};
  EXPECT_TRUE(measure_scores({scores, membership, {}}, options, {}).warnings.empty());
  options.fprs = {0.01};
  for (int8_t& m : membership) m = static_cast<int8_t>(1 - m);
  const AuditResult result = measure_scores({scores, membership, groups}, options, {});
  EXPECT_TRUE(warned(result, "few_nonmembers"));
  EXPECT_TRUE(warned(result, "mixed_groups"));
  EXPECT_TRUE(warned(result, "below_chance"));
}

TEST(Warnings, KnowOneFromMany) {
  std::vector<Notice> warnings;
  warn_of_few_nonmembers(1, std::vector<double>{0.5}, warnings);
  warn_of_mixed_groups(1, warnings);
  SelfChecks checks;
  checks.duplicates = 1;
  add_check_warnings(checks, warnings);
  ASSERT_EQ(warnings.size(), 3u);
  EXPECT_NE(warnings[0].message.find("1 non-member does not"), std::string::npos);
  EXPECT_NE(warnings[1].message.find("1 group with"), std::string::npos);
  EXPECT_NE(warnings[2].message.find(": 1 non-member"), std::string::npos);
  warn_of_few_nonmembers(49, std::vector<double>{1. / 49}, warnings);
  EXPECT_EQ(warnings.size(), 3u) << "1/49 times 49 is a little below 1, and 49 are enough";
  warn_of_few_nonmembers(49, std::vector<double>{1e-300}, warnings);
  EXPECT_EQ(warnings.size(), 4u);
}

TEST(SelfChecks, ShuffleSomeOfVeryManyScores) {
  // Members always win: whatever part is looked at, shuffled membership must leave nothing of it.
  std::vector<double> scores(5'000'000);
  std::vector<int8_t> membership(scores.size());
  for (size_t i = 0; i < scores.size(); ++i) {
    membership[i] = static_cast<int8_t>(i % 3 == 0);
    scores[i] = static_cast<double>(i) + (membership[i] ? 1e9 : 0);
  }
  const Records records = made_records({.records = 100});
  const SelfChecks checks = check_audit(records, {scores, membership, {}, 1, 0}, 0, {});
  EXPECT_TRUE(checks.permutation_null_passed);
  EXPECT_LT(*checks.permutation_null->high - *checks.permutation_null->low, 0.02);
}

TEST(Audit, TellsOnceWhyAnAttackWasLeftOut) {
  Records records = made_records({.records = 200});
  const std::span<const float> values = records.outputs.parts[0].values.as<float>();
  std::vector<double> constant(values.begin(), values.end());
  std::fill_n(constant.begin() + 10 * 7, 10, 1.);
  const AuditResult result = audit(testing_records::with_outputs(std::move(records), std::move(constant)), {}, {});
  ASSERT_EQ(std::ranges::count(result.skipped, "spread", &Skipped::name), 1);
  const std::string& reason = std::ranges::find(result.skipped, "spread", &Skipped::name)->reason;
  EXPECT_NE(reason.find("made.npy: row 7"), std::string::npos) << reason;
  EXPECT_TRUE(warned(result, "attack_skipped"));
  for (const Notice& warning : result.warnings)
    EXPECT_EQ(warning.message.find("equal values"), std::string::npos) << warning.message;
}

std::string refusal(const Records& known, const Outputs& evaluate, const PredictPlan& plan) {
  try {
    predict(known, evaluate, {}, plan, {});
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::input);
    return error.what();
  }
  return "";
}

TEST(Predict, RefusesAnFprBelowOneInTheNonMembers) {
  const Records known = made_records({.records = 100});
  PredictPlan plan;
  plan.fpr = 0.02;
  EXPECT_EQ(refusal(known, known.outputs, plan), "");
  plan.fpr = 0.019;
  EXPECT_NE(refusal(known, known.outputs, plan).find("50 known non-members do not allow"), std::string::npos);
  EXPECT_NE(refusal(known, known.outputs, plan).find("at least 53"), std::string::npos);
}

TEST(Predict, NamesTheFileAndItsOwnRow) {
  const Records known = made_records({.records = 100});
  Records other = made_records({.records = 10});
  std::vector<double> values(100);
  for (size_t i = 0; i < values.size(); ++i) values[i] = i / 10 == 3 ? 2 : static_cast<double>(i % 10);
  other = testing_records::with_outputs(std::move(other), std::move(values));
  // As if rows 1 and 2 of the file had been dropped.
  other.outputs.parts[0].rows = {0, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const std::string message = refusal(known, other.outputs, {});
  EXPECT_NE(message.find("made.npy: row 5"), std::string::npos) << message;
  EXPECT_EQ(message.find("103"), std::string::npos) << message;
}

TEST(Predict, NeedsOneModelOnBothSides) {
  const Records known = made_records({.records = 100, .classes = 5});
  const Records other = made_records({.records = 10, .classes = 4});
  EXPECT_THROW(predict(known, other.outputs, {}, {}, {}), Error);
}

}  // namespace
}  // namespace miaudit
