"""Runs the program under test and states in plain NumPy what it should print."""
import io
import json
import os
import subprocess

import numpy as np

MIAUDIT = os.environ["MIAUDIT"]


def run(*arguments, expect=0, **options):
    """Runs miaudit; fails the test, with everything printed, unless it exits with `expect`."""
    done = subprocess.run([MIAUDIT, *map(str, arguments)], capture_output=True, text=True, timeout=600, **options)
    assert done.returncode == expect, (
        f"miaudit {' '.join(map(str, arguments))}\nexit {done.returncode}, expected {expect}\n"
        f"stdout: {done.stdout}\nstderr: {done.stderr}")
    return done


def audit(*arguments, **options):
    return json.loads(run("audit", *arguments, "--json", **options).stdout)


def refused_once_touched(folder, file):
    """Audits a run in whose folder `file`, as if it were written to, gets another time while the audit is under way: it
    waits for --groups, a pipe, with its models read. It must end by that file's name."""
    pipe, people = folder + "-people", io.BytesIO()
    np.save(people, np.arange(len(np.load(f"{folder}/labels.npy"))))
    os.mkfifo(pipe)
    program = subprocess.Popen([MIAUDIT, "audit", folder, "--attacks", "base", "--groups", pipe], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    with open(pipe, "wb") as groups:
        os.utime(f"{folder}/{file}", (0, 0))
        groups.write(people.getvalue())
    said = program.communicate(timeout=60)[1]
    assert program.returncode == 2 and f"{file} was written to while it was in use" in said, said


def attack(result, name):
    return next(a for a in result["attacks"] if a["name"] == name)


def made_outputs(members=300, nonmembers=400, classes=6, shift=1.0, seed=0):
    """Logits of a model that is surer of members, and the true labels."""
    rng = np.random.default_rng(seed)
    count = members + nonmembers
    labels = rng.integers(0, classes, count)
    membership = np.arange(count) < members
    logits = rng.normal(0, 1.5, (count, classes))
    logits[np.arange(count), labels] += 1 + shift * membership * rng.exponential(1, count)
    order = rng.permutation(count)
    return logits[order], labels[order], membership[order]


def log_softmax(z):
    z = np.asarray(z, np.float64)
    top = z.max(1, keepdims=True)
    return z - top - np.log(np.exp(z - top).sum(1, keepdims=True))


def log_rest(z):
    """log(1 - p_k) for every class, from the other classes alone."""
    z = np.asarray(z, np.float64)
    out = np.empty_like(z)
    total = log_sum(z)
    for k in range(z.shape[1]):
        out[:, k] = log_sum(np.delete(z, k, axis=1)) - total
    return out


def log_sum(z):
    top = z.max(1)
    return top + np.log(np.exp(z - top[:, None]).sum(1))


def spread(x):
    x = np.asarray(x, np.float64)
    low, high = x.min(1, keepdims=True), x.max(1, keepdims=True)
    normalised = (x - low) / (high - low)
    return (normalised.max(1, keepdims=True) - normalised).mean(1)


def expected_scores(z, y):
    """The score of each attack that needs only the target, from logits (or log-probabilities)."""
    rows = np.arange(len(z))
    logs = log_softmax(z)
    p, rest = np.exp(logs), log_rest(z)
    modified = -(np.exp(rest[rows, y]) * logs[rows, y])
    for k in range(z.shape[1]):
        others = k != y
        modified[others] -= (p[:, k] * rest[:, k])[others]
    others = np.array(z, np.float64)
    others[rows, y] = -np.inf
    return {
        "spread": spread(z),
        "correctness": (np.argmax(z, 1) == y).astype(float),
        "loss": logs[rows, y],
        "confidence": logs[rows, y],
        "max_probability": p.max(1),
        "entropy": (p * logs).sum(1),
        "modified_entropy": -modified,
        "margin": np.asarray(z, np.float64)[rows, y] - others.max(1),
    }


def auc(scores, membership):
    """Mann-Whitney with half counts for ties."""
    members, nonmembers = scores[membership], np.sort(scores[~membership])
    below = np.searchsorted(nonmembers, members, "left")
    upto = np.searchsorted(nonmembers, members, "right")
    return (below + upto).sum() / 2 / len(members) / len(nonmembers)


def curve(scores, membership):
    """FPR and TPR at every distinct threshold, ties whole."""
    thresholds = np.unique(scores)[::-1]
    members, nonmembers = np.sort(scores[membership]), np.sort(scores[~membership])
    tpr = np.r_[0, (len(members) - np.searchsorted(members, thresholds, "left")) / len(members)]
    fpr = np.r_[0, (len(nonmembers) - np.searchsorted(nonmembers, thresholds, "left")) / len(nonmembers)]
    return fpr, tpr


def tpr_at(scores, membership, fpr):
    x, y = curve(scores, membership)
    return y[x <= fpr].max()


def balanced_accuracy(scores, membership):
    x, y = curve(scores, membership)
    return 0.5 + (y - x).max() / 2
