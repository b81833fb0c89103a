#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/npz.h"
#include "miaudit/io/raw.h"

namespace miaudit {
namespace {

constexpr std::string_view kPickleAdvice =
    "pickles can run code and are never loaded; save the numbers with numpy.save(path, a.astype(numpy.float32))";

/// What is not read, by its first bytes.
struct Refused {
  std::string_view magic, what, advice;
};
constexpr Refused kRefused[] = {
    {"\x80\x02", "a pickle (or an old PyTorch checkpoint)", kPickleAdvice},
    {"\x80\x03", "a pickle", kPickleAdvice},
    {"\x80\x04", "a pickle", kPickleAdvice},
    {"\x80\x05", "a pickle", kPickleAdvice},
    {"\x89HDF\r\n\x1a\n", "an HDF5 file", "save the data set with numpy.save(path, file['name'][:])"},
    {"PAR1", "a Parquet file", "save it with numpy.save(path, pandas.read_parquet(file).to_numpy())"},
    {"ARROW1", "an Arrow file", "save it with numpy.save(path, pandas.read_feather(file).to_numpy())"},
    {"MATLAB 5.0", "a MATLAB file", "save it with numpy.save(path, scipy.io.loadmat(file)['name'])"},
    {"BZh", "compressed with bzip2", "unpack it with bunzip2"},
    {"\xfd"
     "7zXZ",
     "compressed with xz", "unpack it with unxz"},
    {"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it with unzstd"},
};

struct Address {
  std::string path;
  std::optional<std::string> key;
};

Address split(const std::string& path_and_key) {
  // The longest part that is a file goes first: names and keys may hold colons too.
  std::error_code ignored;
  if (std::filesystem::exists(path_and_key, ignored)) return {path_and_key, {}};
  for (size_t colon = path_and_key.rfind(':'); colon != std::string::npos && colon > 0;
       colon = path_and_key.rfind(':', colon - 1)) {
    const std::string path = path_and_key.substr(0, colon);
    if (std::filesystem::exists(path, ignored)) return {path, path_and_key.substr(colon + 1)};
  }
  // So that a missing archive is named without its key.
  if (const size_t end = path_and_key.find(".npz:"); end != std::string::npos)
    return {path_and_key.substr(0, end + 4), {}};
  return {path_and_key, {}};
}

Array pick_member(const FileBytes& file, const Address& address) {
  constexpr size_t kMostListed = 20;
  const std::vector<ZipMember> members = npz_members(file.bytes(), address.path);
  if (members.empty()) fail(Category::input, "{} is an .npz without any array", address.path);
  if (!address.key && members.size() == 1) return npz_array(members[0], file.owner(), address.path);
  std::vector<std::string> names;
  for (const ZipMember& member : members) {
    if (address.key == member.name) return npz_array(member, file.owner(), address.path);
    names.push_back(member.name);
  }
  std::string list;
  for (size_t i = 0; i < std::min(names.size(), kMostListed); ++i) list += (i ? ", " : "") + printable(names[i]);
  if (names.size() > kMostListed) list += ", …";
  if (!address.key)
    fail(Category::input, "{} holds {} arrays; say which, as {}:KEY. Its keys: {}", address.path, names.size(),
         address.path, list);
  const std::string near = nearest_name(*address.key, names);
  fail(Category::input, "{} holds no array {}{}; its keys: {}", address.path, printable(*address.key),
       near.empty() ? "" : "; did you mean " + printable(near) + "?", list);
}

bool has_extension(const std::string& path, std::initializer_list<std::string_view> extensions) {
  std::string extension = std::filesystem::path(path).extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(extensions.begin(), extensions.end(), extension) != extensions.end();
}

bool is_idx(std::span<const std::byte> bytes) {
  return bytes.size() >= 4 && starts_with(bytes, std::string_view("\0\0", 2)) && bytes[2] >= std::byte{0x08} &&
         bytes[2] <= std::byte{0x0E} && bytes[3] >= std::byte{1} && bytes[3] <= std::byte{kMaxDims};
}

Array read_one(const FileBytes& file, const std::string& path) {
  const std::span<const std::byte> bytes = file.bytes();
  for (const auto& [magic, what, advice] : kRefused)
    if (starts_with(bytes, magic)) fail(Category::unsupported, "{} is {}; {}", path, what, advice);
  if (starts_with(bytes, "\x93NUMPY")) return parse_npy(bytes, file.owner(), path);
  if (starts_with(bytes, "\x1f\x8b")) {
    if (has_extension(std::filesystem::path(path).stem().string(), {".npy", ".csv", ".tsv", ".txt", ".npz"}))
      fail(Category::unsupported,
           "{} is compressed with gzip, which miaudit reads for .idx only; unpack it with gunzip", path);
    return parse_idx(bytes, path);
  }
  if (is_idx(bytes)) return parse_idx(bytes, path);
  if (is_text_file(path)) return numbers(parse_csv(bytes, path), path);
  if (bytes.empty()) fail(Category::input, "{} is empty, no byte long; save it again", path);
  if (has_extension(path, {".pkl", ".pickle", ".joblib", ".pt", ".pth"}))
    fail(Category::unsupported, "{} is a pickle by its name; {}", path, kPickleAdvice);
  fail(Category::input,
       "{} is in no format that miaudit reads: .npy, .npz (file.npz:key), .idx, .idx.gz, and numbers as "
       ".csv, .tsv or .txt; save it with numpy.save",
       path);
}

}  // namespace

bool is_text_file(const std::string& path) {
  return has_extension(path, {".csv", ".tsv", ".txt"});
}

Array read_array(const std::string& path_and_key, Holding holding) {
  const Address address = split(path_and_key);
  const FileBytes file = FileBytes::open(address.path, holding);
  if (starts_with(file.bytes(), "PK\3\4") || starts_with(file.bytes(), "PK\5\6")) return pick_member(file, address);
  if (address.key)
    fail(Category::input, "{} is no .npz, so it has no array {}; give the path alone", address.path,
         printable(*address.key));
  return read_one(file, address.path);
}

std::string file_of(const std::string& path_and_key) {
  return split(path_and_key).path;
}

}  // namespace miaudit
