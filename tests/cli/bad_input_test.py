"""Bad input: a clear message, exit 2, and nothing written."""
import os
import signal
import subprocess
import time

import numpy as np

from harness import MIAUDIT, made_outputs, run

logits, labels, membership = made_outputs()
np.save("o.npy", logits.astype("float32"))
np.save("y.npy", labels)
np.save("in.npy", membership)
GOOD = {"--outputs": "o.npy", "--labels": "y.npy", "--membership": "in.npy", "--out": "report"}


def refused(*said, expect=2, **changes):
    arguments = {**GOOD, **{"--" + k.replace("_", "-"): v for k, v in changes.items()}}
    done = run("audit", *[x for pair in arguments.items() if pair[1] is not None for x in pair], expect=expect)
    for words in said:
        assert words in done.stderr, f"expected {words!r} in {done.stderr!r}"
    assert done.stdout == "", done.stdout
    assert not os.path.exists("report"), said


def saved(name, array, **options):
    np.save(name, array, **options)
    return name


refused("objects.npy", "pickle", outputs=saved("objects.npy", np.array([[1, 2], None], dtype=object), allow_pickle=True))
whole = open("o.npy", "rb").read()
open("cut.npy", "wb").write(whole[:-40])
refused("cut.npy", outputs="cut.npy")
refused("699", "700", "short_y.npy", labels=saved("short_y.npy", labels[:-1]))
refused("row 5", "label 6", "0 to 5", labels=saved("high.npy", np.where(np.arange(700) == 5, 6, labels)))
refused("row 5", labels=saved("negative.npy", np.where(np.arange(700) == 5, -1, labels)))
refused("integers", labels=saved("float_y.npy", labels.astype(float)))
bad = logits.copy()
bad[3, 2], bad[10, 0] = np.nan, np.inf
refused("1 NaN", "1 infinite", "row 3", "column 2", "--on-nonfinite drop", outputs=saved("nan.npy", bad))
refused("0 non-members", membership=saved("all_in.npy", np.ones(700, bool)))
refused("0 members", membership=saved("all_out.npy", np.zeros(700, bool)))
refused("row 9", "membership", membership=saved("two.npy", np.where(np.arange(700) == 9, 2, membership)))
refused("membership", membership=saved("wide.npy", np.where(np.arange(700) == 9, -1, membership.astype("int64"))))
refused("float64", membership=saved("float_in.npy", membership.astype(float)))
refused("699", membership=saved("short_in.npy", membership[:-1]))
os.makedirs("folder.npy", exist_ok=True)
refused("folder.npy", "directory", outputs="folder.npy")
refused("missing.npy", outputs="missing.npy")
refused("int64", "logits or probabilities", outputs="y.npy")
refused("losss", "'loss'", attacks="losss")
refused("(700, 6)", labels=saved("matrix_y.npy", logits.astype(int)))
refused("probabilities", input="probabilities")
refused("cannot be read", "expected", fail_if="loss is too high")
refused("unknown figure", fail_if="loss.aux > 0.5")
refused("60", "outside 0 to 1", fail_if="loss.auc > 60")
refused("los", fail_if="los.auc > 0.5")
for fpr in ("0", "1", "-0.1", "nan", "1/100"):
    refused("--fpr", f"'{fpr}'", "above 0 and below 1", fpr=fpr)
refused("--level", "'1'", "0.5 or more and below 1", level="1")
refused("--prior", "above 0 and below 1", prior="0,0.5")
refused("--fpr", "empty", fpr="0.1,,0.01")
refused("--attacks", "empty", attacks="")
refused("--attacks", "empty", "'loss,,margin'", attacks="loss,,margin")
refused("--attacks", "empty", attacks="loss,")
refused("group", groups=saved("g.npy", np.arange(699)))
refused("--membership", membership=None)
refused("these are two of them", members="o.npy", nonmembers="o.npy")
run("audit", expect=2)
assert "did you mean 'audit'" in run("audi", expect=2).stderr
refused("twice", fpr="0.01,0.1,0.01")

# Recorded defect 3: a peer takes a delta, drops it and tests against pure differential privacy. As long as nothing here
# is tested against either, nothing may look as if it took one.
refused("--delta", delta="1e-5")
np.save("scores.npy", logits[:, 0])
assert "--delta" in run("measure", "scores.npy", "in.npy", "--delta", "1e-5", expect=2).stderr
for arguments in (["audit", "--outputs", "o.npy", "--labels", "y.npy", "--membership", "in.npy"],
                  ["measure", "scores.npy", "in.npy"]):
    assert "epsilon" not in run(*arguments, "--json").stdout

# Dropping is an open choice: counted, warned of, and the scores keep the input's rows.
done = run("audit", "--outputs", "nan.npy", "--labels", "y.npy", "--membership", "in.npy", "--on-nonfinite", "drop",
           "--out", "report")
assert "2 of 700 records of nan.npy were dropped" in done.stdout.replace("\n  ", " "), done.stdout
loss = np.load("report/scores/loss.npy")
assert loss.shape == (700,) and np.isnan(loss[[3, 10]]).all() and np.isfinite(np.delete(loss, [3, 10])).all()

# An option of an attack that is not asked for is said to change nothing.
said = run("audit", "--outputs", "o.npy", "--labels", "y.npy", "--membership", "in.npy", "--attacks", "loss",
           "--lira-variance", "pooled", "--stacked-trees", "5").stderr
assert "not used, since --attacks leaves out what takes it: --lira-variance, --stacked-trees\n" in said, said


def waiting_for(flag, path):
    """An audit that waits for this pipe, and the pipe's other end."""
    if not os.path.exists(path):
        os.mkfifo(path)
    arguments = {"--outputs": "cut.npy", "--labels": "y.npy", "--membership": "in.npy", flag: path}
    program = subprocess.Popen([MIAUDIT, "audit", *[word for pair in arguments.items() for word in pair]],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return program, open(path, "wb")


# Who waits for a pipe that nobody fills can be stopped.
np.save("cut.npy", logits.astype("float32"))
program, pipe = waiting_for("--membership", "pipe")
program.send_signal(signal.SIGINT)
assert "waited for a pipe" in program.communicate(timeout=60)[1] and program.returncode == 130
pipe.close()
# A file that is cut short while it is in use ends the audit by name, not by the system's word alone.
program, pipe = waiting_for("--membership", "pipe")
os.truncate("cut.npy", 0)
with pipe:
    pipe.write(open("in.npy", "rb").read())
said = program.communicate(timeout=60)[1]
assert "cut short" in said and program.returncode == 1, (said, program.returncode)

# One that is written anew in place ends it too, whatever was read of which; one that takes its place does not.
def audit_while(change):
    np.save("cut.npy", logits.astype("float32"))
    program, pipe = waiting_for("--membership", "pipe")
    change()
    with pipe:
        pipe.write(open("in.npy", "rb").read())
    said = program.communicate(timeout=60)[1]
    return program.returncode, said


def write_in_place():
    time.sleep(0.1)  # longer than the clock of the file system ticks
    with open("cut.npy", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x3f")


def put_in_place():
    np.save("new.npy", -logits.astype("float32"))
    os.replace("new.npy", "cut.npy")


code, said = audit_while(write_in_place)
assert code == 2 and "cut.npy was written to while it was in use" in said, (code, said)
code, said = audit_while(put_in_place)
assert code == 0, (code, said)

# Where nobody takes even the message, the exit code is all there is.
with open("/dev/full", "w") as full:
    for arguments in (["--help"], ["audit", "--help"]):
        assert subprocess.run([MIAUDIT, *arguments], stdout=full, stderr=full).returncode == 1
