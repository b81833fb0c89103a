"""--out: what is written, for whom, and what happens when it cannot be."""
import csv
import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess

import numpy as np

from harness import MIAUDIT, attack, expected_scores, made_outputs, run

logits, labels, membership = made_outputs(seed=5)
np.save("o.npy", logits)
np.save("y.npy", labels)
np.save("in.npy", membership)
ARGUMENTS = ["audit", "--outputs", "o.npy", "--labels", "y.npy", "--membership", "in.npy"]


def files(folder):
    return sorted(os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names)


done = run(*ARGUMENTS, "--out", "report")
result = json.load(open("report/result.json"))
names = [a["name"] for a in result["attacks"]]
assert files("report") == sorted(["result.json", "records.csv"] + [f"scores/{n}.npy" for n in names]), files("report")
for name in files("report"):
    assert os.stat(f"report/{name}").st_mode & 0o777 == 0o600, name
assert os.stat("report").st_mode & 0o777 == 0o700
assert "keep them as safe as the data" in done.stdout
assert json.loads(run(*ARGUMENTS, "--json").stdout) == result

for name, score in expected_scores(logits, labels).items():
    assert np.allclose(np.load(f"report/scores/{name}.npy"), score, rtol=1e-9, atol=1e-9), name

rows = list(csv.DictReader(open("report/records.csv")))
top = result["headline"]["auc"]["attack"]
assert len(rows) == len(logits) and not any("output" in column for column in rows[0])
scores = [float(row[top]) for row in rows]
assert scores == sorted(scores, reverse=True), "most exposed first"
for row in rows[:50]:
    i = int(row["row"])
    assert int(row["membership"]) == membership[i] and int(row["label"]) == labels[i]
    assert float(row["loss"]) == np.load("report/scores/loss.npy")[i]

# Values only on request; ids in place of nothing else.
open("ids.csv", "w").write("name,age\n" + "".join(f'"person, {i}",3\n' for i in range(len(logits))))
assert "give --out as well" in run(*ARGUMENTS, "--show-records", expect=2).stderr
run(*ARGUMENTS, "--out", "shown", "--show-records", "--ids", "ids.csv")
rows = list(csv.DictReader(open("shown/records.csv")))
i = int(rows[0]["row"])
assert rows[0]["id"] == f"person, {i}" and float(rows[0]["output_2"]) == logits[i, 2]

# A second audit into the same folder leaves nothing of the first.
run(*ARGUMENTS, "--out", "report", "--attacks", "entropy")
assert files("report") == ["records.csv", "result.json", "scores/entropy.npy"]

# Somebody else's folder is left alone, and a file of theirs that is only named as ours.
os.makedirs("theirs")
open("theirs/result.json", "w").write("{}")
assert "already holds result.json, which no audit wrote" in run(*ARGUMENTS, "--out", "theirs", expect=2).stderr
assert open("theirs/result.json").read() == "{}"
os.makedirs("table")
open("table/records.csv", "w").write("mine\n")
assert "already holds records.csv, which no audit wrote" in run(*ARGUMENTS, "--out", "table", expect=2).stderr
assert open("table/records.csv").read() == "mine\n"
os.makedirs("mine", exist_ok=True)
open("mine/thesis.tex", "w").write("x")
assert "thesis.tex" in run(*ARGUMENTS, "--out", "mine", expect=2).stderr
assert files("mine") == ["thesis.tex"]
assert "file" in run(*ARGUMENTS, "--out", "o.npy", expect=2).stderr

# What cannot be written: exit 1, the system's reason, no half-written file.
assert "/proc/report" in run(*ARGUMENTS, "--out", "/proc/report", expect=1).stderr


def small_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))


done = run(*ARGUMENTS, "--out", "full", expect=1, preexec_fn=small_files)
assert "full" in done.stderr, done.stderr
assert not [name for name in os.listdir(".") if name.startswith("full")], os.listdir(".")

# A failed audit leaves the earlier report as it was, and nothing beside it.
earlier = open("report/result.json").read(), files("report")
run("audit", "--outputs", "o.npy", "--membership", "in.npy", "--attacks", "loss", "--out", "report", expect=2)
run(*ARGUMENTS, "--attacks", "loss", "--fail-if", "margin.auc > 0.6", "--out", "report", expect=2)
assert earlier == (open("report/result.json").read(), files("report"))
open("report/scores/mine.npy", "w").write("x")
assert "mine.npy" in run(*ARGUMENTS, "--out", "report", expect=2).stderr
assert os.path.exists("report/scores/mine.npy")
assert not [name for name in os.listdir(".") if "unfinished" in name], os.listdir(".")

# What nobody can read was not said.
if os.path.exists("/dev/full"):
    for command in (ARGUMENTS, ["--version"], ["--help"], ["audit", "--help"], ["list", "attacks"], ["doctor"],
                    ["completion", "bash"]):
        full = subprocess.run([MIAUDIT, *command], stdout=open("/dev/full", "w"), stderr=subprocess.PIPE, text=True)
        assert full.returncode == 1 and "standard output" in full.stderr, (command, full)

# A killed audit leaves its unfinished folder, in the report's or beside it; the next one into the same place takes it away,
# and nothing else. One that is alive, in whatever container, has it locked.
os.mkdir("report2")
inside, ours, alive, theirs = ("report2/.unfinished-miaudit-aB3dEf", "report2.unfinished-miaudit-aB3dEf",
                               "report2.unfinished-miaudit-cD5fGh", "report2.unfinished-backup")
drafts = "report3.unfinished-miaudit-aB3dEf"
for folder in (inside, ours, alive, theirs, drafts):
    os.makedirs(f"{folder}/scores")
    open(f"{folder}/scores/loss.npy", "w").write("x")
open(f"{ours}/scores/.miaudit-aB3dEf", "w").write("x")
open(f"{drafts}/thesis.tex", "w").write("x")
lock = os.open(alive, os.O_RDONLY)
fcntl.flock(lock, fcntl.LOCK_EX)
for name in ("report2", "report3"):
    run(*ARGUMENTS, "--attacks", "loss", "--out", name)
assert files("report2") == ["records.csv", "result.json", "scores/loss.npy"] and not os.path.exists(ours)
assert files(alive) == files(theirs) == ["scores/loss.npy"] and "thesis.tex" in files(drafts)
os.close(lock)
run(*ARGUMENTS, "--attacks", "loss", "--out", "report2")
assert not os.path.exists(alive)

# One that was killed while it put its report into the place of an earlier one: that one is whole again before the next
# audit may fail.
earlier = {name: open(f"report2/{name}", "rb").read() for name in files("report2")}
for came in ((), ("scores",), ("scores", "records.csv")):
    shutil.copytree("report2", inside + "/replaced")
    run(*ARGUMENTS, "--attacks", "margin", "--out", "margin")
    for name in ("scores", "records.csv", "result.json"):
        (shutil.rmtree if name == "scores" else os.remove)(f"report2/{name}")
        os.rename(f"margin/{name}", f"report2/{name}" if name in came else f"{inside}/{name}")
    run("audit", "--outputs", "o.npy", "--membership", "in.npy", "--attacks", "loss", "--out", "report2", expect=2)
    assert earlier == {name: open(f"report2/{name}", "rb").read() for name in files("report2")}, came

# What cannot all be replaced stays as it was.
if os.geteuid() == 0 and shutil.which("chattr") and subprocess.run(["chattr", "+i", "report2/records.csv"],
                                                                   stderr=subprocess.DEVNULL).returncode == 0:
    try:
        said = run(*ARGUMENTS, "--attacks", "margin", "--out", "report2", expect=1).stderr
        assert "cannot put the report into" in said
        assert earlier == {name: open(f"report2/{name}", "rb").read() for name in files("report2")}
    finally:
        subprocess.run(["chattr", "-i", "report2/records.csv"], check=True)

# Nobody waits for ever for whoever has the folder locked, as `flock DIR miaudit` has.
lock = os.open("report2", os.O_RDONLY)
fcntl.flock(lock, fcntl.LOCK_EX)
run(*ARGUMENTS, "--attacks", "margin", "--out", "report2")
os.close(lock)
assert files("report2") == ["records.csv", "result.json", "scores/margin.npy"]
shutil.rmtree("report2")
run(*ARGUMENTS, "--attacks", "loss", "--out", "report2")

# A link to nothing, and what is no file, are told before anything is computed.
os.symlink("nothing", "dangling")
assert "is a link to nothing" in run(*ARGUMENTS, "--out", "dangling", expect=2).stderr
os.makedirs("pipes")
os.mkfifo("pipes/records.csv")
assert "records.csv" in run(*ARGUMENTS, "--out", "pipes", expect=2).stderr

# A folder that is there is all that an audit needs: what lies beside it may be another disk, or not be its own.
if os.geteuid() == 0 and shutil.which("setpriv"):
    shutil.copytree("report2", "theirs/report")
    for path, mode in ((".", 0o755), ("theirs", 0o755), ("theirs/report", 0o777), ("theirs/report/scores", 0o777),
                       *((f"theirs/report/{name}", 0o644) for name in files("theirs/report"))):
        os.chmod(path, mode)
    as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    if subprocess.run([*as_nobody, "test", "-r", "o.npy", "-a", "-x", MIAUDIT]).returncode == 0:
        done = subprocess.run([*as_nobody, MIAUDIT, *ARGUMENTS, "--attacks", "entropy", "--quiet", "--out", "theirs/report"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, done
        assert files("theirs/report") == ["records.csv", "result.json", "scores/entropy.npy"], files("theirs/report")

# Of several audits into one folder, there already or not, each ends well, and what stands there is one's alone.
for _ in range(6):
    shutil.rmtree("shared", ignore_errors=True)
    for _ in range(2):
        audits = [subprocess.Popen([MIAUDIT, *ARGUMENTS, "--attacks", name, "--out", "shared", "--quiet"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for name in ("loss", "margin", "entropy")]
        for program in audits:
            said = program.communicate()[1]
            assert program.returncode == 0, said
        names = [found["name"] for found in json.load(open("shared/result.json"))["attacks"]]
        assert files("shared") == ["records.csv", "result.json", f"scores/{names[0]}.npy"], files("shared")
assert not [name for name in os.listdir(".") if name.startswith("shared.")]

# Every FPR that is asked for is shown.
many = [*ARGUMENTS, "--attacks", "loss", "--fpr", "0.3,0.2,0.1,0.05,0.02"]
for done in (run(*many, "--out", "report4"), run("measure", "report4/scores/loss.npy", "in.npy", *many[-2:])):
    for percent in (30, 20, 10, 5, 2):
        assert f"TPR at {percent}% FPR" in done.stdout, done.stdout

# Gates: only a whole interval decides.
auc = attack(result, "loss")["estimates"]["auc"]
low, value, high = auc["low"], auc["value"], auc["high"]
for flag, text, code in (("--fail-if", f"loss.auc > {low - 0.01}", 3), ("--fail-if", f"loss.auc > {value}", 0),
                         ("--fail-unless", f"loss.auc < {high + 0.01}", 0), ("--fail-unless", f"loss.auc < {value}", 3),
                         ("--fail-unless", "headline.tpr@0.03 <= 1", 0)):
    assert "gate" in run(*ARGUMENTS, flag, text, expect=code).stdout
assert "left out" in run("audit", "--outputs", "o.npy", "--membership", "in.npy", "--fail-if", "loss.auc > 0.9",
                         expect=2).stderr

# measure sees in the scores what audit said.
measured = json.loads(run("measure", "shown/scores/loss.npy", "in.npy", "--json").stdout)["attacks"][0]
assert measured["name"] == "scores" and measured["estimates"]["auc"] == auc
against = json.loads(run("measure", "shown/scores/loss.npy", "in.npy", "--against", "shown/scores/correctness.npy",
                         "--json").stdout)["comparison"]["auc_difference"]
text = run("measure", "shown/scores/loss.npy", "in.npy", "--against", "shown/scores/correctness.npy", "--fpr",
           "0.1,0.0001").stdout
assert "First minus second: AUC +" in text and "TPR at 0.01% FPR: too few non-members to tell" in text
assert max(map(len, text.splitlines())) <= 80
whose = np.arange(len(np.load("in.npy"))) // 2
np.save("whose.npy", whose)
grouped = json.loads(run("measure", "shown/scores/loss.npy", "in.npy", "--against", "shown/scores/correctness.npy",
                         "--groups", "whose.npy", "--json").stdout)["comparison"]["auc_difference"]
assert abs(grouped["value"] - against["value"]) < 1e-12 and grouped["method"] == "grouped_paired_delong_mover"
# A score that audit left empty, of a record whose membership nobody knows.
unknown, scores = np.load("in.npy").astype(np.int8), np.load("shown/scores/loss.npy")
unknown[3], scores[3] = -1, np.nan
np.save("unknown.npy", unknown)
np.save("gap.npy", scores)
assert "TPR" in run("measure", "gap.npy", "unknown.npy").stdout
assert "row 3 holds nan" in run("measure", "gap.npy", "in.npy", expect=2).stderr
assert against["low"] > 0 and abs(
    against["value"] - value + attack(result, "correctness")["estimates"]["auc"]["value"]) < 1e-12
# Several records of one person.
np.save("g.npy", np.arange(len(logits)) // 2)
grouped = json.loads(run(*ARGUMENTS, "--groups", "g.npy", "--json").stdout)
assert grouped["subject"]["groups"] == len(logits) // 2 and "group_estimates" in attack(grouped, "loss")
