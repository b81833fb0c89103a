#!/usr/bin/python3
"""What shadow models cost: bench/shadow.py [MODELS] (64) of `cnn`, each on 10 000 images of Fashion-MNIST for 20 epochs, in
one command, both cores; the share of the time that is neither training nor asking; and, where python3-torch is there, what a
usual PyTorch loop with a DataLoader would take for the same, extrapolated from a part.
"""
import glob
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MIAUDIT = os.path.join(ROOT, "build", "release", "miaudit")
DATA = "/usr/share/datasets/fashion-mnist"
MODELS = int(sys.argv[1]) if len(sys.argv) > 1 else 64
MEMBERS, EPOCHS, JOBS = 10_000, 20, 2

with tempfile.TemporaryDirectory() as folder:
    run = os.path.join(folder, "run")
    # A third of the images is audited: each pair of models splits 20 000.
    subprocess.run([MIAUDIT, "shadow", "plan", run, "--data", f"{DATA}/train-images-idx3-ubyte.gz", "--labels",
                    f"{DATA}/train-labels-idx1-ubyte.gz", "--models", str(MODELS), "--architecture", "cnn", "--epochs",
                    str(EPOCHS), "--population-share", str(2 / 3)], check=True, stdout=subprocess.DEVNULL)
    start = time.perf_counter()
    subprocess.run([MIAUDIT, "shadow", "train", run, "--jobs", str(JOBS), "--quiet"], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    done = [json.load(open(path, encoding="utf-8")) for path in glob.glob(f"{run}/models/*/done.json")]
    members = sum(model["figures"]["members"]["count"] for model in done)
    training = sum(model["training_seconds"] for model in done)
    asking = sum(model["asking_seconds"] for model in done)
    print(f"{MODELS} models × {members / len(done):.0f} records × {EPOCHS} epochs of cnn: {seconds:.0f} s on {JOBS} cores, "
          f"{members * EPOCHS / seconds:.0f} records a second, {memory:.0f} MB resident")
    print(f"training {100 * training / JOBS / seconds:.1f} %, asking all 60 000 records {100 * asking / JOBS / seconds:.1f} %, "
          f"the rest {100 * (1 - (training + asking) / JOBS / seconds):.1f} %")
torch = subprocess.run([sys.executable, os.path.join(ROOT, "bench", "train_torch.py"), DATA], capture_output=True, text=True)
if torch.returncode == 0:
    rate = float(torch.stdout.split()[1])
    print(f"a usual PyTorch loop, {rate:.0f} records a second on all cores, would take {members * EPOCHS / rate / 60:.0f} minutes "
          "(extrapolated from 30 000 records)")
