#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/options.h"
#include "cli/verbs.h"
#include "miaudit/io/formats.h"
#include "miaudit/io/json.h"
#include "miaudit/io/raw.h"
#include "miaudit/metric/overlap.h"

namespace miaudit::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string first, second;
  std::vector<uint64_t> depths;
  bool json = false;
};

/// The records of a report that have a rank, by their names where there are some.
struct Exposed {
  std::string path;
  std::vector<Ranked> records;
  bool is_over_targets = false;
};

Exposed exposed_of(const std::string& report) {
  fs::path path = report;
  if (path.filename() == "result.json") path = path.parent_path() / "records.csv";
  if (fs::is_directory(path)) path /= "records.csv";
  if (!fs::exists(path))
    fail(Category::input, "{} is not there; expected a folder that `miaudit audit --out` wrote", path.string());
  const CsvTable table = read_csv(path, {',', CsvHeader::present});
  const auto column_of = [&](const char* name) {
    return static_cast<size_t>(std::ranges::find(table.header, name) - table.header.begin());
  };
  const size_t rank = column_of("rank"), id = column_of("id"), row = column_of("row");
  const size_t name = id < table.header.size() ? id : row;
  if (std::max(rank, name) >= table.header.size())
    fail(Category::input, "{} has no columns `row` and `rank`; expected records.csv of `miaudit audit --out`",
         path.string());
  Exposed found{path.string(), {}, column_of("trained") < table.header.size()};
  for (size_t r = 0; r < table.rows(); ++r) {
    const std::string* const cells = table.cells.data() + r * table.columns;
    if (cells[rank].empty()) continue;
    char* end = nullptr;
    const double place = std::strtod(cells[rank].c_str(), &end);
    if (*end != '\0' || !std::isfinite(place))
      fail(Category::input, "{}, record {}: the rank {} is no number", path.string(), r + 1, printable(cells[rank]));
    found.records.push_back({cells[name], place});
  }
  return found;
}

/// What one model's audit finds exposed is one split's luck as well; of many targets, how often.
void check_alike(const Exposed& a, const Exposed& b) {
  if (a.is_over_targets == b.is_over_targets) return;
  fail(Category::input, "{} is of one target and {} of several in turn; compare two of a kind",
       (a.is_over_targets ? b : a).path, (a.is_over_targets ? a : b).path);
}

std::string to_json(const OrderComparison& comparison, const Exposed& first, const Exposed& second) {
  nlohmann::ordered_json json = {{"records", comparison.names},
                                 {"only_first", first.records.size() - comparison.names},
                                 {"only_second", second.records.size() - comparison.names},
                                 {"rank_correlation", comparison.rank_correlation}};
  for (const Overlap& overlap : comparison.overlaps)
    json["overlap"].push_back({{"first", overlap.depth},
                               {"common", overlap.common},
                               {"by_chance", overlap.by_chance},
                               {"chance_at_least", overlap.chance_at_least}});
  return json_text(json, 2);
}

std::string to_text(const OrderComparison& comparison, const Exposed& first, const Exposed& second) {
  std::string text;
  for (const Exposed* one : {&first, &second})
    if (const size_t alone = one->records.size() - comparison.names; alone > 0)
      text += fmt::format("{} of {} in that report only: left out\n", counted(alone, "record is", "records are"),
                          one->path);
  text += fmt::format("{} in both reports; rank correlation {:.3f}\n\n{:>14}{:>12}{:>12}{:>22}\n",
                      counted(comparison.names, "record"), comparison.rank_correlation, "most exposed", "in both",
                      "by chance", "chance of as many");
  for (const Overlap& overlap : comparison.overlaps)
    text += fmt::format("{:>14}{:>12.1f}{:>12.1f}{:>22.2g}\n", overlap.depth, overlap.common, overlap.by_chance,
                        overlap.chance_at_least);
  return text;
}

}  // namespace

void add_compare(CLI::App& app, Shell& shell) {
  CLI::App* verb = app.add_subcommand("compare", "Whether two audits find the same records exposed");
  verb->footer(
      "Compare audits of two runs that differ in --seed alone: records that stay at the top are exposed by what they\n"
      "are, others by the luck of a split. Chances are of orders that know nothing of each other.\n"
      "Example: miaudit compare report-of-seed-0 report-of-seed-1");
  auto a = std::make_shared<Arguments>();
  verb->add_option("first", a->first, "Folder of a report, or its records.csv")->type_name(kFolderType)->required();
  verb->add_option("second", a->second, "Folder of another report on the same records")
      ->type_name(kFolderType)
      ->required();
  verb->add_option("--depths", a->depths,
                   "How many of the most exposed to compare (default: 10, 100 and 1000, where both hold as many)")
      ->delimiter(',')
      ->type_name("INT,...")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40, "from 1"));
  verb->add_flag("--json", a->json, "Print JSON in place of the table");
  add_common_options(*verb, shell);
  verb->callback([a, &shell] {
    const Exposed first = exposed_of(a->first), second = exposed_of(a->second);
    check_alike(first, second);
    if (a->depths.empty()) {
      const uint64_t common = compare_orders(first.records, second.records, {}).names;
      std::ranges::copy_if(std::initializer_list<uint64_t>{10, 100, 1000}, std::back_inserter(a->depths),
                           [&](uint64_t depth) { return depth <= common; });
    }
    const OrderComparison comparison = compare_orders(first.records, second.records, a->depths);
    shell.clear_progress();
    print(a->json ? to_json(comparison, first, second) : to_text(comparison, first, second));
  });
}

}  // namespace miaudit::cli
