"""An array of shadow models on a cluster: a node that crashes, an element that is killed, and the bytes of a serial run."""
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

from cluster import Cluster

MIAUDIT = os.environ["MIAUDIT"]
SKIPPED = 77
if os.geteuid() != 0 or not all(shutil.which(name) for name in ("slurmctld", "slurmd", "munged", "sbatch")):
    print("skipped: it needs root and Debian's slurm-wlm and munge")
    sys.exit(SKIPPED)
# The batch script finds the program as a user's would.
os.environ["PATH"] = os.path.dirname(MIAUDIT) + ":" + os.environ["PATH"]
MODELS = 6


def miaudit(*arguments):
    return subprocess.run([MIAUDIT, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def outputs(run):
    return {path.split("/")[-2]: open(path, "rb").read() for path in glob.glob(f"{run}/models/*/outputs.npy")}


def trainers():
    found = {}
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/cmdline", encoding="utf-8") as file:
                words = file.read().split("\0")
            if words[0].endswith("miaudit") and os.path.abspath("cluster") in words:
                found[int(process)] = int(words[words.index("--index") + 1])
        except (OSError, UnicodeDecodeError):
            pass
    return found


rng = np.random.default_rng(5)
np.save("y.npy", rng.integers(0, 4, 600))
np.save("x.npy", rng.integers(0, 256, (600, 16, 16)).astype(np.uint8))
for run in ("serial", "cluster"):
    miaudit("shadow", "plan", run, "--data", "x.npy", "--labels", "y.npy", "--models", MODELS, "--architecture", "cnn",
            "--epochs", "1000", "--batch", "32", "--mirror", "--average", "0.99")

# Sockets want short names, and munge's own user a way in.
with tempfile.TemporaryDirectory(prefix="miaudit-slurm-", dir="/tmp") as folder, Cluster(folder, 2) as cluster:
    script = miaudit("shadow", "emit", "slurm", "cluster", "--time", "5m", "--memory", "500M")
    script = script.replace("--jobs 1", "--jobs 1 --checkpoint-every 0.5")
    with open("train.sbatch", "w", encoding="ascii") as file:
        file.write(script)
    cluster.run("sbatch", "--output=element.%a.log", "train.sbatch")
    cluster.wait(lambda: len(trainers()) == 2 and glob.glob("cluster/checkpoints/*.npz"), "two models in the works")

    assert cluster.crash_node("n2") > 0, "nothing ran on the node that crashed"
    cluster.wait(lambda: len(trainers()) == 1, "the other node to go on")
    victim, index = next(iter(trainers().items()))
    os.kill(victim, signal.SIGKILL)
    # A killed element has failed for Slurm, which does not queue it again; a crashed node's are queued again.
    cluster.wait(lambda: "down" in cluster.run("sinfo", "-h", "-N", "-n", "n2", "-o", "%T"), "the crash to be noticed")
    cluster.start_node("n2")
    cluster.wait(lambda: "idle" in cluster.run("sinfo", "-h", "-N", "-n", "n2", "-o", "%T"), "the node to come back")
    # What the controller still has to tell the node of its lost job would hit the next one of the same number.
    time.sleep(4)

    def is_over():
        cluster.hurry()
        return cluster.run("squeue", "-h").strip() == ""

    cluster.wait(is_over, "the array to end", 600)
    missing = miaudit("shadow", "status", "cluster", "--missing", "--format", "slurm").strip()
    assert missing == str(index), (missing, index)
    cluster.run("sbatch", f"--array={missing}", "--output=element.%a.log", "train.sbatch")
    cluster.wait(is_over, "the element to end", 300)

    # An audit: its signals, and after a fit its scores, by the same script.
    with open("audit.sbatch", "w", encoding="ascii") as file:
        file.write(miaudit("shadow", "emit", "slurm", "cluster", "--verb", "audit", "--shards", 3, "--time", "5m", "--memory", "500M"))
    attacks = ["--attacks", "lira,rmia,bavaria_n,base"]
    for what in ("signals", "scores"):
        cluster.run("sbatch", f"--output={what}.%a.log", "audit.sbatch")
        cluster.wait(is_over, f"the {what}", 300)
        for element in (1, 2, 3):
            with open(f"{what}.{element}.log", encoding="utf-8") as file:
                assert f"{what} of 200 records" in file.read(), (what, element)
        if what == "signals":
            miaudit("audit", "cluster", "--fit", *attacks)
    assert miaudit("audit", "cluster", "--merge", "--json", *attacks) == miaudit("audit", "cluster", "--json", *attacks)

assert miaudit("shadow", "status", "cluster", "--missing") == ""
miaudit("shadow", "check", "cluster")
miaudit("shadow", "train", "serial", "--jobs", "1", "--quiet")
assert outputs("cluster") == outputs("serial") and len(outputs("serial")) == MODELS
print("the same bytes")
