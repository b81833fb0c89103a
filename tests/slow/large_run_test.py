"""A run of 20 GB (of sparse files) is audited, every model in turn, in less than --memory's default of 2 GB; with less memory
fewer are targets, in less than that."""
import json
import os
import resource
import subprocess
import sys

import numpy as np

MODELS, RECORDS, CLASSES, BUSY = 64, 80_000, 1000, 500
assert MODELS * RECORDS * CLASSES * 4 > 20e9
rng = np.random.default_rng(1)
half = rng.integers(0, 2, (MODELS // 2, RECORDS)).astype(bool)
membership = np.stack([half, ~half], axis=1).reshape(MODELS, RECORDS)
labels = rng.integers(0, CLASSES, RECORDS)
np.save("membership.npy", membership)
np.save("labels.npy", labels)
with open("run.json", "w") as file:
    json.dump({"schema_version": 1, "models": MODELS, "partners": [m ^ 1 for m in range(MODELS)]}, file)
for m in range(MODELS):
    os.makedirs(f"models/{m:04}", exist_ok=True)
    path = f"models/{m:04}/outputs.npy"
    outputs = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(RECORDS, CLASSES))
    outputs[:BUSY] = rng.normal(0, 1, (BUSY, CLASSES))
    outputs[np.arange(BUSY), labels[:BUSY]] += 3 * membership[m, :BUSY]
    del outputs
assert sum(os.stat(f"models/{m:04}/outputs.npy").st_blocks * 512 for m in range(MODELS)) < 1e9, "the files are not sparse"

# As many targets as half of the memory holds figures of, in whole pairs; the smaller peak first, since the largest is told.
FEW = (128 << 20) // (64 * RECORDS) // 2 * 2
for options, megabytes, targets in ((["--memory", "256M"], 256, FEW), ([], 2000, MODELS)):
    done = subprocess.run([os.environ["MIAUDIT"], "audit", ".", "--attacks", "lira,rmia,base,bavaria_n,loss", "--json",
                           "--quiet", *options], stdout=subprocess.PIPE, check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(options, f"{peak:.0f} MB", file=sys.stderr)
    result = json.loads(done.stdout)
    assert [a["name"] for a in result["attacks"]] == ["loss", "rmia", "base", "lira", "bavaria_n"], result["skipped"]
    assert result["subject"]["targets"] == targets and result["subject"]["models"] == MODELS, result["subject"]
    assert peak < megabytes, peak
