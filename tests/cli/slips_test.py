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
