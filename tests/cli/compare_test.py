"""Which records are exposed, in reports of one target and of many, and whether two reports agree."""
import csv
import json

import numpy as np

from harness import run

MODELS, RECORDS, CLASSES = 12, 400, 4
TREES = ["--stacked-trees", "5", "--stacked-offline-trees", "5"]


def write_run(folder, seed, leak):
    """Models in pairs that are surer of what they learnt, the first records most of all."""
    import os
    rng = np.random.default_rng(seed)
    half = rng.random((MODELS // 2, RECORDS)) < 0.5
    membership = np.stack([half, ~half], 1).reshape(MODELS, RECORDS)
    labels = np.arange(RECORDS) % CLASSES
    outputs = rng.normal(0, 1, (MODELS, RECORDS, CLASSES)).astype(np.float32)
    outputs[:, np.arange(RECORDS), labels] += 1 + leak * membership * np.linspace(1, 0, RECORDS) ** 4
    os.makedirs(f"{folder}/models")
    for m in range(MODELS):
        os.makedirs(f"{folder}/models/{m:04}")
        np.save(f"{folder}/models/{m:04}/outputs.npy", outputs[m])
    np.save(f"{folder}/membership.npy", membership)
    np.save(f"{folder}/labels.npy", labels)
    json.dump({"schema_version": 1, "models": MODELS}, open(f"{folder}/run.json", "w"))
    return membership


def compared(*arguments):
    return json.loads(run("compare", *arguments, "--json").stdout)


for name, seed, leak in (("a", 1, 8), ("b", 2, 8), ("c", 3, 0), ("d", 4, 0)):
    membership = write_run(name, seed, leak)
    run("audit", name, "--attacks", "lira", "--fpr", "0.1,0.01", "--out", f"all-{name}")
    run("audit", name, "--attacks", "lira,correctness", "--target", 0, "--out", f"one-{name}")
    run("audit", name, "--attacks", "correctness", "--out", f"right-{name}")
    if name != "a":
        continue

    # Counts of every record, by hand.
    result = json.load(open("all-a/result.json"))
    scores = np.load("all-a/scores/lira.npy")
    rows = list(csv.DictReader(open("all-a/records.csv")))
    assert len(rows) == RECORDS and {int(r["row"]) for r in rows} == set(range(RECORDS))
    for place, rate in enumerate(result["attacks"][0]["estimates"]["tpr_at_fpr"]):
        found = ((scores >= rate["threshold"]) & membership).sum(0)
        for row in rows:
            assert int(row[f"found_at_{rate['fpr']}"]) == found[int(row["row"])]
            assert int(row["trained"]) == membership[:, int(row["row"])].sum() == MODELS // 2
        shown = result["exposure"]["by_fpr"][place]
        assert shown["found_ever"] == (found > 0).sum() and shown["found_by_half"] == (2 * found >= MODELS // 2).sum()
        finds = shown["per_record_threshold"]
        assert finds["records"] == RECORDS and finds["tpr_corrected"]["value"] <= finds["tpr"]["value"]
    strict = [int(row["found_at_0.01"]) for row in rows]
    assert strict == sorted(strict, reverse=True) and float(rows[0]["rank"]) == 1
    most = result["exposure"]["most_exposed"]
    assert [m["record"] for m in most] == [int(r["row"]) for r in rows[:100]]
    assert all(f["low"] <= f["count"] / m["trained"] <= f["high"] for m in most for f in m["found_at_fpr"])
    text = run("audit", "a", "--attacks", "lira", "--fpr", "0.1,0.01").stdout
    assert f"{rows[0]['row']} ({strict[0]} of 6 models trained on it" in " ".join(text.split()) and max(map(len, text.splitlines())) <= 80
    assert f"Most exposed: {list(csv.DictReader(open('one-a/records.csv')))[0]['row']}" in run(
        "audit", "a", "--attacks", "lira", "--target", 0).stdout
    assert "--target" in run("audit", "a", "--show-records", "--out", "x", expect=2).stderr

# Exposed by what they are: both reports find them.
agreed = compared("all-a", "all-b", "--depths", "40")
assert agreed["records"] == RECORDS
assert agreed["overlap"][0]["common"] > 15 and agreed["overlap"][0]["chance_at_least"] < 1e-4
assert agreed["overlap"][0]["by_chance"] == 4
# Noise agrees with nothing, nor do scores of two values whose records stand in the order of the input.
for kind in ("all", "one", "right"):
    noise = compared(f"{kind}-c", f"{kind}-d", "--depths", "40,100")
    assert abs(noise["rank_correlation"]) < 0.2, (kind, noise)
    assert all(o["chance_at_least"] > 1e-3 for o in noise["overlap"]), (kind, noise)
text = run("compare", "all-a", "all-a/records.csv").stdout
assert text == run("compare", "all-a/result.json", "all-a").stdout
assert "rank correlation 1.000" in text and "10" in text

# Reports that hold different records are compared in what they share, and say what they do not.
lines = open("all-b/records.csv").read().splitlines()
open("fewer.csv", "w").write("\n".join(lines[:301]) + "\n")
fewer = compared("all-a", "fewer.csv")
assert fewer["records"] == 300 and fewer["only_first"] == 100 and fewer["only_second"] == 0
assert [o["first"] for o in fewer["overlap"]] == [10, 100]
assert "100 records are of all-a/records.csv in that report only" in " ".join(run("compare", "all-a", "fewer.csv").stdout.split())
assert "compare two of a kind" in run("compare", "all-a", "one-b", expect=2).stderr
assert "1 to 400" in run("compare", "all-a", "all-b", "--depths", "401", expect=2).stderr
assert "is not there" in run("compare", "all-a", "nowhere", expect=2).stderr
open("other.csv", "w").write("a,b\n1,2\n")
assert "`rank`" in run("compare", "all-a", "other.csv", expect=2).stderr
open("bad.csv", "w").write("row,rank\n1,2\n2,x\n")
assert "no number" in run("compare", "all-a", "bad.csv", expect=2).stderr

# Names in reports are the user's.
outputs = np.load("a/models/0000/outputs.npy")
np.save("o.npy", outputs)
np.save("in.npy", np.load("a/membership.npy")[0])
np.save("r.npy", np.stack([np.load(f"a/models/{m:04}/outputs.npy") for m in range(2, MODELS)]))
np.save("k.npy", np.load("a/membership.npy")[2:])
open("ids.csv", "w").write("id\n" + "".join(f"person {i}\n" for i in range(RECORDS)))
open("groups.csv", "w").write("group\n" + "".join(f"house {i // 2}\n" for i in range(RECORDS)))
flat = ["--outputs", "o.npy", "--labels", "a/labels.npy", "--membership", "in.npy", "--reference-outputs", "r.npy"]
references = ["--reference-membership", "k.npy"]
done = run("audit", *flat, *references, "--attacks", "lira", "--ids", "ids.csv", "--groups", "groups.csv", "--out", "named")
rows = list(csv.DictReader(open("named/records.csv")))
assert all(r["id"] == f"person {r['row']}" and r["group"] == f"house {int(r['row']) // 2}" for r in rows)
assert f"Most exposed: {rows[0]['id']}," in done.stdout

# A name steers no terminal.
open("evil.csv", "w").write("id\n" + "".join(f'"\x1b[2J\a{i}\nx"\n' for i in range(RECORDS)))
done = run("audit", *flat, *references, "--attacks", "lira", "--ids", "evil.csv")
assert f"Most exposed: \\x1b[2J\\x07{rows[0]['row']}\\x0ax," in done.stdout, done.stdout
assert "\x1b" not in done.stdout and "\a" not in done.stdout

# What is not what it seems.
np.save("k255.npy", np.where(np.load("k.npy"), 1, 255).astype(np.uint8))
assert "holds 255" in run("audit", *flat, "--reference-membership", "k255.npy", expect=2).stderr
np.save("mask.npy", np.zeros(RECORDS, bool))
assert "numpy.flatnonzero" in run("audit", *flat, *references, "--population", "mask.npy", expect=2).stderr
