#include "miaudit/train/dataset.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "miaudit/train/view.h"
#include "tests/train/made_data.h"

namespace miaudit {
namespace {

using testing::Folder;

template <class T>
std::string message_of(T&& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

struct Files {
  Folder folder;
  DatasetPaths with(const Array& data, std::vector<int64_t> labels) const {
    const size_t rows = labels.size();
    return {folder.array("x.npy", data), folder.array("y.npy", Array::from(std::move(labels), {rows}))};
  }
};

Array bytes(const std::vector<size_t>& shape) {
  size_t size = 1;
  for (const size_t extent : shape) size *= extent;
  std::vector<uint8_t> values(size);
  for (size_t i = 0; i < size; ++i) values[i] = static_cast<uint8_t>(i * 37 % 251);
  return Array::from(std::move(values), shape);
}

TEST(Dataset, TellsTheLayoutOfImages) {
  const Files files;
  const auto layout_of = [&](const std::vector<size_t>& shape) {
    return read_dataset(files.with(bytes(shape), {0, 1}), {}, {});
  };
  EXPECT_EQ(layout_of({2, 5, 6, 3}).layout, ImageLayout::hwc);
  EXPECT_EQ(layout_of({2, 5, 6, 3}).shape, (Shape{3, 5, 6}));
  EXPECT_EQ(layout_of({2, 3, 5, 6}).layout, ImageLayout::chw);
  EXPECT_EQ(layout_of({2, 3, 5, 6}).shape, (Shape{3, 5, 6}));
  EXPECT_EQ(layout_of({2, 5, 6}).shape, (Shape{1, 5, 6}));
  EXPECT_EQ(layout_of({2, 7}).shape, (Shape{7, 1, 1}));
  for (const std::vector<size_t>& unclear : {std::vector<size_t>{2, 3, 5, 4}, {2, 5, 6, 7}})
    EXPECT_NE(message_of([&] { layout_of(unclear); }).find("--image-layout"), std::string::npos);
  DatasetOptions flat;
  flat.image_shape = Shape{3, 2, 2};
  EXPECT_NE(message_of([&] {
              read_dataset(files.with(bytes({2, 12}), {0, 1}), flat, {});
            }).find("--image-layout"),
            std::string::npos);
  flat.layout = ImageLayout::hwc;
  EXPECT_EQ(read_dataset(files.with(bytes({2, 12}), {0, 1}), flat, {}).shape, (Shape{3, 2, 2}));
  EXPECT_NE(message_of([&] {
              read_dataset(files.with(bytes({2, 13}), {0, 1}), flat, {});
            }).find("12 values"),
            std::string::npos);
}

/// Mean and deviation of each channel, over all records, of what a model gets.
void expect_standard(const Dataset& dataset) {
  const size_t channels = dataset.shape.channels, width = dataset.shape.size(), plane = width / channels;
  Reader reader(dataset, Padding::zero);
  std::vector<double> sum(channels), squares(channels);
  std::vector<float> record(width);
  for (size_t i = 0; i < dataset.size(); ++i) {
    reader.read(i, {}, record);
    for (size_t k = 0; k < width; ++k) {
      sum[k / plane] += static_cast<double>(record[k]);
      squares[k / plane] += static_cast<double>(record[k]) * static_cast<double>(record[k]);
    }
  }
  const double count = static_cast<double>(dataset.size() * plane);
  for (size_t c = 0; c < channels; ++c) {
    EXPECT_NEAR(sum[c] / count, 0, 1e-5) << "channel " << c;
    EXPECT_NEAR(squares[c] / count, 1, 1e-5) << "channel " << c;
  }
}

TEST(Dataset, ScalesEachChannelOfThePool) {
  const Files files;
  std::vector<int64_t> labels(600);
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int64_t>(i % 3);
  expect_standard(read_dataset(files.with(bytes({600, 5, 4, 3}), labels), {}, {}));
  expect_standard(read_dataset(files.with(bytes({600, 3, 5, 6}), labels), {}, {}));
  std::vector<double> floats(600 * 7);
  Rng rng(3);
  for (size_t i = 0; i < floats.size(); ++i) floats[i] = 1000 + 5 * rng.normal() * static_cast<double>(i % 7 + 1);
  expect_standard(read_dataset(files.with(Array::from(floats, {600, 7}), labels), {}, {}));
}

TEST(Dataset, TheSameOnAnyNumberOfThreads) {
  const Files files;
  std::vector<int64_t> labels(1000, 1);
  labels[3] = 0;
  std::vector<float> values(1000 * 11);
  Rng rng(4);
  for (float& value : values) value = static_cast<float>(rng.normal());
  const DatasetPaths paths = files.with(Array::from(values, {1000, 11}), labels);
  Context one, four;
  four.threads = 4;
  const Dataset a = read_dataset(paths, {}, one), b = read_dataset(paths, {}, four);
  EXPECT_EQ(a.scale, b.scale);
  EXPECT_EQ(a.mean, b.mean);
}

TEST(Dataset, LeavesColumnsOfZerosAndOnesAndConstants) {
  const Files files;
  const Array rows = Array::from(std::vector<float>{0, 5, 10, 1, 5, 30, 1, 5, 20}, {3, 3});
  const Dataset dataset = read_dataset(files.with(rows, {0, 1, 1}), {}, {});
  Reader reader(dataset, Padding::zero);
  std::vector<float> record(3);
  reader.read(1, {}, record);
  EXPECT_EQ(record[0], 1);
  EXPECT_EQ(record[1], 0);
  EXPECT_NEAR(record[2], 10 / std::sqrt(200.0 / 3), 1e-6);
}

TEST(Dataset, RefusesWhatCannotBeLearnt) {
  const Files files;
  const auto refusal = [&](const Array& data, std::vector<int64_t> labels, DatasetOptions options = {}) {
    return message_of([&] { read_dataset(files.with(data, std::move(labels)), options, {}); });
  };
  const auto holds = [](const std::string& text, const char* part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  std::vector<float> bad(12, 1);
  bad[7] = std::numeric_limits<float>::quiet_NaN();
  bad[11] = std::numeric_limits<float>::infinity();
  holds(refusal(Array::from(bad, {4, 3}), {0, 1, 0, 1}), "2 values that are NaN or infinite, the first in row 2");
  holds(refusal(Array::from(std::vector<double>{1, 1e300}, {2, 1}), {0, 1}), "more than a float32");
  holds(refusal(bytes({4, 3}), {2, 2, 2, 2}), "all 4 records have class 2");
  holds(refusal(bytes({4, 3}), {0, 1, 0}), "3 labels but the data 4 records");
  holds(refusal(bytes({4, 3}), {0, 1, -1, 0}), "row 2 holds label -1");
  holds(refusal(bytes({4, 3}), {0, 1, 17, 0}), "label 17, but there are 4 records");
  DatasetOptions three;
  three.classes = 3;
  holds(refusal(bytes({4, 3}), {0, 1, 3, 0}, three), "label 3, but there are 3 classes");
  holds(refusal(bytes({4}), {0, 1, 3, 0}), "records must be images");
  holds(refusal(bytes({4, 0}), {0, 1, 3, 0}), "has shape (4, 0): there is nothing in it");
  holds(message_of([&] {
          read_dataset({files.folder.array("only.npy", bytes({4, 3})), ""}, {}, {});
        }),
        "comes without classes");
}

TEST(Dataset, FurtherRecordsAreScaledAlike) {
  const Files files, more;
  std::vector<int64_t> labels(40, 1);
  labels[5] = 0;
  const Dataset first = read_dataset(files.with(bytes({40, 6}), labels), {}, {});
  const Dataset second = read_dataset_like(first, more.with(bytes({3, 6}), {1, 1, 1}), {}, {});
  EXPECT_EQ(second.scale, first.scale);
  EXPECT_EQ(second.mean, first.mean);
  EXPECT_EQ(second.classes, 2u);
  EXPECT_NE(message_of([&] {
              read_dataset_like(first, more.with(bytes({3, 7}), {1, 1, 1}), {}, {});
            }).find("alike"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              read_dataset_like(first, more.with(bytes({3, 6}), {1, 2, 1}), {}, {});
            }).find("label 2"),
            std::string::npos);
}

}  // namespace
}  // namespace miaudit
