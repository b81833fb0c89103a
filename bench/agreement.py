#!/usr/bin/python3
"""Whether attacks agree with NumPy on a run of yours: bench/agreement.py RUN [TARGET [REFERENCES,…]] takes a finished run in
complementary pairs without population and, for 4, 8, 16, … reference models or those asked for, audits model TARGET (0) beside
as many models, states every formula in NumPy one record at a time, and prints the largest difference of a score, as a share of
1 + its size, beside AUC and TPR at .1 % and 1 % FPR from either.
"""
import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("MIAUDIT", os.path.join(os.path.dirname(HERE), "build", "release", "miaudit"))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests", "cli"))
import budget  # noqa: E402
import harness  # noqa: E402
from reference_formulas import Reference  # noqa: E402

LIMIT = 1e-6


def figures(scores, truth):
    ordered = np.sort(scores[~truth])[::-1]
    auc = (np.searchsorted(ordered[::-1], scores[truth], "left") + np.searchsorted(ordered[::-1], scores[truth], "right")).mean()
    rates = []
    for fpr in (0.001, 0.01):
        # The largest TPR whose FPR is at most this: ties enter together.
        accused = int(fpr * len(ordered) + 1e-9)
        rates.append((scores[truth] > ordered[accused]).mean())
    return [auc / 2 / len(ordered), *rates]


def main(run, target="0", references="4,8,16,32"):
    models = len(np.load(f"{run}/membership.npy", mmap_mode="r"))
    pair = int(target) // 2
    others = [p for p in range(models // 2) if p != pair]
    worst = 0.0
    print("| references | attack | largest difference | AUC | NumPy | TPR .1 % | NumPy | TPR 1 % | NumPy |\n|" + "---|" * 9)
    for count in map(int, references.split(",")):
        if count // 2 > len(others):
            continue
        # The target's pair first: models 0 and 1 of the part.
        chosen = [m for p in [pair, *others[:count // 2]] for m in (2 * p, 2 * p + 1)]
        with tempfile.TemporaryDirectory() as temporary:
            part, report = f"{temporary}/run", f"{temporary}/report"
            budget.write_part(run, chosen, part)
            membership = np.load(f"{part}/membership.npy").astype(bool)
            outputs = np.stack([np.load(f"{part}/models/{m:04}/outputs.npy") for m in range(len(chosen))])
            if outputs.ndim == 3:
                outputs = outputs[:, :, None]
            labels = np.load(f"{part}/labels.npy").astype(int)
            reference = Reference(outputs, membership, labels, int(target) % 2, len(labels))
            expected = reference.all()
            harness.audit(part, "--target", int(target) % 2, "--attacks", ",".join(expected), "--lira-variance", "pooled",
                          "--lira-offline-variance", "pooled", "--out", report)
            truth = membership[int(target) % 2]
            for name, own in sorted(expected.items()):
                found = np.load(f"{report}/scores/{name}.npy")
                off = (np.abs(found - own) / (1 + np.abs(own))).max()
                worst = max(worst, off)
                cells = [f"{value:.4f}" for pair_of in zip(figures(found, truth), figures(own, truth)) for value in pair_of]
                print(f"| {count} | {name} | {off:.1e} | " + " | ".join(cells) + " |", flush=True)
    print(f"\nlargest of all: {worst:.1e} (limit {LIMIT})")
    sys.exit(int(worst > LIMIT))


if __name__ == "__main__":
    main(*sys.argv[1:])
