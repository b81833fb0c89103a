"""shadow status, check and emit: what they say of runs that are unfinished, damaged or made by hand."""
import json
import os
import shlex
import shutil
import subprocess

import numpy as np

from harness import run
from shadow_runs import FAST, plan, train, y

plan("cluster", *FAST, models=10)
train("cluster", "--index", "4")
script = run("shadow", "emit", "slurm", "cluster", "--time", "00:10:00").stdout
assert "#SBATCH --array=0-3,5-9\n" in script and "#SBATCH --time=00:10:00\n" in script and "scontrol requeue" in script
assert subprocess.run(["bash", "-n"], input=script, text=True).returncode == 0
assert "#SBATCH --array=0-3\n" in run("shadow", "emit", "slurm", "cluster", "--chunk", "3").stdout
for system in ("sge", "htcondor", "kubernetes"):
    assert "ntested" in run("shadow", "emit", system, "cluster").stdout
assert "--retry-failed" in script, "what failed would end at once when it is submitted again"

# Elements of several models: the script's last line says how to ask for those that are left, and they are its elements.
chunks = run("shadow", "emit", "slurm", "cluster", "--chunk", "3").stdout
asks = chunks.rstrip().split("\n")[-1].split("miaudit ")[1]
assert run(*shlex.split(asks)).stdout == "0-3\n"
train("cluster", "--index", "1", "--chunk", "3")
train("cluster", "--index", "3", "--chunk", "3")
assert run(*shlex.split(asks)).stdout == "0,2\n"
assert run("shadow", "status", "cluster", "--missing", "--chunk", "3").stdout == "0\n2\n"
assert "#SBATCH --array=0,2\n" in run("shadow", "emit", "slurm", "cluster", "--chunk", "3").stdout
train("cluster")
for form in ("slurm", "list"):
    assert run("shadow", "status", "cluster", "--missing", "--format", form).stdout == ""

# A name that a shell must not take apart, in each system's own quoting.
os.makedirs("a place", exist_ok=True)
plan("a place/it's", *FAST, models=2)
place = os.path.abspath("a place/it's")
kubernetes = run("shadow", "emit", "kubernetes", "a place/it's").stdout
words = shlex.split(json.loads(kubernetes.split("command: ")[1].split("\n")[0])[2])
assert words[:5] == ["exec", "miaudit", "shadow", "train", place], words
condor = run("shadow", "emit", "htcondor", "a place/it's").stdout.split('arguments = "')[1].split('"\n')[0]
assert condor.startswith("-c '") and condor.endswith("'")
assert shlex.split(condor[4:-1].replace("''", "'"))[3] == place, condor
for system in ("slurm", "sge"):
    line = next(l for l in run("shadow", "emit", system, "a place/it's").stdout.split("\n") if l.startswith("miaudit"))
    assert shlex.split(line)[3] == place

# Numbers of models are no less than 0.
for wrong in (["--index", "-1"], ["--index", "0", "--offset", "-1"], ["--index", "0", "--chunk", "-1"],
              ["--index", "18446744073709551615"]):
    assert "0 models" not in train("a place/it's", *wrong, expect=2).stdout
assert not os.listdir("a place/it's/models")

# check looks at the splits, which no other checksum holds.
for name in ("membership.npy", "labels.npy", "roles.npy"):
    kept = open(f"cluster/{name}", "rb").read()
    with open(f"cluster/{name}", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(bytes([kept[-1] ^ 1]))
    damaged = run("shadow", "check", "cluster", expect=1).stdout
    assert name in damaged and "checksum differs" in damaged and "Plan again" in damaged, damaged
    for verb in (["shadow", "status"], ["shadow", "train"], ["audit"]):
        assert name in run(*verb, "cluster", expect=2).stderr
    plan("cluster", *FAST, models=10)
    assert open(f"cluster/{name}", "rb").read() == kept
assert "10 of 10 models done" in run("shadow", "check", "cluster").stdout

# A damaged checkpoint: check names it, training says that it starts again, and ends with the same bytes.
model = open("cluster/models/0002/outputs.npy", "rb").read()
shutil.rmtree("cluster/models/0002")
plan("long", "--architecture", "cnn-small", "--epochs", "100000", "--batch", "32", models=2)
program = subprocess.Popen([os.environ["MIAUDIT"], "shadow", "train", "long", "--quiet", "--index", "0",
                            "--checkpoint-every", "0.01"], stderr=subprocess.PIPE)
while not os.path.exists("long/checkpoints/0000.npz"):
    assert program.poll() is None
program.kill()
program.communicate()
assert "0 of 2 models done" in run("shadow", "check", "long").stdout
strange = open("long/checkpoints/0000.npz", "rb").read()
middle = len(strange) // 2
damaged = strange[:middle] + bytes([strange[middle] ^ 1]) + strange[middle + 1:]
for content, why in ((strange, "the checkpoint is of another job"), (damaged, "the checkpoint cannot be used"),
                     (b"rubbish", "the checkpoint cannot be used")):
    shutil.rmtree("cluster/models/0002", ignore_errors=True)
    open("cluster/checkpoints/0002.npz", "wb").write(content)
    is_damaged = content != strange
    checked = run("shadow", "check", "cluster", expect=1 if is_damaged else 0).stdout
    assert ("0002.npz cannot be used" in checked) == is_damaged, checked
    said = train("cluster").stderr
    assert f"Model 2: Training from the start: {why}" in said, said
    assert open("cluster/models/0002/outputs.npy", "rb").read() == model

# Made by hand, outputs must still be outputs, and alike.
good = np.random.default_rng(0).normal(size=(400, 2, 4))
os.makedirs("hand/models/0000")
os.makedirs("hand/models/0001")
json.dump({"schema_version": 1, "models": 2}, open("hand/run.json", "w"))
np.save("hand/labels.npy", y)
np.save("hand/membership.npy", np.arange(800).reshape(2, 400) % 3 == 0)
np.save("hand/models/0000/outputs.npy", good)
for wrong, why in ((good, ""), (good[:, :1], "1 query and 4 classes, those of earlier models 2 and 4"),
                   (good[:, :, :3], "shape"), (good[:, :, :3].repeat(2, 2), "6 classes"),
                   (np.where(good > 3, np.nan, good), "NaN"), (good[1:], "399"), (good.astype(int), "int64")):
    np.save("hand/models/0001/outputs.npy", wrong)
    checked = run("shadow", "check", "hand", expect=1 if why else 0).stdout
    assert why in checked and f"{1 if why else 2} of 2 models done" in checked, (why, checked)
os.remove("hand/models/0001/outputs.npy")
assert "1 of 2 models done" in run("shadow", "status", "hand").stdout

# Planning over it would take its splits, and in time its models.
before = open("hand/membership.npy", "rb").read()
assert "made by hand" in plan("hand", *FAST, models=2, expect=2).stderr
assert open("hand/membership.npy", "rb").read() == before and json.load(open("hand/run.json"))["models"] == 2

# Damage that leaves the size: seen by who reads.
path = "cluster/models/0002/outputs.npy"
damaged = bytearray(open(path, "rb").read())
damaged[-1] ^= 1
open(path, "wb").write(damaged)
asked = ["shadow", "status", "cluster", "--missing"]
assert "2\n" not in run(*asked).stdout and "2\n" in run(*asked, "--verify").stdout
for wrong in (["--missing", "--json"], ["--chunk", "2"], ["--format", "slurm"]):
    run("shadow", "status", "cluster", *wrong, expect=2)

# Without its outputs, nothing is done.
os.remove("cluster/models/0003/outputs.npy")
assert "outputs.npy is missing" in run("shadow", "status", "cluster").stdout
