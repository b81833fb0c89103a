#!/usr/bin/env python3
"""Trains a small model that overfits, saves its outputs, audits them, and reads the result.

usage: audit_numpy.py      in a folder of your choice; $MIAUDIT names the program if it is not on the PATH
"""
import json
import os
import subprocess

import numpy as np

# 400 records with more features than a linear model needs; a random half is trained on.
rng = np.random.default_rng(0)
records, features, classes = 400, 300, 5
truth = rng.normal(size=(features, classes))
x = rng.normal(size=(records, features))
labels = (x @ truth + rng.normal(0, 10, (records, classes))).argmax(1)
membership = rng.permutation(records) < records // 2

# Softmax regression by gradient descent.
weights = np.zeros((features, classes))
mine, target = x[membership], np.eye(classes)[labels[membership]]
for _ in range(200):
    logits = mine @ weights
    odds = np.exp(logits - logits.max(1, keepdims=True))
    weights -= 0.5 * mine.T @ (odds / odds.sum(1, keepdims=True) - target) / len(mine)

np.save("outputs.npy", (x @ weights).astype(np.float32))
np.save("labels.npy", labels)
np.save("membership.npy", membership)

command = [os.environ.get("MIAUDIT", "miaudit"), "audit", "--outputs", "outputs.npy", "--labels", "labels.npy",
           "--membership", "membership.npy", "--fpr", "0.05", "--out", "report"]
subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

with open("report/result.json", encoding="utf-8") as file:
    result = json.load(file)
for attack in result["attacks"]:
    auc = attack["estimates"]["auc"]
    print(f"{attack['name']:<17} AUC {auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}]")
print(" ".join(result["verdict"]))
