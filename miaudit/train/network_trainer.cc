#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "miaudit/engine/loss.h"
#include "miaudit/engine/network.h"
#include "miaudit/engine/optimizer.h"
#include "miaudit/train/checkpoint.h"
#include "miaudit/train/draws.h"
#include "miaudit/train/trainers.h"

namespace miaudit {
namespace {

constexpr size_t kAskedAtOnce = 256;  // Records of a batch when a trained model is asked.
/// A mean loss that no guessing reaches: the weights have left every sensible range.
constexpr double kDiverged = 1e4;

using Tensors = std::vector<std::vector<float>>;

class NetworkModel final : public TrainedModel {
 public:
  NetworkModel(Architecture architecture, Precision precision, Padding padding, Tensors weights,
               std::vector<EpochFigures> history)
      : architecture_(std::move(architecture)), precision_(precision), padding_(padding), weights_(std::move(weights)) {
    history_ = std::move(history);
  }

  void logits(const Dataset& dataset, std::span<const uint32_t> records, std::span<const View> queries,
              std::span<float> out, const Context& context, const Asking& asking) const override {
    const size_t rows = records.size() * queries.size(), classes = architecture_.classes;
    const size_t batch = std::clamp<size_t>(rows, 1, kAskedAtOnce);
    const auto network = make_network(architecture_, batch, precision_, Purpose::inference);
    for (size_t p = 0; p < weights_.size(); ++p) network->from_plain(p, weights_[p], network->slots()[p].weights);
    Reader reader(dataset, padding_);
    const size_t width = dataset.shape.size();
    const size_t from = asking.answered / batch * batch;
    for (size_t begin = from; begin < rows; begin += batch) {
      if (begin > from && asking.after) asking.after(begin);
      context.report("asking", begin / queries.size(), records.size());
      const size_t count = std::min(batch, rows - begin);
      for (size_t i = 0; i < count; ++i) {
        const size_t row = begin + i;
        reader.read(records[row / queries.size()], queries[row % queries.size()],
                    network->records().subspan(i * width, width));
      }
      const std::span<const float> given = network->forward();
      if (!std::all_of(given.begin(), given.begin() + static_cast<ptrdiff_t>(count * classes),
                       [](float z) { return std::isfinite(z); }))
        fail(Category::numeric,
             "the trained model's outputs are not finite: the training diverged in its last steps; lower --rate, or "
             "raise --warm-up");
      std::copy_n(given.begin(), count * classes, out.begin() + static_cast<ptrdiff_t>(begin * classes));
    }
  }

  std::vector<NamedArray> weights() const override {
    const std::vector<Parameter> all = parameters(architecture_);
    std::vector<NamedArray> arrays;
    for (size_t p = 0; p < all.size(); ++p) arrays.push_back({all[p].name, Array::from(weights_[p], all[p].shape)});
    return arrays;
  }

 private:
  Architecture architecture_;
  Precision precision_;
  Padding padding_;
  Tensors weights_;  ///< in the plain layout
};

/// A training under way.
class NetworkTraining {
 public:
  NetworkTraining(const Dataset& dataset, const TrainingJob& job, const Keeping& keeping)
      : dataset_(dataset),
        job_(job),
        keeping_(keeping),
        batch_(std::min(job.recipe.batch, job.members.size())),
        steps_((job.members.size() + batch_ - 1) / batch_),
        architecture_(make_architecture(job.recipe.architecture, dataset.shape, dataset.classes, job.recipe.widths)),
        parameters_(parameters(architecture_)),
        network_(make_network(architecture_, batch_, job.recipe.precision, Purpose::training)),
        optimizer_(job.recipe.optimizer, *network_, parameters_),
        reader_(dataset, job.recipe.padding),
        order_(job.members.size()),
        labels_(batch_),
        gradient_(batch_ * dataset.classes) {
    at_.fingerprint = fingerprint(job, dataset);
    at_.engine = engine_name();
    begin();
  }

  /// What came of a checkpoint.
  std::string resume() {
    std::string why_not;
    const std::optional<Checkpoint> found = read_checkpoint(keeping_.checkpoint, at_.fingerprint, at_.engine, why_not);
    if (!found) return why_not.empty() ? "" : "Training from the start: " + why_not;
    if (found->epoch > job_.recipe.epochs || found->step >= steps_ || found->history.size() != found->epoch)
      return "Training from the start: the checkpoint cannot be used: its position lies past the end, or its history "
             "does not reach it";
    try {
      for (size_t p = 0; p < parameters_.size(); ++p) tensor_of(*found, weights_name(p), parameters_[p].size());
      for (const Optimizer::Memory& memory : optimizer_.memories())
        tensor_of(*found, memory_name(memory), parameters_[memory.parameter].size());
    } catch (const Error& incomplete) {
      return fmt::format("Training from the start: {}", incomplete.what());
    }
    for (size_t p = 0; p < parameters_.size(); ++p)
      network_->from_plain(p, tensor_of(*found, weights_name(p), parameters_[p].size()), network_->slots()[p].weights);
    for (Optimizer::Memory& memory : optimizer_.memories())
      network_->from_plain(memory.parameter,
                           tensor_of(*found, memory_name(memory), parameters_[memory.parameter].size()), memory.values);
    at_ = *found;
    at_.tensors.clear();
    if (at_.epoch == job_.recipe.epochs) return "Training was done; only the outputs were missing";
    return fmt::format("Training went on from epoch {}, step {}", at_.epoch + 1, at_.step + 1);
  }

  std::unique_ptr<TrainedModel> run(const Context& context) {
    CheckpointTimer timer(keeping_);
    const uint64_t total = job_.recipe.epochs * job_.members.size();
    for (; at_.epoch < job_.recipe.epochs; end_epoch()) {
      draw_order();
      for (; at_.step < steps_; ++at_.step) {
        if (context.cancelled && context.cancelled->load(std::memory_order_relaxed)) stop();
        if (timer.is_due()) keep();
        if (context.progress) {
          const std::string text = detail();
          context.progress({"training", at_.epoch * job_.members.size() + at_.step * batch_, total, text});
        }
        step();
      }
    }
    if (!keeping_.checkpoint.empty()) keep();
    return finish();
  }

 private:
  std::string weights_name(size_t parameter) const { return "weights/" + parameters_[parameter].name; }
  std::string memory_name(const Optimizer::Memory& memory) const {
    return fmt::format("{}/{}", memory.name, parameters_[memory.parameter].name);
  }

  /// First weights as PyTorch draws them: uniform within 1/√fan_in; batch norms begin as the identity.
  void begin() {
    for (size_t p = 0; p < parameters_.size(); ++p) {
      const Parameter& parameter = parameters_[p];
      std::vector<float> plain(parameter.size());
      if (parameter.fan_in > 0) {
        Rng draws = draws_of(job_.seed, job_.model, Draw::weights, p);
        const double bound = 1 / std::sqrt(static_cast<double>(parameter.fan_in));
        for (float& weight : plain) weight = static_cast<float>((2 * draws.uniform() - 1) * bound);
      } else if (parameter.name.ends_with(".weight") || parameter.name.ends_with(".running_variance")) {
        std::fill(plain.begin(), plain.end(), 1.f);
      }
      network_->from_plain(p, plain, network_->slots()[p].weights);
    }
    optimizer_.start_average();
  }

  void draw_order() {
    std::copy(job_.members.begin(), job_.members.end(), order_.begin());
    Rng draws = draws_of(job_.seed, job_.model, Draw::order, at_.epoch);
    draws.shuffle(std::span(order_));
  }

  View view_of(uint32_t record) const {
    const Recipe& recipe = job_.recipe;
    View view;
    if (!recipe.mirror && recipe.shift == 0) return view;
    const uint64_t stream = stream_of(job_.model, Draw::view, at_.epoch);
    const std::array<uint32_t, 4> bits =
        philox(job_.seed, {record, 0, static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)});
    const auto moved = [&](uint32_t drawn) {
      return static_cast<int>(uint64_t{drawn} * (2 * recipe.shift + 1) >> 32) - static_cast<int>(recipe.shift);
    };
    view.is_mirrored = recipe.mirror && (bits[0] & 1) != 0;
    view.down = moved(bits[1]);
    view.right = moved(bits[2]);
    return view;
  }

  void step() {
    const size_t begin = at_.step * batch_, width = dataset_.shape.size();
    const size_t count = std::min(batch_, order_.size() - begin);
    for (size_t i = 0; i < batch_; ++i) {
      // The last batch of an epoch is filled up with the first records of the epoch, whose losses do not count.
      const uint32_t record = order_[(begin + i) % order_.size()];
      reader_.read(record, view_of(record), network_->records().subspan(i * width, width));
      labels_[i] = dataset_.labels[record];
    }
    const std::span<const float> logits = network_->forward();
    const BatchLoss loss = softmax_cross_entropy(logits, std::span(labels_).first(count), dataset_.classes,
                                                 static_cast<float>(job_.recipe.label_smoothing), gradient_);
    if (!(loss.sum < kDiverged * static_cast<double>(count)))
      fail(Category::numeric,
           "the training diverged: the loss is {:.3g} at step {} (epoch {}); lower --rate ({:g}), or raise --warm-up",
           loss.sum / static_cast<double>(count), at_.epoch * steps_ + at_.step + 1, at_.epoch + 1,
           job_.recipe.optimizer.rate);
    network_->backward(gradient_);
    optimizer_.update(at_.epoch * steps_ + at_.step, job_.recipe.epochs * steps_);
    at_.loss_sum += loss.sum;
    at_.correct += loss.correct;
  }

  void end_epoch() {
    const double count = static_cast<double>(order_.size());
    at_.history.push_back({at_.loss_sum / count, static_cast<double>(at_.correct) / count});
    ++at_.epoch;
    at_.step = 0;
    at_.loss_sum = 0;
    at_.correct = 0;
  }

  std::string detail() const {
    const std::string epoch = fmt::format("epoch {} of {}", at_.epoch + 1, job_.recipe.epochs);
    const auto figures = [&](double loss, double accuracy) {
      return fmt::format("{}, loss {:.3f}, accuracy {:.1f} %", epoch, loss, 100 * accuracy);
    };
    if (at_.step > 0) {
      const double seen = static_cast<double>(at_.step * batch_);
      return figures(at_.loss_sum / seen, static_cast<double>(at_.correct) / seen);
    }
    return at_.history.empty() ? epoch : figures(at_.history.back().loss, at_.history.back().accuracy);
  }

  void keep() {
    Checkpoint kept = at_;
    const auto add = [&](std::string name, size_t parameter, std::span<const float> own) {
      std::vector<float> plain(parameters_[parameter].size());
      network_->to_plain(parameter, own, plain);
      kept.tensors.push_back({std::move(name), Array::from(std::move(plain), parameters_[parameter].shape)});
    };
    for (size_t p = 0; p < parameters_.size(); ++p) add(weights_name(p), p, network_->slots()[p].weights);
    for (const Optimizer::Memory& memory : optimizer_.memories())
      add(memory_name(memory), memory.parameter, memory.values);
    write_checkpoint(keeping_.checkpoint, kept);
  }

  [[noreturn]] void stop() {
    if (keeping_.checkpoint.empty()) fail(Category::interrupted, "stopped on request");
    keep();
    fail(Category::checkpointed, "stopped in epoch {} of {}; what was done is kept in {}. Run the same again to go on",
         at_.epoch + 1, job_.recipe.epochs, keeping_.checkpoint.string());
  }

  std::unique_ptr<TrainedModel> finish() {
    Tensors weights;
    for (size_t p = 0; p < parameters_.size(); ++p) {
      weights.emplace_back(parameters_[p].size());
      network_->to_plain(p, optimizer_.final_weights(p), weights.back());
    }
    return std::make_unique<NetworkModel>(architecture_, job_.recipe.precision, job_.recipe.padding, std::move(weights),
                                          at_.history);
  }

  const Dataset& dataset_;
  const TrainingJob& job_;
  const Keeping& keeping_;
  size_t batch_;
  size_t steps_;  ///< of an epoch
  Architecture architecture_;
  std::vector<Parameter> parameters_;
  std::unique_ptr<Network> network_;
  Optimizer optimizer_;
  Reader reader_;
  std::vector<uint32_t> order_;
  std::vector<int32_t> labels_;
  std::vector<float> gradient_;
  Checkpoint at_;  ///< how far it is; without tensors
};

}  // namespace

std::unique_ptr<TrainedModel> train_network(const Dataset& dataset, const TrainingJob& job, const Keeping& keeping,
                                            const Context& context) {
  NetworkTraining training(dataset, job, keeping);
  if (const std::string found = training.resume(); !found.empty() && keeping.tell) keeping.tell(found);
  return training.run(context);
}

}  // namespace miaudit
