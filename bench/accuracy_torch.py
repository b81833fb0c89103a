#!/usr/bin/python3
"""Test accuracy of the cnn on Fashion-MNIST by miaudit and by PyTorch, the same recipe, several seeds each.

bench/accuracy_torch.py [SEEDS] [EPOCHS]      after a build of the release preset; needs python3-torch; minutes
"""
import gzip
import json
import math
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from torch import nn

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = "/usr/share/datasets/fashion-mnist/"
SEEDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
EPOCHS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
BATCH, RATE, MOMENTUM = 128, 0.05, 0.9


def read(part):
    with gzip.open(f"{DATA}{part}-images-idx3-ubyte.gz") as images, gzip.open(f"{DATA}{part}-labels-idx1-ubyte.gz") as labels:
        x = np.frombuffer(images.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
        return torch.tensor(x).float(), torch.tensor(np.frombuffer(labels.read(), np.uint8, offset=8)).long()


def with_torch(seed):
    torch.manual_seed(seed)
    x, y = read("train")
    tx, ty = read("t10k")
    mean, deviation = x.mean(), x.std()
    x, tx = (x - mean) / deviation, (tx - mean) / deviation
    model = nn.Sequential(nn.Conv2d(1, 16, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(16, 32, 5), nn.MaxPool2d(2),
                          nn.ReLU(), nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    steps, step = EPOCHS * math.ceil(len(x) / BATCH), 0
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(BATCH):
            optimizer.param_groups[0]["lr"] = RATE * math.cos(math.pi / 2 * step / steps)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
            step += 1
    with torch.no_grad():
        return (model(tx).argmax(1) == ty).float().mean().item()


def with_miaudit(seed):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([f"{ROOT}/build/release/miaudit", "train", "--data", f"{DATA}train-images-idx3-ubyte.gz", "--labels",
                        f"{DATA}train-labels-idx1-ubyte.gz", "--test-data", f"{DATA}t10k-images-idx3-ubyte.gz",
                        "--test-labels", f"{DATA}t10k-labels-idx1-ubyte.gz", "--architecture", "cnn", "--epochs", str(EPOCHS),
                        "--batch", str(BATCH), "--rate", str(RATE), "--momentum", str(MOMENTUM), "--member-share", "1",
                        "--seed", str(seed), "--out", f"{folder}/model", "--quiet"], check=True, stdout=subprocess.DEVNULL)
        test = json.load(open(f"{folder}/model/model.json"))["figures"]["test"]
        return test["right"] / test["count"]


for name, train in (("miaudit", with_miaudit), ("PyTorch", with_torch)):
    found = [100 * train(seed) for seed in range(SEEDS)]
    print(f"{name}: {', '.join(f'{value:.2f}' for value in found)} %; mean {np.mean(found):.2f}, deviation "
          f"{np.std(found, ddof=1):.2f}", flush=True)
