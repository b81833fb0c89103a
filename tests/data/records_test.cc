#include "miaudit/data/records.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"

namespace miaudit {
namespace {

class ReadRecords : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  template <class T>
  std::string save(const std::string& name, std::vector<T> values, std::vector<size_t> shape) {
    const std::string path = (folder_ / name).string();
    write_npy(path, Array::from(std::move(values), std::move(shape)));
    return path;
  }
  std::string save_text(const std::string& name, const std::string& text) {
    const std::string path = (folder_ / name).string();
    write_file(path, text);
    return path;
  }
  std::string refusal(const RecordPaths& paths, const RecordOptions& options = {}) {
    try {
      read_records(paths, options, {});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  std::filesystem::path folder_;
};

const std::vector<float> kLogits = {3, 0, -1, 0, 2, 0, 1, 1, 4, -2, 0, 5};

TEST_F(ReadRecords, JoinsMembersAndNonMembers) {
  RecordPaths paths;
  paths.outputs = {save<float>("m.npy", kLogits, {4, 3}), save<float>("n.npy", {0, 0, 2, 1, 0, 0}, {2, 3})};
  paths.labels = {save<int64_t>("ym.npy", {0, 1, 2, 2}, {4}), save<uint8_t>("yn.npy", {2, 0}, {2})};
  const Records records = read_records(paths, {}, {});
  EXPECT_EQ(records.size(), 6u);
  EXPECT_EQ(records.membership, (std::vector<int8_t>{1, 1, 1, 1, 0, 0}));
  EXPECT_EQ(records.labels, (std::vector<int32_t>{0, 1, 2, 2, 2, 0}));
  EXPECT_EQ(records.outputs.form, OutputForm::logits);
  EXPECT_EQ(records.files.size(), 4u);
}

TEST_F(ReadRecords, TellsTheFormsApart) {
  const std::string in = save<int8_t>("in.npy", {1, 0}, {2});
  const auto form = [&](std::vector<double> values, std::vector<size_t> shape) {
    return read_records({{save<double>("o.npy", std::move(values), std::move(shape))}, {}, in, "", ""}, {}, {})
        .outputs.form;
  };
  EXPECT_EQ(form({.5, .5, .9, .1}, {2, 2}), OutputForm::probabilities);
  EXPECT_EQ(form({.5, .5, .9, .102}, {2, 2}), OutputForm::logits) << "a sum of 1.002 is none of 1";
  EXPECT_EQ(form({std::log(.5), std::log(.5), std::log(.9), std::log(.1)}, {2, 2}), OutputForm::log_probabilities);
  EXPECT_EQ(form({-1, -2, -3, -4}, {2, 2}), OutputForm::logits);
  EXPECT_EQ(form({.2, .9}, {2}), OutputForm::probabilities) << "one column of a binary model";
  EXPECT_EQ(form({-.2, 3}, {2, 1}), OutputForm::logits);
}

TEST_F(ReadRecords, WarnsOfUnitIntervalOutputsThatAreNoProbabilities) {
  const Records records = read_records(
      {{save<double>("o.npy", {.5, .9, .9, .9}, {2, 2})}, {}, save<int8_t>("in.npy", {1, 0}, {2}), "", ""}, {}, {});
  ASSERT_EQ(records.warnings.size(), 1u);
  EXPECT_EQ(records.warnings[0].code, "unit_interval_logits");
}

TEST_F(ReadRecords, WarnsOfAFewRowsThatTurnProbabilitiesIntoLogits) {
  std::vector<double> values(2 * 30, 0.5);
  std::vector<int8_t> membership(30, 0);
  membership[0] = 1;
  const std::string in = save<int8_t>("in.npy", membership, {30});
  const auto read = [&](const RecordOptions& options) {
    return read_records({{save<double>("o.npy", values, {30, 2})}, {}, in, "", ""}, options, {});
  };
  EXPECT_TRUE(read({}).warnings.empty());
  values[2 * 17] = 0.8;
  const Records records = read({});
  EXPECT_EQ(records.outputs.form, OutputForm::logits);
  ASSERT_EQ(records.warnings.size(), 1u);
  EXPECT_EQ(records.warnings[0].code, "nearly_probabilities");
  for (const char* part : {"o.npy", "all rows but 1 are probabilities", "row 17"})
    EXPECT_NE(records.warnings[0].message.find(part), std::string::npos)
        << part << " in " << records.warnings[0].message;
  for (const char* part : {"--input probabilities", "--input logits"})
    EXPECT_NE(records.warnings[0].advice.find(part), std::string::npos) << part << " in " << records.warnings[0].advice;
  EXPECT_TRUE(read({.form = OutputForm::logits, .on_nonfinite = OnNonfinite::refuse}).warnings.empty());

  for (double& value : values) value = std::log(value);
  EXPECT_NE(read({}).warnings.at(0).advice.find("--input log-probabilities"), std::string::npos);
  for (size_t i = 0; i < values.size(); i += 8) values[i] = -3;
  EXPECT_EQ(read({}).warnings.at(0).code, "nearly_probabilities") << "no row of logits sums to 1 by chance";
  for (size_t i = 0; i < values.size(); i += 2) values[i] = -3;
  EXPECT_TRUE(read({}).warnings.empty());
}

TEST_F(ReadRecords, WarnsOfPercentages) {
  std::vector<double> values = {70.2, 29.8, 55, 45.3};
  const std::string in = save<int8_t>("in.npy", {1, 0}, {2});
  const auto read = [&](const RecordOptions& options) {
    return read_records({{save<double>("o.npy", values, {2, 2})}, {}, in, "", ""}, options, {}).warnings;
  };
  ASSERT_EQ(read({}).size(), 1u);
  EXPECT_EQ(read({})[0].code, "percentages");
  EXPECT_TRUE(read({.form = OutputForm::logits, .on_nonfinite = OnNonfinite::refuse}).empty());
  values[3] = 60;  // does not sum to 100
  EXPECT_TRUE(read({}).empty());
  values = {70.2, 29.8, 101, -1};
  EXPECT_TRUE(read({}).empty());
}

TEST_F(ReadRecords, WarnsOfProbabilitiesThatLieJustOutside) {
  const std::string in = save<int8_t>("in.npy", {1, 0}, {2});
  const auto read = [&](std::vector<double> values, const RecordOptions& options) {
    return read_records({{save<double>("o.npy", std::move(values), {2, 2})}, {}, in, "", ""}, options, {}).warnings;
  };
  const std::vector<double> outside = {1 + 1e-9, -1e-9, .3, .7};
  ASSERT_EQ(read(outside, {}).size(), 1u);
  EXPECT_EQ(read(outside, {})[0].code, "logits_sum_to_one");
  EXPECT_NE(read(outside, {})[0].message.find("1 of 2 rows"), std::string::npos) << read(outside, {})[0].message;
  EXPECT_TRUE(read(outside, {.form = OutputForm::logits, .on_nonfinite = OnNonfinite::refuse}).empty());
  EXPECT_TRUE(read({1.5, -.5, .3, .8}, {}).empty());
}

TEST_F(ReadRecords, TakesRoundedProbabilitiesByRequest) {
  const std::string in = save<int8_t>("in.npy", {1, 0}, {2});
  const auto read = [&](std::vector<double> values, std::optional<OutputForm> form) {
    return read_records({{save<double>("o.npy", std::move(values), {2, 3})}, {}, in, "", ""}, {.form = form}, {});
  };
  const std::vector<double> rounded = {.33, .33, .33, .67, .17, .17};
  EXPECT_EQ(read(rounded, {}).outputs.form, OutputForm::logits);
  const Records records = read(rounded, OutputForm::probabilities);
  EXPECT_EQ(records.outputs.form, OutputForm::probabilities);
  ASSERT_EQ(records.warnings.size(), 1u);
  EXPECT_EQ(records.warnings[0].code, "rounded_probabilities");
  EXPECT_NE(records.warnings[0].message.find("within 0.01"), std::string::npos) << records.warnings[0].message;
  EXPECT_TRUE(read({.5, .25, .25, .2, .2, .6}, OutputForm::probabilities).warnings.empty());
  EXPECT_THROW(read({.33, .33, .33, .67, .17, .18}, OutputForm::probabilities), Error) << "off by .02";
  // One-hot rows tie in every attack, which then finds nothing: the reader must hear why.
  EXPECT_EQ(read({1, 0, 0, 0, 1, 0}, {}).warnings.at(0).code, "certain_probabilities");
  EXPECT_TRUE(read({1, 0, 0, .2, .2, .6}, {}).warnings.empty());
}

TEST_F(ReadRecords, WarnsOfNoFewRowsWhereThereAreFew) {
  const Records records = read_records(
      {{save<double>("o.npy", {.5, .5, .5, .5, .5, 3}, {3, 2})}, {}, save<int8_t>("in.npy", {1, 0, 0}, {3}), "", ""},
      {}, {});
  EXPECT_TRUE(records.warnings.empty());
}

TEST_F(ReadRecords, SaysWhichRowsMakeTwoFilesLookDifferent) {
  std::vector<double> values(2 * 30, 0.5);
  RecordPaths paths;
  paths.outputs = {save<double>("m.npy", values, {30, 2}), ""};
  values[2 * 4] = -1;
  paths.outputs[1] = save<double>("n.npy", values, {30, 2});
  EXPECT_NE(refusal(paths).find("all rows but 1 are probabilities; the first that is not is row 4"), std::string::npos)
      << refusal(paths);
}

TEST_F(ReadRecords, RefusesAFormThatTheValuesBelie) {
  RecordOptions options;
  options.form = OutputForm::probabilities;
  const std::string in = save<bool>("in.npy", {true, false, true, false}, {4});
  const std::string outside = refusal({{save<float>("o.npy", kLogits, {4, 3})}, {}, in, "", ""}, options);
  for (const char* part : {"o.npy", "4 of 4 rows", "outside [0, 1]", "row 0"})
    EXPECT_NE(outside.find(part), std::string::npos) << part << " in " << outside;
  const std::string sum =
      refusal({{save<float>("s.npy", {.5, .5, .5, .5, .5, .6, 1, 0}, {4, 2})}, {}, in, "", ""}, options);
  for (const char* part : {"1 of 4 rows", "sum to 1", "row 2"})
    EXPECT_NE(sum.find(part), std::string::npos) << part << " in " << sum;
  options.form = OutputForm::log_probabilities;
  EXPECT_NE(
      refusal({{save<float>("l.npy", {-1, -1, 0, -90}, {2, 2})}, {}, save<bool>("two.npy", {true, false}, {2}), "", ""},
              options)
          .find("1 of 2 rows"),
      std::string::npos);
}

TEST_F(ReadRecords, CountsAndLocatesWhatIsNotFinite) {
  std::vector<float> values = kLogits;
  values[4] = std::numeric_limits<float>::quiet_NaN();
  values[11] = std::numeric_limits<float>::infinity();
  const RecordPaths paths{{save<float>("o.npy", values, {4, 3})},
                          {save<int32_t>("y.npy", {0, 1, 2, 0}, {4})},
                          save<int8_t>("in.npy", {1, 0, 0, 1}, {4}),
                          "",
                          save<int32_t>("ids.npy", {10, 11, 12, 13}, {4})};
  const std::string message = refusal(paths);
  for (const char* part : {"1 NaN", "1 infinite", "2 of 4 rows", "row 1", "column 1", "--on-nonfinite drop"})
    EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;

  const Records kept = read_records(paths, {.form = {}, .on_nonfinite = OnNonfinite::drop}, {});
  EXPECT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept.input_rows, 4u);
  EXPECT_EQ(kept.rows, (std::vector<uint64_t>{0, 2}));
  EXPECT_EQ(kept.labels, (std::vector<int32_t>{0, 2}));
  EXPECT_EQ(kept.membership, (std::vector<int8_t>{1, 0}));
  EXPECT_EQ(kept.ids, (std::vector<std::string>{"10", "12"}));
  EXPECT_EQ(kept.warnings.at(0).code, "dropped_nonfinite");
}

TEST_F(ReadRecords, TakesNoValueWhoseSquareOverflows) {
  const auto read = [&](double value) {
    std::vector<double> values(12, 1.0);
    values[7] = value;
    return refusal({{save<double>("o.npy", values, {4, 3})}, {}, save<int8_t>("in.npy", {1, 0, 0, 1}, {4}), "", ""},
                   {.form = OutputForm::logits});
  };
  for (const double value : {1e300, -1e300, 3.5e38}) {
    const std::string message = read(value);
    for (const char* part : {"0 NaN", "1 infinite or too large", "row 2, column 1", "3.4e38"})
      EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
  }
  EXPECT_EQ(read(-3.4e38), "");
}

TEST_F(ReadRecords, DropsFromTheSecondFileToo) {
  RecordPaths paths;
  std::vector<float> bad = {0, 0, 2, NAN, 0, 0};
  paths.outputs = {save<float>("m.npy", kLogits, {4, 3}), save<float>("n.npy", bad, {2, 3})};
  const Records kept = read_records(paths, {.form = {}, .on_nonfinite = OnNonfinite::drop}, {});
  EXPECT_EQ(kept.rows, (std::vector<uint64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(kept.outputs.parts[0].row(3), 3u);
  EXPECT_EQ(kept.outputs.parts[1].rows, (std::vector<uint64_t>{0}));
  EXPECT_EQ(kept.membership, (std::vector<int8_t>{1, 1, 1, 1, 0}));
}

TEST_F(ReadRecords, HashesContentsAndNotNames) {
  const std::string in = save<int8_t>("in.npy", {1, 0, 0, 1}, {4});
  const auto hash = [&](std::vector<float> values) {
    return read_records({{save<float>("o.npy", std::move(values), {4, 3})}, {}, in, "", ""}, {}, {}).files[0].hash;
  };
  std::vector<float> other = kLogits;
  other[5] = 1;
  EXPECT_EQ(hash(kLogits), hash(kLogits));
  EXPECT_NE(hash(kLogits), hash(other));
}

TEST_F(ReadRecords, ReadsMembershipLabelsAndGroupsFromText) {
  const Records records = read_records({{save<float>("o.npy", kLogits, {4, 3})},
                                        {save_text("y.csv", "label\n0\n1\n2\n0\n")},
                                        save_text("in.csv", "1\n0\n-1\n1\n"),
                                        save_text("g.csv", "person,visit\nann,1\nbob,1\nann,2\ncid,1\n"),
                                        ""},
                                       {}, {});
  EXPECT_EQ(records.membership, (std::vector<int8_t>{1, 0, -1, 1}));
  EXPECT_EQ(records.labels, (std::vector<int32_t>{0, 1, 2, 0}));
  EXPECT_EQ(records.groups, (std::vector<int64_t>{0, 1, 0, 2}));
  std::vector<FileRecord> files;
  EXPECT_EQ(read_groups(save_text("one.csv", "person\nann\nbob\nann\n"), 3, files), (std::vector<int64_t>{0, 1, 0}));
  EXPECT_EQ(read_groups(save_text("two.csv", "ann\nbob\nann\n"), 3, files), (std::vector<int64_t>{0, 1, 0}));
  EXPECT_NE(refusal({{save<float>("o.npy", kLogits, {4, 3})}, {}, save_text("half.csv", "1\n0.5\n0\n1\n"), "", ""})
                .find("0.5"),
            std::string::npos);
}

TEST_F(ReadRecords, AcceptsMinusOneInInt8Only) {
  std::vector<FileRecord> files;
  EXPECT_EQ(read_membership(save<int8_t>("a.npy", {1, -1}, {2}), files), (std::vector<int8_t>{1, -1}));
  EXPECT_EQ(read_membership(save<uint64_t>("b.npy", {1, 0}, {2}), files), (std::vector<int8_t>{1, 0}));
  EXPECT_THROW(read_membership(save<int64_t>("c.npy", {1, -1}, {2}), files), Error);
  EXPECT_THROW(read_membership(save<uint8_t>("d.npy", {1, 255}, {2}), files), Error);
  EXPECT_THROW(read_membership(save<float>("e.npy", {1, 0}, {2}), files), Error);
}

TEST_F(ReadRecords, RefusesFilesOfTwoModels) {
  RecordPaths paths;
  paths.outputs = {save<float>("m.npy", kLogits, {4, 3}), save<float>("n.npy", kLogits, {3, 4})};
  EXPECT_NE(refusal(paths).find("both must come from one model"), std::string::npos);
}

TEST_F(ReadRecords, RefusesLogitsBesideProbabilitiesUnlessTold) {
  RecordPaths paths;
  paths.outputs = {save<float>("m.npy", kLogits, {4, 3}), save<float>("n.npy", {.5, .25, .25}, {1, 3})};
  EXPECT_NE(refusal(paths).find("n.npy looks like probabilities"), std::string::npos);
  EXPECT_EQ(read_records(paths, {.form = OutputForm::logits, .on_nonfinite = OnNonfinite::refuse}, {}).outputs.form,
            OutputForm::logits);
}

TEST_F(ReadRecords, WarnsOfTwoPrecisions) {
  RecordPaths paths;
  paths.outputs = {save<float>("m.npy", kLogits, {4, 3}), save<double>("n.npy", {1, 2, 3}, {1, 3})};
  EXPECT_EQ(read_records(paths, {}, {}).warnings.at(0).code, "mixed_precision");
}

TEST_F(ReadRecords, ScoresMustBeFinite) {
  std::vector<FileRecord> files;
  EXPECT_EQ(read_scores(save<float>("s.npy", {1, 2}, {2}), files), (std::vector<double>{1, 2}));
  EXPECT_THROW(read_scores(save<float>("n.npy", {1, NAN}, {2}), files), Error);
  EXPECT_THROW(read_scores(save<float>("w.npy", {1, 2, 3, 4}, {2, 2}), files), Error);
}

}  // namespace
}  // namespace miaudit
