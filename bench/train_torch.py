#!/usr/bin/python3
"""A usual PyTorch loop with a DataLoader, for the cnn and the mlp of bench_train: prints samples a second of each.

bench/train_torch.py FASHION_MNIST_FOLDER      needs python3-torch; all cores, as PyTorch takes them by default
"""
import gzip
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def read(path, header):
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


folder = sys.argv[1]
x = read(folder + "/train-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)
y = read(folder + "/train-labels-idx1-ubyte.gz", 8)
x = (torch.tensor(x).float() - x.mean()) / x.std()
data = TensorDataset(x, torch.tensor(y).long())


def cnn():
    return nn.Sequential(nn.Conv2d(1, 16, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(16, 32, 5), nn.MaxPool2d(2),
                         nn.ReLU(), nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 10))


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


for name, model, samples in (("cnn", cnn(), 30000), ("mlp", mlp(), 60000)):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    done, start = 0, None
    for images, labels in DataLoader(data, batch_size=128, shuffle=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
        start = start or time.perf_counter()
        done += len(labels)
        if done >= samples:
            break
    print(name, f"{(done - 128) / (time.perf_counter() - start):.0f}", flush=True)
