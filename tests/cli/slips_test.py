"""Values that nobody means: empty ones, as of a variable that is not set, and negative numbers. Nothing is written."""
import os

import numpy as np

from harness import made_outputs, run

logits, labels, membership = made_outputs(40, 40)
MINE = {"labels.npy": labels, "membership.npy": membership, "roles.npy": labels, "outputs.npy": logits,
        "x.npy": logits.astype(np.float32)}
for name, array in MINE.items():
    np.save(name, array)
before = {name: open(name, "rb").read() for name in MINE}
OUTPUTS = ["--outputs", "outputs.npy", "--labels", "labels.npy", "--membership", "membership.npy"]
DATA = ["--data", "x.npy", "--labels", "labels.npy", "--architecture", "logistic", "--epochs", "1"]


def refused(*arguments, said):
    found = run(*arguments, expect=2)
    assert said in found.stderr and found.stdout == "", found
    assert set(os.listdir(".")) == set(MINE), os.listdir(".")
    assert all(open(name, "rb").read() == was for name, was in before.items()), arguments


for name, arguments in {
        "run": ["shadow", "plan", "", *DATA],
        "--out": ["train", *DATA, "--out", ""],
        "--data": ["train", "--data", "", "--out", "model"],
        "--target-membership": ["shadow", "plan", "run", *DATA, "--target-membership", ""],
        "RUN": ["audit", ""],
        "--population": ["audit", *OUTPUTS, "--population", ""],
        "second": ["compare", "report", ""],
        "scores": ["measure", "", "membership.npy"],
        "--scores": ["predict", "--members", "x.npy", "--nonmembers", "x.npy", "--evaluate", "x.npy", "--out", "said.npy",
                     "--scores", ""]}.items():
    refused(*arguments, said=f"{name}: found nothing; expected a name. Was it to come from a variable")
refused("audit", *OUTPUTS, "--out", "", said="--out: found nothing")
refused("predict", "--members", "x.npy", "--nonmembers", "x.npy", "--evaluate", "x.npy", "--out", "", said="--out: found")
refused("demo", "--out", "", said="--out: found nothing")
for verb in ("train", "status", "check", "gc"):
    refused("shadow", verb, "", said="run: found nothing")
refused("shadow", "emit", "slurm", "", said="run: found nothing")
# CLI11 would take --quiet for the folder.
refused("audit", *OUTPUTS, "--out=", "--quiet", said="--out= has nothing behind it; expected a value")

for option, value in (("--target", "-1"), ("--target", "18446744073709551616"), ("--target", "1.5")):
    refused("audit", "run", option, value,
            said=f"{option}: found '{value}'; expected a whole number from 0 to 18446744073709551615")
for option in ("--epochs", "--batch", "--shift", "--max-depth"):
    refused("train", "--data", "x.npy", "--labels", "labels.npy", "--out", "model", option, "-1",
            said=f"{option}: found '-1'; expected a whole number")

# Words that no verb takes: which, of what, what was perhaps meant, and where to read on.
for arguments, said in {
        (): "`miaudit` needs a verb: demo, audit,",
        ("adit",): "unknown verb 'adit'; did you mean 'audit'; `miaudit --help` shows all",
        ("shadow", "stauts", "run"): "unknown verb 'stauts'; did you mean 'status'; `miaudit shadow --help`",
        ("audit", "--levle=0.9", "run"): "`miaudit audit` has no option --levle; did you mean '--level'; `miaudit audit --help`",
        ("--json", "audit", "run"): "--json must come after `miaudit audit`",
        ("--quiet",): "`miaudit` has no option --quiet; options come after a verb",
        ("measure", "x.npy", "--membership", "membership.npy"): "`miaudit measure` takes this without --membership before it",
        ("audit", "run", "other"): "`miaudit audit` takes no 'other' here",
        ("shadow", "plan", "run", "--arch", "mlp"): "`miaudit shadow plan` has no option --arch; did you mean '--architecture'",
        ("audit", "nothing"): "nothing does not exist; expected a run folder",
        ("audit", "x.npy"): "x.npy is a file; expected a run folder",
        ("audit", "nothing", "--shard", "1/2", "--merge"): "give one of them at a time",
        ("list", "atacks"): "did you mean 'attacks'",
        ("compare", "run"): "`miaudit compare` lacks its 'second': ",
        ("list",): "`miaudit list` lacks its 'what': Family to list, one of {attacks,signals",
        ("audit", "run", "--memory", "10"): "--memory: found '10'; expected 64M to 1024T",
        ("audit", "run", "--memory", "-2G"): "--memory: found '-2G'; expected 64M to 1024T",
        ("audit", "run", "--memory", "2GG"): "--memory: found '2GG'; expected 64M to 1024T",
        ("audit", "run", "--memory", "63.9MiB"): "--memory: found '63.9MiB'; expected 64M to 1024T",
        ("audit", "nothing", "--memory", "1.5g"): "nothing does not exist; expected a run folder",
        ("audit", "nothing", "--memory", "2Gi"): "nothing does not exist; expected a run folder",
        ("audit", *OUTPUTS, "--memory", "2G"): "--memory is what an audit with reference models keeps to",
        ("audit", *OUTPUTS, "--seed", "1", "--seed", "2"): "--seed was given more than once; it takes one value",
        ("audit", *OUTPUTS, "--bootstrap", "199"): "found '199'; expected 0, or 200 to 1000000 replicates",
        ("audit", "a\x1b[2J\nb"): "a\\x1b[2J\nb does not exist",
        ("audit", "run", "--input", "logitz"): "did you mean 'logits'"}.items():
    refused(*arguments, said=said)

# Text whose first column is not what it is taken for.
def text(name, lines):
    open(name, "w").write("\n".join(map(str, lines)) + "\n")
    MINE[name] = None
    before[name] = open(name, "rb").read()


text("index.csv", [",person", *(f"{i},P{i // 2}" for i in range(80))])
text("counts.csv", ["record,person", *(f"{i},P{i // 2}" for i in range(80))])
for option in ("--groups", "--ids"):
    refused("audit", *OUTPUTS, option, "index.csv", said="the first column has no name, as that of an index")
refused("audit", *OUTPUTS, "--groups", "counts.csv", said="counts the rows from 0, as an index does")
run("audit", *OUTPUTS, "--attacks", "loss", "--ids", "counts.csv")
text("numbers.csv", range(81))
text("names.txt", [f"P{i:03}" for i in range(81)])
for name, first in (("numbers.csv", "'0'"), ("names.txt", "'P000'")):
    for option in ("--groups", "--ids"):
        refused("audit", *OUTPUTS, option, name, said=f"its first, {first}, looks like those below it")
text("HEADED.TXT", ["person", *(f"P{i // 2:03}" for i in range(80))])
text("LABELS.CSV", labels)
open("latin1.csv", "wb").write("".join(f"é{i}\n" for i in range(80)).encode("latin1"))
MINE["latin1.csv"], before["latin1.csv"] = None, open("latin1.csv", "rb").read()
refused("audit", *OUTPUTS, "--ids", "latin1.csv", said="the name of record 0 (counted from 0), '\\xe90', is not UTF-8")
grouped = run("audit", "--outputs", "outputs.npy", "--labels", "LABELS.CSV", "--membership", "membership.npy", "--attacks",
              "loss", "--groups", "HEADED.TXT")
assert "40 groups" in grouped.stdout, grouped.stdout
text("shared.csv", ["a"] * 2 + list(range(78)))
assert "'a' stands for more than one" in run("audit", *OUTPUTS, "--attacks", "loss", "--ids", "shared.csv").stdout.replace("\n  ", " ")
assert "did you mean 'spread'?" in run("audit", *OUTPUTS, "--attacks", "SPREAD", expect=2).stderr

# Integers that float64 cannot tell apart.
np.save("large.npy", (2**63 + np.arange(80)).astype(np.uint64))
MINE["large.npy"] = None
before["large.npy"] = open("large.npy", "rb").read()
refused("measure", "large.npy", "membership.npy", said="integers beyond 2^53 are not told apart")
