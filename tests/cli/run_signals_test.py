"""A run whose models bring signals in place of outputs: what needs no more is scored as from outputs, the rest is named."""
import json
import os
import shutil

import numpy as np

from harness import attack, audit, log_rest, log_softmax, refused_once_touched, run

RECORDS, MODELS, CLASSES = 300, 8, 4
rng = np.random.default_rng(1)
labels = rng.integers(0, CLASSES, RECORDS)
halves = np.stack([rng.permutation(RECORDS) < RECORDS // 2 for _ in range(MODELS // 2)])
membership = np.stack([halves, ~halves], 1).reshape(MODELS, RECORDS)
rows = np.arange(RECORDS)


def signals_of(logits):
    """Every query's loss, confidence and rescaled logit of the true class."""
    by_query = []
    for z in logits.transpose(1, 0, 2):
        logs = log_softmax(z)[rows, labels]
        by_query.append((-logs, np.exp(logs), logs - log_rest(z)[rows, labels]))
    return dict(zip(("loss", "confidence", "rescaled_logit"), np.array(by_query).transpose(1, 2, 0)))


def make(folder, queries=2, names=("loss", "confidence", "rescaled_logit"), dtype=np.float64):
    """`folder` holds signals, and `folder`-outputs the outputs that they are of."""
    draws = np.random.default_rng(2)
    for run_folder in (folder, folder + "-outputs"):
        shutil.rmtree(run_folder, ignore_errors=True)
        os.makedirs(run_folder)
        json.dump({"schema_version": 1, "models": MODELS}, open(f"{run_folder}/run.json", "w"))
        np.save(f"{run_folder}/labels.npy", labels)
        np.save(f"{run_folder}/membership.npy", membership)
    hard = draws.normal(0, 1, (RECORDS, 1, CLASSES))
    for m in range(MODELS):
        logits = hard + draws.normal(0, 1, (RECORDS, queries, CLASSES))
        logits[rows, :, labels] += 1 + 2 * membership[m][:, None]
        os.makedirs(f"{folder}-outputs/models/{m:04}")
        np.save(f"{folder}-outputs/models/{m:04}/outputs.npy", logits)
        os.makedirs(f"{folder}/models/{m:04}/signals")
        for name in names:
            values = signals_of(logits)[name].astype(dtype)
            np.save(f"{folder}/models/{m:04}/signals/{name}.npy", values[:, 0] if queries == 1 else values)


for queries in (1, 2):
    make("run", queries)
    assert "8 of 8 models done" in run("shadow", "check", "run").stdout
    found = audit("run")
    assert found["subject"]["input"] == "signals" and found["subject"]["type"] == "float64"
    assert found["subject"]["classes"] == CLASSES and found["subject"]["queries"] == queries
    names = {a["name"] for a in found["attacks"]}
    assert {"loss", "confidence", "lira", "rmia", "reference", "calibrated_loss"} <= names, names
    expected = audit("run-outputs", "--attacks", ",".join(names))
    for name in names:
        ours, theirs = (attack(result, name)["estimates"]["auc"]["value"] for result in (found, expected))
        assert abs(ours - theirs) < 1e-3, (name, ours, theirs)
    # Every other attack is left out by name, and says what it lacks.
    reasons = {s["name"]: s["reason"] for s in found["skipped"]}
    assert reasons["margin"] == ("needs margin, and the models bring confidence, loss, rescaled_logit alone; "
                                 "docs/formats.md says how to bring more"), reasons["margin"]
    assert "needs outputs, and the models bring" in reasons["shokri"], reasons
    assert audit("run", "--target", "3", "--attacks", "lira,loss")["subject"]["targets"] == 1
    assert "float64 signals" in run("audit", "run", "--attacks", "loss").stdout

# One signal is enough for what asks no more, in any floating type.
make("few", 1, ["loss"], np.float16)
few = audit("few", "--out", "report")
assert "calibrated_loss" in {a["name"] for a in few["attacks"]} and "lira" in {s["name"] for s in few["skipped"]}
assert os.path.exists("report/records.csv") and few["subject"]["type"] == "float16"
assert [f["role"] for f in few["provenance"]["files"]].count("signal") == MODELS
assert "needs rescaled_logit" in run("audit", "few", "--attacks", "lira", expect=2).stderr

# What cannot be is refused, by the audit and by check.
good = np.load("few/models/0005/signals/loss.npy")
for wrong, why in ((good[1:], "(299,)"), (good.astype(int), "int64"), (np.where(rows == 7, np.nan, good), "1 value"),
                   (np.where(rows == 7, 1e160, good), "1 value that is NaN, infinite or too large"),
                   (good[:, None].repeat(2, 1), "expected (300,)"), (good[:, None, None], "(300, 1, 1)")):
    np.save("few/models/0005/signals/loss.npy", wrong)
    checked = run("shadow", "check", "few", expect=1).stdout
    for said in (checked, run("audit", "few", expect=2).stderr):
        assert "0005/signals/loss.npy" in said and why in said, said
    assert "7 of 8 models done" in checked
np.save("few/models/0005/signals/loss.npy", np.where(rows == 7, -2, good))
said = run("audit", "few", "--attacks", "loss", expect=2).stderr
assert "model 5: the signal 'loss' of record 7 is -2, and lies from 0 to inf" in said, said
np.save("few/models/0005/signals/loss.npy", good)
np.save("few/models/0005/signals/entropy.npy", good)
for said in (run("shadow", "check", "few", expect=1).stdout, run("audit", "few", expect=2).stderr):
    assert "0005/signals brings entropy, loss, but models before it loss" in said, said
os.remove("few/models/0005/signals/entropy.npy")
np.save("few/models/0005/outputs.npy", rng.normal(size=(RECORDS, CLASSES)))
for said in (run("shadow", "check", "few", expect=1).stdout, run("audit", "few", expect=2).stderr):
    assert "brings outputs" in said and "every model must bring the same" in said, said
os.remove("few/models/0005/outputs.npy")
for m in range(MODELS):
    os.rename(f"few/models/{m:04}/signals/loss.npy", f"few/models/{m:04}/signals/los.npy")
assert "unknown signal 'los'; did you mean 'loss'?" in run("audit", "few", expect=2).stderr
os.remove("few/models/0000/signals/los.npy")
assert "0000/signals holds no .npy; expected one a signal" in run("audit", "few", expect=2).stderr
assert "0000/signals holds no .npy" in run("shadow", "check", "few", expect=1).stdout
shutil.rmtree("few/models/0000/signals")
assert "7 of 8 models done" in run("shadow", "status", "few").stdout
os.remove("few-outputs/models/0003/outputs.npy")
missing = audit("few-outputs", "--attacks", "loss")["warnings"][0]
assert missing["message"].startswith("model 3 is missing") and "docs/formats.md" in missing["advice"], missing
for idle in (["--shard", "1/1"], ["--shard", "1/3"], ["--merge"], ["--target", "1", "--show-records", "--out", "shown"]):
    assert "holds signals" in run("audit", "run", *idle, expect=2).stderr

# What is no file is not waited for: the model is named and left out.
for put in (os.mkdir, os.mkfifo):
    make("run")
    os.remove("run/models/0003/signals/loss.npy")
    put("run/models/0003/signals/loss.npy")
    found = audit("run", "--attacks", "malt")
    assert found["subject"]["models"] == MODELS - 1
    assert any("model 3 is broken: run/models/0003/signals/loss.npy is no file" in w["message"] for w in found["warnings"])

make("run", queries=1)  # of several queries they are in an order that is copied
refused_once_touched("run", "models/0003/signals/loss.npy")
