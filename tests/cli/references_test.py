"""Attacks with reference models agree with independent NumPy statements, over a run folder and over flat arrays."""
import json
import os

import numpy as np

import harness
from harness import attack, auc, refused_once_touched, run, tpr_at
from reference_formulas import Reference

# Formulas are what is compared here; trees have tests of their own.
FEW_TREES = ["--stacked-trees", "5", "--stacked-offline-trees", "5", "--classifier-trees-trees", "5"]


def audit(*arguments):
    return harness.audit(*arguments, *FEW_TREES)


MODELS, RECORDS, CLASSES, POPULATION = 12, 900, 5, 100
AUDITED = RECORDS - POPULATION
rng = np.random.default_rng(11)
labels = rng.integers(0, CLASSES, RECORDS)
half = rng.integers(0, 2, (MODELS // 2, RECORDS)).astype(bool)
membership = np.stack([half, ~half], axis=1).reshape(MODELS, RECORDS)  # pairs 2p, 2p + 1
membership[:, AUDITED:] = False
ease = rng.normal(0, 2, RECORDS)
memory = 2 * np.abs(rng.normal(0, 1, RECORDS))


def made_outputs(queries):
    z = rng.normal(0, 1, (MODELS, RECORDS, queries, CLASSES))
    at = np.arange(RECORDS)
    for q in range(queries):
        z[:, at, q, labels] += 2 + ease + memory * membership
    return z.astype(np.float32)


def write_run(folder, outputs, membership, partners=None, missing=()):
    os.makedirs(folder)
    np.save(f"{folder}/membership.npy", membership)
    np.save(f"{folder}/labels.npy", labels)
    roles = np.zeros(RECORDS, np.uint8)
    roles[AUDITED:] = 1
    np.save(f"{folder}/roles.npy", roles)
    plan = {"schema_version": 1, "models": len(membership)}
    if partners is not None:
        plan["partners"] = partners
    with open(f"{folder}/run.json", "w") as file:
        json.dump(plan, file)
    # Not in order: the order in which a folder lists its models must not matter.
    for m in reversed(range(len(membership))):
        if m in missing:
            continue
        os.makedirs(f"{folder}/models/{m:04}")
        np.save(f"{folder}/models/{m:04}/outputs.npy", outputs[m])


def near(found, expected, name, tolerance=1e-6):
    found = found[:AUDITED]
    assert np.all(np.isfinite(found)), name
    off = np.abs(found - expected) / (1 + np.abs(expected))
    assert off.max() <= tolerance, (name, off.max(), int(off.argmax()), found[off.argmax()], expected[off.argmax()])


for queries in (1, 2, 3):
    outputs = made_outputs(queries)
    partners = [m ^ 1 for m in range(MODELS)]
    write_run(f"run{queries}", outputs, membership, partners)
    reference = Reference(outputs, membership, labels, 4, AUDITED)
    scores = reference.all()
    result = audit(f"run{queries}", "--target", 4, "--out", f"report{queries}")
    assert result["subject"]["references"] == MODELS - 2 and result["subject"]["references_out"] == MODELS // 2 - 1
    assert result["subject"]["population"] == POPULATION and result["subject"]["records"] == AUDITED
    for name, expected in scores.items():
        near(np.load(f"report{queries}/scores/{name}.npy"), expected, name)
        figures = attack(result, name)["estimates"]
        truth = membership[4, :AUDITED]
        own = np.load(f"report{queries}/scores/{name}.npy")[:AUDITED]
        assert abs(figures["auc"]["value"] - auc(own, truth)) < 1e-9, name
        assert abs(figures["auc"]["value"] - auc(np.round(expected, 9), truth)) < 1e-4, name
        assert figures["members"] == truth.sum() and figures["nonmembers"] == (~truth).sum()
        rate = figures["tpr_at_fpr"][0]
        assert abs(rate["value"] - tpr_at(own, truth, rate["fpr"])) < 1e-9, name

    assert attack(result, "lira")["parameters"]["variance"] == "pooled", "as chosen"
    assert attack(result, "lira")["parameters"]["location"] == "mean", "as chosen"

    # Other formulas.
    def scores_with(*options):
        audit(f"run{queries}", "--target", 4, "--out", "other", *options)
        return lambda name: np.load(f"other/scores/{name}.npy")

    found = scores_with("--attacks", "lira,lira_offline,rmia,pmia", "--lira-variance", "per_sample",
                        "--lira-offline-variance", "per_sample", "--rmia-gamma", "2", "--pmia-proxies", "class")
    for name, expected in reference.lira("per_sample").items():
        near(found(name), expected, name)
    near(found("rmia"), reference.rmia(True, gamma=2.0), "rmia at gamma 2")
    near(found("pmia"), reference.pmia("class"), "pmia by class")
    # Without models that have the record an attack takes what the one with them is given, unless it is given its own.
    for own, variance in ((), "per_sample"), (("--lira-offline-variance", "pooled"), "pooled"):
        found = scores_with("--attacks", "lira_offline,rmia_offline", "--lira-variance", "per_sample", "--rmia-gamma", "2",
                            *own)
        near(found("lira_offline"), reference.lira(variance)["lira_offline"], f"lira_offline with {own}")
        near(found("rmia_offline"), reference.rmia(False, gamma=2.0), "rmia_offline at rmia's gamma")
    said = run("audit", f"run{queries}", "--target", 4, "--attacks", "lira_offline", "--lira-queries", "joint",
               "--lira-location", "mean").stderr
    assert "what takes it: --lira-queries\n" in said, said
    # Recorded defect 6: one deviation for both sides, as this code has it, only where it is asked for.
    for fixed in (False, True):
        found = scores_with("--attacks", "lira,lira_offline", *(
            word for name in ("lira", "lira-offline")
            for word in (f"--{name}-formulas", "carlini", f"--{name}-variance", "pooled" if fixed else "per_sample")))
        for name, expected in reference.carlini(fixed).items():
            near(found(name), expected, f"{name} as released, fixed {fixed}")
            own, truth = found(name)[:AUDITED], membership[4, :AUDITED]
            for rate in attack(json.load(open("other/result.json")), name)["tpr_of_released_code"]:
                below = [np.mean(own[truth] >= s) for s in own if np.mean(own[~truth] >= s) < rate["fpr"]]
                assert abs(rate["value"] - max(below, default=0)) < 1e-12, (name, rate)
    # Means where they are asked for, whatever that code takes.
    found = scores_with("--attacks", "lira", "--lira-formulas", "carlini", "--lira-location", "mean", "--lira-variance",
                        "per_sample")
    near(found("lira"), reference.lira("per_sample")["lira"], "lira as released, by means")
    for own in (False, True):
        found = scores_with("--attacks", "lira", "--lira-queries", "joint", "--lira-variance",
                            "per_sample" if own else "pooled")
        near(found("lira"), reference.joint(own), f"lira with queries as one vector, own {own}", 1e-5 if own else 1e-6)
    found = scores_with("--attacks", "lira,pmia", "--lira-location", "median", "--pmia-proxies", "global")
    near(found("lira"), reference.lira("pooled", median=True)["lira"], "lira by medians")
    near(found("pmia"), reference.pmia("global"), "pmia of all")

# The same from flat arrays: the target, ten references without its partner, the population by index.
outputs = np.load("run1/models/0000/outputs.npy")
outputs = np.stack([np.load(f"run1/models/{m:04}/outputs.npy") for m in range(MODELS)])
others = [m for m in range(MODELS) if m // 2 != 2]
np.save("o.npy", outputs[4, :, 0])
np.save("y.npy", labels)
np.save("in.npy", membership[4])
np.save("r.npy", outputs[others])
np.save("k.npy", membership[others])
np.save("z.npy", np.arange(AUDITED, RECORDS))
flat = ["--outputs", "o.npy", "--labels", "y.npy", "--membership", "in.npy"]
references = ["--reference-outputs", "r.npy", "--reference-membership", "k.npy"]
result = audit(*flat, *references, "--population", "z.npy", "--out", "flat")
for name in Reference(outputs, membership, labels, 4, AUDITED).all():
    assert np.array_equal(np.load(f"flat/scores/{name}.npy"), np.load(f"report1/scores/{name}.npy"), equal_nan=True), name
os.mkdir("many")
for place, m in enumerate(others):
    np.save(f"many/{place:04}.npy", outputs[m, :, 0])
audit(*flat, "--reference-outputs", "many", *references[2:], "--population", "z.npy", "--out", "flat2", "--attacks", "lira")
assert open("flat2/scores/lira.npy", "rb").read() == open("flat/scores/lira.npy", "rb").read()

# Every model in turn: the same scores, and figures of each.
result = audit("run1", "--out", "turns", "--threads", "2")
again = audit("run1", "--threads", "1")
assert again == result
turns = np.load("turns/scores/bavaria_t.npy")
assert turns.shape == (MODELS, RECORDS)
assert np.array_equal(turns[4], np.load("report1/scores/bavaria_t.npy"), equal_nan=True)
found = attack(result, "bavaria_t")
assert [t["model"] for t in found["targets"]] == list(range(MODELS))
for t in found["targets"]:
    m = t["model"]
    assert abs(t["auc"]["value"] - auc(turns[m, :AUDITED], membership[m, :AUDITED])) < 1e-9
for name in ("lira", "rmia", "loss"):
    for t in attack(result, name)["targets"]:
        steps = np.array(t["roc"])
        area = np.sum(np.diff(steps[:, 0]) * (steps[1:, 1] + steps[:-1, 1]) / 2)
        assert steps[0].tolist() == [0, 0] and steps[-1].tolist() == [1, 1] and abs(area - t["auc"]["value"]) < 0.02
pooled = auc(turns[:, :AUDITED].ravel(), membership[:, :AUDITED].ravel())
assert abs(found["estimates"]["auc"]["value"] - pooled) < 1e-9

# pmia, of records that no reference learnt: those nearest by their OUT means stand in.
rng = np.random.default_rng(5)
COUNT, REFERENCES, NEAR = 200, 8, 3
sides = np.repeat(np.array([[1], [0]], np.int8), REFERENCES // 2, 0).repeat(COUNT, 1)
for i in range(COUNT):
    rng.shuffle(sides[:, i])
lone = np.arange(COUNT) >= 140
sides[(sides == 1) & lone] = -1
own_labels = rng.integers(0, 4, COUNT)
logits = rng.normal(size=(REFERENCES + 1, COUNT, 4))
logits[:, np.arange(COUNT), own_labels] += 1 + rng.normal(size=COUNT)
for name, values in (("o", logits[0]), ("y", own_labels), ("in", rng.random(COUNT) < 0.5), ("r", logits[1:]), ("k", sides)):
    np.save(f"pmia_{name}.npy", values)
audit("--outputs", "pmia_o.npy", "--labels", "pmia_y.npy", "--membership", "pmia_in.npy", "--reference-outputs", "pmia_r.npy",
      "--reference-membership", "pmia_k.npy", "--attacks", "pmia", "--pmia-neighbours", NEAR, "--out", "lone")
rest = logits.copy()
rest[:, np.arange(COUNT), own_labels] = -np.inf
scaled = logits[:, np.arange(COUNT), own_labels] - np.log(np.exp(rest).sum(2))
outs = [scaled[1:, i][sides[:, i] == 0] for i in range(COUNT)]
centres = np.array([values.mean() for values in outs])
pooled = np.mean([values.var() for values in outs])
expected = []
for i in range(COUNT):
    order = [j for j in np.argsort(np.abs(centres - centres[i]), kind="stable") if j != i and not lone[j]][:NEAR]
    ins = np.concatenate([scaled[1:, j][sides[:, j] == 1] for j in order])
    s = scaled[0, i]
    expected.append(0.5 * np.log(pooled / ins.var()) - (s - ins.mean()) ** 2 / (2 * ins.var())
                    + (s - centres[i]) ** 2 / (2 * pooled))
near(np.load("lone/scores/pmia.npy"), np.array(expected), "pmia of records without IN models")

# What fewer references would have found, beside the audit's own figures.
result = audit("run1", "--target", 4, "--curve", "--attacks", "lira,base,loss")
points = result["budget_curve"]
assert [p["references"] for p in points] == [2, 4, 8, 10]
# A single model a side has no variance.
assert [[a["name"] for a in p["attacks"]] for p in points] == [["base"]] + 3 * [["base", "lira"]]
assert [[s["name"] for s in p["skipped"]] for p in points] == [["lira"], [], [], []]
assert [p["headline"] for p in points] == 4 * ["base"]
last = {a["name"]: a for a in points[-1]["attacks"]}
assert last["lira"]["auc"] == attack(result, "lira")["estimates"]["auc"] and last["lira"]["seconds"] >= 0
assert [t["fpr"] for t in last["lira"]["tpr_at_fpr"]] == [t["fpr"] for t in attack(result, "lira")["estimates"]["tpr_at_fpr"]]
shown = run("audit", "run1", "--target", 4, "--curve", "--attacks", "lira,base").stdout
assert "By number of reference models" in shown and max(map(len, shown.splitlines())) <= 80, shown
assert "left out with 2 reference models: lira: " in shown and ": 0.0 s" not in shown, shown
curve = shown.split("By number of reference models")[1].splitlines()
assert [line.split()[:2] for line in curve[3:7]] == [["2", "base"], ["4", "base"], ["8", "base"], ["10", "base"]], curve
# Where none is chosen beforehand all are shown: the best by what it found would look lucky.
shown = run("audit", "run1", "--target", 4, "--curve", "--attacks", "lira,rmia").stdout
curve = shown.split("By number of reference models")[1].splitlines()
assert [line.split()[:2] for line in curve[3:6]] == [["2", "rmia"], ["4", "rmia"], ["4", "lira"]], curve
assert "--reference-outputs" in run("audit", *flat, "--curve", expect=2).stderr

# Two pairs on one split serve each other as nothing: their targets have fewer references than others.
twins = membership[:8].copy()
twins[2:4] = twins[0:2]
write_run("twins", outputs[:8], twins)
warned = [w["message"] for w in audit("twins", "--attacks", "base,lira")["warnings"] if w["code"] == "uneven_references"]
assert warned and "4 reference models and others up to 6" in warned[0], warned

# A class past the number of records is one like others.
os.makedirs("many_classes/models")
np.save("many_classes/membership.npy", membership[:4, :50])
np.save("many_classes/labels.npy", np.arange(50) * 9)
json.dump({"schema_version": 1, "models": 4}, open("many_classes/run.json", "w"))
for m in range(4):
    os.makedirs(f"many_classes/models/{m:04}")
    np.save(f"many_classes/models/{m:04}/outputs.npy", rng.normal(0, 1, (50, 450)).astype(np.float32))
audit("many_classes", "--attacks", "base")
np.save("many_classes/labels.npy", np.arange(50) * 10)
assert "record 45 has the label 450, but models tell 450 classes apart" in run("audit", "many_classes", expect=2).stderr

np.save("many_classes/labels.npy", np.arange(50) + (1 << 20) - 49)
assert "a run may have 1 048 576 classes; labels must be 0 to 1048575" in run("audit", "many_classes", expect=2).stderr

# Targets go together by models and records: whole ones are drawn, 400 times or as often as is asked.
def tpr_interval(result):
    return attack(result, "base")["estimates"]["tpr_at_fpr"][0]


drawn = {asked: audit("run1", "--attacks", "base", *asked) for asked in [(), ("--bootstrap", 400), ("--bootstrap", 200)]}
for result in drawn.values():
    assert result["provenance"]["intervals"] == tpr_interval(result)["method"] == "crossed_bootstrap", result
    assert "bootstrap_unused" not in [w["code"] for w in result["warnings"]], result
assert tpr_interval(drawn[()]) == tpr_interval(drawn["--bootstrap", 400])
assert tpr_interval(drawn[()])["low"] != tpr_interval(drawn["--bootstrap", 200])["low"]
# Where there are too few models to draw it is said, not passed over.
write_run("few", outputs[:6], membership[:6], partners[:6])
idle = audit("few", "--bootstrap", 200, "--attacks", "base")
assert "bootstrap_unused" in [w["code"] for w in idle["warnings"]] and idle["provenance"]["intervals"] == "analytic", idle
assert tpr_interval(idle)["method"] == "grouped_order_statistics_clopper_pearson", idle
assert "--attacks" in run("audit", "run1", "--curve", "--attacks", "loss", expect=2).stderr

# A model that is missing is named and left out; its partner's sides are cut to what all records have.
write_run("gap", outputs, membership, partners, missing=(7,))
result = audit("gap", "--target", 4)
assert any("model 7" in w["message"] for w in result["warnings"])
assert result["subject"]["references_in"] == MODELS // 2 - 2
assert "model 7 is missing" in " ".join(run("audit", "gap", "--target", 4, "--attacks", "lira").stdout.split())

# Partners that nobody recorded are found out (the count of the others' members would tell everything).
write_run("unnamed", outputs, membership)
result = audit("unnamed", "--target", 4, "--attacks", "lira")
assert result["subject"]["references"] == MODELS - 2
assert not [w for w in result["warnings"] if w["code"] == "relatives_of_the_target"], "goes without saying"

assert "give it without --rmia-offline-a" in run(
    "audit", "unnamed", "--attacks", "rmia_offline", "--rmia-offline-tune", "yes", "--rmia-offline-a", "0.2", expect=2).stderr
write_run("bytes", outputs, membership)
np.save("bytes/membership.npy", np.where(membership, 255, 0).astype(np.uint8))
assert "holds 255; expected 1 (member), 0" in run("audit", "bytes", expect=2).stderr

# Several models on one split and on what it leaves out: none of them may refer to another.
taught_alike = membership[[0, 0, 0, 1, 1, 1]]
write_run("alike", outputs[:6], taught_alike)
result = audit("alike", "--target", 0)
assert result["subject"]["references"] == 0
said = [w["message"] for w in result["warnings"] if w["code"] == "relatives_of_the_target"]
assert len(said) == 1 and said[0].startswith("models 1, 2, 3, 4, 5: trained on much of what"), said
assert all("of other splits" in s["reason"] for s in result["skipped"] if s["name"] in ("lira", "bavaria_n", "stacked"))
# Nearly the same split is no better: a few records changed hands.
nearly = membership[[0, 0, 2, 3, 4, 5, 6, 7]].copy()
nearly[1, :AUDITED:40] ^= True
write_run("nearly", outputs[:8], nearly)
assert audit("nearly", "--target", 0)["subject"]["references"] == 6

# Recorded defect 9: a population with members of any model is refused.
taught = membership.copy()
taught[3, AUDITED + 5] = True
write_run("dirty", outputs, taught, partners)
said = run("audit", "dirty", expect=2).stderr
assert f"record {AUDITED + 5}" in said and "model 3" in said
np.save("k_bad.npy", np.where(np.arange(RECORDS) == AUDITED, True, membership[others]))
assert f"record {AUDITED} is in the population, but was in the training set of the model of row 0 of k_bad.npy" in " ".join(
    run("audit", *flat, *references[:2], "--reference-membership", "k_bad.npy", "--population", "z.npy", expect=2).stderr.split())
np.save("bad.npy", np.array([3, AUDITED]))
assert "record 3" in run("audit", *flat, *references, "--population", "bad.npy", expect=2).stderr
for wrong, say in (([RECORDS], f"expected indices from 0 to {RECORDS - 1}"), ([AUDITED, AUDITED], "twice")):
    np.save("bad.npy", np.array(wrong))
    assert say in run("audit", *flat, *references, "--population", "bad.npy", expect=2).stderr

# The target's partner among the references is not used, and that is said.
np.save("r_all.npy", outputs[[5, *others]])
np.save("k_all.npy", membership[[5, *others]])
with_partner = audit(*flat, "--reference-outputs", "r_all.npy", "--reference-membership", "k_all.npy", "--population", "z.npy",
                     "--attacks", "lira")
assert with_partner["subject"]["references"] == MODELS - 2
said = [w["message"] for w in with_partner["warnings"] if w["code"] == "relatives_of_the_target"]
assert len(said) == 1 and said[0].startswith("row 0 of k_all.npy"), said
without = audit(*flat, *references, "--attacks", "lira")
assert not [w for w in without["warnings"] if w["code"] == "relatives_of_the_target"]

# A target that gives probabilities beside models that give logits: each is read as what it is, which is said.
shares = np.exp(outputs[4, :, 0].astype(np.float64))
np.save("shares.npy", shares / shares.sum(1, keepdims=True))
flat_shares = ["--outputs", "shares.npy", *flat[2:]]
plain, mixed = (audit(*one, *references, "--attacks", "lira,bavaria_n,base", "--out", name)
                for one, name in ((flat, "plain"), (flat_shares, "mixed")))
for name in ("lira", "bavaria_n", "base"):
    np.testing.assert_allclose(*(np.load(f"{report}/scores/{name}.npy") for report in ("mixed", "plain")), rtol=1e-6, atol=1e-6)
said = [w["message"] for w in mixed["warnings"] if w["code"] == "mixed_forms"]
assert said == ["the target looks like probabilities, the others like logits; each was read as what it looks like"], said
assert not [w for w in plain["warnings"] if w["code"] == "mixed_forms"]
mistaken = audit(*flat_shares, *references, "--attacks", "lira", "--input", "logits")["warnings"]
assert [w for w in mistaken if w["code"] == "logits_like_probabilities"], mistaken
write_run("mixed_run", outputs, membership, partners)
both = np.exp(outputs[4].astype(np.float64))
np.save("mixed_run/models/0004/outputs.npy", both / both.sum(-1, keepdims=True))
# What is to be said of the target's files is said beside references as well, and provenance names them.
assert [f["role"] for f in plain["provenance"]["files"]][:3] == ["outputs", "labels", "membership"], plain["provenance"]
codes = [w["code"] for w in audit("mixed_run", "--attacks", "lira")["warnings"]]
assert "mixed_forms" in codes, codes

# A model whose outputs cannot be used is named and left out, as one that is missing.
for name, broken in (("nan", np.where(np.arange(outputs[7].size).reshape(outputs[7].shape) == 5, np.nan, outputs[7])),
                     ("narrow", outputs[7][..., :-1]), ("short", outputs[7][:-1])):
    write_run(f"broken-{name}", outputs, membership, partners)
    np.save(f"broken-{name}/models/0007/outputs.npy", broken)
    result = audit(f"broken-{name}", "--attacks", "base")
    said = [w["message"] for w in result["warnings"] if w["code"] == "unusable_model"]
    assert len(said) == 1 and "model 7 cannot be used" in said[0] and result["subject"]["models"] == MODELS - 1, said
    for m in range(MODELS):
        np.save(f"broken-{name}/models/{m:04}/outputs.npy", broken)
assert "holds 0 finished models" in run("audit", "broken-nan", expect=2).stderr

# Nor one whose outputs are no file: a pipe would be waited for. Shards do without it as well.
for name, put in (("folder", os.mkdir), ("pipe", os.mkfifo)):
    write_run(f"broken-{name}", outputs, membership, partners)
    os.remove(f"broken-{name}/models/0007/outputs.npy")
    put(f"broken-{name}/models/0007/outputs.npy")
    result = audit(f"broken-{name}", "--attacks", "base")
    said = [w["message"] for w in result["warnings"] if w["code"] == "missing_model"]
    assert len(said) == 1 and "model 7 is broken" in said[0] and "is no file" in said[0], said
    assert "model 7 is broken" in run("audit", f"broken-{name}", "--shard", "1/1").stderr
    assert audit(f"broken-{name}", "--attacks", "base", "--merge") == result

# Of repeated cross-validation no target has references of its own round, which would tell its membership.
rounds = np.stack([np.random.default_rng(r).permutation(AUDITED) % 4 != f for r in range(3) for f in range(4)])
rounds = np.concatenate([rounds, np.zeros((12, POPULATION), bool)], axis=1)
write_run("rounds", made_outputs(1), rounds)
result = audit("rounds", "--attacks", "base", "--target", 5)
said = [w["message"] for w in result["warnings"] if w["code"] == "relatives_of_the_target"]
assert len(said) == 1 and said[0].startswith("models 4, 6, 7: ") and result["subject"]["references"] == 8, (said, result["subject"])
assert not [w for w in audit("run1", "--attacks", "base", "--target", 5)["warnings"] if w["code"] == "relatives_of_the_target"]

# A target that was not trained as its references were is not found out as well as it could be, which is said.
write_run("unlike", np.where(np.arange(MODELS).reshape(-1, *[1] * (outputs.ndim - 1)) == 2, outputs / 8, outputs), membership, partners)
unlike, alike = (audit("unlike", "--target", t, "--attacks", "bavaria_n,calibrated_loss")["warnings"] for t in (2, 3))
assert [w for w in unlike if w["code"] == "unlike_references"] and not [w for w in alike if w["code"] == "unlike_references"], (unlike, alike)

# Independent splits: the headline speaks of about as many records as any attack that is chosen beforehand.
write_run("independent", outputs[::2], membership[::2])
result = audit("independent", "--target", 0)
unscored = {a["name"]: a.get("unscored", 0) for a in result["attacks"]}
headline = result["headline"]["auc"]["attack"]
assert AUDITED - unscored[headline] >= 0.9 * (AUDITED - min(unscored[n] for n in ("base", "rmia_offline"))), (headline, unscored)

# Records of which memory does not hold one target's figures are refused before anything is read.
MANY = 600_000
os.makedirs("crowd")
np.save("crowd/membership.npy", np.arange(4 * MANY).reshape(4, MANY) % 2 == 0)
np.save("crowd/labels.npy", np.arange(MANY) % 2)
json.dump({"schema_version": 1, "models": 4}, open("crowd/run.json", "w"))
for m in range(4):
    os.makedirs(f"crowd/models/{m:04}")
    open(f"crowd/models/{m:04}/outputs.npy", "w").close()
said = run("audit", "crowd", "--memory", "64M", expect=2).stderr
assert "figures of 1 target x 600 000 records take 37 MB" in said and "give --memory 110M" in said, said

# What does not fit together is refused.
np.save("short.npy", membership[others][:, :-1])
assert "expected (models, 900)" in run("audit", *flat, *references[:2], "--reference-membership", "short.npy",
                                       expect=2).stderr
np.save("few.npy", membership[others][:-1])
assert "10 reference models" in run("audit", *flat, *references[:2], "--reference-membership", "few.npy", expect=2).stderr
np.save("narrow.npy", outputs[others][..., :-1])
assert "shape" in run("audit", *flat, "--reference-outputs", "narrow.npy", *references[2:], expect=2).stderr
holed = outputs[others]
holed[2, 3, 0, 1] = np.nan
np.save("holed.npy", holed)
dropped = run("audit", *flat, "--reference-outputs", "holed.npy", *references[2:], "--on-nonfinite", "drop", expect=2).stderr
assert "holed.npy (model 2, counted from 0) holds NaN, infinite or too large values" in dropped and "must have all" in dropped, dropped
blamed = run("audit", *flat, "--reference-outputs", "holed.npy", *references[2:], expect=2).stderr
assert "holed.npy (model 2, counted from 0)" in blamed and "record 3" in blamed.replace("row", "record"), blamed
np.save("none.npy", outputs[:0])
for count in (0, len(membership[others])):
    np.save("whose.npy", membership[others][:count])
    said = run("audit", *flat, "--reference-outputs", "none.npy", "--reference-membership", "whose.npy", expect=2).stderr
    assert "holds no reference model" in said, said
# Any integers say who was a member; what they are not is told as it stands.
np.save("integers.npy", membership[others].astype(np.int64))
plain, integers = (audit(*flat, *references[:2], "--reference-membership", of, "--attacks", "base")["attacks"]
                   for of in (references[3], "integers.npy"))
assert plain == integers
np.save("integers.npy", -2 * membership[others].astype(np.int64))
assert "holds -2" in run("audit", *flat, *references[:2], "--reference-membership", "integers.npy", expect=2).stderr
# Names whose order is not that of their numbers might go with the wrong rows.
os.makedirs("unpadded")
for place, m in enumerate(others):
    np.save(f"unpadded/{place + 5}.npy", outputs[m])
said = run("audit", *flat, "--reference-outputs", "unpadded", *references[2:], expect=2).stderr
assert "14.npy comes before 5.npy by name" in said and "zeros" in said, said
for place in range(5):
    os.rename(f"unpadded/{place + 5}.npy", f"unpadded/{place + 5:02}.npy")
assert audit(*flat, "--reference-outputs", "unpadded", *references[2:], "--attacks", "base")["attacks"] == plain
# A binary model's single column may lack its dimension in all models' array as it may in one's.
columns = outputs.reshape(MODELS, RECORDS, -1)[..., 1]
np.save("column.npy", columns[4])
np.save("bits.npy", labels % 2)
np.save("flat_columns.npy", columns[others])
np.save("columns.npy", columns[others][..., None])
flat_columns, with_classes = (
    audit("--outputs", "column.npy", "--labels", "bits.npy", *flat[4:], "--reference-outputs", of, *references[2:],
          "--attacks", "base,lira")["attacks"] for of in ("flat_columns.npy", "columns.npy"))
assert flat_columns == with_classes and len(flat_columns) == 2
np.save("nobody.npy", np.zeros(0, int))
assert "names no record" in run("audit", *flat, *references, "--population", "nobody.npy", expect=2).stderr
np.save("wide_population.npy", np.zeros((1, 100), int))
assert "indices of records" in run("audit", *flat, *references, "--population", "wide_population.npy", expect=2).stderr
assert "go together" in run("audit", *flat, *references[:2], expect=2).stderr
assert "beside it go --groups" in run("audit", "run1", *flat, expect=2).stderr
# Groups and ids name the records of a run, for one target or for all.
people = np.arange(len(np.load("run1/labels.npy"))) // 3
np.save("people.npy", people)
np.save("ids.npy", people * 1000)
whose = ("--groups", "people.npy", "--ids", "ids.npy")
single, of_all = (audit("run1", "--attacks", "base,population", *more) for more in ((), (*whose, "--out", "all_people")))
assert of_all["subject"]["groups"] == people.max() + 1 and attack(of_all, "base")["group_estimates"]
assert attack(single, "base")["estimates"]["auc"]["value"] == attack(of_all, "base")["estimates"]["auc"]["value"]
assert attack(single, "base")["estimates"]["auc"]["low"] != attack(of_all, "base")["estimates"]["auc"]["low"]
header, *lines = (line.split(",") for line in open("all_people/records.csv").read().splitlines())
row, name = header.index("row"), header.index("id")
assert all(int(line[name].strip('"')) == 1000 * people[int(line[row])] for line in lines)
# A person's score under a model is the mean of theirs, where all of their records stand on one side of it.
membership = np.load("run1/membership.npy")
by_person = np.load("all_people/scores/base.npy").reshape(len(membership), -1)
pure = [(by_person[m, people == p].mean(), membership[m, people == p][0]) for m in range(len(membership))
        for p in range(AUDITED // 3) if membership[m, people == p].mean() in (0, 1)]
values, sides = (np.array(column) for column in zip(*pure))
wins = (values[sides == 1][:, None] > values[sides == 0]).mean() + (values[sides == 1][:, None] == values[sides == 0]).mean() / 2
assert abs(attack(of_all, "base")["group_estimates"]["auc"]["value"] - wins) < 1e-9
of_people = audit("run1", "--target", 4, *whose, "--attacks", "base", "--out", "report_people")
assert of_people["subject"]["groups"] == people.max() + 1 and attack(of_people, "base")["group_estimates"]
assert open("report_people/records.csv").read().splitlines()[1].count("000")
np.save("people.npy", people[1:])
assert "must list the same records" in run("audit", "run1", "--target", 4, *whose, expect=2).stderr
assert "--target 99" in run("audit", "run1", "--target", 99, expect=2).stderr
assert "no run.json" in run("audit", "many", expect=2).stderr
bad = outputs[0].copy()
bad[3, 0, 1] = np.nan
write_run("nan", np.concatenate([bad[None], outputs[1:]]), membership, partners)
said = [w["message"] for w in audit("nan", "--attacks", "base")["warnings"] if w["code"] == "unusable_model"]
assert len(said) == 1 and "0000/outputs.npy holds 1 NaN" in said[0] and "--on-nonfinite" not in said[0], said
refused_once_touched("run1", "models/0003/outputs.npy")
