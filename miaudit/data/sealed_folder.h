#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "miaudit/data/run.h"
#include "miaudit/io/file.h"

namespace miaudit {

/// A folder of numbers in a run that appears whole or not at all. Filled under attempts/, which one rename publishes:
/// two writers do no harm, a killed one leaves nothing that counts, and `shadow gc` removes it. Its done.json holds
/// hashes of the files and a checksum of all the rest.
class SealedFolder {
 public:
  /// name: of what is written, beginning with "shard-". writer: a name that no other process has, HOST.PROCESS.
  SealedFolder(const Run& run, const std::string& name, const std::string& writer);
  ~SealedFolder();
  SealedFolder(const SealedFolder&) = delete;
  SealedFolder& operator=(const SealedFolder&) = delete;

  /// As NAME.npy.
  void write(std::string_view name, const Array& values);
  /// To NAME.f64, which holds float64 and nothing else: numbers of which nobody knows yet how many there will be. One
  /// file after the other.
  void append(std::string_view name, std::span<const double> values);
  /// done: an object. What stands in its place already is replaced, unless it is the same, or will_do() says that it
  /// does as well. Throws Error(io), and Error(input) where it is nothing that this class wrote.
  void publish(
      nlohmann::json done, const std::filesystem::path& place,
      const std::function<bool()>& will_do = [] { return false; });

 private:
  void make_folder() const;
  void finish_appending();
  void hash(const std::string& file);

  const std::filesystem::path attempt_;
  std::map<std::string, std::string> hashes_;  // by file
  std::string appended_;
  std::unique_ptr<OutputFile> appending_;
  bool is_published_ = false;
};

/// done.json of such a folder, or null where there is none that is as it was written.
nlohmann::json read_sealed(const std::filesystem::path& folder);
/// What tells it from others.
std::string checksum_of(const nlohmann::json& done);
/// Of `done` of a folder, the numbers of NAME.npy; empty where the file is not what was written.
Array read_sealed_array(const std::filesystem::path& folder, const nlohmann::json& done, const std::string& name);
/// Of NAME.f64, its bytes, passing; nothing where they are not what was written.
std::optional<FileBytes> read_sealed_bytes(const std::filesystem::path& folder, const nlohmann::json& done,
                                           const std::string& name);
/// Whether all files are there and what was written.
bool is_whole(const std::filesystem::path& folder, const nlohmann::json& done);

}  // namespace miaudit
