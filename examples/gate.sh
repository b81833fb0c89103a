#!/usr/bin/env bash
# A gate for CI: stops a model whose training records its outputs give away.
# usage: gate.sh OUTPUTS LABELS MEMBERSHIP [LIMIT]    $MIAUDIT names the program if it is not on the PATH
set -euo pipefail
limit="${4:-0.6}"

# --fail-unless also stops a model with too few records to be sure; --fail-if stops only where the limit is surely passed.
status=0
"${MIAUDIT:-miaudit}" audit --outputs "$1" --labels "$2" --membership "$3" --out gate-report \
  --fail-unless "headline.auc < $limit" --fail-if "headline.tpr@0.01 > 0.1" || status=$?

case "$status" in
  0) echo "The model passes: every attack's AUC lies surely below $limit." ;;
  3) echo "The model does not pass; gate-report/ says why." ;;
  *) echo "The model was not judged: miaudit ended with exit code $status." ;;
esac
exit "$status"
