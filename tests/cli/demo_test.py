"""The demo, stopped at any moment, leaves whole files only."""
import glob
import os
import signal
import subprocess
import time

import numpy as np

from harness import MIAUDIT, run

for delay in (0.05, 0.3, 0.8, 1.5, 2.5):
    program = subprocess.Popen([MIAUDIT, "demo", "--out", "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(delay)
    program.send_signal(signal.SIGINT)
    program.communicate(timeout=60)
    # -2: stopped before the program could listen; 0: it was done by then.
    assert program.returncode in (130, -2, 0), program.returncode
    for at, _, names in os.walk("demo"):
        for name in names:
            assert name in ("result.json", "records.csv") or name.endswith(".npy"), f"left behind: {name}"
    for path in glob.glob("demo/**/*.npy", recursive=True):
        assert len(np.load(path)) == 6000, path

# Another's arrays of the same names, or anything else, are left alone.
os.makedirs("mine")
for name in ("outputs", "labels", "membership"):
    np.save(f"mine/{name}.npy", np.arange(6000))
before = {path: open(path, "rb").read() for path in glob.glob("mine/*")}
for name in ("outputs.npy", "labels.npy", "membership.npy"):
    assert "which no demo wrote" in run("demo", "--out", "mine", expect=2).stderr
    assert before == {path: open(path, "rb").read() for path in glob.glob("mine/*")}
    os.remove(f"mine/{name}")
    del before[f"mine/{name}"]
os.makedirs("demo/report", exist_ok=True)
for stranger in ("demo/thesis.tex", "demo/report/thesis.tex"):
    open(stranger, "w").write("x")
    done = run("demo", "--out", "demo", expect=2)
    assert "thesis.tex" in done.stderr and done.stdout == "", done
    os.remove(stranger)
assert "file" in run("demo", "--out", __file__, expect=2).stderr

done = run("demo", "--out", "demo")
command = done.stdout.split("$ miaudit ")[1].split("\n\n")[0].replace("\\\n", " ").split()
assert command[0] == "audit" and "The model gives members away" in done.stdout, done.stdout
report = open("demo/report/result.json").read()
run(*command)
assert report == open("demo/report/result.json").read(), "the printed command gives the same report"
assert all(len(line) <= 80 for line in done.stdout.splitlines())
