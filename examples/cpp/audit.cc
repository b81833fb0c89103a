// A whole audit from files. usage: audit OUTPUTS LABELS MEMBERSHIP
#include <cstdio>

#include "miaudit/audit/audit.h"
#include "miaudit/data/records.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: audit OUTPUTS LABELS MEMBERSHIP\n");
    return 2;
  }
  try {
    miaudit::RecordPaths paths;
    paths.outputs = {argv[1]};
    paths.labels = {argv[2]};
    paths.membership = argv[3];
    const miaudit::Context context;
    const miaudit::AuditResult result = miaudit::audit(miaudit::read_records(paths, {}, context), {}, context);
    for (const auto& attack : result.attacks) {
      const miaudit::Estimate& auc = attack.estimates.auc;
      std::printf("%s: AUC %.2f [%.2f, %.2f]\n", attack.name.c_str(), *auc.value, *auc.low, *auc.high);
    }
  } catch (const miaudit::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
