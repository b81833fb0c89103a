"""Small images in the working folder, and what the tests of shadow do with them."""
import glob
import os
import time

import numpy as np

from harness import run

rng = np.random.default_rng(4)
y = rng.integers(0, 4, 400)
x = rng.integers(0, 120, (400, 16, 16))
for i, label in enumerate(y):
    x[i, 4 * label:4 * label + 4] += 60
np.save("x.npy", x.astype(np.uint8))
np.save("y.npy", y)
DATA = ["--data", "x.npy", "--labels", "y.npy"]
FAST = ["--architecture", "cnn-small", "--epochs", "3", "--batch", "32"]


def plan(folder, *more, models=6, expect=0):
    return run("shadow", "plan", folder, *DATA, "--models", models, *more, expect=expect)


def train(folder, *more, expect=0, **options):
    return run("shadow", "train", folder, "--quiet", *more, expect=expect, **options)


def outputs(folder):
    return {os.path.basename(os.path.dirname(path)): open(path, "rb").read()
            for path in sorted(glob.glob(f"{folder}/models/*/outputs.npy"))}


def until(is_so, seconds=60):
    """Waits for what another process does."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
