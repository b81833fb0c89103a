"""Every architecture, killed 20 times at random moments with any number of jobs, ends with the bytes of a whole run."""
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from harness import MIAUDIT, run  # noqa: E402
from shadow_runs import outputs, plan, train  # noqa: E402

random.seed(7)
EPOCHS = {"logistic": 200, "mlp": 60, "cnn-small": 30, "cnn": 16, "resnet20": 2, "gbdt": 40}
for architecture, epochs in EPOCHS.items():
    recipe = ["--architecture", architecture, "--epochs", epochs]
    recipe += [] if architecture == "gbdt" else ["--batch", "16", "--rate", "0.01"]
    plan(f"{architecture}-straight", *recipe, models=8)
    start = time.monotonic()
    train(f"{architecture}-straight", "--jobs", "1")
    length = time.monotonic() - start
    killed = f"{architecture}-killed"
    plan(killed, *recipe, models=8)
    interrupted = 0
    for _ in range(20):
        program = subprocess.Popen(
            [MIAUDIT, "shadow", "train", killed, "--quiet", "--checkpoint-every", "0.02", "--jobs",
             str(random.randint(1, 4))], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, length / 6))
        interrupted += program.poll() is None
        program.kill()
        program.wait()
    train(killed, "--jobs", "2")
    assert outputs(killed) == outputs(f"{architecture}-straight"), architecture
    run("shadow", "gc", killed)
    assert not os.listdir(f"{killed}/attempts") and not os.listdir(f"{killed}/checkpoints"), "what the dead left"
    print(f"{architecture}: {interrupted} of 20 kills came before the end")
