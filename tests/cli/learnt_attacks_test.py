"""Attacks that learn agree with independent NumPy statements: shokri, ml_leaks, quantile, stacked, and rmia's choice of a. Sizes
are such that nothing is drawn at random: every row is used, two groups make the two folds, and trees may split at any value."""
import json
import os
import shutil
import zlib

import numpy as np

import boosted_trees
from harness import attack, audit, auc, log_rest, log_softmax, run

MODELS, RECORDS, CLASSES = 8, 300, 6
rng = np.random.default_rng(21)
labels = rng.integers(0, CLASSES, RECORDS)
half = rng.integers(0, 2, (MODELS // 2, RECORDS)).astype(bool)
membership = np.stack([half, ~half], axis=1).reshape(MODELS, RECORDS)  # pairs 2p, 2p + 1
at = np.arange(RECORDS)
logits = rng.normal(0, 1, (MODELS, RECORDS, CLASSES))
logits[:, at, labels] += 1 + rng.normal(0, 1, RECORDS) + 2 * rng.exponential(1, RECORDS) * membership
logits = logits.astype(np.float32)
TARGET = 0


def write_run(folder, records, models):
    for m in range(models):
        os.makedirs(f"{folder}/models/{m:04}")
        np.save(f"{folder}/models/{m:04}/outputs.npy", logits[m, :records])
    np.save(f"{folder}/membership.npy", membership[:models, :records])
    np.save(f"{folder}/labels.npy", labels[:records])
    with open(f"{folder}/run.json", "w") as file:
        json.dump({"schema_version": 1, "models": models, "partners": [m ^ 1 for m in range(models)]}, file)


def scores_of(name, *arguments):
    audit(*arguments, "--attacks", name, "--out", f"report_{name}")
    return np.load(f"report_{name}/scores/{name}.npy")


def near(found, expected, name, tolerance):
    off = np.abs(found - expected) / (1 + np.abs(expected))
    assert off.max() <= tolerance, (name, off.max(), int(off.argmax()), found[off.argmax()], expected[off.argmax()])


def probabilities(model):
    return np.exp(log_softmax(logits[model].astype(np.float64)))


write_run("whole", RECORDS, MODELS)
others = [m for m in range(MODELS) if m // 2 != TARGET // 2]

# shokri: a classifier a class, on what every reference model says of the class's records.
expected = np.empty(RECORDS)
for c in range(CLASSES):
    own = np.flatnonzero(labels == c)
    rows = np.concatenate([probabilities(m)[own] for m in others[:4]])
    sides = np.concatenate([membership[m, own] for m in others[:4]])
    fitted = boosted_trees.classifier(rows, sides, 12, 0.1, 15, min(20, 0.25 * len(rows) / 8))
    expected[own] = fitted(probabilities(TARGET)[own])
write_run("six", RECORDS, 6)
near(scores_of("shokri", "six", "--target", TARGET, "--shokri-trees", 12), expected, "shokri", 1e-6)

# ml_leaks: a logistic regression on the three largest probabilities of the one reference model, which has as many in as out.
reference = 2
side = np.zeros(RECORDS, bool)
side[rng.permutation(RECORDS)[:RECORDS // 2]] = True
np.save("o.npy", logits[TARGET])
np.save("y.npy", labels)
np.save("in.npy", membership[TARGET])
np.save("r.npy", logits[[reference]])
np.save("k.npy", side[None])
flat = ("--outputs", "o.npy", "--labels", "y.npy", "--membership", "in.npy")


def largest(model):
    return np.sort(probabilities(model).astype(np.float32).astype(np.float64), axis=1)[:, :-4:-1]


rows = largest(reference)
mean, deviation = rows.mean(0), rows.std(0)
design = np.c_[np.ones(RECORDS), (rows - mean) / deviation]
penalty = np.diag([0.0, 1.0, 1.0, 1.0])
weights = np.zeros(4)
for _ in range(50):
    p = 1 / (1 + np.exp(-design @ weights))
    curvature = design.T @ (design * (p * (1 - p))[:, None]) + penalty
    weights -= np.linalg.solve(curvature, design.T @ (p - side) + penalty @ weights)
expected = np.c_[np.ones(RECORDS), (largest(TARGET) - mean) / deviation] @ weights
near(scores_of("ml_leaks", *flat, "--reference-outputs", "r.npy", "--reference-membership", "k.npy"), expected, "ml_leaks",
     1e-6)

# quantile: the margin beside a normal distribution for such features, fitted to the other half's non-members.
features = np.c_[rng.normal(0, 1, RECORDS), logits[:, at, labels].mean(0) + rng.normal(0, 0.3, RECORDS)].astype(np.float32)
people = np.arange(RECORDS) % 2
np.save("x.npy", features)
np.save("people.npy", people)
z = logits[TARGET].astype(np.float64)
rest = z.copy()
rest[at, labels] = -np.inf
margin = z[at, labels] - rest.max(1)
rows = np.c_[features, labels]
expected = np.empty(RECORDS)
for fold in (0, 1):
    known = (people != fold) & ~membership[TARGET]
    means, deviations = boosted_trees.normal(rows[known], margin[known], 30, 0.1, 4, 20)(rows[people == fold])
    expected[people == fold] = (margin[people == fold] - means) / deviations
near(scores_of("quantile", *flat, "--features", "x.npy", "--groups", "people.npy", "--folds", 2, "--quantile-rounds", 30),
     expected, "quantile", 1e-6)

# stacked: trees on what reference models say beside each other's outputs, a record of one half scored by trees of the other.
FEW = 60
write_run("few", FEW, MODELS)
np.save("halves.npy", people[:FEW])
few_labels = labels[:FEW]


def signals_of(model):
    z = logits[model, :FEW].astype(np.float64)
    at = np.arange(FEW)
    log_p, log_others = log_softmax(z), log_rest(z)
    rest = z.copy()
    rest[at, few_labels] = -np.inf
    p = np.exp(log_p)
    own, own_rest = log_p[at, few_labels], log_others[at, few_labels]
    everything = -(p * log_others).sum(1) + p[at, few_labels] * own_rest
    return {"rescaled_logit": own - own_rest, "loss": -own, "margin": z[at, few_labels] - rest.max(1),
            "modified_entropy": -(1 - p[at, few_labels]) * own + everything}


signals = [signals_of(m) for m in range(MODELS)]


def features_of(model, references, online):
    columns = []
    for name in ("rescaled_logit", "loss", "margin", "modified_entropy"):
        value = signals[model][name]
        said = np.array([signals[m][name] for m in references])
        sides = membership[references][:, :FEW]

        def moments(is_in):
            own = np.array([said[sides[:, i] == is_in, i] for i in range(FEW)])
            return own.mean(1), own.std(1), np.sqrt(np.mean((own - own.mean(1, keepdims=True)) ** 2)) + 1e-12

        mean, deviation, within = moments(False)
        columns += [value, mean, deviation, value - mean, (value - mean) / (deviation + within)]
        if online:
            in_mean, in_deviation, in_within = moments(True)
            columns += [in_mean, in_deviation, value - in_mean, (value - in_mean) / (in_deviation + in_within),
                        in_mean - mean, (value - (in_mean + mean) / 2) * (in_mean - mean)]
    return np.array(columns).T.astype(np.float32)


for name, online in (("stacked", True), ("stacked_offline", False)):
    rows = {m: features_of(m, [r for r in others if r // 2 != m // 2], online) for m in others}
    expected = np.zeros(FEW)
    for fold in (0, 1):
        learnt, scored = people[:FEW] != fold, people[:FEW] == fold
        fitted = boosted_trees.classifier(np.concatenate([rows[m][learnt] for m in others]),
                                          np.concatenate([membership[m, :FEW][learnt] for m in others]), 8, 0.05, 6, 2)
        for family in (1, 2, 3):
            view = features_of(TARGET, [r for r in others if r // 2 != family], online)
            expected[scored] += fitted(view[scored]) / 3
    option = f"--{name.replace('_', '-')}"
    near(scores_of(name, "few", "--target", TARGET, "--groups", "halves.npy", "--folds", 2, f"{option}-trees", 8,
                   f"{option}-max-leaves", 6, f"{option}-min-leaf-weight", 2), expected, name, 1e-6)

# rmia_offline's a: the one with which the four reference models are told apart best, each by the pair that is not its own.
loss = np.array([-log_softmax(logits[m].astype(np.float64))[at, labels] for m in range(6)])


def log_ratio(model, references, a):
    p_out = np.array([np.exp(-loss[[r for r in references if not membership[r, i]], i]).mean() for i in range(RECORDS)])
    return -loss[model] - np.log(((1 + a) * p_out + 1 - a) / 2)


def told_apart(a):
    return sum(auc(log_ratio(m, [r for r in (2, 3, 4, 5) if r // 2 != m // 2], a), membership[m]) for m in (2, 3, 4, 5))


a = max((tenth / 10 for tenth in range(11)), key=told_apart)
ratio = log_ratio(TARGET, (2, 3, 4, 5), a)
near(scores_of("rmia_offline", "six", "--target", TARGET, "--rmia-offline-tune", "yes"),
     (ratio[:, None] >= ratio[None]).mean(1), "rmia_offline, tuned", 1e-9)
assert a == 0.2, "another a than the default, or the test tells nothing"
tuning = ("six", "--attacks", "rmia_offline", "--rmia-offline-tune", "yes")
chosen = [attack(audit(*tuning, "--target", m), "rmia_offline")["parameters"]["a"] for m in range(6)]
assert chosen[TARGET] == "0.2" and len(set(chosen)) > 1, chosen
assert attack(audit(*tuning, "--threads", 2), "rmia_offline")["parameters"]["a"] == ", ".join(sorted(set(chosen)))

# Trees alone need XGBoost: without it, or with something else under its name, the others work and these say what is wrong.
assert zlib  # which loads the library that is copied
another = next(line.split()[-1] for line in open("/proc/self/maps") if "/libz.so" in line)
os.mkdir("not_xgboost")
shutil.copy(another, "not_xgboost/libxgboost.so.0")
without = {**os.environ, "LD_LIBRARY_PATH": os.path.abspath("not_xgboost")}
run("audit", "six", "--target", TARGET, "--attacks", "base", env=without)
done = run("audit", "six", "--target", TARGET, "--attacks", "shokri", env=without, expect=2)
assert "this XGBoost has no XGBGetLastError: install version 1.6 or later" in done.stderr, done.stderr
# Where it was not asked for by name it is left out by name.
result = json.loads(run("audit", "six", "--target", TARGET, "--json", env=without).stdout)
left_out = {s["name"]: s["reason"] for s in result["skipped"]}
assert {"classifier_trees", "shokri", "stacked", "stacked_offline"} <= set(left_out), left_out
assert all("XGBoost" in left_out[name] for name in ("classifier_trees", "shokri", "stacked", "stacked_offline")), left_out
assert result["headline"]["auc"]["attack"] == "base" and attack(result, "lira")
assert not any("on account of these records" in warning["message"] for warning in result["warnings"]), result["warnings"]
assert "boosted trees                  NO: this XGBoost has no" in run("doctor", env=without).stdout
