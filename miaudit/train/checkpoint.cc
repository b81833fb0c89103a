#include "miaudit/train/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>

#include "miaudit/base/error.h"

namespace miaudit {
namespace {

Array text_array(const std::string& text) {
  return Array::from(std::vector<uint8_t>(text.begin(), text.end()), {text.size()});
}

const Array& member_of(const std::vector<NamedArray>& arrays, const char* name, ElementType type) {
  const auto found = std::find_if(arrays.begin(), arrays.end(), [&](const NamedArray& a) { return a.name == name; });
  if (found == arrays.end() || found->array.type() != type)
    fail(Category::input, "it holds no {} of {}", name, element_name(type));
  return found->array;
}

std::string text_of(const std::vector<NamedArray>& arrays, const char* name) {
  const std::span<const uint8_t> bytes = member_of(arrays, name, ElementType::uint8).as<uint8_t>();
  return {bytes.begin(), bytes.end()};
}

Checkpoint parse(std::vector<NamedArray> arrays) {
  Checkpoint checkpoint;
  checkpoint.fingerprint = text_of(arrays, "fingerprint");
  checkpoint.engine = text_of(arrays, "engine");
  const Array& position = member_of(arrays, "position", ElementType::uint64);
  const Array& loss = member_of(arrays, "loss_sum", ElementType::float64);
  const Array& history = member_of(arrays, "history", ElementType::float64);
  if (position.size() != 3 || loss.size() != 1 || history.size() % 2 != 0)
    fail(Category::input, "its position, loss_sum or history has another shape");
  checkpoint.epoch = position.as<uint64_t>()[0];
  checkpoint.step = position.as<uint64_t>()[1];
  checkpoint.correct = position.as<uint64_t>()[2];
  checkpoint.loss_sum = loss.as<double>()[0];
  const std::span<const double> figures = history.as<double>();
  for (size_t i = 0; i < figures.size(); i += 2) checkpoint.history.push_back({figures[i], figures[i + 1]});
  for (NamedArray& array : arrays)
    if (array.name.find('/') != std::string::npos) checkpoint.tensors.push_back(std::move(array));
  return checkpoint;
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  std::vector<double> history;
  for (const EpochFigures& epoch : checkpoint.history) {
    history.push_back(epoch.loss);
    history.push_back(epoch.accuracy);
  }
  std::vector<NamedArray> arrays = {
      {"fingerprint", text_array(checkpoint.fingerprint)},
      {"engine", text_array(checkpoint.engine)},
      {"position", Array::from(std::vector<uint64_t>{checkpoint.epoch, checkpoint.step, checkpoint.correct}, {3})},
      {"loss_sum", Array::from(std::vector<double>{checkpoint.loss_sum}, {1})},
      {"history", Array::from(std::move(history), {checkpoint.history.size(), 2})}};
  arrays.insert(arrays.end(), checkpoint.tensors.begin(), checkpoint.tensors.end());
  write_npz(path, arrays, Compression::stored);
}

std::optional<Checkpoint> read_checkpoint(const std::filesystem::path& path, const std::string& fingerprint,
                                          const std::string& engine, std::string& why_not) {
  std::error_code error;
  if (path.empty() || !std::filesystem::exists(path, error)) return {};
  try {
    Checkpoint checkpoint = parse(read_npz(path));
    if (checkpoint.fingerprint != fingerprint) {
      why_not = "the checkpoint is of another job (other data, members, recipe or seed)";
    } else if (checkpoint.engine != engine) {
      why_not =
          fmt::format("the checkpoint was made by {}, here is {}, which gives other bytes", checkpoint.engine, engine);
    } else {
      return checkpoint;
    }
  } catch (const Error& unreadable) {
    why_not = fmt::format("the checkpoint cannot be used: {}", unreadable.what());
  }
  return {};
}

std::optional<uint64_t> checkpoint_epochs(const std::filesystem::path& path, const std::string& fingerprint) {
  try {
    const Checkpoint checkpoint = parse(read_npz(path));
    if (checkpoint.fingerprint == fingerprint) return checkpoint.epoch;
  } catch (const Error&) {
    // `shadow check` and `shadow train` say what is wrong with it.
  }
  return {};
}

std::string checkpoint_complaint(const std::filesystem::path& path) {
  try {
    parse(read_npz(path));
    return "";
  } catch (const Error& unreadable) {
    return unreadable.what();
  }
}

std::span<const float> tensor_of(const Checkpoint& checkpoint, const std::string& name, size_t size) {
  const auto found = std::find_if(checkpoint.tensors.begin(), checkpoint.tensors.end(),
                                  [&](const NamedArray& a) { return a.name == name; });
  if (found == checkpoint.tensors.end() || found->array.type() != ElementType::float32 || found->array.size() != size)
    fail(Category::input, "the checkpoint holds no {} of {}", name, counted(size, "float"));
  return found->array.as<float>();
}

}  // namespace miaudit
