"""audit --json agrees with independent NumPy formulas, on logits, probabilities and log-probabilities, with ties."""
import json
import numpy as np

from harness import attack, auc, audit, balanced_accuracy, expected_scores, log_softmax, made_outputs, run, tpr_at

FPRS = (0.1, 0.01)


def compare(result, scores, membership, tolerance):
    for name, score in scores.items():
        estimates = attack(result, name)["estimates"]
        assert abs(estimates["auc"]["value"] - auc(score, membership)) <= tolerance, name
        assert abs(estimates["balanced_accuracy"]["value"] - balanced_accuracy(score, membership)) <= tolerance, name
        for rate in estimates["tpr_at_fpr"]:
            assert abs(rate["value"] - tpr_at(score, membership, rate["fpr"])) <= tolerance, (name, rate)
        for figure in (estimates["auc"], estimates["balanced_accuracy"], *estimates["tpr_at_fpr"]):
            assert figure["low"] <= figure["value"] <= figure["high"], (name, figure)


def save(outputs, labels, membership):
    np.save("o.npy", outputs)
    np.save("y.npy", labels)
    np.save("in.npy", membership)
    return ["--outputs", "o.npy", "--labels", "y.npy", "--membership", "in.npy", "--fpr", ",".join(map(str, FPRS))]


logits, labels, membership = made_outputs(2000, 2500, 10, seed=1)
for dtype in ("float16", "float32", "float64"):
    x = logits.astype(dtype)
    result = audit(*save(x, labels, membership))
    assert result["subject"]["input"] == "logits" and result["subject"]["input_detected"]
    compare(result, expected_scores(x, labels), membership, 1e-9)
assert result["schema_version"] == 1
# Recorded defect 14: a peer leaves open which side is positive.
assert result["convention"] == "membership 1 = member; a higher score = more likely a member"
assert all("needs reference models" in s["reason"] or s["name"] == "quantile" for s in result["skipped"])
assert {a["name"] for a in result["attacks"]} >= {"class_threshold", "population", "classifier", "classifier_trees"}

# All that an attack lacks is said at once.
bare = audit(*[word for word in save(logits, labels, membership) if word not in ("--labels", "y.npy")])
why = {s["name"]: s["reason"] for s in bare["skipped"]}
assert "--labels" in why["loss"] and "reference" not in why["loss"], why
assert "--labels" in why["lira"] and "--reference-outputs" in why["lira"], why
assert "--labels" in why["quantile"] and "--features" in why["quantile"], why

# Coarse outputs: nearly every score is tied with others. Margins of integers are exact; sums of exponentials differ in
# their last bit by the order of adding, which parts ties.
coarse = np.round(logits).astype("float32")
scores = expected_scores(coarse, labels)
result = audit(*save(coarse, labels, membership))
compare(result, {k: scores[k] for k in ("margin", "correctness")}, membership, 1e-12)
compare(result, {k: np.round(scores[k], 9) for k in ("loss", "max_probability")}, membership, 1e-3)

# Probabilities and log-probabilities of the same model are told apart and give the same figures.
logs = log_softmax(logits)
for name, outputs in (("probabilities", np.exp(logs)), ("log-probabilities", logs)):
    result = audit(*save(outputs, labels, membership))
    assert result["subject"]["input"] == name, result["subject"]
    scores = expected_scores(logs, labels)
    del scores["spread"]
    compare(result, scores, membership, 1e-9)
    spread = attack(result, "spread")["estimates"]["auc"]["value"]
    assert abs(spread - auc(expected_scores(outputs, labels)["spread"], membership)) < 1e-9
    # Recorded defect 2: a peer prints 1 - AUC when confidences are fed to the loss attack.
    assert attack(result, "loss")["estimates"]["auc"]["value"] > 0.55, name

# Saturated float32 probabilities, zeros and ones among them.
saturated = np.exp(log_softmax(12 * logits)).astype("float32")
tiny = np.log(np.maximum(saturated.astype("float64"), np.nextafter(np.float32(0), np.float32(1)).astype("float64")))
names = ("loss", "confidence", "correctness")
compare(audit(*save(saturated, labels, membership)), {k: expected_scores(tiny, labels)[k] for k in names}, membership,
        1e-4)

# The other form of the command: members and non-members in two files.
np.save("m.npy", logits[membership])
np.save("n.npy", logits[~membership])
np.save("ym.npy", labels[membership])
np.save("yn.npy", labels[~membership])
result = audit("--members", "m.npy", "--nonmembers", "n.npy", "--member-labels", "ym.npy", "--nonmember-labels",
               "yn.npy", "--fpr", ",".join(map(str, FPRS)))
compare(result, expected_scores(logits, labels), membership, 1e-9)

# Members' logits against non-members' probabilities would look like a perfect leak.
np.save("p.npy", np.exp(log_softmax(logits[~membership])))
assert "--input" in run("audit", "--members", "m.npy", "--nonmembers", "p.npy", expect=2).stderr

# Without labels, attacks that need them are left out by name, with the flag that would enable them.
result = audit("--members", "m.npy", "--nonmembers", "n.npy")
skipped = {s["name"]: s["reason"] for s in result["skipped"]}
assert "--labels" in skipped["loss"] and {a["name"] for a in result["attacks"]} >= {"spread", "entropy"}

# Several queries a record: the score is the mean over them.
queries = np.stack([logits, logits[:, ::-1]], 1)
both = (expected_scores(logits, labels)["loss"] + expected_scores(logits[:, ::-1].copy(), labels)["loss"]) / 2
compare(audit(*save(queries, labels, membership), "--attacks", "loss"), {"loss": both}, membership, 1e-9)

# A binary model with one column is the model with two.
z = logits[:, 0]
y = (labels % 2)
two = np.stack([np.zeros_like(z), z], 1)
scores = expected_scores(two, y)
del scores["spread"]
for outputs in (z, z[:, None], 1 / (1 + np.exp(-z))):
    result = audit(*save(outputs, y, membership))
    compare(result, {k: np.round(v, 12) for k, v in scores.items()}, membership, 1e-6)
    assert "spread" in {s["name"] for s in result["skipped"]}

# Unknown membership (int8 -1) is scored and not counted.
partly = membership.astype("int8")
partly[:100] = -1
result = audit(*save(logits, labels, partly))
known = partly >= 0
compare(result, {k: v[known] for k, v in expected_scores(logits, labels).items()}, membership[known], 1e-9)
assert result["subject"]["unknown"] == 100

# The same bytes whatever the threads; other contents under the same names are another audit (recorded defect 12).
arguments = save(logits, labels, membership)
first = run("audit", *arguments, "--json", "--threads", "1").stdout
assert first == run("audit", *arguments, "--json", "--threads", "2").stdout
np.save("o.npy", logits[::-1])
assert json.loads(first)["attacks"] != audit(*arguments)["attacks"]

# Text as pandas writes it: columns named 0, 1, …, flags spelt out. An index is no class, and a header that passes for a
# record is seen by the count.
def frame(path, header, rows):
    open(path, "w").write("\n".join([header, *rows]) + "\n")
    return path

as_text = ["--outputs", frame("o.csv", ",".join(map(str, range(logits.shape[1]))), [",".join(map(str, map(float, z))) for z in logits]),
           "--labels", frame("y.csv", "label", map(str, labels)), "--membership", frame("in.csv", "member", map(str, membership))]
found, wanted = (audit(*one, "--attacks", "loss,margin") for one in (as_text, save(logits, labels, membership)))
assert found["subject"]["records"] == len(labels)
for name in ("loss", "margin"):
    assert abs(attack(found, name)["estimates"]["auc"]["value"] - attack(wanted, name)["estimates"]["auc"]["value"]) < 1e-9
frame("y.csv", "0", map(str, labels))
assert "If its first line is a header, save it without (header=False)" in " ".join(run("audit", *as_text, expect=2).stderr.split())
frame("o.csv", "id," + ",".join(f"c{k}" for k in range(logits.shape[1])), [f"{i}," + ",".join(map(str, map(float, z))) for i, z in enumerate(logits)])
assert "first column, 'id', counts the rows from 0" in " ".join(run("audit", *as_text, expect=2).stderr.split())

# Features that tell easy records from hard ones make a stronger attack than the margin alone.
easy = np.random.default_rng(5).normal(size=(len(labels), 2)).astype("float32")
shifted = logits.astype("float64").copy()
shifted[np.arange(len(labels)), labels] += 3 * easy[:, 0]
np.save("f.npy", easy)
given = [*save(shifted, labels, membership), "--attacks", "margin,quantile", "--features", "f.npy"]
result = audit(*given)
margin, quantile = (attack(result, name)["estimates"]["auc"] for name in ("margin", "quantile"))
assert quantile["low"] > margin["high"], (margin, quantile)
assert any(file["role"] == "features" for file in result["provenance"]["files"])
np.save("f.npy", easy[:-1])
assert "one row each" in run("audit", *given, expect=2).stderr
easy[7, 1] = np.nan
np.save("f.npy", easy)
assert "row 7" in run("audit", *given, expect=2).stderr
