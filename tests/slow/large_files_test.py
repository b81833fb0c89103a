"""Models whose outputs are larger than --memory, 1.5 GB each (of sparse files), are audited in less."""
import json
import os
import resource
import subprocess
import sys

import numpy as np

MODELS, RECORDS, CLASSES, BUSY, MEGABYTES = 4, 375_000, 1000, 2000, 512
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
    outputs = np.lib.format.open_memmap(f"models/{m:04}/outputs.npy", mode="w+", dtype=np.float32, shape=(RECORDS, CLASSES))
    outputs[:BUSY] = rng.normal(0, 1, (BUSY, CLASSES))
    outputs[np.arange(BUSY), labels[:BUSY]] += 3 * membership[m, :BUSY]
    del outputs
    size = os.stat(f"models/{m:04}/outputs.npy")
    assert size.st_size > 2 * MEGABYTES << 20 and size.st_blocks * 512 < 50e6, "not large and sparse"

for options in (["--shard", "1/4"], ["--attacks", "rmia,base,loss", "--json"]):
    done = subprocess.run([os.environ["MIAUDIT"], "audit", ".", "--quiet", "--memory", f"{MEGABYTES}M", *options],
                          stdout=subprocess.PIPE, check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(options, f"{peak:.0f} MB", file=sys.stderr)
    assert peak < MEGABYTES, peak
result = json.loads(done.stdout)
assert result["subject"]["targets"] == MODELS and [a["name"] for a in result["attacks"]] == ["loss", "rmia", "base"]
