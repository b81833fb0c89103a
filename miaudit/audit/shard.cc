#include "miaudit/audit/shard.h"

#include "miaudit/io/scratch.h"
#include "miaudit/signal/signal.h"

namespace miaudit {
namespace {

/// Signals that attacks ask of every reference model.
constexpr std::string_view kOfReferences[] = {"confidence", "loss", "rescaled_logit"};

}  // namespace

bool store_shard(const Run& run, const Models& models, Shard shard, const AuditPlan& plan, const Context& context) {
  SignalWriter writer(run, models, shard);
  if (writer.is_done()) return false;
  const size_t width = models.records() * models.models.front().outputs.queries;
  const size_t bytes = models.models.size() * width * sizeof(double);
  if (bytes > plan.memory)
    fail(Category::config, "a shard of {} takes {} MB; give {} shards or more, or a larger --memory",
         counted(models.records(), "record"), bytes >> 20, shard.count * (bytes / plan.memory + 1));
  for (const std::string_view name : kOfReferences) {
    const SignalRow& row = find_signal(name);
    std::vector<double> values(models.models.size() * width);
    for (size_t m = 0; m < models.models.size(); ++m) {
      context.report(name, m, models.models.size());
      const Outputs& outputs = models.models[m].outputs;
      compute_signal(row, outputs, models.labels, std::span(values).subspan(m * width, width), context);
      for (const OutputsPart& part : outputs.parts) release_pages(part.values);
    }
    writer.write(name, std::move(values));
  }
  writer.publish();
  return true;
}

}  // namespace miaudit
