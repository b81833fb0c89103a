"""Large runs that take little room: outputs are zero, and no block of the disk, but for the first records."""
import json
import os

import numpy as np


def write_sparse_run(models, records, classes, busy):
    """A run folder here of complementary pairs, float32; the first `busy` records are surer under models that have them.
    Returns the bytes of a model's outputs."""
    rng = np.random.default_rng(1)
    half = rng.integers(0, 2, (models // 2, records)).astype(bool)
    membership = np.stack([half, ~half], axis=1).reshape(models, records)
    labels = rng.integers(0, classes, records)
    np.save("membership.npy", membership)
    np.save("labels.npy", labels)
    with open("run.json", "w") as file:
        json.dump({"schema_version": 1, "models": models, "partners": [m ^ 1 for m in range(models)]}, file)
    for m in range(models):
        path = f"models/{m:04}/outputs.npy"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        outputs = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(records, classes))
        outputs[:busy] = rng.normal(0, 1, (busy, classes))
        outputs[np.arange(busy), labels[:busy]] += 3 * membership[m, :busy]
        del outputs
        assert os.stat(path).st_blocks * 512 < 50e6, f"{path} is not sparse"
    return os.stat(path).st_size
