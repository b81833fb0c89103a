#!/usr/bin/env python3
"""Writes references.json: a run of twelve models and the scores of its model 4 by every attack that is a formula, released code's
of lira among them, from the NumPy statements of tests/cli/reference_formulas.py. Run: make_references.py > references.json"""
import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "cli"))
os.environ.setdefault("MIAUDIT", "")
from reference_formulas import Reference  # noqa: E402

MODELS, RECORDS, CLASSES, QUERIES, TARGET = 12, 60, 3, 2, 4
rng = np.random.default_rng(20261130)
labels = rng.integers(0, CLASSES, RECORDS)
half = rng.integers(0, 2, (MODELS // 2, RECORDS)).astype(bool)
membership = np.stack([half, ~half], axis=1).reshape(MODELS, RECORDS)  # pairs 2p, 2p + 1
ease, memory = rng.normal(0, 2, RECORDS), 2 * np.abs(rng.normal(0, 1, RECORDS))
outputs = rng.normal(0, 1, (MODELS, RECORDS, QUERIES, CLASSES))
for q in range(QUERIES):
    outputs[:, np.arange(RECORDS), q, labels] += 2 + ease + memory * membership
outputs = np.round(outputs, 3).astype(np.float32)

reference = Reference(outputs, membership, labels, TARGET, RECORDS)
cases = [{"options": [], "scores": reference.all()}]


def case(scores, *options):
    cases.append({"options": list(options), "scores": scores})


variance = [["--lira-variance", v, "--lira-offline-variance", v] for v in ("per_sample", "pooled")]
released = ["--lira-formulas", "carlini", "--lira-offline-formulas", "carlini"]
case(reference.lira("per_sample"), *variance[0])
case(reference.carlini(False), *released, *variance[0])
case(reference.carlini(True), *released, *variance[1])
case({"lira": reference.lira("pooled", median=True)["lira"]}, "--lira-location", "median")
case({"lira": reference.joint(False)}, "--lira-queries", "joint")
case({"rmia": reference.rmia(True, gamma=2.0)}, "--rmia-gamma", "2")
case({"pmia": reference.pmia("class")}, "--pmia-proxies", "class")
case({"pmia": reference.pmia("global")}, "--pmia-proxies", "global")
for one in cases:
    one["scores"] = {name: values.tolist() for name, values in one["scores"].items()}
# A float32 has nine digits at most.
short = [[[[float(f"{z:.9g}") for z in row] for row in record] for record in model] for model in outputs]
print(json.dumps({"target": TARGET, "labels": labels.tolist(), "membership": membership.astype(int).tolist(),
                  "outputs": short, "cases": cases}))
