#!/usr/bin/python3
"""Whether the same records are exposed whatever the luck of the split: bench/overlap.py FOLDER PLAN-OPTIONS… trains shadow
models of one plan with seeds 0 and 1, audits both runs by `stacked`, and compares the records that they find most exposed.
What is finished in FOLDER stays.
"""
import os
import subprocess
import sys

MIAUDIT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build", "release", "miaudit")


def miaudit(*arguments, **options):
    subprocess.run([MIAUDIT, *arguments], check=True, **options)


folder, *plan = sys.argv[1:]
reports = []
for seed in "01":
    run, report = f"{folder}/seed{seed}", f"{folder}/report{seed}"
    miaudit("shadow", "plan", run, "--seed", seed, *plan, stdout=subprocess.DEVNULL)
    miaudit("shadow", "train", run, "--quiet", stdout=subprocess.DEVNULL)
    miaudit("audit", run, "--attacks", "stacked", "--out", report, "--quiet", stdout=subprocess.DEVNULL)
    reports.append(report)
miaudit("compare", *reports)
