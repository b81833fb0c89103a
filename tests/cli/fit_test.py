"""What follows from all records is found once by --fit, and shards score by it: the bytes of one audit, whatever the shards,
threads, design, target or parameters. A fit or scores of anything else are not used, and this is told."""
import json
import os
import shutil

import numpy as np

from harness import run

rng = np.random.default_rng(11)


def write_run(folder, models, records, classes, queries, membership, partners, population=0, scale=1.0):
    os.makedirs(folder)
    labels = rng.integers(0, classes, records)
    roles = np.zeros(records, np.uint8)
    if population:
        roles[-population:] = 1
        membership[:, -population:] = False
        np.save(f"{folder}/roles.npy", roles)
    np.save(f"{folder}/membership.npy", membership)
    np.save(f"{folder}/labels.npy", labels)
    with open(f"{folder}/run.json", "w") as file:
        json.dump({"schema_version": 1, "models": models, "partners": partners}, file)
    hard = rng.normal(0, 2, records)
    for m in range(models):
        os.makedirs(f"{folder}/models/{m:04}")
        z = rng.normal(0, 1, (records, queries, classes))
        z[np.arange(records), :, labels] += (1 + 2 * membership[m] + hard)[:, None]
        np.save(f"{folder}/models/{m:04}/outputs.npy", (scale * np.round(z, 1)).astype(np.float32))  # with ties


half = rng.integers(0, 2, (4, 701)).astype(bool)
pairs = np.stack([half, ~half], axis=1).reshape(8, 701)
folds = rng.integers(0, 5, (2, 800))
write_run("pairs", 8, 701, 4, 1, pairs, [m ^ 1 for m in range(8)])
write_run("random", 12, 500, 3, 3, rng.integers(0, 2, (12, 500)).astype(bool), [-1] * 12, population=90)
write_run("folds", 10, 800, 3, 1, np.stack([folds[m // 5] != m % 5 for m in range(10)]), [-1] * 10)
write_run("sure", 8, 400, 3, 1, rng.integers(0, 2, (8, 400)).astype(bool), [-1] * 8, scale=400.0)  # means underflow
write_run("tiny", 6, 9, 3, 1, rng.integers(0, 2, (6, 9)).astype(bool), [-1] * 6)

LEARNT = {"shokri", "ml_leaks", "stacked", "stacked_offline"}
ATTACKS = json.loads(run("list", "attacks", "--json").stdout)
BY_FORMULA = [a["name"] for a in ATTACKS if "references_out" in a["needs"] and a["name"] not in LEARNT]
assert len(BY_FORMULA) == 14, BY_FORMULA
WITH_OTHERS = ["--attacks", ",".join([*BY_FORMULA, "loss", "population", "ml_leaks"])]


def report_of(*arguments, note=""):
    shutil.rmtree("report", ignore_errors=True)
    said = run("audit", *arguments, "--out", "report", "--quiet").stderr
    assert (note in said if note else said == ""), said
    files = [os.path.join(folder, name) for folder, _, names in sorted(os.walk("report")) for name in sorted(names)]
    return {name: open(name, "rb").read() for name in files}


def score_by_fit(folder, count, options):
    attacks = run("audit", folder, "--fit", *options, "--quiet").stdout
    for number in sorted(range(1, count + 1), key=lambda n: n * 5 % 7):
        said = run("audit", folder, "--shard", f"{number}/{count}", "--threads", number % 2 + 1, "--quiet").stdout
        assert "scores of" in said and "written" in said, said
    return attacks


CASES = {
    "pairs": (7, ([], ["--target", 3],
                  ["--pmia-proxies", "class", "--lira-formulas", "carlini", "--rmia-offline-tune", "yes", "--seed", 5])),
    "random": (3, ([], ["--target", 1], ["--lira-queries", "joint", "--lira-variance", "pooled", "--rmia-gamma", 2],
                   ["--lira-variance", "per_sample", "--pmia-proxies", "global"])),
    "folds": (1, ([], ["--lira-location", "median", "--lira-signal", "margin"])),
    "sure": (5, ([],)),
    "tiny": (9, ([],)),
}
for folder, (count, cases) in CASES.items():
    assert "no complete set of shards" in run("audit", folder, "--fit", expect=2).stderr
    for number in (2, 1):
        assert "signals of" in run("audit", folder, "--shard", f"{number}/2").stdout
    for options in cases:
        options = [*WITH_OTHERS, *options]
        whole = report_of(folder, *options)
        said = score_by_fit(folder, count, options)
        assert report_of(folder, *options, "--merge") == whole, (folder, options)
        if folder in ("pairs", "random"):
            assert f"fit of {len(BY_FORMULA)} attacks" in said, said
            with open(f"{folder}/fit/done.json") as file:
                assert [attack["name"] for attack in json.load(file)["attacks"]] == BY_FORMULA
    assert sorted(os.listdir(f"{folder}/attempts")) == []
    for path, _, names in [*os.walk(f"{folder}/fit"), *os.walk(f"{folder}/scores")]:
        assert os.stat(path).st_mode & 0o77 == 0 and all(os.stat(f"{path}/{n}").st_mode & 0o77 == 0 for n in names)

# A fit of all targets serves an audit of one, of fewer attacks, and with other figures.
score_by_fit("pairs", 3, WITH_OTHERS)
for options in (["--target", 2, "--attacks", "malt"], ["--attacks", "base"], ["--attacks", "lira,loss", "--level", ".9"],
                ["--attacks", "rmia", "--memory", "64M", "--threads", 1]):
    assert report_of("pairs", "--merge", *options) == report_of("pairs", *options)
# How long scoring took is told by who scores.
points = [json.loads(run("audit", "pairs", "--attacks", "lira", "--curve", "--json", *merge).stdout)["budget_curve"]
          for merge in ([], ["--merge"])]
for point in sum(points, []):
    for attack in point["attacks"]:
        assert attack.pop("seconds") >= 0
assert points[0] == points[1]
# One of anything else does not, and the figures are the same all the same.
OTHER = "pairs/fit is not used: it holds none of the attacks asked for"
for options in (["--attacks", "lira", "--seed", 3], ["--attacks", "lira", "--lira-signal", "margin"]):
    assert report_of("pairs", "--merge", *options, note=OTHER) == report_of("pairs", *options)
SOME = ["--attacks", "base,lira,rmia", "--lira-variance", "per_sample", "--rmia-gamma", 3]
assert report_of("pairs", "--merge", *SOME, note="pairs/fit is not used for rmia, lira: it holds other parameters") == report_of(
    "pairs", *SOME)
report_of("pairs", "--merge", "--attacks", "loss")  # which asks for nothing that shards score

# Scores are what is used: damage is found, named and mended, a missing shard is told.
whole = report_of("pairs", "--attacks", "lira")
assert "nothing to do" in run("audit", "pairs", "--shard", "2/3").stdout
with open("pairs/scores/2-of-3/lira.npy", "r+b") as file:
    file.seek(-3, os.SEEK_END)
    file.write(b"x")
said = run("audit", "pairs", "--merge", "--attacks", "lira", expect=2).stderr
assert "scores/2-of-3/lira.npy is not what was written" in said and "--shard 2/3" in said, said
assert "written" in run("audit", "pairs", "--shard", "2/3").stdout
assert report_of("pairs", "--merge", "--attacks", "lira") == whole
shutil.rmtree("pairs/scores/3-of-3")
assert report_of("pairs", "--merge", "--attacks", "lira", note="pairs/fit is not used: no scores yet by shard 3/3") == whole
assert "written" in run("audit", "pairs", "--shard", "3/3").stdout
# One shard's scores are not taken for another's.
score_by_fit("pairs", 4, ["--attacks", "base"])
os.rename("pairs/scores/2-of-4", "second")
shutil.copytree("pairs/scores/3-of-4", "pairs/scores/2-of-4")
assert report_of("pairs", "--merge", "--attacks", "base", note="no scores yet by shard 2/4") == report_of(
    "pairs", "--attacks", "base")
assert "written" in run("audit", "pairs", "--shard", "2/4").stdout
assert open("pairs/scores/2-of-4/base.npy", "rb").read() == open("second/base.npy", "rb").read()
# Damaged signals are named by the shards that need them, and made by their own.
with open("pairs/signals/1-of-2/confidence.npy", "r+b") as file:
    file.seek(-3, os.SEEK_END)
    file.write(b"x")
shutil.rmtree("pairs/scores")
said = run("audit", "pairs", "--shard", "1/3", expect=2).stderr
assert "signals/1-of-2/confidence.npy is not what was written" in said and "--shard 1/2" in said, said
done = run("audit", "pairs", "--shard", "1/2")
assert "signals of" in done.stdout and "written" in done.stdout and "missing or damaged" in done.stderr
assert "scores of" in run("audit", "pairs", "--shard", "1/3").stdout
score_by_fit("pairs", 5, ["--attacks", "lira,rmia"])
# So is a damaged fit.
with open("pairs/fit/rmia.f64", "r+b") as file:
    file.seek(-3, os.SEEK_END)
    file.write(b"x")
said = run("audit", "pairs", "--shard", "1/2", expect=2).stderr
assert "fit/rmia.f64 is not what was written" in said and "--fit" in said, said
text = open("pairs/fit/done.json").read()
for damage in (text.replace('"seed": 0', '"seed": 1'), text[:-9], "7", "", '{"checksum": 1}'):
    open("pairs/fit/done.json", "w").write(damage)
    assert "or damaged" in run("audit", "pairs", "--shard", "1/2", expect=2).stderr
    assert report_of("pairs", "--merge", "--attacks", "lira", note="or damaged") == whole
# Of scores by a fit that has been replaced, nothing is used.
score_by_fit("pairs", 3, ["--attacks", "lira,rmia"])
run("audit", "pairs", "--fit", "--attacks", "lira", "--seed", 9)
assert report_of("pairs", "--merge", "--attacks", "lira", "--seed", 9, note="no shard has scored by it") == report_of(
    "pairs", "--attacks", "lira", "--seed", 9)

# Where signals of a shard are gone, the shard makes these first.
score_by_fit("pairs", 2, ["--attacks", "lira"])
shutil.rmtree("pairs/signals/1-of-2")
shutil.rmtree("pairs/scores/1-of-2")
done = run("audit", "pairs", "--shard", "1/2")
assert "signals of" in done.stdout and "signals are missing or damaged" in done.stderr
assert "scores of" in run("audit", "pairs", "--shard", "1/2").stdout
assert report_of("pairs", "--merge", "--attacks", "lira") == whole
# A fit of other outputs, or of other splits, is not applied.
membership = np.load("pairs/membership.npy")
np.save("pairs/membership.npy", membership[:, ::-1].copy())
said = run("audit", "pairs", "--shard", "1/2", expect=2).stderr
assert "pairs/fit is not used: it is of other models, labels, splits or signals" in said
assert report_of("pairs", "--merge", "--attacks", "lira", note="other models, labels, splits") == report_of(
    "pairs", "--attacks", "lira")
np.save("pairs/membership.npy", membership)
assert report_of("pairs", "--merge", "--attacks", "lira") == whole
# Nor is one that took other models for partners.
score_by_fit("random", 2, ["--attacks", "lira"])
text = open("random/run.json").read()
open("random/run.json", "w").write(json.dumps({**json.loads(text), "partners": [m ^ 1 for m in range(12)]}))
assert report_of("random", "--merge", "--attacks", "lira", note="other models, labels, splits") == report_of(
    "random", "--attacks", "lira")
open("random/run.json", "w").write(text)
assert report_of("random", "--merge", "--attacks", "lira") == report_of("random", "--attacks", "lira")
outputs = np.load("pairs/models/0002/outputs.npy")
np.save("pairs/models/0002/outputs.npy", outputs[:, :, ::-1].copy())
for number in (1, 2):
    done = run("audit", "pairs", "--shard", f"{number}/2")
    assert "is not used" in done.stderr and "signals of" in done.stdout and "written" in done.stdout
score_by_fit("pairs", 2, ["--attacks", "lira"])
assert report_of("pairs", "--merge", "--attacks", "lira") == report_of("pairs", "--attacks", "lira") != whole

# Signals that are damaged or gone are made again, also where the shard's scores are there already.
with open("pairs/signals/1-of-2/loss.npy", "r+b") as file:
    file.seek(500)
    file.write(b"x")
for damage in (None, lambda: shutil.rmtree("pairs/signals/1-of-2")):
    if damage:
        damage()
    assert "--shard 1/2" in run("audit", "pairs", "--merge", expect=2).stderr.replace("1/2 is missing", "--shard 1/2")
    assert "nothing to do" in run("audit", "pairs", "--shard", "2/2").stdout
    assert "signals of" in run("audit", "pairs", "--shard", "1/2").stdout
    assert "scores of" in run("audit", "pairs", "--shard", "1/2").stdout
    assert report_of("pairs", "--merge", "--attacks", "lira") == report_of("pairs", "--attacks", "lira")

# What an attack asked of models is told of by whichever of the shards asked, or the fit: the target is unlike the others.
os.rename("sure", "unlike")
for m in range(1, 8):
    z = np.load(f"unlike/models/{m:04}/outputs.npy")
    z[100:] /= 400
    np.save(f"unlike/models/{m:04}/outputs.npy", z)
for number in (1, 2):
    run("audit", "unlike", "--shard", f"{number}/2")
for options in (["--attacks", "base"], ["--attacks", "rmia_offline", "--rmia-offline-tune", "yes"]):
    options += ["--target", 0]
    whole = report_of("unlike", *options)
    assert b"unlike_references" in whole["report/result.json"]
    score_by_fit("unlike", 6, options)
    assert report_of("unlike", *options, "--merge") == whole
# What miaudit did not write it does not replace.
for place, step in (("fit", ["--fit", "--attacks", "lira"]), ("scores/1-of-2", ["--shard", "1/2"])):
    shutil.rmtree(f"folds/{place}", ignore_errors=True)
    os.makedirs(f"folds/{place}")
    for mine in ("mine.txt", "done.json"):
        open(f"folds/{place}/{mine}", "w").close()
        said = run("audit", "folds", *step, expect=2).stderr
        assert f"folds/{place} stands where miaudit keeps its own" in said, said
    assert sorted(os.listdir(f"folds/{place}")) == ["done.json", "mine.txt"]
    shutil.rmtree(f"folds/{place}")
    run("audit", "folds", *step)
# Two fits of one plan are one.
score_by_fit("folds", 3, ["--attacks", "lira"])
run("audit", "folds", "--fit", "--attacks", "lira", "--threads", 1)
assert "nothing to do" in run("audit", "folds", "--shard", "1/3").stdout

# What an attack cannot score, and why, is the same.
os.makedirs("thin/models")
for name in ("labels.npy", "run.json"):
    shutil.copy(f"folds/{name}", f"thin/{name}")
membership = np.load("folds/membership.npy")
membership[:, 100:400] = False
np.save("thin/membership.npy", membership)
shutil.copytree("folds/models", "thin/models", dirs_exist_ok=True)
for number in (1, 2):
    run("audit", "thin", "--shard", f"{number}/2")
for target in ([], ["--target", 4]):
    score_by_fit("thin", 4, [*WITH_OTHERS, *target])
    assert report_of("thin", *WITH_OTHERS, *target, "--merge") == report_of("thin", *WITH_OTHERS, *target)

# Several queries count, in every step; a shard may be smaller.
half = rng.integers(0, 2, (4, 6000)).astype(bool)
write_run("queries", 8, 6000, 2, 64, np.stack([half, ~half], axis=1).reshape(8, 6000), [m ^ 1 for m in range(8)])
SMALL = "--memory", "64M", "--attacks", "lira", "--target", 0
said = run("audit", "queries", *SMALL, expect=2).stderr
assert "scoring 6 000 records by 64 queries of a target takes 36 MB, half of --memory holds 32; give --memory 71M" in said, said
for number in range(1, 5):
    run("audit", "queries", "--shard", f"{number}/4")
assert "give --memory" in run("audit", "queries", "--fit", *SMALL, expect=2).stderr
SMALL = "--memory", "71M", *SMALL[2:]
whole = report_of("queries", *SMALL)
run("audit", "queries", "--fit", *SMALL)
for number in range(1, 3):
    assert "written" in run("audit", "queries", "--shard", f"{number}/2", "--memory", "64M").stdout
assert report_of("queries", "--merge", *SMALL) == whole

# What cannot be.
for two in (["--shard", "1/2", "--fit"], ["--fit", "--merge"], ["--shard", "1/2", "--merge"]):
    assert "one of them at a time" in run("audit", "pairs", *two, expect=2).stderr
for more in (["--json"], ["--groups", "labels.npy"], ["--out", "report"], ["--curve"], ["--fail-if", "auc>.6"]):
    assert "--merge" in run("audit", "pairs", "--fit", *more, expect=2).stderr
for more in (["--attacks", "lira"], ["--seed", 1], ["--folds", 3], ["--rmia-gamma", 2], ["--target", 1], ["--fpr", ".1"]):
    assert "as --fit was told to" in run("audit", "pairs", "--shard", "1/2", *more, expect=2).stderr
for attacks in ("loss", "stacked", "loss,ml_leaks"):
    assert "none of the attacks" in run("audit", "pairs", "--fit", "--attacks", attacks, expect=2).stderr
assert "--target 8" in run("audit", "pairs", "--fit", "--target", 8, expect=2).stderr
assert "joint has means alone" in run("audit", "random", "--fit", "--attacks", "lira", "--lira-queries", "joint",
                                      "--lira-location", "median", expect=2).stderr
assert "go with a run folder" in run("audit", "--fit", "--members", "a.npy", "--nonmembers", "b.npy", expect=2).stderr

# Slurm's elements are the same for both passes.
script = run("shadow", "emit", "slurm", "pairs", "--verb", "audit", "--shards", "5").stdout
assert "--fit" in script and "this script again" in script
