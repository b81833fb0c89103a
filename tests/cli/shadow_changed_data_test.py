"""shadow: data files that change, or are cut short, while models are made of them."""
import os
import shutil
import signal
import subprocess

import numpy as np

from harness import MIAUDIT, run
from shadow_runs import outputs, plan, train, until


def start(verb, *more):
    return subprocess.Popen([MIAUDIT, *verb, "--quiet", *map(str, more)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def overwrite():
    """Other values in the same bytes of the disk, and the time of the last write set back."""
    before = os.stat("x.npy")
    with open("x.npy", "r+b") as file:
        file.seek(128)
        file.write(b"\x55" * 50_000)
    os.utime("x.npy", ns=(before.st_atime_ns, before.st_mtime_ns))


def cut():
    os.truncate("x.npy", 200)


def remove():
    os.remove("x.npy")


def restore():
    shutil.copyfile("kept.npy", "x.npy")


shutil.copyfile("x.npy", "kept.npy")
REFUSED = {overwrite: "values changed. Put the file back", cut: "x.npy is cut short",
           remove: "x.npy is not there, and this run was planned with it"}

# What trains here trains on what it read, whatever becomes of the file. (Mapped, a file that is cut ends the process.)
RECIPE = ["--architecture", "cnn", "--epochs", "150", "--batch", "16"]  # long enough to be met at work
plan("straight", *RECIPE, models=2)
train("straight")
run("train", "--data", "x.npy", "--labels", "y.npy", *RECIPE, "--out", "one-straight")
for number, change in enumerate((overwrite, cut)):
    folder = f"read-{number}"
    plan(folder, *RECIPE, models=2)
    program = start(["shadow", "train"], folder, "--jobs", "1", "--checkpoint-every", "0.02")
    until(lambda: os.listdir(f"{folder}/checkpoints"))
    change()
    said = program.communicate(timeout=100)
    assert program.returncode == 0 and "2 models trained" in said[0], (program.returncode, said)
    assert outputs(folder) == outputs("straight"), change
    shutil.rmtree(folder + "/models/0001")
    assert "x.npy" in train(folder, expect=2).stderr
    restore()
    out = f"one-{number}"
    program = start(["train", "--data", "x.npy", "--labels", "y.npy", *RECIPE], "--out", out, "--checkpoint-every", "0.02")
    until(lambda: os.path.exists(f"{out}/checkpoint.npz"))
    change()
    said = program.communicate(timeout=100)
    assert program.returncode == 0, (program.returncode, said)
    assert open(f"{out}/outputs.npy", "rb").read() == open("one-straight/outputs.npy", "rb").read()
    restore()

# A command reads the files when it likes: what it makes of others is neither published nor gone on with.
open("write.py", "w").write("import sys\nimport numpy as np\nnp.save(sys.argv[1], np.ones((400, 4)))\n")
COMMAND = (": {keep}; echo > {work}/begun; while [ ! -e release ]; do sleep 0.05; done; [ ! -e fails ] || exit 3; "
           "/usr/bin/python3 write.py {outputs}")


def begin(folder):
    plan(folder, "--command", COMMAND, models=2)
    program = start(["shadow", "train"], folder, "--jobs", "2")
    until(lambda: sum(os.path.exists(entry.path + "/begun") for entry in os.scandir(f"{folder}/checkpoints")) == 2)
    return program


for number, change in enumerate((overwrite, cut, remove)):
    for ends in ("well", "badly", "stopped"):
        folder = f"own-{number}-{ends}"
        program = begin(folder)
        change()
        if ends == "badly":
            open("fails", "w").close()
        if ends == "stopped":
            program.send_signal(signal.SIGTERM)
        open("release", "w").close()
        said = program.communicate(timeout=60)
        # Where a machine is cleared, its mounts may go first: the job is one that was stopped.
        is_cleared = change is remove and ends == "stopped"
        assert program.returncode == (75 if is_cleared else 2), (program.returncode, said)
        assert is_cleared or REFUSED[change] in said[1], said
        assert not outputs(folder) and not os.listdir(f"{folder}/failed"), "of data that changed"
        # What may not be read for now need not have changed.
        left = os.listdir(f"{folder}/checkpoints")
        assert len(left) == (2 if change is remove else 0) and ("is removed" in said[1]) == (change is not remove), said
        for left in ("release", "fails"):
            if os.path.exists(left):
                os.remove(left)
        restore()

# Written anew with what it held, it is what was planned with.
program = begin("rewritten")
np.save("x.npy", np.load("x.npy"))
open("release", "w").close()
said = program.communicate(timeout=60)
assert program.returncode == 0 and "2 models trained" in said[0], said

# It also sees what the records, which are float32, do not hold.
wide = np.load("kept.npy").astype(np.float64)
for architecture, expect in ((["--command", f": {{keep}}; /usr/bin/python3 {os.getcwd()}/write.py {{outputs}}"], 2),
                             (["--architecture", "cnn-small", "--epochs", "1"], 0)):
    np.save("wide.npy", wide)
    folder = f"wide-{expect}"
    run("shadow", "plan", folder, "--data", "wide.npy", "--labels", "y.npy", "--models", 2, *architecture)
    train(folder, "--index", "0")
    nearly = wide.copy()
    nearly[7, 7, 7] += 1e-10
    np.save("wide.npy", nearly)
    said = train(folder, expect=expect).stderr
    assert expect == 0 or "its bytes changed, and the command reads the file itself" in said, said
    assert (expect == 0) == ("2 of 2 models done" in run("shadow", "check", folder, expect=1 if expect else 0).stdout)
