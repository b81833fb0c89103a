#!/usr/bin/python3
"""One shadow model by scikit-learn, as `miaudit shadow plan --command` calls it.

shadow_sklearn.py --data X.npy --labels Y.npy --keep KEEP.npy --seed N --out OUTPUTS.npy

    miaudit shadow plan RUN --data x.npy --labels y.npy --models 16 --command \\
        'python3 shadow_sklearn.py --data x.npy --labels y.npy --keep {keep} --seed {seed} --out {outputs}'
    miaudit shadow train RUN
"""
import argparse

import numpy as np
from sklearn.ensemble import RandomForestClassifier

parser = argparse.ArgumentParser()
for name in ("data", "labels", "keep", "out"):
    parser.add_argument(f"--{name}", required=True)
parser.add_argument("--seed", type=int, required=True)
arguments = parser.parse_args()

x, y = np.load(arguments.data), np.load(arguments.labels)
keep = np.load(arguments.keep).astype(bool)
model = RandomForestClassifier(n_estimators=50, random_state=arguments.seed).fit(x[keep], y[keep])

# A class that no member has is one that this model has never heard of: its probability is 0.
probabilities = np.zeros((len(x), int(y.max()) + 1))
probabilities[:, model.classes_] = model.predict_proba(x)
# Logits, as the run folder holds them; a forest gives probabilities of exactly 0, whose logarithm would be infinite.
np.save(arguments.out, np.log(np.maximum(probabilities, 1e-3)).astype(np.float32))
