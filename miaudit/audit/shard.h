#pragma once

#include "miaudit/audit/plan.h"
#include "miaudit/base/context.h"
#include "miaudit/data/stored_signals.h"

namespace miaudit {

/// Computes what attacks with reference models need of one shard of the records, whose `models` are given: all of a run
/// that takes long and grows with the number of classes. Stores it in the run; an audit that is given it computes the
/// same bytes as one without. identities, writer: of SignalWriter. Reads its share of the models whole as well, as all
/// shards together read all, so that the audit need not. Returns false where it was there already. Throws Error(config)
/// where the memory is short.
bool store_shard(const Run& run, const Models& models, Shard shard, const std::vector<std::string>& identities,
                 const std::string& writer, const RecordOptions& options, const AuditPlan& plan,
                 const Context& context);

}  // namespace miaudit
