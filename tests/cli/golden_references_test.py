"""Attacks by formula give the scores of tests/golden/references.json, which NumPy once wrote: what both the program and the
statement beside it might come to share by a later change is caught here."""
import json
import os

import numpy as np

from harness import audit

golden = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "golden", "references.json")))
membership = np.array(golden["membership"], bool)
os.makedirs("run/models")
np.save("run/membership.npy", membership)
np.save("run/labels.npy", np.array(golden["labels"]))
with open("run/run.json", "w") as file:
    json.dump({"schema_version": 1, "models": len(membership), "partners": [m ^ 1 for m in range(len(membership))]}, file)
for m, outputs in enumerate(golden["outputs"]):
    os.mkdir(f"run/models/{m:04}")
    np.save(f"run/models/{m:04}/outputs.npy", np.array(outputs, np.float32))

checked = set()
for place, case in enumerate(golden["cases"]):
    audit("run", "--target", golden["target"], "--attacks", ",".join(case["scores"]), "--out", f"report{place}", *case["options"])
    for name, expected in case["scores"].items():
        found = np.load(f"report{place}/scores/{name}.npy")
        off = np.abs(found - expected) / (1 + np.abs(expected))
        assert off.max() <= 1e-9, (case["options"], name, off.max())
        checked.add(name)
assert len(checked) == 14, checked
