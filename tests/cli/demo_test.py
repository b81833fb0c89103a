"""The demo, stopped at any moment, leaves whole files only; run again it goes on and ends with a report."""
import glob
import json
import os
import shutil
import signal
import subprocess
import time

import numpy as np

from harness import MIAUDIT, run

RECORDS = 60000  # of Fashion-MNIST's training part, members or not
MODELS = 17  # the target and its shadow models


def stopped(delay, how):
    """Runs the demo for `delay` seconds; its exit code and what it said on stderr."""
    program = subprocess.Popen([MIAUDIT, "demo", "--out", "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    time.sleep(delay)
    program.send_signal(how)
    said = program.communicate(timeout=200)[1]
    return program.returncode, said


def check_files(may_have_drafts):
    for at, _, names in os.walk("demo"):
        for name in names:
            path = os.path.join(at, name)
            if name.startswith(".miaudit-") or "unfinished" in at:
                assert may_have_drafts, f"left behind: {path}"
            elif name.endswith(".npz"):
                assert dict(np.load(path)), path  # reading checks every array's sum
            elif name.endswith(".npy"):
                shape = np.load(path).shape
                rows = 10000 if name.startswith("test_") else RECORDS
                assert shape[0] == rows or shape == (MODELS, RECORDS), path
            else:
                assert name in ("model.json", "run.json", "done.json", "attempt.json", "result.json",
                                "records.csv"), f"left behind: {path}"


# In training: a checkpoint is kept, from which the next run goes on.
code, wait = None, 0.05
while code != 75:  # ever later, until the training is met
    code, stderr = stopped(wait, signal.SIGINT)
    # -2: stopped before the program could listen; 130: before the training began.
    assert code in (75, 130, -2), (code, stderr)
    assert ("Run the same again" in stderr) == (code == 75), (code, stderr)
    assert os.path.exists("demo/model/checkpoint.npz") or code != 75
    check_files(may_have_drafts=False)
    wait *= 3
    assert wait < 600, (code, stderr)
stopped(1, signal.SIGKILL)
check_files(may_have_drafts=True)

# Another's arrays of the same names, or anything else, are left alone.
os.makedirs("mine")
for name in ("outputs", "labels", "membership"):
    np.save(f"mine/{name}.npy", np.arange(60))
before = {path: open(path, "rb").read() for path in glob.glob("mine/*")}
for name in ("outputs.npy", "labels.npy", "membership.npy"):
    assert "which no demo wrote" in run("demo", "--out", "mine", expect=2).stderr
    assert before == {path: open(path, "rb").read() for path in glob.glob("mine/*")}
    os.remove(f"mine/{name}")
    del before[f"mine/{name}"]
os.makedirs("demo/report", exist_ok=True)
for stranger in ("demo/thesis.tex", "demo/report/thesis.tex", "demo/model/thesis.tex"):
    open(stranger, "w").write("x")
    assert "thesis.tex" in run("demo", "--out", "demo", expect=2).stderr
    assert open(stranger).read() == "x"
    os.remove(stranger)
assert "file" in run("demo", "--out", __file__, expect=2).stderr

done = run("demo", "--out", "demo")
assert "Training went on from epoch" in done.stderr, done.stderr
assert "The model gives members away" in done.stdout, done.stdout
assert "Most exposed: " in done.stdout and "records are found at 0.1% FPR by stacked" in " ".join(done.stdout.split()), done.stdout
check_files(may_have_drafts=False)
assert not os.path.exists("demo/model/checkpoint.npz")
assert np.load("demo/model/membership.npy").sum() == 5000

# The printed commands are what was done: they find the same models and give the same report.
train, plan, shadow, audit = (part.split("\n\n")[0].replace("\\\n", " ").split()
                              for part in done.stdout.split("$ miaudit ")[1:])
assert train[0] == "train" and plan[:2] == ["shadow", "plan"] and shadow[:2] == ["shadow", "train"], done.stdout
report = open("demo/report/result.json").read()
assert "nothing to do" in run(*train).stdout
assert f"{MODELS} finished models are kept" in run(*plan).stdout
assert f"{MODELS} done before" in run(*shadow).stdout
run(*audit)
result = json.loads(report)
assert result["subject"]["references"] == MODELS - 1 and result["subject"]["references_out"] == 8
assert report == open("demo/report/result.json").read()
assert all(len(line) <= 80 for line in done.stdout.split("$ miaudit audit")[1].split("\n\n", 1)[1].splitlines())

# Among shadow models: what is finished stays, and the next run goes on.
shutil.rmtree("demo/run")
code, stderr = stopped(6, signal.SIGINT)
assert code == 75, (code, stderr)
check_files(may_have_drafts=False)
run(*plan), run(*shadow)
run(*audit)
assert report == open("demo/report/result.json").read()

# In the audit: the report that was there stays, or a new one is whole.
for wait in (0.3, 0.6, 1):
    code, stderr = stopped(wait, signal.SIGINT)
    assert code in (0, 130, -2), (code, stderr)
    check_files(may_have_drafts=False)
    assert report == open("demo/report/result.json").read()
