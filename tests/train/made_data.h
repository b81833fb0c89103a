#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "miaudit/base/rng.h"
#include "miaudit/io/formats.h"
#include "miaudit/train/dataset.h"

namespace miaudit::testing {

/// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "miaudit-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string text(const std::string& name, const std::string& content) const {
    std::ofstream(path_ / name) << content;
    return *this / name;
  }
  std::string array(const std::string& name, const Array& array) const {
    write_npy(path_ / name, array);
    return *this / name;
  }

 private:
  std::filesystem::path path_;
};

/// Noisy images of `classes` kinds: the brightest rows of the image tell the class.
inline Dataset made_images(size_t records, Shape shape, size_t classes, uint64_t seed = 1) {
  Rng rng(seed);
  std::vector<uint8_t> pixels(records * shape.size());
  std::vector<int64_t> labels(records);
  for (size_t i = 0; i < records; ++i) {
    labels[i] = static_cast<int64_t>(rng.below(classes));
    for (size_t k = 0; k < shape.size(); ++k) {
      const size_t row = k / shape.width % shape.height;
      const bool is_lit = row * classes / shape.height == static_cast<size_t>(labels[i]);
      pixels[i * shape.size() + k] = static_cast<uint8_t>(rng.below(120) + (is_lit ? 80 : 0));
    }
  }
  const Folder folder;
  const std::vector<size_t> sides = {records, shape.channels, shape.height, shape.width};
  const DatasetPaths paths = {folder.array("x.npy", Array::from(std::move(pixels), sides)),
                              folder.array("y.npy", Array::from(std::move(labels), {records}))};
  DatasetOptions options;
  options.layout = ImageLayout::chw;
  return read_dataset(paths, options, {});
}

}  // namespace miaudit::testing
