"""shadow status, check and emit: what they say of runs that are unfinished, damaged or made by hand."""
import json
import os
import shlex
import shutil
import subprocess

import numpy as np

from harness import run
from shadow_runs import DATA, FAST, outputs, plan, train, y

plan("cluster", *FAST, models=10)
train("cluster", "--index", "4")
script = run("shadow", "emit", "slurm", "cluster", "--time", "00:10:00").stdout
# Slurm 22.05 refuses --gpus-per-task where nothing says how many tasks there are.
assert "#SBATCH --ntasks=1\n" in script
assert "#SBATCH --array=0-3,5-9\n" in script and "#SBATCH --time=00:10:00\n" in script and "scontrol requeue" in script
assert subprocess.run(["bash", "-n"], input=script, text=True).returncode == 0
assert "#SBATCH --array=0-3\n" in run("shadow", "emit", "slurm", "cluster", "--chunk", "3").stdout
for time, clock in (("4h", "04:00:00"), ("1d12h", "36:00:00"), ("90m", "01:30:00"), ("1-00:00:30", "24:00:30")):
    assert f"#SBATCH --time={clock}\n" in run("shadow", "emit", "slurm", "cluster", "--time", time).stdout
    assert f"#$ -l h_rt={clock},h_vmem=2G" in run("shadow", "emit", "sge", "cluster", "--time", time).stdout
for wrong in (("--time", "240"), ("--time", "4 hours"), ("--time", "0h"), ("--time", "1:2:3"), ("--memory", "x y"),
              ("--memory", "2000"), ("--memory", "2Gi"), ("--memory", "1G\n#SBATCH --x")):
    assert f"{wrong[0]} " in run("shadow", "emit", "slurm", "cluster", *wrong, expect=2).stderr
assert 'memory: "2Gi"' in run("shadow", "emit", "kubernetes", "cluster", "--memory", "2Gi").stdout
# Where the data take more, an element is given more.
np.save("wide.npy", np.random.default_rng(1).normal(size=(400, 100_000)).astype(np.float32))
run("shadow", "plan", "wide", "--data", "wide.npy", "--labels", "y.npy", "--models", 2, "--architecture", "gbdt")
assert "#SBATCH --mem=3G\n" in run("shadow", "emit", "slurm", "wide", "--cpus", "4").stdout
os.remove("wide.npy")
for system in ("sge", "htcondor", "kubernetes"):
    assert "ntested" in run("shadow", "emit", system, "cluster").stdout
for system, asked in (("slurm", "#SBATCH --gpus-per-task=3\n"), ("sge", ",gpu=3\n"), ("htcondor", "request_gpus = 3\n"),
                      ("kubernetes", "limits: {nvidia.com/gpu: 3}\n")):
    assert asked in run("shadow", "emit", system, "cluster", "--gpus", "3").stdout
for idle, said in ((["htcondor", "--time", "1"], "--time goes with slurm and sge"),
                   (["slurm", "--shards", "3"], "--shards goes with --verb audit"),
                   (["slurm", "--verb", "audit", "--chunk", "3"], "--chunk goes with --verb train")):
    assert said in run("shadow", "emit", *idle[:1], "cluster", *idle[1:], expect=2).stderr
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
told = plan("a place/it's", *FAST, models=2).stdout
assert shlex.split(told.rstrip().split("\n")[-1]) == ["miaudit", "shadow", "train", "a place/it's"], told
advised = run("audit", "a place/it's", expect=2).stderr
assert "`miaudit shadow train 'a place/it'\\''s'` makes what is missing" in advised, advised
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

# run.json, or any of the splits, lost or damaged: said so, and planning again as before keeps what is finished.
finished = outputs("cluster")
planned = open("cluster/run.json").read()
for name in ("run.json", "membership.npy", "labels.npy", "roles.npy"):
    os.remove(f"cluster/{name}")
    lost = [run("shadow", "check", "cluster", expect=1).stdout]
    lost += [run(*verb, "cluster", expect=2).stderr for verb in (["shadow", "status"], ["shadow", "train"], ["audit"])]
    for said in lost:
        assert f"cluster/{name} is missing" in said and "Plan again with the options" in said, said
    assert "10 finished models are kept, 0 stale" in plan("cluster", *FAST, models=10).stdout
    assert open("cluster/run.json").read() == planned
for damaged in (planned[:-300], planned.replace('"models": 10', '"models": -1'), "[]", "",
                planned.replace('"units": [', '"units": [7, ')):
    open("cluster/run.json", "w").write(damaged)
    for code, verb in ((2, ["shadow", "status"]), (1, ["shadow", "check"])):
        said = run(*verb, "cluster", expect=code)
        assert "cluster/run.json" in said.stderr + said.stdout and "Plan again" in said.stderr + said.stdout, said
    assert "10 finished models are kept, 0 stale" in plan("cluster", *FAST, models=10).stdout
    assert open("cluster/run.json").read() == planned
for damage, said in ((("plan", "design", "odd"), "unknown design 'odd'"), (("plan", "seed", "x"), "its plan is not one"),
                     (("data", "classes", "x"), "does not say which data")):
    broken = json.loads(planned)
    broken[damage[0]][damage[1]] = damage[2]
    open("cluster/run.json", "w").write(json.dumps(broken))
    refused = run("shadow", "check", "cluster", expect=1).stdout
    assert said in refused and "Plan again" in refused, refused
os.remove("cluster/run.json")
assert "0 finished models are kept, 10 stale" in plan("cluster", *FAST, "--seed", "8", models=10).stdout
assert "10 finished models are kept, 0 stale" in plan("cluster", *FAST, models=10).stdout
assert "0 models trained, 10 done before" in train("cluster").stdout and outputs("cluster") == finished
# A newer program's run is none of the damaged ones: it is left alone.
open("cluster/run.json", "w").write(planned.replace('"schema_version": 1', '"schema_version": 99'))
for verb in (["shadow", "check", "cluster"], ["shadow", "plan", "cluster", *DATA, *FAST]):
    assert "schema version 99" in run(*verb, expect=2).stderr
open("cluster/run.json", "w").write(planned)

# check looks at the data of the plan where they are to be had, also when there is nothing to train.
kept = open("x.npy", "rb").read()
np.save("x.npy", np.flip(np.load("x.npy"), 0))
assert "0 models trained" in train("cluster").stdout
checked = run("shadow", "check", "cluster", expect=1).stdout
assert "10 of 10 models done" in checked and "x.npy is not what this run was planned with: its values" in checked, checked
np.save("x.npy", np.load("x.npy")[:-1])
for changed in (b"rubbish", open("x.npy", "rb").read()):
    open("x.npy", "wb").write(changed)
    checked = run("shadow", "check", "cluster", expect=1).stdout
    assert "y.npy is not what this run was planned with: " in checked, checked
open("x.npy", "wb").write(kept)
labels = np.load("y.npy")
np.save("y.npy", np.flip(labels))
checked = run("shadow", "check", "cluster", expect=1).stdout
assert "data: " in checked and "/y.npy is not what this run was planned with: its labels changed" in checked, checked
np.save("y.npy", labels)
os.remove("x.npy")
shutil.move("cluster/models/0000", "aside")
missing = train("cluster", expect=2).stderr
assert "x.npy is not there, and this run was planned with it. Put it back, or plan again" in missing, missing
shutil.move("aside", "cluster/models/0000")
checked = run("shadow", "check", "cluster").stdout
assert "x.npy is not there: whether it changed since the plan was not looked at" in checked, checked
open("x.npy", "wb").write(kept)
assert "data:" not in run("shadow", "check", "cluster").stdout
# The same data elsewhere are the same.
os.rename("x.npy", "elsewhere.npy")
moved = run("shadow", "plan", "cluster", "--data", "elsewhere.npy", "--labels", "y.npy", "--models", "10", *FAST).stdout
assert "10 finished models are kept, 0 stale" in moved, moved
os.rename("elsewhere.npy", "x.npy")
plan("cluster", *FAST, models=10)

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
    assert ("0002.npz cannot be used" if is_damaged else f"0002.npz will not be used: {why}") in checked, checked
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
for name in ("membership.npy", "labels.npy"):
    os.rename(f"hand/{name}", "aside.npy")
    said = run("shadow", "check", "hand", expect=1).stdout
    assert f"hand/{name} is missing; a run made by hand needs it" in said, said
    os.rename("aside.npy", f"hand/{name}")
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
for m in range(10):
    if m not in (3, 5):
        shutil.rmtree(f"cluster/models/{m:04}")
few = run("audit", "cluster", expect=2).stderr
assert "1 finished model of 10 (model 3 is broken: outputs.npy is missing)" in few, few
