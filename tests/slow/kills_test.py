"""Every architecture, and a command, killed 20 times at work at random moments with any number of jobs, ends with the bytes of a
whole run."""
import os
import random
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from harness import MIAUDIT, run  # noqa: E402
from shadow_runs import outputs, plan, train  # noqa: E402

random.seed(7)
KILLS = 20
NETWORK = ["--batch", "16", "--rate", "0.01"]
COMMAND = f"""/usr/bin/python3 -c '
import os, sys, time
import numpy as np
keep, out, work, seed = sys.argv[1:]
steps = work + "/steps"
while not os.path.exists(steps) or os.path.getsize(steps) < 20:
    open(steps, "a").write(".")
    time.sleep(0.01)
np.save(out, np.random.default_rng(int(seed)).normal(size=(400, 4)) + np.load(keep)[:, None])
' {{keep}} {{outputs}} {{work}} {{seed}}"""
RECIPES = {
    "logistic": ["--architecture", "logistic", "--epochs", 200, *NETWORK],
    "mlp": ["--architecture", "mlp", "--epochs", 60, *NETWORK],
    "cnn-small": ["--architecture", "cnn-small", "--epochs", 30, *NETWORK, "--queries", 18, "--output-type", "float16"],
    "cnn": ["--architecture", "cnn", "--epochs", 16, *NETWORK, "--average", 0.99, "--queries", 2],
    "resnet20": ["--architecture", "resnet20", "--epochs", 2, *NETWORK],
    "gbdt": ["--architecture", "gbdt", "--epochs", 40],
    "command": ["--command", COMMAND],
}
for name, recipe in RECIPES.items():
    plan(f"{name}-straight", *recipe, models=8)
    start = time.monotonic()
    train(f"{name}-straight", "--jobs", "1")
    length = time.monotonic() - start
    killed = f"{name}-killed"
    plan(killed, *recipe, models=8)
    kills = ends = 0
    while kills < KILLS and ends < 20 * KILLS:
        program = subprocess.Popen(
            [MIAUDIT, "shadow", "train", killed, "--quiet", "--checkpoint-every", "0.02", "--jobs",
             str(random.randint(1, 4))], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, length / 6))
        if program.poll() is None:
            kills += 1
        else:
            # There was nothing left to kill: some models are to be made again.
            ends += 1
            for model in random.sample(range(8), 4):
                shutil.rmtree(f"{killed}/models/{model:04}", ignore_errors=True)
        program.kill()
        program.wait()
    assert kills == KILLS, f"{name}: {kills} kills met it at work"
    train(killed, "--jobs", "2")
    assert outputs(killed) == outputs(f"{name}-straight"), name
    run("shadow", "gc", killed)
    assert not os.listdir(f"{killed}/attempts") and not os.listdir(f"{killed}/checkpoints"), "what the dead left"
    print(f"{name}: {KILLS} kills, {ends} ends of the whole")
