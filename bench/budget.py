#!/usr/bin/python3
"""What more reference models buy: bench/budget.py RUN [TARGETS [REFERENCES,… [ATTACKS,…]]] takes a finished run in complementary
pairs and, for 2, 4, 8, 16 … references or those asked for, audits smaller runs of pairs drawn from each, every model in turn, until
TARGETS models (32) of it have been targets. Prints, for each attack (all that have references, or those asked for), the mean over
targets of TPR at .1 % FPR, TPR at 1 % FPR and AUC, ± the standard error of the first.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

MIAUDIT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build", "release", "miaudit")
ATTACKS = ("reference,calibrated_loss,malt,rmia,rmia_offline,base,base_offline,lira,lira_offline,bavaria_n,bavaria_t,"
           "bavaria_n_offline,bavaria_t_offline,pmia,shokri,ml_leaks,stacked,stacked_offline")
VARIANCES = ("pooled", "per_sample")


def write_part(run, models, folder):
    """A run folder of some of the models and of the records that any of them may have learnt."""
    membership = np.load(f"{run}/membership.npy")[models].astype(np.int8)
    audited = np.flatnonzero(membership.min(0) < membership.max(0))
    os.makedirs(folder)
    np.save(f"{folder}/membership.npy", membership[:, audited])
    np.save(f"{folder}/labels.npy", np.load(f"{run}/labels.npy")[audited])
    for place, model in enumerate(models):
        os.makedirs(f"{folder}/models/{place:04}")
        np.save(f"{folder}/models/{place:04}/outputs.npy", np.load(f"{run}/models/{model:04}/outputs.npy")[audited])
    with open(f"{folder}/run.json", "w", encoding="utf-8") as file:
        json.dump({"schema_version": 1, "models": len(models)}, file)


def audit(folder, *options):
    done = subprocess.run([MIAUDIT, "audit", folder, "--json", "--quiet", "--fpr", "0.001,0.01", *options],
                          capture_output=True, check=True)
    return json.loads(done.stdout)["attacks"]


def collect(found, run, targets, references, names):
    """Adds to found[attack][references] each target's figures."""
    pairs = len(np.load(f"{run}/membership.npy", mmap_mode="r")) // 2
    budgets = [n for n in references if n // 2 < pairs]
    rng = np.random.default_rng(0)
    for budget in budgets:
        for _ in range(-(-targets // (budget + 2))):
            chosen = rng.permutation(pairs)[:budget // 2 + 1]
            with tempfile.TemporaryDirectory() as temporary:
                folder = f"{temporary}/run"
                write_part(run, [m for p in chosen for m in (2 * p, 2 * p + 1)], folder)
                attacks = [(a["name"], a) for a in audit(folder, "--attacks", names) if a["name"] != "lira"]
                for variance in VARIANCES if budget > 2 and "lira" in names.split(",") else ():
                    attacks.append((f"lira, {variance}", audit(folder, "--attacks", "lira", "--lira-variance", variance)[0]))
            for name, attack in attacks:
                found.setdefault(name, {}).setdefault(budget, []).extend(
                    [*(rate["value"] for rate in target["tpr_at_fpr"]), target["auc"]["value"]]
                    for target in attack["targets"])


def main(runs, targets="32", references="2,4,8,16,32,64,128", names=ATTACKS):
    found = {}
    for run in runs.split(","):
        collect(found, run, int(targets), [int(n) for n in references.split(",")], names)
    budgets = sorted({budget for by_budget in found.values() for budget in by_budget})
    print("| attack | " + " | ".join(f"{n} references" for n in budgets) + " |\n|---|" + "---|" * len(budgets))
    for name, by_budget in sorted(found.items()):
        cells = []
        for budget in budgets:
            figures = np.array(by_budget.get(budget, []), float)
            if len(figures) == 0:
                cells.append("")
                continue
            strict, loose, auc = figures.mean(0)
            error = figures[:, 0].std(ddof=1) / len(figures) ** 0.5
            cells.append(f"{strict:.4f} ± {error:.4f}; {loose:.3f}; {auc:.4f}")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(*sys.argv[1:])
