"""predict gives exactly the 0/1 of the plain statement of spread, for every float type."""
import json
import math
import os

import numpy as np

from harness import expected_scores, log_softmax, made_outputs, run, spread

logits, labels, membership = made_outputs(seed=3)
half = len(logits) // 2
for dtype in ("float16", "float32", "float64"):
    x = logits.astype(dtype)
    known, known_truth = x[:half], membership[:half]
    np.save("m.npy", known[known_truth])
    np.save("n.npy", known[~known_truth])
    np.save("e.npy", x[half:])
    np.save("truth.npy", membership[half:])
    done = run("predict", "--members", "m.npy", "--nonmembers", "n.npy", "--evaluate", "e.npy", "--out", "r.npy",
               "--truth", "truth.npy")
    expected = spread(x[half:]) >= spread(known[~known_truth]).mean()
    result = np.load("r.npy")
    assert result.dtype == np.uint8 and result.shape == (len(logits) - half,), (result.dtype, result.shape)
    assert (result == expected).all(), f"{dtype}: {(result != expected).sum()} decisions differ"
    right = (expected == membership[half:]).mean()
    assert f"accuracy: {right:.4f}" in done.stdout, done.stdout
    assert 0 < expected.sum() < len(expected)

# Scores on few levels tie with their mean, which is then to be np.mean's to the last bit: one by one or exactly, other
# sums decide otherwise.
few = np.array([[0, 3, 1], [0, 3, 2], [0, 2, 1]], dtype=np.float64)
rng = np.random.default_rng(5)
np.save("m.npy", few)
np.save("e.npy", few)
exact, in_order = 0, 0
for copies in range(10, 370, 30):
    known = rng.permutation(np.repeat(few, copies, 0))
    np.save("n.npy", known)
    run("predict", "--members", "m.npy", "--nonmembers", "n.npy", "--evaluate", "e.npy", "--out", "r.npy", "--input",
        "logits")
    scores, decided = spread(known), spread(few) >= spread(known).mean()
    assert (np.load("r.npy") == decided).all(), copies
    exact += (decided != (spread(few) >= math.fsum(scores) / len(scores))).any()
    in_order += (decided != (spread(few) >= sum(scores.tolist()) / len(scores))).any()
assert exact and in_order

# A record whose score equals the threshold is a member: the rule is >=.
np.save("n.npy", np.repeat([[0.1, 0.7, 0.2]], 1000, 0))
np.save("m.npy", np.array([[0.0, 1.0, 0.0]]))
np.save("e.npy", np.array([[0.1, 0.7, 0.2], [0.3, 0.4, 0.3], [0.2, 0.5, 0.3]]))
run("predict", "--members", "m.npy", "--nonmembers", "n.npy", "--evaluate", "e.npy", "--out", "r.npy")
assert np.load("r.npy").tolist()[0] == 1

# Other attacks: loss decides at the mean member loss; --fpr takes the threshold from the known non-members.
x = logits.astype("float32")
known = np.arange(len(x)) < half
np.save("m.npy", x[known & membership])
np.save("ml.npy", labels[known & membership])
np.save("n.npy", x[known & ~membership])
np.save("nl.npy", labels[known & ~membership])
np.save("e.npy", x[~known])
np.save("el.npy", labels[~known])
with_labels = ["--members", "m.npy", "--nonmembers", "n.npy", "--evaluate", "e.npy", "--out", "r.npy",
               "--member-labels", "ml.npy", "--nonmember-labels", "nl.npy", "--evaluate-labels", "el.npy"]
score = expected_scores(x, labels)["loss"]
run("predict", *with_labels, "--attack", "loss")
assert (np.load("r.npy") == (score[~known] >= score[known & membership].mean())).all()
run("predict", *with_labels, "--attack", "loss", "--fpr", "0.05")
allowed = int(np.floor(0.05 * (known & ~membership).sum()))
above = np.sort(score[known & ~membership])[::-1][allowed]
assert (np.load("r.npy") == (score[~known] > above)).mean() > 0.99
for name in ("class_threshold", "population", "classifier", "classifier_trees", "entropy"):
    run("predict", *with_labels, "--attack", name)
    assert 0 < np.load("r.npy").sum() < len(np.load("r.npy")), name

# A rate that the known non-members are too few for is refused; ties that leave no threshold are explained.
assert "do not allow" in run("predict", *with_labels, "--fpr", "0.001", expect=2).stderr
assert "below 1" in run("predict", *with_labels, "--fpr", "1", expect=2).stderr
done = run("predict", *with_labels, "--attack", "correctness", "--fpr", "0.05")
assert "inf" not in done.stdout and "nobody is called a member" in done.stdout, done.stdout
assert np.load("r.npy").sum() == 0

# An input is never overwritten, and outputs of another kind than the known ones are refused.
before = open("m.npy", "rb").read()
run("predict", "--members", "m.npy", "--nonmembers", "n.npy", "--evaluate", "e.npy", "--out", "m.npy", expect=2)
assert open("m.npy", "rb").read() == before
np.save("p.npy", np.exp(log_softmax(x)))
for files in (("m.npy", "n.npy", "p.npy"), ("m.npy", "p.npy", "e.npy")):
    arguments = [part for pair in zip(("--members", "--nonmembers", "--evaluate"), files) for part in pair]
    assert "--input" in run("predict", *arguments, "--out", "r3.npy", expect=2).stderr
    assert not os.path.exists("r3.npy")

# A constant row has no spread: named, and nothing is written.
os.remove("r.npy")
x = logits[half:].astype("float32")
x[17] = 2.5
np.save("e.npy", x)
done = run("predict", "--members", "m.npy", "--nonmembers", "n.npy", "--evaluate", "e.npy", "--out", "r.npy", expect=2)
assert "row 17" in done.stderr and "e.npy" in done.stderr, done.stderr
assert not os.path.exists("r.npy")

# What decides here has one model's outputs: attacks that need more are refused by name, and their options not offered.
more = {row["name"] for row in json.loads(run("list", "attacks", "--json").stdout)
        if {"references_out", "references_in", "shadow_models", "features"} & set(row["needs"])}
assert {"lira", "stacked", "shokri", "quantile"} <= more, more
for attack in sorted(more):
    said = run("predict", *with_labels, "--attack", attack, expect=2).stderr
    assert f"{attack} needs" in said and "spread, " in said and not os.path.exists("r.npy"), said
shown = run("predict", "--help").stdout
assert "--classifier-trees-trees" in shown and "--lira-" not in shown and "--quantile-" not in shown
holed = np.load("e.npy")
holed[3, 2] = np.nan
np.save("holed.npy", holed)
said = run("predict", *with_labels[:4], "--evaluate", "holed.npy", "--out", "r.npy", expect=2).stderr
assert "1 NaN" in said and "--on-nonfinite" not in said, said
assert "one attack decides" in run("predict", *with_labels, "--attack", "all", expect=2).stderr
