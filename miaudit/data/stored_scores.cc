#include "miaudit/data/stored_scores.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "miaudit/base/shell_word.h"
#include "miaudit/data/sealed_folder.h"
#include "miaudit/io/file.h"
#include "miaudit/io/scratch.h"

namespace miaudit {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path scores_path(const fs::path& run, Shard shard) {
  return run / "scores" / fmt::format("{}-of-{}", shard.number, shard.count);
}

/// All that a fit follows from, but the plan.
json identity_of(const Run& run, const Models& models, const std::vector<std::string>& identities) {
  json identity = signals_identity(run, models, identities);
  identity["membership"] = content_hash(run.membership.bytes());
  identity["families"] = models.families;
  identity["roles"] = content_hash(std::as_bytes(std::span(run.roles)));
  identity["outputs"] = identities;
  return identity;
}

bool is_of(const json& done, const Fit& fit, Shard shard) {
  return done.is_object() && done.value("fit", json()) == fit.id &&
         done.value("shard", json()) == json({shard.number, shard.count});
}

Fit::OfAttack attack_from(const json& from) {
  Fit::OfAttack attack{from.at("name").get<std::string>(),
                       from.at("asked").get<ParameterTexts>(),
                       {},
                       from.at("signals").get<std::vector<std::string>>()};
  for (const json& target : from.at("targets"))
    attack.targets.push_back({target.at("settled").get<ParameterTexts>(), target.at("shortage").get<std::string>(),
                              target.at("numbers").get<size_t>()});
  return attack;
}

}  // namespace

fs::path fit_path(const Run& run) {
  return run.path / "fit";
}

FitWriter::FitWriter(const Run& run, const Models& models, const std::vector<std::string>& identities,
                     const std::string& writer)
    : run_(run), models_(models), identities_(identities), folder_(run, "shard-fit", writer) {}

void FitWriter::write(const std::string& attack, std::span<const double> numbers) {
  folder_.append(attack, numbers);
}

void FitWriter::publish(const Fit& fit) {
  json done = identity_of(run_, models_, identities_);
  done["targets"] = fit.targets;
  done["seed"] = fit.seed;
  done["kernel_target"] = fit.kernel_target;
  done["signals"] = fit.signals;
  done["attacks"] = json::array();  // in their order
  for (const Fit::OfAttack& attack : fit.attacks) {
    json targets = json::array();
    for (const Fit::OfTarget& target : attack.targets)
      targets.push_back({{"settled", target.settled}, {"shortage", target.shortage}, {"numbers", target.count}});
    done["attacks"].push_back(
        {{"name", attack.name}, {"asked", attack.asked}, {"signals", attack.signals}, {"targets", std::move(targets)}});
  }
  check_unchanged(run_, models_, identities_, "the fit");
  folder_.publish(std::move(done), fit_path(run_));
}

bool may_have_fit(const Run& run, const std::vector<std::string>& identities) {
  const json done = read_sealed(fit_path(run));
  return done.is_object() && done.value("outputs", json()) == identities;
}

std::optional<Fit> read_fit(const Run& run, const Models& models, const std::vector<std::string>& identities) {
  const fs::path folder = fit_path(run);
  const json done = read_sealed(folder);
  if (!done.is_object()) return {};
  const json identity = identity_of(run, models, identities);
  for (const auto& [key, value] : identity.items())
    if (!done.contains(key) || done[key] != value) return {};
  try {
    Fit fit{done.at("targets").get<std::vector<size_t>>(),
            done.at("seed").get<uint64_t>(),
            done.at("kernel_target").get<std::string>(),
            done.at("signals").get<std::string>(),
            {},
            checksum_of(done)};
    for (const json& attack : done.at("attacks")) {
      fit.attacks.push_back(attack_from(attack));
      if (fit.attacks.back().targets.size() != fit.targets.size()) return {};
    }
    return fit;
  } catch (const json::exception&) {
    return {};
  }
}

FitNumbers::FitNumbers(const Run& run, const Fit& fit, const Fit::OfAttack& attack) : begins_{0} {
  for (const Fit::OfTarget& target : attack.targets) begins_.push_back(begins_.back() + target.count);
  const json done = read_sealed(fit_path(run));
  std::optional<FileBytes> found = read_sealed_bytes(fit_path(run), done, attack.name);
  if (!found || checksum_of(done) != fit.id || found->bytes().size() != begins_.back() * sizeof(double))
    fail(Category::input, "{} is not what was written, or gone; `miaudit audit {} --fit` makes it again",
         (fit_path(run) / (attack.name + ".f64")).string(), shell_word(run.path.string()));
  bytes_ = std::move(*found);
}

std::vector<double> FitNumbers::of(size_t target) const {
  std::vector<double> numbers(begins_[target + 1] - begins_[target]);
  const std::span<const std::byte> own =
      bytes_.bytes().subspan(begins_[target] * sizeof(double), numbers.size() * sizeof(double));
  if (!own.empty()) std::memcpy(numbers.data(), own.data(), own.size());
  let_pass(bytes_.owner(), own);
  return numbers;
}

ScoreWriter::ScoreWriter(const Run& run, const Models& models, const std::vector<std::string>& identities,
                         const Fit& fit, Shard shard, const std::string& writer)
    : run_(run),
      models_(models),
      identities_(identities),
      fit_(fit),
      shard_(shard),
      folder_(run, fmt::format("shard-scores-{}-of-{}", shard.number, shard.count), writer) {}

bool ScoreWriter::is_done() const {
  const fs::path folder = scores_path(run_.path, shard_);
  const json done = read_sealed(folder);
  return is_of(done, fit_, shard_) && is_whole(folder, done);
}

void ScoreWriter::write(ShardScores scores) {
  const size_t targets = fit_.targets.size(), records = scores.scores.size() / targets;
  folder_.write(scores.attack, Array::from(std::move(scores.scores), {targets, records}));
  said_.emplace(scores.attack, std::move(scores));
}

void ScoreWriter::publish(const std::string& kernel_target) {
  json done = {{"fit", fit_.id},
               {"shard", {shard_.number, shard_.count}},
               {"kernel_target", kernel_target},
               {"attacks", json::object()}};
  for (const auto& [attack, said] : said_)
    done["attacks"][attack] = {{"shortages", said.shortages}, {"signals", said.signals}};
  check_unchanged(run_, models_, identities_, "a shard of scores");
  if (checksum_of(read_sealed(fit_path(run_))) != fit_.id)
    fail(Category::input, "{} was replaced while scores were computed, which were thrown away; run the shard again",
         fit_path(run_).string());
  folder_.publish(std::move(done), scores_path(run_.path, shard_), [&] { return is_done(); });
}

std::optional<StoredScores> StoredScores::find(const Run& run, Fit fit, std::string& flaws) {
  flaws = "no shard has scored by it";
  for (const size_t count : shard_counts(run.path / "scores", run.records)) {
    StoredScores stored;
    stored.kernel_targets_.insert(fit.kernel_target);
    std::string missing;
    for (size_t number = 1; number <= count; ++number)
      if (const Shard shard{number, count}; !stored.add(read_sealed(scores_path(run.path, shard)), fit, shard))
        missing += fmt::format("{}{}/{}", missing.empty() ? "" : ", ", number, count);
    if (!missing.empty()) {
      if (!stored.said_.empty()) flaws = "no scores yet by shard " + missing;
      continue;
    }
    stored.path_ = run.path;
    stored.fit_ = std::move(fit);
    stored.records_ = run.records;
    stored.count_ = count;
    return stored;
  }
  return {};
}

bool StoredScores::add(const json& done, const Fit& fit, Shard shard) {
  if (!is_of(done, fit, shard)) return false;
  try {
    for (const Fit::OfAttack& attack : fit.attacks) {
      ShardScores& all = said_[attack.name];
      all.attack = attack.name;
      const json& said = done.at("attacks").at(attack.name);
      const auto shortages = said.at("shortages").get<std::vector<std::string>>();
      if (shortages.size() != fit.targets.size()) return false;
      all.shortages.resize(shortages.size());
      for (size_t t = 0; t < shortages.size(); ++t)
        if (all.shortages[t].empty()) all.shortages[t] = shortages[t];
      for (auto& signal : said.at("signals").get<std::vector<std::string>>()) all.signals.push_back(std::move(signal));
    }
    kernel_targets_.insert(done.at("kernel_target").get<std::string>());
    return true;
  } catch (const json::exception&) {
    return false;
  }
}

ShardScores StoredScores::scores(std::string_view attack, std::span<const size_t> places) const {
  const ShardScores& said = said_.find(attack)->second;
  ShardScores all{said.attack, std::vector<double>(places.size() * records_), {}, said.signals};
  for (const size_t place : places) all.shortages.push_back(said.shortages[place]);
  for (size_t number = 1; number <= count_; ++number) {
    const Shard shard{number, count_};
    const RecordRange range = shard.range(records_);
    const fs::path folder = scores_path(path_, shard);
    const json done = read_sealed(folder);
    const size_t width = range.end - range.begin;
    const Array values = read_sealed_array(folder, done, all.attack);
    if (!is_of(done, fit_, shard) || values.type() != ElementType::float64 ||
        values.shape() != std::vector<size_t>{fit_.targets.size(), width})
      fail(Category::input, "{} is not what was written, or gone; `miaudit audit {} --shard {}/{}` makes it again",
           (folder / (all.attack + ".npy")).string(), shell_word(path_.string()), number, count_);
    for (size_t t = 0; t < places.size(); ++t)
      std::ranges::copy(values.as<double>().subspan(places[t] * width, width),
                        all.scores.begin() + static_cast<ptrdiff_t>(t * records_ + range.begin));
    release_pages(values);
  }
  return all;
}

}  // namespace miaudit
