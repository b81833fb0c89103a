#!/usr/bin/python3
"""What `stacked` costs: seconds for one target of 16 references x 50 000 records, and for each of 32 models x 10 000 records in
turn, both of ten classes, on all cores. Needs NumPy and some 100 MB in the temporary folder.
"""
import json
import os
import subprocess
import tempfile
import time

import numpy as np

MIAUDIT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build", "release", "miaudit")


def write_run(folder, models, records, classes=10):
    """Models in pairs that share what is hard about a record, and are surer of what they learnt."""
    rng = np.random.default_rng(0)
    half = rng.random((models // 2, records)) < 0.5
    membership = np.stack([half, ~half], 1).reshape(models, records)
    labels = rng.integers(0, classes, records)
    ease, memorised = rng.normal(0, 2, records), np.abs(rng.normal(0, 1, records))
    for m in range(models):
        os.makedirs(f"{folder}/models/{m:04}")
        logits = rng.normal(0, 1, (records, classes)).astype(np.float32)
        logits[np.arange(records), labels] += 2 + ease + memorised * membership[m]
        np.save(f"{folder}/models/{m:04}/outputs.npy", logits)
    np.save(f"{folder}/membership.npy", membership)
    np.save(f"{folder}/labels.npy", labels.astype(np.int32))
    with open(f"{folder}/run.json", "w", encoding="utf-8") as file:
        json.dump({"schema_version": 1, "models": models}, file)


for models, records, options in ((18, 50_000, ["--target", "0"]), (32, 10_000, [])):
    with tempfile.TemporaryDirectory() as folder:
        write_run(f"{folder}/run", models, records)
        start = time.perf_counter()
        subprocess.run([MIAUDIT, "audit", f"{folder}/run", "--attacks", "stacked", "--quiet", *options],
                       stdout=subprocess.DEVNULL, check=True)
        what = "one target" if options else "every model in turn"
        print(f"stacked, {models} models x {records} records, {what}: {time.perf_counter() - start:.0f} s", flush=True)
