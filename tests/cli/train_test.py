"""train: images and tables, the folder that it writes, kills at any moment, bad input."""
import gzip
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import time

import numpy as np

from harness import MIAUDIT, attack, audit, run

rng = np.random.default_rng(3)


def images(count, side=16, classes=4):
    """Images whose brightest band of rows tells the class."""
    labels = rng.integers(0, classes, count)
    pixels = rng.integers(0, 120, (count, side, side))
    for i, label in enumerate(labels):
        pixels[i, label * side // classes:(label + 1) * side // classes] += 60
    return pixels.astype(np.uint8), labels


x, y = images(600)
np.save("x.npy", x)
np.save("y.npy", y)
np.save("xt.npy", x[:50])
np.save("yt.npy", y[:50])
TRAIN = ["train", "--data", "x.npy", "--labels", "y.npy", "--quiet"]
FAST = [*TRAIN, "--architecture", "cnn-small", "--epochs", "4", "--batch", "32"]


def outputs(folder):
    return open(f"{folder}/outputs.npy", "rb").read()


# The folder: what it holds, for whom, and that an audit takes it.
done = run(*FAST, "--out", "m", "--test-data", "xt.npy", "--test-labels", "yt.npy")
assert "600 images of 16x16x1 (uint8), 4 classes; 300 to learn, 4 epochs of cnn-small" in done.stdout, done.stdout
assert sorted(os.listdir("m")) == ["labels.npy", "membership.npy", "model.json", "outputs.npy", "test_labels.npy",
                                   "test_outputs.npy", "weights.npz"], os.listdir("m")
assert all(os.stat(f"m/{name}").st_mode & 0o777 == 0o600 for name in os.listdir("m"))
logits, membership, model = np.load("m/outputs.npy"), np.load("m/membership.npy"), json.load(open("m/model.json"))
assert logits.shape == (600, 4) and logits.dtype == np.float32 and membership.sum() == 300
assert np.array_equal(np.load("m/labels.npy"), y)
right = logits.argmax(1) == y
assert model["figures"]["members"] == {"count": 300, "right": int(right[membership == 1].sum())}
assert model["figures"]["nonmembers"] == {"count": 300, "right": int(right[membership == 0].sum())}
assert len(model["figures"]["history"]) == 4 and model["engine"].startswith("oneDNN ")
assert np.allclose(np.load("m/test_outputs.npy"), logits[:50], atol=1e-4)
assert abs(model["data"]["mean"][0] - x.mean()) < 1e-3 and abs(model["data"]["scale"][0] * x.std() - 1) < 1e-5
result = audit("--outputs", "m/outputs.npy", "--labels", "m/labels.npy", "--membership", "m/membership.npy")
assert attack(result, "loss")["estimates"]["auc"]["value"] > 0

# Run again, nothing is done; changed, it is trained again, and both are said; a broken file is noticed.
before = outputs("m"), os.stat("m/model.json").st_mtime_ns
again = run(*FAST, "--out", "m", "--test-data", "xt.npy", "--test-labels", "yt.npy")
assert "nothing to do" in again.stdout and before == (outputs("m"), os.stat("m/model.json").st_mtime_ns)
changed = run(*FAST, "--out", "m", "--rate", "0.02")
assert "Training again" in changed.stderr and outputs("m") != before[0]
assert "test_outputs.npy" not in os.listdir("m"), "nothing of the earlier model is left"
whole = run(*FAST, "--out", "m")
np.save("m/outputs.npy", np.zeros(3))
mended = run(*FAST, "--out", "m")
assert "outputs.npy is not what was written" in mended.stderr, mended.stderr
run(*FAST, "--out", "other", "--threads", "1")
assert outputs("m") == outputs("other")
assert json.load(open("m/model.json")) == json.load(open("other/model.json"))

# Members as given, by count, by share; queries; a seed of its own.
chosen = np.arange(600) % 3 == 0
np.save("in.npy", chosen)
run(*FAST, "--out", "given", "--membership", "in.npy", "--queries", "18")
assert np.array_equal(np.load("given/membership.npy"), chosen) and np.load("given/outputs.npy").shape == (600, 18, 4)
run(*FAST, "--out", "few", "--member-count", "100", "--queries", "2", "--seed", "9")
assert np.load("few/membership.npy").sum() == 100 and np.load("few/outputs.npy").shape == (600, 2, 4)
everyone = run(*FAST, "--out", "all", "--member-share", "1")
assert np.load("all/membership.npy").all() and "non-members" not in everyone.stdout

# Layouts and kinds of files give the same model.
np.save("hwc.npy", x[..., None])
with gzip.open("x.idx.gz", "wb") as file:
    file.write(bytes([0, 0, 8, 3]) + b"".join(int(n).to_bytes(4, "big") for n in x.shape) + x.tobytes())
np.save("flat.npy", x.reshape(600, -1))
np.savez("both.npz", x=x, y=y)
for name, more in (("hwc.npy", []), ("x.idx.gz", []), ("flat.npy", ["--image-shape", "16x16"]), ("both.npz:x", [])):
    shutil.rmtree("kind", ignore_errors=True)
    run("train", "--data", name, "--labels", "y.npy", "--quiet", *FAST[6:], *more, "--out", "kind")
    assert outputs("kind") == outputs("m"), name

# Every architecture and optimizer.
for more in (["--architecture", "cnn"], ["--architecture", "mlp", "--widths", "32,16", "--optimizer", "adam", "--rate",
             "0.001"], ["--architecture", "logistic", "--schedule", "steps", "--nesterov"],
             ["--architecture", "resnet20", "--average", "0.9", "--mirror", "--shift", "1", "--epochs", "1"],
             ["--architecture", "gbdt", "--max-depth", "3"], ["--preset", "tables"]):
    run(*TRAIN, "--epochs", "2", *more, "--out", "kinds") if "--epochs" not in more else run(*TRAIN, *more, "--out", "kinds")

# A table with categories; its encoding is kept, and further rows follow it.
jobs = np.array(["cook", "nurse", "pilot"])
job, age = rng.integers(0, 3, 400), rng.integers(18, 80, 400)
ill = (age + 15 * job + rng.normal(0, 10, 400) > 60).astype(int)
rows = [f"{a},{jobs[j]},{['no', 'yes'][i]}" for a, j, i in zip(age, job, ill)]
open("t.csv", "w").write("age,job,ill\n" + "\n".join(rows) + "\n")
open("more.csv", "w").write("ill,job,age\nno,cook,20\nyes,dancer,70\n")
for architecture in ("mlp", "gbdt"):
    done = run("train", "--data", "t.csv", "--label-column", "ill", "--architecture", architecture, "--epochs", "20",
               "--test-data", "more.csv", "--out", f"table-{architecture}", "--quiet")
    assert "400 rows of 2 columns (1 numeric, 1 categorical), encoded as 4 features, 2 classes" in done.stdout, done.stdout
    assert "1 cell holds a category" in done.stderr, done.stderr
    encoding = json.load(open(f"table-{architecture}/model.json"))["data"]["encoding"]
    assert encoding["columns"][1]["categories"] == ["cook", "nurse", "pilot"] and encoding["classes"] == ["no", "yes"]
    accuracy = (np.load(f"table-{architecture}/outputs.npy").argmax(1) == ill).mean()
    assert accuracy > 0.8, (architecture, accuracy)

# A header is never learnt as a record, and a slip among numbers never makes them categories.
def table(lines):
    with open("slip.csv", "w") as file:
        file.write("\n".join(lines) + "\n")
    return ["train", "--data", "slip.csv", "--architecture", "logistic", "--epochs", "1", "--out", "slip"]

texts = [f"{job},{town},{ill}" for job in ("cook", "nurse") for town in ("Ulm", "Bonn") for ill in ("yes", "no")] * 8
run(*table(["job,town,ill", *texts]), "--label-column", "ill")
assert json.load(open("slip/model.json"))["data"]["encoding"]["classes"] == ["no", "yes"]
shutil.rmtree("slip")
# A name of each row, and a quantity as the class, are slips that one may not see otherwise.
odd = run(*table(["name,age,ill", *(f"n{i},{20 + i % 50},{i % 2}" for i in range(60))]), "--label-column", "ill").stderr
assert "column name has 60 different values in 60 rows, each a feature" in odd and "--ignore-columns" in odd, odd
odd = run(*table(["age,income", *(f"{20 + i % 50},{1000.5 + i}" for i in range(60))]), "--label-column", "income").stderr
assert "the label column income has 60 different values in 60 rows, each a class" in odd, odd
run(*table([",age,ill", *(f"{i},{20 + i % 50},{i % 2}" for i in range(60))]), "--label-column", "ill",
    "--ignore-columns", "column0")
shutil.rmtree("slip")
ages = [f"{20 + i % 50},{i % 2}" for i in range(60)]
for slip in ("inf", "3O", "1e400"):
    said = run(*table(["age,ill", *ages, f"{slip},1"]), "--label-column", "ill", expect=2).stderr
    assert "age" in said and slip in said and "row 60" in said, said
said = run(*table(["time,ill", *(f"{1700000000 + i},{i % 2}" for i in range(60))]), "--label-column", "ill",
           expect=2).stderr
assert "subtract a constant" in said, said

# Killed at any moment and started again, it ends with the same bytes.
ENDLESS = [*TRAIN, "--architecture", "cnn", "--batch", "16", "--mirror", "--average", "0.99", "--epochs"]
LONG = [*ENDLESS, "600"]
run(*LONG, "--out", "uninterrupted")
random.seed(1)


def checkpoint_time():
    try:
        return os.stat("killed/checkpoint.npz").st_mtime_ns
    except FileNotFoundError:
        return None


kills = 0
while kills < 10:
    before = checkpoint_time()
    program = subprocess.Popen([MIAUDIT, *LONG, "--out", "killed", "--checkpoint-every", "0.02"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # Not before it got further: then a moment at random.
    while checkpoint_time() in (None, before) and program.poll() is None:
        time.sleep(0.002)
    time.sleep(random.uniform(0, 0.05))
    if program.poll() is not None:
        program.communicate()
        break
    program.kill()
    program.communicate()
    kills += 1
assert kills >= 3, kills
finished = run(*[word for word in LONG if word != "--quiet"], "--out", "killed", "--checkpoint-every", "0.02")
assert any(words in finished.stderr + finished.stdout for words in ("went on", "was done", "nothing to do")), finished
assert outputs("killed") == outputs("uninterrupted"), "other bytes after kills"
assert not [name for name in os.listdir("killed") if name.startswith(".") or "checkpoint" in name], os.listdir("killed")

# Ctrl-C keeps a checkpoint, and says so.
program = subprocess.Popen([MIAUDIT, *ENDLESS, "20000", "--out", "stopped"], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
while not os.path.isdir("stopped"):
    assert program.poll() is None, program.communicate()
    time.sleep(0.01)
time.sleep(0.3)
program.send_signal(signal.SIGINT)
errors = program.communicate(timeout=60)[1]
assert program.returncode == 75 and "stopped/checkpoint.npz" in errors and "Run the same again" in errors, errors
assert os.listdir("stopped") == ["checkpoint.npz"]
with np.load("stopped/checkpoint.npz") as checkpoint:
    assert checkpoint["weights/layer0.weight"].shape == (16, 1, 5, 5) and checkpoint["position"][0] >= 0

# Memory: one copy of the data and the model.
np.save("large.npy", np.tile(x, (100, 2, 2))[:60000, :28, :28])
np.save("large_y.npy", np.tile(y, 100))
program = subprocess.Popen([MIAUDIT, "train", "--data", "large.npy", "--labels", "large_y.npy", "--architecture", "cnn",
                            "--epochs", "1", "--member-count", "2000", "--out", "large", "--quiet"],
                           stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(program.pid, 0)
assert status == 0 and usage.ru_maxrss < 150_000, f"{usage.ru_maxrss} KB"
run("shadow", "plan", "two", "--data", "large.npy", "--labels", "large_y.npy", "--architecture", "cnn", "--epochs", "1",
    "--models", "2", "--population-share", "0.9")
program = subprocess.Popen([MIAUDIT, "shadow", "train", "two", "--jobs", "2", "--quiet"], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(program.pid, 0)
assert status == 0 and usage.ru_maxrss < 150_000, f"{usage.ru_maxrss} KB of two models"


def refused(*arguments, because, code=2):
    done = run(*arguments, "--out", "refused", expect=code)
    assert because in done.stderr, (because, done.stderr)
    assert not os.path.exists("refused") or os.listdir("refused") == [], os.listdir("refused")


# Bad input.
np.save("y9.npy", np.where(y == 3, 9, y))
np.save("y1.npy", np.zeros(600, int))
np.save("tiny.npy", x[:, :8, :8])
bad = x.astype(np.float32)
bad[17, 3, 3] = np.nan
np.save("nan.npy", bad)
DATA = ["train", "--data", "x.npy", "--quiet"]
refused(*DATA, because="--labels")
refused(*DATA, "--labels", "y9.npy", "--classes", "4", because="label 9, but there are 4 classes; labels must be 0 to 3")
refused(*DATA, "--labels", "y1.npy", because="all 600 records have class 0")
refused("train", "--data", "tiny.npy", "--labels", "y.npy", because="the smallest are 16x16")
refused("train", "--data", "nan.npy", "--labels", "y.npy", because="1 value that is NaN or infinite, the first in row 17")
refused("train", "--data", "t.csv", "--label-column", "sick", because="no column 'sick'")
refused("train", "--data", "t.csv", "--label-column", "ill", "--queries", "2", because="rows of a table")
refused(*TRAIN, "--architecture", "gbdt", "--momentum", "0.5", because="--momentum has no meaning for gbdt")
refused(*TRAIN, "--optimizer", "adam", "--nesterov", because="--nesterov is for --optimizer sgd")
refused(*TRAIN, "--widths", "64", because="use mlp")
refused(*TRAIN, "--rate", "0", because="--rate 0: expected above 0 and at most 1 000")
refused(*TRAIN, "--member-count", "601", because="hold only 600 records")
for share in ("0", "nan"):
    refused(*TRAIN, "--member-share", share, because=f"--member-share {share}: expected above 0")
refused(*TRAIN, "--member-share", "0.001", because="the members (1 record) are not of two classes")
refused(*TRAIN, "--architecture", "mlp", "--widths", "65536,65536", because="weights here; the most is")
for seed in ("-1", "99999999999999999999", "1.5"):
    refused(*TRAIN, "--seed", seed, because=f"found '{seed}'; expected a whole number")
open("twice.csv", "w").write("a,a,c\n1,2,x\n3,4,y\n")
refused("train", "--data", "twice.csv", "--label-column", "c", because="two columns named 'a'")
refused(*TRAIN, "--test-data", "xt.npy", because="comes without classes")
refused(*TRAIN, "--image-shape", "4x4", because="flat rows")
refused(*TRAIN, "--label-column", "ill", because="--label-column")
done = run(*TRAIN, "--architecture", "mlp", "--rate", "500", "--epochs", "50", "--out", "diverged", expect=1)
assert "diverged" in done.stderr and "at step" in done.stderr and "lower --rate (500)" in done.stderr, done.stderr
os.makedirs("mine", exist_ok=True)
np.save("mine/outputs.npy", x)
assert "which no training wrote" in run(*FAST, "--out", "mine", expect=2).stderr
assert os.listdir("mine") == ["outputs.npy"]


def small_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))


full = run(*LONG, "--out", "full", "--checkpoint-every", "0.01", expect=1, preexec_fn=small_files)
assert "cannot write full/checkpoint.npz" in full.stderr, full.stderr
assert os.listdir("full") == [], os.listdir("full")
