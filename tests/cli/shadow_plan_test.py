"""shadow plan: what a kill leaves, what is refused, and two things that peers get wrong."""
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import time

import numpy as np

from harness import MIAUDIT, run
from shadow_runs import DATA, FAST, outputs, plan, train, until, x, y

# Recorded defect 10: peers rebuild the split when a killed run is resumed, so that it no longer matches the models that are there. Killed
# at any moment, a plan leaves the splits of one plan whole, or a run that is refused until it is planned again.
random.seed(3)
CHANGED = [*FAST, "--population-share", "0.2", "--seed", "5"]
plan("old", *FAST)
plan("new", *CHANGED)
ARRAYS = ("membership.npy", "labels.npy", "roles.npy")
arrays = {folder: {name: open(f"{folder}/{name}", "rb").read() for name in ARRAYS} for folder in ("old", "new")}
start = time.monotonic()
plan("killed", *FAST)
length = time.monotonic() - start
train("killed", "--index", "0")


def kill_a_plan(folder, *more):
    program = subprocess.Popen([MIAUDIT, "shadow", "plan", folder, *DATA, "--models", "6", *more],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(random.uniform(0, length))
    program.kill()
    program.wait()


for _ in range(10):
    kill_a_plan("killed", *CHANGED)
    now = {name: open(f"killed/{name}", "rb").read() for name in arrays["old"]}
    tried = subprocess.run([MIAUDIT, "shadow", "status", "killed"], capture_output=True, text=True)
    if tried.returncode == 0:
        assert now in arrays.values()
    else:
        assert tried.returncode == 2 and "Plan again" in tried.stderr, tried
    plan("killed", *FAST)
    assert {name: open(f"killed/{name}", "rb").read() for name in now} == arrays["old"]
    assert "1 of 6 models done" in run("shadow", "status", "killed").stdout
# A first plan, which may leave anything from nothing to a whole run.
for _ in range(10):
    kill_a_plan("first", *FAST)
    plan("first", *CHANGED)
    assert {name: open(f"first/{name}", "rb").read() for name in arrays["new"]} == arrays["new"]
    shutil.rmtree("first")

# Recorded defect 13: peers draw query j anew for every model. Here it is the same view for each: among all views of an
# image, which lie among the records, the one that gives query j's outputs as they are is the same whatever the model.
base = np.zeros((16, 16))
base[5:11, 5:11] = np.random.default_rng(1).integers(1, 256, (6, 6))
views = [np.roll(image, (down, right), (0, 1))
         for image in (base, base[:, ::-1]) for down in (-4, 0, 4) for right in (-4, 0, 4)]
np.save("views.npy", np.r_[x[:100], np.stack(views)].astype(np.uint8))
np.save("view_labels.npy", np.r_[y[:100], np.zeros(18, int)])
run("shadow", "plan", "queries", "--data", "views.npy", "--labels", "view_labels.npy", "--models", "4",
    "--queries", "18", "--architecture", "mlp", "--epochs", "2")
train("queries")
identities = []
for m in range(4):
    all_outputs = np.load(f"queries/models/{m:04}/outputs.npy")
    of_views = all_outputs[100:, 0]
    asked = all_outputs[104]  # the image as it is
    distance = np.abs(asked[:, None] - of_views[None]).max(2)
    identities.append(distance.argmin(1).tolist())
    assert distance.min(1).max() < 1e-4, "a query is none of the views"
assert sorted(identities[0]) == list(range(18)) and identities == [identities[0]] * 4, identities

# Fewer models leave the last ones where they are.
plan("shrunk", *FAST, models=4)
train("shrunk")
kept = outputs("shrunk")
fewer = plan("shrunk", *FAST, models=2).stdout
assert "2 finished models are kept, 0 stale, 2 left out of this plan" in fewer, fewer
plan("shrunk", *FAST, models=4)
assert "0 models trained, 4 done before" in train("shrunk").stdout and outputs("shrunk") == kept

# Options that nothing would listen to.
assert "--member-share goes with --design bernoulli" in plan("idle", *FAST, "--member-share", "0.3", expect=2).stderr
for share, learns in (("0", "no"), ("1", "every")):
    refused = plan("idle", *FAST, "--design", "bernoulli", "--member-share", share, expect=2).stderr
    assert f"--member-share {share}: expected more than 0 and less than 1" in refused, refused
    assert f"learn {learns} record" in refused, refused
for queries in (2, 18):
    refused = plan("idle", "--architecture", "gbdt", "--queries", queries, expect=2).stderr
    assert f"--queries {queries}: gbdt can be asked with records as they are alone" in refused, refused
    assert "Leave --queries out, or take a network" in refused, refused
assert not os.path.exists("idle")

# Files of one's own stay.
for name in ("labels.npy", "membership.npy"):
    os.makedirs("own", exist_ok=True)
    shutil.copy("y.npy", f"own/{name}")
    assert name in plan("own", *FAST, expect=2).stderr and os.listdir("own") == [name]
    assert open(f"own/{name}", "rb").read() == open("y.npy", "rb").read()
    os.remove(f"own/{name}")

# Outputs that are brought are those of the plan, and outputs at all.
target = np.arange(400) % 4 == 0
np.save("target.npy", target)
TARGET = [*FAST, "--target-membership", "target.npy", "--target-outputs", "brought.npy"]
brought = np.random.default_rng(2).normal(size=(400, 4))
for wrong, why in ((brought[:399], "399"), (np.where(brought > 3, np.inf, brought), "infinite"),
                   (brought.astype(int), "int64")):
    np.save("brought.npy", wrong)
    assert why in plan("brought", *TARGET, models=3, expect=2).stderr and not os.path.exists("brought")
np.save("brought.npy", brought)
plan("brought", *TARGET, models=3)
np.save("brought.npy", brought + 1)
changed = train("brought", expect=2).stderr
assert "brought.npy is not what this run was planned with: its values changed" in changed, changed
checked = run("shadow", "check", "brought", expect=1).stdout
assert "data: " in checked and "brought.npy is not what this run was planned with" in checked, checked
np.save("brought.npy", brought)
train("brought")
assert np.array_equal(np.load("brought/models/0000/outputs.npy"), brought)

# TERM while the data are read is a stop like any other: run again. A pipe in the data's place says when it is read.
plan("reading", *FAST)
os.rename("x.npy", "kept.npy")
os.mkfifo("x.npy")
program = subprocess.Popen([MIAUDIT, "shadow", "train", "reading", "--quiet"], stderr=subprocess.PIPE, text=True)
writers = []


def is_read():
    try:
        writers.append(os.open("x.npy", os.O_WRONLY | os.O_NONBLOCK))
        return True
    except OSError as error:
        assert error.errno == errno.ENXIO and program.poll() is None
        return False


until(is_read)
program.send_signal(signal.SIGTERM)
os.set_blocking(writers[0], True)
with os.fdopen(writers[0], "wb") as pipe:
    pipe.write(open("kept.npy", "rb").read())
errors = program.communicate(timeout=60)[1]
assert program.returncode == 75 and "run the same again" in errors, (program.returncode, errors)
os.remove("x.npy")
os.rename("kept.npy", "x.npy")
train("reading")
assert json.loads(run("shadow", "status", "reading", "--json").stdout)["done"] == 6
