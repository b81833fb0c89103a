#!/usr/bin/python3
"""What an audit in shards costs: seconds and peak memory of every step, on a run of 20 GB (sparse files), 64 models x 80 000 records
x 1000 classes, each model in turn the target, by four attacks; beside the same without a fit, and without shards. Needs NumPy and
1 GB in the temporary folder.

bench/shards.py [shards]      4 unless given
"""
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "slow"))
from sparse_run import write_sparse_run  # noqa: E402

MIAUDIT = os.path.join(ROOT, "build", "release", "miaudit")
SHARDS = int(sys.argv[1]) if len(sys.argv) > 1 else 4
ATTACKS = ["--attacks", "lira,rmia,base,bavaria_n"]


def step(what, *options):
    start = time.perf_counter()
    program = subprocess.Popen([MIAUDIT, "audit", ".", "--quiet", *options], stdout=subprocess.PIPE, text=True)
    printed = program.stdout.read()
    _, status, usage = os.wait4(program.pid, 0)
    assert status == 0, printed
    print(f"| {what} | {time.perf_counter() - start:.1f} s | {usage.ru_maxrss / 1024:.0f} MB |", flush=True)
    return printed


def shards(what):
    for number in range(1, SHARDS + 1):
        printed = step(f"`--shard {number}/{SHARDS}`: {what}", "--shard", f"{number}/{SHARDS}")
        assert what in printed and "written" in printed, printed


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    write_sparse_run(64, 80_000, classes=1000, busy=500)
    print("| step | seconds | peak memory |\n|---|---|---|")
    whole = step("without shards", *ATTACKS, "--json")
    shards("signals")
    assert step("`--merge` without a fit", *ATTACKS, "--merge", "--json") == whole
    step("`--fit`", *ATTACKS, "--fit")
    shards("scores")
    assert step("`--merge`", *ATTACKS, "--merge", "--json") == whole
    os.chdir("/")
