#!/usr/bin/python3
"""What more reference models buy: bench/budget.py RUN [TARGETS] takes a finished run in complementary pairs, audits each of
the first TARGETS models (16) with 4, 8, 16 … references (whole pairs, never its own), and prints each attack's TPR at
.1 % FPR and AUC as mean ± standard error over targets."""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

MIAUDIT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build", "release", "miaudit")
ATTACKS = ("calibrated_loss,malt,rmia,rmia_offline,base,base_offline,lira,lira_offline,bavaria_n,bavaria_t,"
           "bavaria_n_offline,bavaria_t_offline,pmia,stacked,stacked_offline")


def main(run, targets=16):
    membership = np.load(f"{run}/membership.npy").astype(np.int8)
    models = len(membership)
    outputs = [f"{run}/models/{m:04}/outputs.npy" for m in range(models)]
    found = {}
    budgets = [n for n in (4, 8, 16, 32, 64, 128) if n <= models - 2]
    with tempfile.TemporaryDirectory() as folder:
        for target in range(int(targets)):
            pairs = [p for p in range(models // 2) if p != target // 2]
            first = target // 2 % len(pairs)
            pairs = pairs[first:] + pairs[:first]  # others for each target
            np.save(f"{folder}/in.npy", membership[target])
            for budget in budgets:
                chosen = [m for p in pairs[:budget // 2] for m in (2 * p, 2 * p + 1)]
                np.save(f"{folder}/r.npy", np.stack([np.load(outputs[m]) for m in chosen]))
                np.save(f"{folder}/k.npy", membership[chosen])
                command = [MIAUDIT, "audit", "--outputs", outputs[target], "--labels", f"{run}/labels.npy",
                           "--membership", f"{folder}/in.npy", "--reference-outputs", f"{folder}/r.npy",
                           "--reference-membership", f"{folder}/k.npy", "--attacks", ATTACKS, "--fpr", "0.001",
                           "--json", "--quiet"]
                for variance in ("pooled", "per_sample"):
                    result = json.loads(subprocess.run([*command, "--lira-variance", variance], capture_output=True,
                                                       check=True).stdout)
                    for attack in result["attacks"]:
                        name = attack["name"]
                        if name == "lira":
                            name = f"lira_{variance}"
                        elif variance == "per_sample":
                            continue
                        figures = attack["estimates"]
                        found.setdefault(name, {}).setdefault(budget, []).append(
                            (figures["tpr_at_fpr"][0]["value"], figures["auc"]["value"]))
    print("| attack | " + " | ".join(f"{n} references" for n in budgets) + " |\n|---|" + "---|" * len(budgets))
    for name, by_budget in found.items():
        cells = []
        for budget in budgets:
            figures = np.array(by_budget[budget], float)
            tpr, auc = figures.mean(0)
            error = figures[:, 0].std(ddof=1) / len(figures) ** 0.5
            cells.append(f"{tpr:.3f} ± {error:.3f}; {auc:.3f}")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(*sys.argv[1:])
