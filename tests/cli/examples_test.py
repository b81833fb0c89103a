"""The examples run, and say what their reader is told to expect."""
import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np

from harness import run

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

# Every kind of layer, images of both layouts and rows of a table: NumPy gives the logits that were written.
with gzip.open("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz") as file:
    images = np.frombuffer(file.read(16 + 400 * 784), np.uint8, offset=16).reshape(400, 28, 28)
rng = np.random.default_rng(2)
np.save("images.npy", images[:, 4:24, 4:24])
np.save("classes.npy", rng.integers(0, 10, 400))
np.save("colours.npy", rng.integers(0, 256, (60, 8, 8, 3)).astype("uint8"))
np.save("planes.npy", rng.normal(size=(60, 3, 9, 11)).astype("float32"))
np.save("three.npy", rng.integers(0, 3, 60))
with open("rows.csv", "w", encoding="utf-8") as file:
    file.write("size,shade,kind\n")
    file.writelines(f"{size:.3f}, {'dark' if size > 1 else 'light'},{'b' if size > 0 else 'a'}\n" for size in rng.normal(size=80))


def rebuilt(data, classes, *options):
    trained = run("train", "--data", data, *classes, *options, "--seed", "1", "--out", "model").stdout
    assert "Trained in" in trained, trained
    said = example(sys.executable, EXAMPLES / "rebuild_network.py", "model", data, expect=0)
    assert ": the same network" in said, said


rebuilt("images.npy", ["--labels", "classes.npy"], "--architecture", "cnn-small", "--epochs", "1")
for name in ("colours.npy", "planes.npy"):
    rebuilt(name, ["--labels", "three.npy"], "--architecture", "resnet20", "--epochs", "4", "--batch", "8", "--queries", "2")
for name in ("mlp", "logistic"):
    rebuilt("rows.csv", ["--label-column", "kind"], "--architecture", name, "--epochs", "2")

# Other weights are another network, and it says so.
weights = dict(np.load("model/weights.npz"))
np.savez("model/weights.npz", **{**weights, "layer0.weight": weights["layer0.weight"] * 1.01})
assert "NOT the same" in example(sys.executable, EXAMPLES / "rebuild_network.py", "model", "rows.csv", expect=1)

# Shadow models by another framework.
np.save("flat.npy", images.reshape(400, -1))
run("shadow", "plan", "forests", "--data", "flat.npy", "--labels", "classes.npy", "--models", "2", "--command",
    f"{sys.executable} {EXAMPLES / 'shadow_sklearn.py'} --data flat.npy --labels classes.npy --keep {{keep}} --seed {{seed}} "
    "--out {outputs}")
assert "2 models trained" in run("shadow", "train", "forests").stdout
logits, members = np.load("forests/models/0001/outputs.npy"), np.load("forests/membership.npy")[1]
right = logits.argmax(1) == np.load("classes.npy")
assert right[members].mean() > 0.95 > 0.5 > right[~members].mean(), "labels at random: forests know their members alone"

listed = {path.name for path in EXAMPLES.iterdir()} - {"README.md"}
page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
assert all(f"({name}" in page for name in listed), listed
