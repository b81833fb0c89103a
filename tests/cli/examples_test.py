"""The examples run, and say what their reader is told to expect."""
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"


def example(*command, expect):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert done.returncode == expect, (command, done.returncode, done.stdout, done.stderr)
    return done.stdout


printed = example(sys.executable, EXAMPLES / "audit_numpy.py", expect=0)
auc = {line.split()[0]: float(line.split()[2]) for line in printed.splitlines() if " AUC " in line[:25]}
assert len(auc) > 10 and auc["loss"] > 0.8, printed
assert "gives members away" in printed, printed

arrays = ["outputs.npy", "labels.npy", "membership.npy"]
assert "does not pass" in example(EXAMPLES / "gate.sh", *arrays, expect=3)
assert "was not judged" in example(EXAMPLES / "gate.sh", "outputs.npy", "labels.npy", "nowhere.npy", expect=2)
# Against a membership of coin flips the same outputs give nothing away.
np.save("membership.npy", np.random.default_rng(1).random(400) < 0.5)
assert "passes" in example(EXAMPLES / "gate.sh", *arrays, "0.75", expect=0)

listed = {path.name for path in EXAMPLES.iterdir()} - {"README.md"}
page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
assert all(f"({name}" in page for name in listed), listed
