#!/usr/bin/env python3
"""Rebuilds a network that `miaudit train` wrote in plain NumPy, and compares its logits with outputs.npy.

usage: rebuild_network.py MODEL DATA [RECORDS]

MODEL is the folder that --out named, DATA the file that --data named (.npy, .npz:key, .idx.gz or .csv). The first
RECORDS (64) records are run. Prints the largest difference; exit code 1 where it exceeds a thousandth of the largest
logit. A model of --precision bf16 rounds more coarsely than that.
"""
import csv
import gzip
import json
import sys
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

TOLERANCE = 1e-3     # of the largest logit
NORM_EPSILON = 1e-5  # added to the variance of a batch norm


def read_idx(path):
    types = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        _, _, code, axes = file.read(4)
        shape = np.frombuffer(file.read(4 * axes), ">i4")
        return np.frombuffer(file.read(), types[code]).reshape(shape)


def read_table(path, data):
    """Rows of a .csv, encoded as model.json says: numbers as they are, categories as one 0/1 feature each."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = [[cell.strip(" ") for cell in row] for row in csv.reader(file) if row]
    rows = rows[len(rows) - data["records"]:]  # without the header, where there is one
    features = []
    for column in data["encoding"]["columns"]:
        cells = [row[column["column"]] for row in rows]
        if "categories" in column:
            features += [[cell == category for cell in cells] for category in column["categories"]]
        else:
            features.append([float(cell) for cell in cells])
    return np.array(features, np.float64).T


def read_records(path, data, count):
    """The first `count` records as a network gets them: [records][channels][height][width], scaled."""
    if "encoding" in data:
        values = read_table(path, data)
    elif ".npz" in path:
        archive, _, key = path.partition(":")
        arrays = np.load(archive)
        values = arrays[key or arrays.files[0]]
    else:
        values = np.load(path, mmap_mode="r") if path.endswith(".npy") else read_idx(path)
    values = np.asarray(values[:count], np.float64)
    channels, height, width = data["shape"]
    if data["layout"] == "hwc":
        values = values.reshape(-1, height, width, channels).transpose(0, 3, 1, 2)
    else:
        values = values.reshape(-1, channels, height, width)
    of_channel = (1, channels, 1, 1)
    return (values - np.reshape(data["mean"], of_channel)) * np.reshape(data["scale"], of_channel)


def windows(x, kernel, stride):
    """[records][channels][down][across][kernel][kernel]"""
    return sliding_window_view(x, (kernel, kernel), (2, 3))[:, :, ::stride, ::stride]


def convolution(x, layer, own):
    pad = layer["padding"]
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    x = np.tensordot(windows(x, layer["kernel"], layer["stride"]), own["weight"], ([1, 4, 5], [1, 2, 3]))
    return (x + own.get("bias", 0)).transpose(0, 3, 1, 2)


def dense(x, layer, own):
    return (x.reshape(len(x), -1) @ own["weight"].T + own["bias"])[:, :, None, None]


def max_pool(x, layer, own):
    return windows(x, layer["kernel"], layer["stride"]).max((4, 5)) if layer["kernel"] else x.max((2, 3), keepdims=True)


def average_pool(x, layer, own):  # kernel 0: over the whole image
    return windows(x, layer["kernel"], layer["stride"]).mean((4, 5)) if layer["kernel"] else x.mean((2, 3), keepdims=True)


def batch_norm(x, layer, own):
    per_channel = {name: array[:, None, None] for name, array in own.items()}
    x = (x - per_channel["running_mean"]) / np.sqrt(per_channel["running_variance"] + NORM_EPSILON)
    return x * per_channel["weight"] + per_channel["bias"]


KINDS = {"convolution": convolution, "dense": dense, "relu": lambda x, layer, own: np.maximum(x, 0),
         "max_pool": max_pool, "average_pool": average_pool, "batch_norm": batch_norm}


def forward(layers, weights, records):
    values = [records]  # value 0 is the records, value i + 1 what layer i gives
    for i, layer in enumerate(layers):
        x = values[layer["input"]]
        if layer["kind"] == "add":
            values.append(x + values[layer["other"]])
            continue
        prefix = f"layer{i}."
        own = {name[len(prefix):]: array for name, array in weights.items() if name.startswith(prefix)}
        values.append(KINDS[layer["kind"]](x, layer, own))
    return values[-1].reshape(len(records), -1)


def main(folder, data_path, count=64):
    folder = Path(folder)
    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    if "layers" not in model:
        sys.exit(f"{folder} holds a {model['recipe']['architecture']} model, which has no layers; weights.npz holds it "
                 "as XGBoost's own JSON")
    weights = {name: array.astype(np.float64) for name, array in np.load(folder / "weights.npz").items()}
    logits = forward(model["layers"], weights, read_records(data_path, model["data"], int(count)))

    written = np.load(folder / "outputs.npy", mmap_mode="r")[:len(logits)]
    if written.ndim == 3:  # several queries a record, of which the first is the record as it is
        written = written[:, 0]
    difference, largest = np.abs(logits - written).max(), np.abs(written).max()
    agrees = difference <= TOLERANCE * largest
    print(f"{model['recipe']['architecture']}: {len(model['layers'])} layers, {len(logits)} records; largest difference "
          f"{difference:.2g}, largest logit {largest:.3g}: {'the same network' if agrees else 'NOT the same network'}")
    return 0 if agrees else 1


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
