#include "miaudit/train/model_folder.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "miaudit/base/version.h"
#include "miaudit/io/file.h"
#include "miaudit/io/json.h"

namespace miaudit {
namespace {

using nlohmann::json;

constexpr int kFormatVersion = 1;
constexpr const char* kModel = "model.json";
constexpr const char* kFiles[] = {"weights.npz",      "outputs.npy",     "labels.npy",     "membership.npy",
                                  "test_outputs.npy", "test_labels.npy", "checkpoint.npz", kModel};

std::string request_fingerprint(const Dataset& dataset, const TrainingJob& job, const ModelQuestions& questions) {
  json request = {{"job", fingerprint(job, dataset)},
                  {"format", kFormatVersion},
                  {"queries", questions.queries},
                  {"engine", engine_of(job.recipe)}};
  if (questions.test) request["test"] = identity(*questions.test);
  const std::string text = request.dump();
  return content_hash(std::as_bytes(std::span(text)));
}

json to_json(const Architecture& network) {
  static constexpr const char* kKinds[] = {"convolution",  "dense",      "relu", "max_pool",
                                           "average_pool", "batch_norm", "add"};
  json layers = json::array();
  for (const Layer& layer : network.layers) {
    json entry = {{"kind", kKinds[static_cast<size_t>(layer.kind)]}, {"input", layer.input}};
    switch (layer.kind) {
      case LayerKind::convolution:
        entry["padding"] = layer.padding;
        [[fallthrough]];
      case LayerKind::max_pool:
      case LayerKind::average_pool:
        entry["kernel"] = layer.kernel;
        entry["stride"] = layer.stride;
        break;
      case LayerKind::add:
        entry["other"] = layer.other;
        break;
      case LayerKind::dense:
      case LayerKind::relu:
      case LayerKind::batch_norm:
        break;
    }
    if (layer.units > 0) entry["units"] = layer.units;
    layers.push_back(std::move(entry));
  }
  return layers;
}

json about(const Dataset& dataset) {
  json files = json::array();
  for (const FileRecord& file : dataset.files)
    files.push_back({{"role", file.role},
                     {"path", file.path},
                     {"element_type", file.element_type},
                     {"shape", file.shape},
                     {"hash", file.hash}});
  json entry = identity(dataset);
  entry.update(scaling(dataset));
  entry["files"] = std::move(files);
  entry["records"] = dataset.size();
  if (dataset.encoding) entry["encoding"] = to_json(*dataset.encoding);
  return entry;
}

struct Asked {
  std::vector<float> logits;
  std::vector<uint8_t> is_right;
};

Asked ask(const TrainedModel& model, const Dataset& dataset, std::span<const View> views, const Context& context) {
  std::vector<uint32_t> all(dataset.size());
  std::iota(all.begin(), all.end(), 0u);
  Asked asked{std::vector<float>(all.size() * views.size() * dataset.classes), {}};
  model.logits(dataset, all, views, asked.logits, context);
  for (size_t i = 0; i < all.size(); ++i) {
    // The first query is the record as it is.
    const auto row = std::span(asked.logits).subspan(i * views.size() * dataset.classes, dataset.classes);
    asked.is_right.push_back(std::max_element(row.begin(), row.end()) - row.begin() == dataset.labels[i]);
  }
  return asked;
}

std::vector<size_t> output_shape(const Dataset& dataset, size_t queries) {
  if (queries == 1) return {dataset.size(), dataset.classes};
  return {dataset.size(), queries, dataset.classes};
}

json to_json(const Answers& answers) {
  return {{"right", answers.right}, {"count", answers.count}};
}
Answers answers_of(const json& entry) {
  return {entry.at("right").get<uint64_t>(), entry.at("count").get<uint64_t>()};
}

json to_json(const ModelFigures& figures) {
  json history = json::array();
  for (const EpochFigures& epoch : figures.history)
    history.push_back({{"loss", epoch.loss}, {"accuracy", epoch.accuracy}});
  return {{"members", to_json(figures.members)},
          {"nonmembers", to_json(figures.nonmembers)},
          {"test", to_json(figures.test)},
          {"history", std::move(history)}};
}
ModelFigures figures_of(const json& entry) {
  ModelFigures figures{
      answers_of(entry.at("members")), answers_of(entry.at("nonmembers")), answers_of(entry.at("test")), {}};
  for (const json& epoch : entry.at("history"))
    figures.history.push_back({epoch.at("loss").get<double>(), epoch.at("accuracy").get<double>()});
  return figures;
}

bool is_own(const std::filesystem::path& file) {
  const std::string name = file.filename().string();
  return std::any_of(std::begin(kFiles), std::end(kFiles), [&](const char* own) { return name == own; });
}

}  // namespace

void ModelFolder::check() const {
  std::error_code error;
  if (!std::filesystem::exists(path_, error)) return;
  if (!std::filesystem::is_directory(path_, error))
    fail(Category::input, "{} is a file; --out takes a folder, existing or not", path_.string());
  // Arrays of these names may be another's: the model or the checkpoint says that they are a training's.
  const bool is_models = std::filesystem::exists(file(kModel), error) || std::filesystem::exists(checkpoint(), error);
  for (const auto& entry : std::filesystem::directory_iterator(path_, error)) {
    if (is_unfinished_file(entry.path()) || (is_models && is_own(entry.path()))) continue;
    fail(Category::input, "{} already holds {}, which no training wrote; give --out a new or empty folder",
         path_.string(), entry.path().filename().string());
  }
  if (error) fail(Category::io, "cannot read the folder {}: {}", path_.string(), error.message());
}

std::optional<ModelFigures> ModelFolder::finished(const Dataset& dataset, const TrainingJob& job,
                                                  const ModelQuestions& questions, std::string& why_not) const {
  std::error_code error;
  if (!std::filesystem::exists(file(kModel), error)) return {};
  try {
    const json found = read_json(file(kModel));
    if (found.at("fingerprint").get<std::string>() != request_fingerprint(dataset, job, questions)) {
      why_not = "the model that is there came from other data, members, recipe, seed, queries or engine";
      return {};
    }
    for (const auto& [name, hash] : found.at("files").items()) {
      if (content_hash(FileBytes::open(path_ / name).bytes()) != hash.get<std::string>()) {
        why_not = name + " is not what was written";
        return {};
      }
    }
    return figures_of(found.at("figures"));
  } catch (const Error& unreadable) {
    why_not = unreadable.what();
  } catch (const json::exception&) {
    why_not = "model.json is not one that miaudit wrote";
  }
  return {};
}

void ModelFolder::start() const {
  check();
  make_directory(path_);
}

void ModelFolder::take_earlier_away() const {
  std::error_code error;
  std::vector<std::filesystem::path> left;
  for (const auto& entry : std::filesystem::directory_iterator(path_, error)) left.push_back(entry.path());
  // model.json goes first: a folder that holds it is a whole model. The checkpoint stays, and says whose the rest is.
  std::partition(left.begin(), left.end(), [&](const auto& entry) { return entry == file(kModel); });
  for (const std::filesystem::path& file : left)
    if (!error && file != checkpoint()) std::filesystem::remove(file, error);
  if (error) fail(Category::io, "cannot empty {}: {}", path_.string(), error.message());
}

ModelFigures ModelFolder::write(const Dataset& dataset, const TrainingJob& job, const ModelQuestions& questions,
                                const TrainedModel& model, const Context& context) const {
  const std::vector<View> views = asked_views(job.recipe, questions.queries, dataset);
  ModelFigures figures;
  figures.history = model.history();
  std::vector<const char*> written = {"weights.npz", "outputs.npy", "labels.npy", "membership.npy"};
  take_earlier_away();
  write_npz(file("weights.npz"), model.weights(), Compression::stored);

  std::vector<uint8_t> membership(dataset.size());
  for (const uint32_t member : job.members) membership[member] = 1;
  Asked asked = ask(model, dataset, views, context);
  for (size_t i = 0; i < dataset.size(); ++i) {
    Answers& side = membership[i] ? figures.members : figures.nonmembers;
    ++side.count;
    side.right += asked.is_right[i];
  }
  write_npy(file("outputs.npy"), Array::from(std::move(asked.logits), output_shape(dataset, views.size())));
  write_npy(file("labels.npy"), Array::from(dataset.labels, {dataset.size()}));
  write_npy(file("membership.npy"), Array::from(std::move(membership), {dataset.size()}));
  if (questions.test) {
    const Dataset& test = *questions.test;
    asked = ask(model, test, views, context);
    figures.test = {static_cast<uint64_t>(std::count(asked.is_right.begin(), asked.is_right.end(), 1)), test.size()};
    write_npy(file("test_outputs.npy"), Array::from(std::move(asked.logits), output_shape(test, views.size())));
    write_npy(file("test_labels.npy"), Array::from(test.labels, {test.size()}));
    written.insert(written.end(), {"test_outputs.npy", "test_labels.npy"});
  }

  json result = {{"format_version", kFormatVersion},
                 {"miaudit", version()},
                 {"engine", engine_of(job.recipe)},
                 {"fingerprint", request_fingerprint(dataset, job, questions)},
                 {"seed", job.seed},
                 {"model", job.model},
                 {"recipe", to_json(job.recipe)},
                 {"queries", questions.queries},
                 {"data", about(dataset)},
                 {"figures", to_json(figures)}};
  if (questions.test) result["test_data"] = about(*questions.test);
  if (job.recipe.architecture != "gbdt")
    result["layers"] =
        to_json(make_architecture(job.recipe.architecture, dataset.shape, dataset.classes, job.recipe.widths));
  for (const char* name : written) result["files"][name] = content_hash(FileBytes::open(file(name)).bytes());
  write_file(file(kModel), json_text(result, 1));
  std::error_code error;
  std::filesystem::remove(checkpoint(), error);
  if (error) fail(Category::io, "cannot remove {}: {}", checkpoint().string(), error.message());
  return figures;
}

}  // namespace miaudit
