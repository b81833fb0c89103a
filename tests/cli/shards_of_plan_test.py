"""A planned run audited in shards: models that are damaged, lost or made again between the shards and the merge."""
import json
import os
import shutil

from shadow_runs import FAST, plan, run, train

FORMULAS = "--attacks", "base,malt"


def bytes_of(*arguments):
    shutil.rmtree("report", ignore_errors=True)
    run("audit", *arguments, *FORMULAS, "--out", "report")
    return {name: open(f"report/{name}", "rb").read() for name in ("result.json", "records.csv", "scores/base.npy")}


plan("run", *FAST)
train("run")
for number in (1, 2, 3):
    run("audit", "run", "--shard", f"{number}/3")
whole = bytes_of("run")
assert bytes_of("run", "--merge") == whole
shutil.copytree("run", "copy")  # other times: its models are read again
assert bytes_of("copy", "--merge") == bytes_of("copy")

path = "run/models/0002/outputs.npy"
content = open(path, "rb").read()
for damage, why in ((lambda: open(path, "wb").write(content[:-4] + b"abcd"), "broken"),
                    (lambda: os.remove("run/models/0002/done.json"), "missing"),
                    (lambda: shutil.rmtree("run/models/0002"), "missing")):
    damage()
    lost = bytes_of("run", "--merge")
    assert lost == bytes_of("run") != whole
    assert any(f"model 2 is {why}" in warning["message"] for warning in json.loads(lost["result.json"])["warnings"])

train("run")
assert "1/3 is of other outputs of model 2" in run("audit", "run", "--merge", expect=2).stderr
for number in (1, 2, 3):
    assert "written" in run("audit", "run", "--shard", f"{number}/3").stdout
assert bytes_of("run", "--merge") == bytes_of("run") == whole

# What shards read of a damaged file is not of the one that was put back in its place.
path = "run/models/0002/outputs.npy"
content = open(path, "rb").read()
open(path, "wb").write(content[:-4] + b"abcd")
for number in (1, 2):
    run("audit", "run", "--shard", f"{number}/2")
shutil.rmtree("run/signals/1-of-3")
open(path, "wb").write(content)
assert "1/2 is of other outputs of model 2" in run("audit", "run", "--merge", expect=2).stderr
assert bytes_of("run") == whole
