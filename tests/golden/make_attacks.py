#!/usr/bin/env python3
"""Writes attacks.inc: class_threshold and population, cross-fitted, from plain NumPy. Run: make_attacks.py > attacks.inc"""
import numpy as np

RECORDS, CLASSES, QUERIES, FOLDS = 240, 4, 2, 5
rng = np.random.default_rng(20260101)
# Class 3 is too small for thresholds and references of its own. Three decimals make ties.
labels = rng.choice(CLASSES, RECORDS, p=[0.4, 0.3, 0.25, 0.05])
membership = rng.integers(0, 2, RECORDS)
folds = rng.permutation(RECORDS) % FOLDS
loss = np.round(rng.gamma(1.5, 0.3, (RECORDS, QUERIES)) * (1.2 - 0.5 * membership)[:, None] + 0.2 * labels[:, None], 3)
entropy = np.round(rng.gamma(2.0, 0.2, (RECORDS, QUERIES)) * (1.1 - 0.3 * membership)[:, None], 3)
modified = np.round(0.5 * loss + 0.5 * entropy, 3)


def threshold(values, member):
    candidates = np.unique(values)[::-1]
    above = values[:, None] >= candidates
    # Rates in integers over a common denominator, so that argmax takes the first of true equals.
    gain = above[member == 1].sum(0) * (member == 0).sum() - above[member == 0].sum(0) * (member == 1).sum()
    return candidates[np.argmax(gain)]


def class_threshold(signal):
    values = -((signal[:, 0] + signal[:, 1]) / QUERIES)
    scores = np.empty(RECORDS)
    for fold in range(FOLDS):
        known = folds != fold
        for c in range(CLASSES):
            own = known & (labels == c)
            enough = min((own & (membership == 1)).sum(), (own & (membership == 0)).sum()) >= 10
            use = own if enough else known
            target = (folds == fold) & (labels == c)
            scores[target] = values[target] - threshold(values[use], membership[use])
    return scores


def population(per_class):
    values = (loss[:, 0] + loss[:, 1]) / QUERIES
    scores = np.empty(RECORDS)
    for i in range(RECORDS):
        reference = (folds != folds[i]) & (membership == 0)
        own = reference & (labels == labels[i])
        if per_class and own.sum() >= 20:
            reference = own
        scores[i] = (values[reference] >= values[i]).mean()
    return scores


def array(kind, name, values):
    text = ", ".join(repr(v) for v in np.asarray(values).ravel().tolist())
    print(f"const std::vector<{kind}> {name} = {{")
    line = "   "
    for item in text.split(", "):
        if len(line) + len(item) > 116:
            print(line)
            line = "   "
        line += f" {item},"
    print(line + "};")


print("// Written by make_attacks.py.")
array("int32_t", "kLabels", labels)
array("uint8_t", "kMembership", membership)
array("uint8_t", "kFolds", folds)
array("double", "kLoss", loss)
array("double", "kEntropy", entropy)
array("double", "kModifiedEntropy", modified)
array("double", "kClassThresholdModifiedEntropy", class_threshold(modified))
array("double", "kClassThresholdEntropy", class_threshold(entropy))
array("double", "kClassThresholdConfidence", class_threshold(loss))
array("double", "kPopulation", population(False))
array("double", "kPopulationPerClass", population(True))
