#include "miaudit/audit/targets.h"

#include <algorithm>
#include <map>

#include "miaudit/audit/model_signals.h"

namespace miaudit {
namespace {

constexpr uint64_t kBytesAScore = 64, kBytesAScoreOfOneFamily = 128;
/// Of signals, moments and what attacks make of them; measured.
constexpr uint64_t kBytesAValue = 96;

uint64_t figure_bytes(size_t targets, size_t records, bool are_one_family = false) {
  return targets * records * (targets > 1 && are_one_family ? kBytesAScoreOfOneFamily : kBytesAScore);
}

/// What --memory would have to be for half of it to hold so many bytes.
std::string memory_for(uint64_t bytes) {
  const uint64_t megabytes = ((2 * bytes - 1) >> 20) + 1;
  return megabytes < 1024 ? fmt::format("{}M", std::max<uint64_t>(megabytes, 64))
                          : fmt::format("{}G", (megabytes - 1) / 1024 + 1);
}

/// The targets asked for by family, families in the order of their first models.
std::vector<std::vector<size_t>> families_of(const Models& models, std::span<const size_t> asked) {
  std::vector<bool> is_asked(models.models.size());
  for (const size_t m : asked) is_asked[m] = true;
  std::vector<std::vector<size_t>> families;
  std::map<size_t, size_t> place_of;
  for (const size_t m : order_of(models)) {
    if (!is_asked[m]) continue;
    const auto [place, is_new] = place_of.emplace(models.families[m], families.size());
    if (is_new) families.emplace_back();
    families[place->second].push_back(m);
  }
  return families;
}

}  // namespace

void check_memory(const Load& load, uint64_t memory) {
  const uint64_t bytes = figure_bytes(load.targets, load.records, load.are_one_family);
  if (bytes <= memory / 2) return;
  fail(Category::config, "figures of {} x {} records take {} MB, half of --memory holds {}; give --memory {}{}",
       counted(load.targets, "target"), grouped(load.records), (bytes >> 20) + 1, memory >> 21,
       memory_for(std::max<uint64_t>(bytes, load.values * kBytesAValue)),
       load.targets > 1 ? ", or one model with --target" : "");
}

size_t targets_at_once(const Models& models, size_t queries, uint64_t memory) {
  const uint64_t bytes = models.records() * queries * kBytesAValue;
  if (const size_t most = targets_at_once(bytes, models.models.size(), models.records(), memory); most > 0) return most;
  fail(Category::config, "scoring {} by {} of a target takes {} MB, half of --memory holds {}; give --memory {}",
       counted(models.records(), "record"), counted(queries, "query", "queries"), (bytes >> 20) + 1, memory >> 21,
       memory_for(bytes));
}

size_t targets_at_once(uint64_t bytes, size_t models, size_t records, uint64_t memory) {
  constexpr uint64_t kBytesARecord = 24;  // of counts
  if (bytes > memory / 2) return 0;
  return std::max<size_t>(1, memory / 2 / (bytes + records * (models + kBytesARecord)));
}

Context with_threads_for(size_t targets, const Context& context) {
  Context few = context;
  few.threads = static_cast<int>(std::min<size_t>(targets, static_cast<size_t>(std::max(context.threads, 1))));
  return few;
}

std::vector<size_t> targets_within(uint64_t memory, const Models& models, std::span<const size_t> asked,
                                   std::vector<Warning>& warnings, size_t values) {
  const size_t records = models.records();
  const uint64_t most = memory / 2 / figure_bytes(1, records);
  const std::vector<std::vector<size_t>> families = families_of(models, asked);
  if (figure_bytes(asked.size(), records, families.size() == 1) <= memory / 2) return {asked.begin(), asked.end()};
  std::vector<bool> is_chosen(models.models.size());
  size_t chosen = 0, passed = 0;
  const auto choose = [&](const std::vector<size_t>& family) {
    for (const size_t m : family) is_chosen[m] = true;
    chosen += family.size();
  };
  // Of every stretch of families the share that may be had of all.
  for (const std::vector<size_t>& family : families) {
    passed += family.size();
    if ((chosen + family.size()) * asked.size() <= passed * most) choose(family);
  }
  const auto least = std::ranges::min_element(families, {}, &std::vector<size_t>::size);
  if (chosen == 0) choose(*least);
  std::vector<size_t> targets;
  std::ranges::copy_if(asked, std::back_inserter(targets), [&](size_t m) { return is_chosen[m]; });
  const bool are_one_family =
      std::ranges::all_of(targets, [&](size_t m) { return models.families[m] == models.families[targets.front()]; });
  check_memory({chosen, records, are_one_family, values}, memory);
  warnings.push_back(
      {"targets_left_out",
       fmt::format("{} of {} models were targets, those of whole families of splits, evenly chosen; the others served "
                   "as references alone: figures of one target's {} records take {} MB, and half of --memory holds {}",
                   chosen, asked.size(), grouped(records), ((figure_bytes(1, records) - 1) >> 20) + 1, memory >> 21),
       fmt::format("--memory {} audits all {}", memory_for(figure_bytes(asked.size(), records)), asked.size())});
  return targets;
}

}  // namespace miaudit
