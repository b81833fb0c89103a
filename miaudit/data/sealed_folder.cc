#include "miaudit/data/sealed_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/json.h"
#include "miaudit/io/scratch.h"

namespace miaudit {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool has_hash(const fs::path& path, const json& hash) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return false;
  try {
    const FileBytes content = FileBytes::open(path, Holding::passing);
    return content_hash(content.bytes(), content.owner()) == hash;
  } catch (const Error&) {
    return false;
  }
}

/// By its files' names: what it holds may be damaged.
bool is_of_this_class(const fs::path& folder) {
  std::error_code error;
  bool has_done = false;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const fs::path name = entry.path().filename();
    has_done |= name == "done.json";
    if (name != "done.json" && name.extension() != ".npy" && name.extension() != ".f64") return false;
  }
  return has_done;
}

const json& files_of(const json& done) {
  static const json kNone = json::object();
  return done.is_object() && done.contains("files") && done["files"].is_object() ? done["files"] : kNone;
}

}  // namespace

SealedFolder::SealedFolder(const Run& run, const std::string& name, const std::string& writer)
    : attempt_(run.path / "attempts" / fmt::format("{}.{}.0", name, writer)) {}

SealedFolder::~SealedFolder() {
  std::error_code error;
  if (!is_published_) fs::remove_all(attempt_, error);
}

void SealedFolder::make_folder() const {
  for (const fs::path& folder : {attempt_.parent_path(), attempt_}) make_directory(folder);
}

void SealedFolder::hash(const std::string& file) {
  const FileBytes content = FileBytes::open(attempt_ / file, Holding::passing);
  hashes_[file] = content_hash(content.bytes(), content.owner());
}

void SealedFolder::write(std::string_view name, const Array& values) {
  make_folder();
  const std::string file = fmt::format("{}.npy", name);
  write_npy(attempt_ / file, values);
  hash(file);
}

void SealedFolder::append(std::string_view name, std::span<const double> values) {
  const std::string file = fmt::format("{}.f64", name);
  if (file != appended_) {
    finish_appending();
    make_folder();
    appended_ = file;
    appending_ = std::make_unique<OutputFile>(attempt_ / file);
  }
  appending_->write(std::as_bytes(values));
}

void SealedFolder::finish_appending() {
  if (!appending_) return;
  appending_->commit();
  appending_.reset();
  hash(appended_);
}

void SealedFolder::publish(json done, const fs::path& place, const std::function<bool()>& will_do) {
  finish_appending();
  make_folder();
  make_directory(place.parent_path());
  done["files"] = hashes_;
  done["checksum"] = checksum_of(done);
  write_file(attempt_ / "done.json", json_text(done, 1));
  for (int round = 0; round < 3; ++round) {
    is_published_ = rename_directory(attempt_, place);
    if (is_published_) return;
    const json other = read_sealed(place);
    if ((checksum_of(other) == done["checksum"] && is_whole(place, other)) || will_do()) return;
    std::error_code error;
    if (fs::exists(place, error) && !is_of_this_class(place))
      fail(Category::input, "{} stands where miaudit keeps its own, and is not miaudit's; move it away",
           place.string());
    fs::remove_all(place, error);
    if (error && fs::exists(place))
      fail(Category::io, "cannot remove {}, to put another in its place: {}", place.string(), error.message());
  }
  fail(Category::io, "cannot put {} in its place: others do so at the same time; try again", place.string());
}

std::string checksum_of(const json& done) {
  const std::string text = json_text(done, 1);
  return content_hash(std::as_bytes(std::span(text)));
}

json read_sealed(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_regular_file(folder / "done.json", error)) return nullptr;
  try {
    json done = read_json(folder / "done.json");
    if (!done.is_object() || !done.contains("checksum")) return nullptr;
    const json checksum = done["checksum"];
    done.erase("checksum");
    return checksum == checksum_of(done) ? done : json();
  } catch (const Error&) {
    return nullptr;
  }
}

Array read_sealed_array(const fs::path& folder, const json& done, const std::string& name) {
  const std::string file = name + ".npy";
  const json& files = files_of(done);
  return files.contains(file) && has_hash(folder / file, files[file]) ? read_npy(folder / file) : Array();
}

std::optional<FileBytes> read_sealed_bytes(const fs::path& folder, const json& done, const std::string& name) {
  const std::string file = name + ".f64";
  const json& files = files_of(done);
  if (!files.contains(file) || !has_hash(folder / file, files[file])) return {};
  return FileBytes::open(folder / file, Holding::passing);
}

bool is_whole(const fs::path& folder, const json& done) {
  return done.is_object() && std::ranges::all_of(files_of(done).items(), [&](const auto& file) {
           return has_hash(folder / file.key(), file.value());
         });
}

}  // namespace miaudit
