"""shadow: plans, runs that survive every kill, commands of one's own, and what happens when things go wrong."""
import glob
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import time

import numpy as np

from harness import MIAUDIT, run
from shadow_runs import FAST, outputs, plan, train, until, y

# A plan: complementary halves, records kept apart, everything readable by its owner alone.
plan("a", *FAST, "--population-share", "0.1", "--test-share", "0.05")
membership, roles = np.load("a/membership.npy"), np.load("a/roles.npy")
about = json.load(open("a/run.json"))
assert len(about["scaling"]["mean"]) == about["data"]["shape"][0] and min(about["scaling"]["scale"]) > 0
assert membership.shape == (6, 400) and membership.dtype == bool
assert (roles == 1).sum() == 40 and (roles == 2).sum() == 20
assert not membership[:, roles != 0].any() and (membership[::2] ^ membership[1::2])[:, roles == 0].all()
assert (membership[:, roles == 0].sum(0) == 3).all() and about["partners"] == [1, 0, 3, 2, 5, 4]
assert len({tuple(row) for row in membership}) == 6
done = train("a", "--jobs", "2")
assert "6 models trained, 0 done before" in done.stdout, done.stdout
whole = outputs("a")
first = np.load("a/models/0000/outputs.npy")
assert first.shape == (400, 1, 4) and first.dtype == np.float32 and sorted(whole) == [f"{m:04}" for m in range(6)]
assert not os.listdir("a/attempts") and not os.listdir("a/checkpoints")
assert all(os.stat(path).st_mode & 0o777 in (0o600, 0o700) for path in glob.glob("a/**", recursive=True)[1:])
figures = json.load(open("a/models/0000/done.json"))["figures"]
right = first[:, 0].argmax(1) == y
assert figures["members"] == {"count": 170, "right": int(right[membership[0]].sum())}
assert figures["test"] == {"count": 20, "right": int(right[roles == 2].sum())}
assert "6 of 6 models done" in run("shadow", "status", "a").stdout
assert run("shadow", "check", "a").stdout.startswith("a: 6 of 6 models done")

# Unchanged, nothing is done. Grown, the first stay. One model at a time is the same. Changed, all is trained again.
assert "0 models trained, 6 done before" in train("a").stdout
grown = plan("a", *FAST, "--population-share", "0.1", "--test-share", "0.05", models=8)
assert "6 finished models are kept, 0 stale" in grown.stdout, grown.stdout
assert run("shadow", "status", "a", "--missing", "--format", "slurm").stdout == "6-7\n"
assert "2 models trained, 6 done before" in train("a", "--jobs", "1").stdout
assert {name: outputs("a")[name] for name in whole} == whole and (np.load("a/membership.npy")[:6] == membership).all()
plan("b", *FAST, "--population-share", "0.1", "--test-share", "0.05")
for index in (1, 0, 2):
    train("b", "--index", index, "--chunk", "2")
assert outputs("b") == whole
assert json.loads(run("shadow", "status", "b", "--json").stdout)["done"] == 6
run("shadow", "train", "b", "--index", "9", expect=2)
changed = plan("b", *FAST[:-2], "--population-share", "0.1", "--test-share", "0.05", "--rate", "0.01")
assert "0 finished models are kept, 6 stale and will be trained again" in changed.stdout, changed.stdout
assert "stale   6" in run("shadow", "status", "b").stdout
again = train("b")
assert "6 models trained" in again.stdout and "Model 0 is trained again: it was trained for another plan" in again.stderr
assert all(outputs("b")[name] != whole[name] for name in whole)

# Other designs; a target of its own; half precision; several queries, the same for every model.
plan("bernoulli", *FAST, "--design", "bernoulli", "--member-share", "0.3", "--queries", "2", "--output-type", "float16")
share = np.load("bernoulli/membership.npy").mean()
assert 0.25 < share < 0.35 and json.load(open("bernoulli/run.json"))["partners"] == [-1] * 6
train("bernoulli")
halves = np.load("bernoulli/models/0003/outputs.npy")
assert halves.dtype == np.float16 and halves.shape == (400, 2, 4)
np.save("rows.npy", np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32))
run("shadow", "plan", "beyond", "--data", "rows.npy", "--labels", "y.npy", "--models", "2", "--architecture", "mlp", "--widths",
    "64,64,64,64", "--epochs", "2", "--batch", "400", "--optimizer", "sgd", "--rate", "1000", "--output-type", "float16")
assert "is beyond float16, which ends at 65504" in train("beyond", expect=1).stderr
plan("disjoint", *FAST, "--design", "disjoint", models=4)
assert (np.load("disjoint/membership.npy").sum(0) == 1).all()
target = np.arange(400) % 4 == 0
np.save("target.npy", target)
np.save("brought.npy", first[:, 0].astype(np.float64))
plan("target", *FAST, "--target-membership", "target.npy", "--target-outputs", "brought.npy", models=3)
assert (np.load("target/membership.npy")[0] == target).all()
assert json.load(open("target/run.json"))["partners"] == [-1, 2, 1]
train("target")
assert np.array_equal(np.load("target/models/0000/outputs.npy"), np.load("brought.npy"))

# Killed 20 times, with any number of jobs, it ends with the bytes of an uninterrupted run; for every kind of model.
random.seed(2)
for architecture, epochs, kills in (("cnn", 10, 6), ("cnn-small", 10, 4), ("mlp", 40, 4), ("logistic", 40, 2),
                                    ("resnet20", 1, 2), ("gbdt", 4, 2)):
    recipe = ["--architecture", architecture, "--epochs", epochs, *([] if architecture == "gbdt" else ["--batch", "16"])]
    plan("straight", *recipe, models=4)
    start = time.monotonic()
    train("straight", "--jobs", "1")
    length = time.monotonic() - start
    plan("killed", *recipe, models=4)
    for _ in range(kills):
        program = subprocess.Popen([MIAUDIT, "shadow", "train", "killed", "--quiet", "--checkpoint-every", "0.02", "--jobs",
                                    str(random.randint(1, 3))], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, length / 2))
        program.kill()
        program.wait()
    train("killed", "--jobs", "2")
    assert outputs("killed") == outputs("straight"), architecture
    run("shadow", "gc", "killed")
    assert not os.listdir("killed/attempts") and not os.listdir("killed/checkpoints"), "what the dead left"
    shutil.rmtree("straight")
    shutil.rmtree("killed")

# Two processes at once finish it, without doing it twice.
plan("two", *FAST, models=8)
programs = [subprocess.Popen([MIAUDIT, "shadow", "train", "two", "--quiet", "--jobs", "1"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True) for _ in range(2)]
texts = [program.communicate(timeout=100) for program in programs]
assert [program.returncode for program in programs] == [0, 0], texts
assert len(outputs("two")) == 8
trained = sum(int(text[0].split(" model")[0]) for text in texts)
assert trained == 8, texts
discarded = sum(int(text[0].split(" discarded")[0].split()[-1]) for text in texts if " discarded" in text[0])
assert discarded <= 2, texts

# TERM keeps checkpoints.
plan("stopped", "--architecture", "cnn", "--epochs", "2000", models=2)
program = subprocess.Popen([MIAUDIT, "shadow", "train", "stopped", "--quiet"], stderr=subprocess.PIPE, text=True)
while len(os.listdir("stopped/attempts")) < 2:
    assert program.poll() is None
    time.sleep(0.01)
time.sleep(0.3)
program.send_signal(signal.SIGTERM)
errors = program.communicate(timeout=60)[1]
assert program.returncode == 75 and "run the same again" in errors, (program.returncode, errors)
assert sorted(os.listdir("stopped/checkpoints")) == ["0000.npz", "0001.npz"] and not os.listdir("stopped/attempts")
status = json.loads(run("shadow", "status", "stopped", "--json").stdout)
assert status["epochs"] == 2000 and [row["state"] for row in status["each"]] == ["missing"] * 2, status
for m, row in enumerate(status["each"]):
    assert row["epochs_done"] == np.load(f"stopped/checkpoints/000{m}.npz")["position"][0], status
    assert f"  model {m}: {row['epochs_done']} of 2000 epochs\n" in run("shadow", "status", "stopped").stdout

# Answers are kept as well: many views take longer to ask than a model to train.
ASKED = ["--architecture", "resnet20", "--epochs", "1", "--queries", "18"]
plan("asked", *ASKED, models=2)
train("asked", "--index", "0")
plan("halfway", *ASKED, models=2)
program = subprocess.Popen([MIAUDIT, "shadow", "train", "halfway", "--index", "0", "--quiet", "--checkpoint-every", "0.01"],
                           stderr=subprocess.PIPE, text=True)
until(lambda: os.path.exists("halfway/checkpoints/0000.answers.npz"))
program.send_signal(signal.SIGTERM)
errors = program.communicate(timeout=60)[1]
assert program.returncode == 75, (program.returncode, errors)
shutil.copytree("halfway", "damaged")
with open("damaged/checkpoints/0000.answers.npz", "r+b") as file:
    file.truncate(os.path.getsize("damaged/checkpoints/0000.answers.npz") // 2)
checked = run("shadow", "check", "damaged", expect=1).stdout
assert "checkpoints/0000.answers.npz cannot be used, so it is asked again" in checked, checked
assert "Model 0: Its outputs are asked for from the start" in train("damaged", "--index", "0").stderr
assert "cannot be used" not in run("shadow", "check", "halfway").stdout
went_on = train("halfway", "--index", "0")
assert "% of the outputs were kept" in went_on.stderr, went_on.stderr
assert outputs("damaged") == outputs("asked")
assert outputs("halfway") == outputs("asked") and not os.listdir("halfway/checkpoints")

# What goes wrong is said, and nothing stale is used. Data are known by what they hold (recorded defect 12: a cache keyed by
# the name of a file and its number of rows).
np.save("x.npy", np.flip(np.load("x.npy"), 0))
plan_before = open("a/run.json").read()
shutil.rmtree("a/models/0003")
refused = train("a", expect=2)
assert "x.npy is not what this run was planned with: its values changed" in refused.stderr, refused.stderr
np.save("x.npy", np.flip(np.load("x.npy"), 0))
with open("a/models/0005/outputs.npy", "r+b") as file:
    file.seek(200)
    file.write(b"\x55")
assert "a: 6 of 8 models done" in run("shadow", "check", "a", expect=1).stdout
mended = train("a")
assert "Model 5 is trained again: outputs.npy is not what was written" in mended.stderr, mended.stderr
assert {name: outputs("a")[name] for name in whole} == whole
shutil.copy("stopped/checkpoints/0000.npz", "a/checkpoints/0001.npz")
open("a/checkpoints/0002.npz", "w").write("rubbish")
shutil.rmtree("a/models/0001")
shutil.rmtree("a/models/0002")
status = run("shadow", "status", "a").stdout
assert "missing 2" in status and "epochs" not in status, "of another job, and of none"
train("a")
assert {name: outputs("a")[name] for name in whole} == whole, "a strange checkpoint was used"
newer = json.loads(plan_before)
newer["schema_version"] = 99
open("a/run.json", "w").write(json.dumps(newer))
assert "schema version 99" in run("shadow", "status", "a", expect=2).stderr
open("a/run.json", "w").write(plan_before)
# What a newer program finished may be right: it is neither used nor replaced. Without a version it counts as the first.
done = json.load(open("a/models/0003/done.json"))
for version, code in ((99, 2), (1, 0), (None, 0)):
    done["schema_version"] = version
    json.dump({key: value for key, value in done.items() if value is not None}, open("a/models/0003/done.json", "w"))
    for verb in (["shadow", "train"], ["shadow", "status"], ["shadow", "check"], ["shadow", "gc"], ["audit"]):
        said = run(*verb, "a", expect=code).stderr
        assert ("a/models/0003/done.json has schema version 99; this miaudit reads up to 1" in said) == (code == 2), said
assert {name: outputs("a")[name] for name in whole} == whole
assert "nowhere does not exist; expected a run folder" in run("shadow", "status", "nowhere", expect=2).stderr
os.makedirs("mine", exist_ok=True)
open("mine/thesis.tex", "w").write("x")
assert "thesis.tex" in plan("mine", *FAST, expect=2).stderr
assert "even number" in plan("odd", *FAST, models=5, expect=2).stderr


def small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))


plan("full", *FAST, models=2)
full = train("full", expect=1, preexec_fn=small_files)
assert "cannot write full/" in full.stderr and "run the same again to go on" in full.stderr, full.stderr
assert outputs("full") == {}
train("full")
assert len(outputs("full")) == 2

# What copied a run may have left empty folders out.
plan("sparse", *FAST, models=2)
for folder in ("models", "attempts", "checkpoints", "failed"):
    os.rmdir(f"sparse/{folder}")
assert "2 models trained" in train("sparse").stdout and len(outputs("sparse")) == 2

# A run made by hand.
os.makedirs("hand/models/0000", exist_ok=True)
os.makedirs("hand/models/0001", exist_ok=True)
json.dump({"schema_version": 1, "models": 2}, open("hand/run.json", "w"))
np.save("hand/labels.npy", y)
np.save("hand/membership.npy", np.stack([target, ~target]).astype(np.int8))
for m in range(2):
    np.save(f"hand/models/000{m}/outputs.npy", first[:, 0])
assert "2 of 2 models done" in run("shadow", "check", "hand").stdout
assert "made by hand" in train("hand", expect=2).stderr

# A run that may only be read: said so, and nothing lost. Root may write everywhere, so somebody else tries.
plan("fixed", *FAST)
train("fixed", "--index", "0")
before = outputs("fixed")
os.makedirs("fixed/attempts/0003.gone.1.0/x")
os.utime("fixed/attempts/0003.gone.1.0", (0, 0))
everything = ["fixed", *glob.glob("fixed/**", recursive=True)]
nobody = {}
if os.geteuid() == 0:
    nobody = {"user": "nobody", "group": "nogroup"}
    for path in everything:
        shutil.chown(path, "nobody", "nogroup")
for path in everything:
    os.chmod(path, 0o555 if os.path.isdir(path) else 0o444)
try:
    reachable = subprocess.run([MIAUDIT, "--version"], capture_output=True, **nobody).returncode == 0
except PermissionError:
    reachable = False
if reachable:
    # What may not be read may be right: it is no damage, and not trained again.
    for name in ("outputs.npy", "done.json"):
        os.chmod(f"fixed/models/0000/{name}", 0)
        for verb, code in ((["shadow", "check"], 1), (["shadow", "train"], 1), (["audit"], 1)):
            said = run(*verb, "fixed", expect=code, **nobody)
            assert f"cannot open fixed/models/0000/{name}: Permission denied" in said.stderr and not said.stdout, said
        os.chmod(f"fixed/models/0000/{name}", 0o444)
    said = train("fixed", expect=1, **nobody).stderr
    assert "Permission denied" in said and "fixed" in said and "run the same again to go on" in said, said
    assert outputs("fixed") == before
    collected = run("shadow", "gc", "fixed", expect=1, **nobody)
    assert "0 entries removed" in collected.stdout
    assert "cannot remove fixed/attempts/0003.gone.1.0: Permission" in collected.stderr
for path in everything:
    os.chmod(path, 0o755 if os.path.isdir(path) else 0o644)
    if nobody:
        shutil.chown(path, "root", "root")
train("fixed")
assert len(outputs("fixed")) == 6
