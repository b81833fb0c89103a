#include "miaudit/audit/shard.h"

#include "miaudit/io/scratch.h"
#include "miaudit/signal/signal.h"

namespace miaudit {
namespace {

/// Signals that attacks ask of every reference model.
constexpr std::string_view kOfReferences[] = {"confidence", "loss", "rescaled_logit", "margin", "modified_entropy"};

Readings read_share(const Run& run, Shard shard, const RecordOptions& options, const Context& context) {
  Readings readings;
  for (size_t m = shard.number - 1; m < run.models; m += shard.count) {
    context.report("reading", m, run.models);
    if (auto reading = read_whole(run, m, options, context)) readings.emplace(m, std::move(*reading));
  }
  return readings;
}

}  // namespace

bool store_shard(const Run& run, const Models& models, Shard shard, const std::vector<std::string>& identities,
                 const std::string& writer, const RecordOptions& options, const AuditPlan& plan,
                 const Context& context) {
  SignalWriter signals(run, models, shard, identities, writer);
  if (signals.is_done()) return false;
  const size_t width = models.records() * models.models.front().outputs.queries;
  const size_t bytes = models.models.size() * width * sizeof(double);
  // Twice on their way to the disk, beside the pages of a model's outputs.
  const uint64_t most = plan.memory / 4;
  if (bytes > most)
    fail(Category::config, "a shard of {} takes {} MB; give {} shards or more, or --memory {}M",
         counted(models.records(), "record"), 4 * bytes >> 20, shard.count * (bytes / most + 1), (4 * bytes >> 20) + 1);
  for (const std::string_view name : kOfReferences) {
    const SignalRow& row = find_signal(name);
    std::vector<double> values(models.models.size() * width);
    for (size_t m = 0; m < models.models.size(); ++m) {
      context.report(name, m, models.models.size());
      const Outputs& outputs = models.models[m].outputs;
      compute_signal(row, outputs, models.labels, std::span(values).subspan(m * width, width), context);
      for (const OutputsPart& part : outputs.parts) release_pages(part.values);
    }
    signals.write(name, std::move(values));
  }
  signals.publish(read_share(run, shard, options, context), kernel_target());
  return true;
}

}  // namespace miaudit
