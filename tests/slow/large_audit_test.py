"""Ten million records of ten float32 (400 MB, mapped) are audited in less than 1.2 GB resident."""
import json
import os
import resource
import subprocess
import sys

import numpy as np

RECORDS, BLOCK = 10_000_000, 1_000_000
rng = np.random.default_rng(1)
outputs = np.lib.format.open_memmap("outputs.npy", mode="w+", dtype=np.float32, shape=(RECORDS, 10))
labels = rng.integers(0, 10, RECORDS).astype(np.uint8)
membership = rng.random(RECORDS) < 0.5
for begin in range(0, RECORDS, BLOCK):
    block = slice(begin, begin + BLOCK)
    outputs[block] = rng.standard_normal((BLOCK, 10), dtype=np.float32)
    outputs[np.arange(begin, begin + BLOCK), labels[block]] += 1 + 0.3 * membership[block].astype(np.float32)
del outputs
np.save("labels.npy", labels)
np.save("membership.npy", membership)

done = subprocess.run([os.environ["MIAUDIT"], "audit", "--outputs", "outputs.npy", "--labels", "labels.npy", "--membership",
                       "membership.npy", "--attacks", "spread,correctness,loss,margin,population,class_threshold", "--json",
                       "--quiet"], stdout=subprocess.PIPE, check=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
result = json.loads(done.stdout)
assert result["exposure"]["records"] == membership.sum() and len(result["exposure"]["most_exposed"]) == 100
print(f"{peak:.2f} GB", file=sys.stderr)
assert peak < 1.2, peak
os.remove("outputs.npy")
