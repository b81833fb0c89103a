"""A run of more targets than --memory allows is audited by whole pairs of them; the result says so and tells which."""
import json
import os
import shutil

import numpy as np

from harness import attack, audit, auc, run

MODELS, RECORDS, CLASSES, FIT = 8, 120_000, 2, 4
ALL = f"{(2 * 64 * MODELS * 120_000 - 1 >> 20) + 1}M"
rng = np.random.default_rng(3)
half = rng.integers(0, 2, (MODELS // 2, RECORDS)).astype(bool)
membership = np.stack([half, ~half], axis=1).reshape(MODELS, RECORDS)
labels = rng.integers(0, CLASSES, RECORDS)
outputs = rng.normal(0, 1, (MODELS, RECORDS, CLASSES)).astype(np.float32)
outputs[:, np.arange(RECORDS), labels] += membership
LITTLE = ("--memory", "64M", "--attacks", "lira,loss")
assert FIT * RECORDS * 64 < 32 << 20 < (FIT + 1) * RECORDS * 64


def write_run(folder, order, brought=()):
    """order: of the models, a pair where a pair was."""
    os.makedirs(folder)
    np.save(f"{folder}/membership.npy", membership[order])
    np.save(f"{folder}/labels.npy", labels)
    with open(f"{folder}/run.json", "w") as file:
        json.dump({"schema_version": 1, "models": MODELS, "partners": [m ^ 1 for m in range(MODELS)],
                   "brought": list(brought)}, file)
    for place, m in enumerate(order):
        os.makedirs(f"{folder}/models/{place:04}")
        np.save(f"{folder}/models/{place:04}/outputs.npy", outputs[m])


def report_of(*arguments):
    shutil.rmtree("report", ignore_errors=True)
    result = audit(*arguments, *LITTLE, "--out", "report")
    files = [os.path.join(folder, name) for folder, _, names in os.walk("report") for name in names]
    return result, {name: open(name, "rb").read() for name in files}


def targets_of(result):
    return [t["model"] for t in attack(result, "lira")["targets"]]


write_run("run", range(MODELS))
result, files = report_of("run", "--threads", "2")
targets = targets_of(result)
assert result["subject"]["targets"] == len(targets) == FIT and result["subject"]["models"] == MODELS, result["subject"]
assert result["subject"]["members"] + result["subject"]["nonmembers"] == FIT * RECORDS
assert result["subject"]["references"] == MODELS - 2, "what is no target is a reference all the same"
assert {m ^ 1 for m in targets} == set(targets), targets
said = [w for w in result["warnings"] if w["code"] == "targets_left_out"]
assert len(said) == 1 and f"{FIT} of {MODELS} models were targets" in said[0]["message"], result["warnings"]
assert said[0]["advice"] == f"--memory {ALL} audits all {MODELS}"
everyone = audit("run", "--memory", "1G", "--attacks", "lira")
assert everyone["subject"]["targets"] == MODELS and "targets_left_out" not in [w["code"] for w in everyone["warnings"]]
shown = " ".join(run("audit", "run", *LITTLE).stdout.split())
assert f"{FIT} models audited in turn on 120 000 records" in shown and f"--memory {ALL} audits all {MODELS}" in shown, shown

# A row of scores a target, in the order of their numbers; the same scores as of all.
scores = np.load("report/scores/loss.npy")
assert scores.shape == (FIT, RECORDS)
for row, m in zip(scores, targets):
    found = next(t for t in attack(result, "loss")["targets"] if t["model"] == m)
    assert abs(auc(row, membership[m]) - found["auc"]["value"]) < 1e-9
of_all = {t["model"]: t["auc"]["value"] for t in attack(everyone, "lira")["targets"]}
assert all(of_all[t["model"]] == t["auc"]["value"] for t in attack(result, "lira")["targets"])

# The same bytes on one thread and from shards; the same models whatever their numbers.
assert report_of("run", "--threads", "1")[1] == files
for number in (1, 2):
    run("audit", "run", "--shard", f"{number}/2", "--memory", "64M")
assert report_of("run", "--merge")[1] == files
order = [4, 5, 7, 6, 0, 1, 3, 2]
write_run("turned", order)
turned = report_of("turned")[0]
assert sorted(order[m] for m in targets_of(turned)) == targets
assert attack(turned, "lira")["estimates"] == attack(result, "lira")["estimates"]

# Of models that were brought, as many as fit.
write_run("brought", range(MODELS), brought=(0, 1, 2, 4, 5, 7))
brought = report_of("brought")[0]
assert len(targets_of(brought)) in (FIT - 1, FIT) and set(targets_of(brought)) <= {0, 1, 2, 4, 5, 7}
assert "of 6 models were targets" in next(w["message"] for w in brought["warnings"] if w["code"] == "targets_left_out")
