#include <fmt/format.h>

#include <bit>
#include <charconv>

#include "miaudit/io/file.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/raw.h"

namespace miaudit {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

/// What NumPy's dtype code says, for codes that miaudit does not read.
void refuse_known_type(std::string_view code, const std::string& name) {
  const auto refuse = [&](std::string_view what, std::string_view advice) {
    fail(Category::unsupported, "{} holds {} (dtype {}); {}", name, what, printable(code), advice);
  };
  constexpr std::string_view kNumbers = "save plain numbers, as numpy.save(path, a.astype(numpy.float32))";
  const std::string_view bare = code.substr(code.find_first_not_of("<>|=") == 1 ? 1 : 0);
  switch (bare.empty() ? '\0' : bare[0]) {
    case 'O':
      refuse("Python objects",
             "that is a pickle, pickles can run code, and miaudit never loads them. Save plain numbers, as "
             "np.save(path, a.astype(np.float32)); NumPy can load a file that you trust, and save it so");
      break;
    case 'V':
      refuse("raw records (so is bfloat16 saved)", kNumbers);
      break;
    case 'c':
      refuse("complex numbers", "save the real parts or magnitudes");
      break;
    case 'S':
    case 'a':
    case 'U':
      refuse("strings", "save numbers, or text as .csv");
      break;
    case 'M':
    case 'm':
      refuse("dates or durations", kNumbers);
      break;
    case 'f':
      if (bare == "f12" || bare == "f16") refuse("long doubles, which differ between machines", kNumbers);
      break;
    default:
      break;
  }
}

RawLayout layout_of(std::string_view code, const std::string& name) {
  static constexpr std::pair<std::string_view, ElementType> kTypes[] = {
      {"b1", ElementType::boolean}, {"i1", ElementType::int8},    {"i2", ElementType::int16},
      {"i4", ElementType::int32},   {"i8", ElementType::int64},   {"u1", ElementType::uint8},
      {"u2", ElementType::uint16},  {"u4", ElementType::uint32},  {"u8", ElementType::uint64},
      {"f2", ElementType::float16}, {"f4", ElementType::float32}, {"f8", ElementType::float64}};
  refuse_known_type(code, name);
  if (!code.empty()) {
    for (const auto& [bare, type] : kTypes) {
      if (code.substr(1) != bare) continue;
      if (code[0] == '<' || code[0] == '>' || (code[0] == '|' && element_size(type) == 1))
        return {type, {}, code[0] == '>', false};
    }
  }
  fail(Category::input, "{}: dtype {} is unknown; expected bool, int8–64, uint8–64 or float16–64", name,
       printable(code));
}

/// The header's Python literal: a dict of exactly descr (a string), fortran_order (a bool) and shape (a tuple of
/// integers).
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  RawLayout parse() {
    std::optional<RawLayout> element;
    std::optional<bool> column_major;
    std::optional<std::vector<size_t>> shape;
    expect('{');
    while (!take('}')) {
      const std::string_view key = string();
      expect(':');
      if (key == "descr" && !element)
        element = descr();
      else if (key == "fortran_order" && !column_major)
        column_major = boolean();
      else if (key == "shape" && !shape)
        shape = tuple();
      else
        malformed("a key other than descr, fortran_order and shape, or one of them twice");
      if (!take(',') && peek() != '}') malformed("no ',' or '}' after a value");
    }
    skip_space();
    if (at_ != text_.size()) malformed("text after the dict");
    if (!element || !column_major || !shape) malformed("no descr, fortran_order or shape");
    element->column_major = *column_major;
    element->shape = std::move(*shape);
    return std::move(*element);
  }

 private:
  [[noreturn]] void malformed(std::string_view found) {
    fail(Category::input, "{}: malformed .npy header, {} at character {} of it; save the array again with numpy.save",
         name_, found, at_);
  }
  void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  char peek() {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char wanted) {
    if (peek() != wanted || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!take(wanted)) malformed(fmt::format("no '{}'", wanted));
  }

  std::string_view string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') malformed("no string");
    const size_t end = text_.find(quote, ++at_);
    if (end == std::string_view::npos) malformed("an unfinished string");
    const std::string_view result = text_.substr(at_, end - at_);
    at_ = end + 1;
    return result;
  }
  RawLayout descr() {
    if (peek() == '[' || peek() == '(')
      fail(Category::unsupported,
           "{} holds a structured array (records of named fields); save each field as an array of "
           "its own, as numpy.save(path, a['field'])",
           name_);
    return layout_of(string(), name_);
  }
  bool boolean() {
    skip_space();
    const std::string_view rest = text_.substr(at_);
    const bool value = rest.starts_with("True");
    if (!value && !rest.starts_with("False")) malformed("neither True nor False");
    at_ += value ? 4 : 5;
    return value;
  }
  std::vector<size_t> tuple() {
    std::vector<size_t> shape;
    bool comma = true;
    expect('(');
    while (!take(')')) {
      if (!comma) malformed("no ',' in the shape");
      if (shape.size() == kMaxDims) malformed("more than 32 axes");
      shape.push_back(integer());
      comma = take(',');
    }
    if (shape.size() == 1 && !comma) malformed("a shape that is no tuple");
    return shape;
  }
  size_t integer() {
    skip_space();
    uint64_t value = 0;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error == std::errc::result_out_of_range) malformed("an axis longer than 64 bits count");
    if (error != std::errc()) malformed("no axis length");
    at_ += static_cast<size_t>(end - begin);
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote long integers so.
    return value;
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0;
};

[[noreturn]] void fail_truncated(const std::string& name) {
  fail(Category::input, "{} ends inside its .npy header; copy or save it again", name);
}

struct NpyHeader {
  RawLayout layout;
  size_t size;
};

/// bytes: of a file of `total` bytes the first ones.
NpyHeader parse_header(std::span<const std::byte> bytes, size_t total, const std::string& name) {
  if (bytes.empty()) fail(Category::input, "{} is empty; expected a .npy file", name);
  if (!starts_with(bytes, kMagic.substr(0, std::min(kMagic.size(), bytes.size()))))
    fail(Category::input, "{} is no .npy file: it does not begin with \\x93NUMPY", name);
  if (bytes.size() < 10) fail_truncated(name);
  const int major = static_cast<int>(bytes[6]), minor = static_cast<int>(bytes[7]);
  if (major < 1 || major > 3 || minor != 0)
    fail(Category::unsupported, "{} is of .npy version {}.{}; miaudit reads 1.0, 2.0 and 3.0", name, major, minor);
  const size_t prefix = major == 1 ? 10 : 12;
  if (bytes.size() < prefix) fail_truncated(name);
  const size_t length = major == 1 ? load_little<uint16_t>(bytes, 8) : load_little<uint32_t>(bytes, 8);
  if (length > bytes.size() - prefix) fail_truncated(name);
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + prefix, length);
  RawLayout layout = HeaderParser(header, name).parse();

  const size_t held = total - prefix - length;
  const std::string what = fmt::format("shape {} of {}", shape_text(layout.shape), element_name(layout.type));
  const std::optional<size_t> needed = byte_count(layout.type, layout.shape);
  if (!needed) fail(Category::input, "{}: {} is more than any machine can hold; the header is corrupt", name, what);
  if (held < *needed)
    fail(Category::input, "{} is cut short: {} needs {} of data, but it holds {}; copy or save it again", name, what,
         counted(*needed, "byte"), grouped(held));
  if (held > *needed)
    fail(Category::input, "{}: {} after the array ({} needs {}); miaudit reads files of one array", name,
         counted(held - *needed, "byte"), what, grouped(*needed));
  return {std::move(layout), prefix + length};
}

}  // namespace

void check_npy_header(std::span<const std::byte> first, size_t total, const std::string& name) {
  parse_header(first, total, name);
}

Array parse_npy(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, const std::string& name) {
  NpyHeader header = parse_header(bytes, bytes.size(), name);
  return native_array(std::move(header.layout), bytes.subspan(header.size), std::move(owner), name);
}

Array read_npy(const std::filesystem::path& path, Holding holding) {
  const FileBytes file = FileBytes::open(path, holding);
  return parse_npy(file.bytes(), file.owner(), path.string());
}

std::string npy_header(ElementType type, const std::vector<size_t>& shape) {
  constexpr size_t kPrefix = 10, kAlignment = 64;
  const size_t size = element_size(type);
  const char order = size == 1 ? '|' : std::endian::native == std::endian::little ? '<' : '>';
  const std::string_view element = element_name(type);
  std::string dict = fmt::format("{{'descr': '{}{}{}', 'fortran_order': False, 'shape': {}, }}", order, element[0],
                                 size, shape_text(shape));
  const size_t used = kPrefix + dict.size() + 1;
  dict.append((kAlignment - used % kAlignment) % kAlignment, ' ');
  dict += '\n';
  std::string header(kMagic);
  header += {'\1', '\0', static_cast<char>(dict.size() & 0xff), static_cast<char>(dict.size() >> 8)};
  return header + dict;
}

void write_npy(const std::filesystem::path& path, const Array& array) {
  OutputFile file(path);
  file.write(npy_header(array.type(), array.shape()));
  file.write(array.bytes());
  file.commit();
}

}  // namespace miaudit
