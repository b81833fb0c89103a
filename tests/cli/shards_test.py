"""A run audited in shards, or with signals on disk, gives the bytes of one audit in memory; flawed shards are named."""
import json
import os
import shutil
import subprocess

import numpy as np

from harness import audit, run

MODELS, RECORDS, CLASSES = 8, 700, 4
rng = np.random.default_rng(3)
half = rng.integers(0, 2, (MODELS // 2, RECORDS)).astype(bool)
membership = np.stack([half, ~half], axis=1).reshape(MODELS, RECORDS)
labels = rng.integers(0, CLASSES, RECORDS)


def write_run(folder, queries):
    os.makedirs(folder)
    np.save(f"{folder}/membership.npy", membership)
    np.save(f"{folder}/labels.npy", labels)
    with open(f"{folder}/run.json", "w") as file:
        json.dump({"schema_version": 1, "models": MODELS, "partners": [m ^ 1 for m in range(MODELS)]}, file)
    for m in range(MODELS):
        os.makedirs(f"{folder}/models/{m:04}")
        z = rng.normal(0, 1, (RECORDS, queries, CLASSES))
        z[np.arange(RECORDS), :, labels] += (1 + 2 * membership[m])[:, None]
        np.save(f"{folder}/models/{m:04}/outputs.npy", z.astype(np.float32))


def report_of(*arguments):
    shutil.rmtree("report", ignore_errors=True)
    # What is compared are bytes: few trees have them too.
    run("audit", *arguments, "--out", "report", "--stacked-trees", "5", "--stacked-offline-trees", "5",
        "--classifier-trees-trees", "5", "--shokri-trees", "5")
    files = [os.path.join(folder, name) for folder, _, names in sorted(os.walk("report")) for name in sorted(names)]
    return {name: open(name, "rb").read() for name in files}


for queries in (1, 2):
    folder = f"run{queries}"
    write_run(folder, queries)
    whole = report_of(folder)
    assert len(whole) > 20
    os.makedirs("disk", exist_ok=True)
    assert report_of(folder, "--threads", "1") == whole

    said = run("audit", folder, "--merge", expect=2).stderr
    assert "no complete set of shards" in said and "--shard I/N" in said
    for number in (5, 1, 7, 2, 6, 3):
        run("audit", folder, "--shard", f"{number}/7")
    said = run("audit", folder, "--merge", expect=2).stderr
    assert "4/7 is missing" in said and "3/7" not in said
    assert "nothing to do" in run("audit", folder, "--shard", "3/7").stdout
    run("audit", folder, "--shard", "4/7", "--threads", "2")
    assert report_of(folder, "--merge") == whole
    assert report_of(folder, "--merge", "--threads", "2") == whole
    one = report_of(folder, "--target", 3)
    assert report_of(folder, "--target", 3, "--merge") == one
    assert sorted(os.listdir(f"{folder}/signals")) == [f"{n}-of-7" for n in range(1, 8)], "nothing unfinished is left"
    for path, _, names in os.walk(f"{folder}/signals"):
        assert os.stat(path).st_mode & 0o77 == 0 and all(os.stat(f"{path}/{n}").st_mode & 0o77 == 0 for n in names)

# Shards read every model whole between them, so that a merge by formulas reads no outputs but the first target's, for its
# checks: others in their place, of the same size and time, are not seen.
FORMULAS = "--attacks", "lira,rmia,base,bavaria_n"
CHANGED = int(np.flatnonzero(membership[:, 0])[0])  # the first target comes first by its split
path = f"run1/models/{CHANGED:04}/outputs.npy"
whole = report_of("run1", *FORMULAS)
stat, content = os.stat(path), open(path, "rb").read()


def replace(content, time):
    with open(path, "r+b") as file:
        file.write(content)
    os.utime(path, ns=(stat.st_atime_ns, time))


between = 4608  # the first bytes and the middle
replace(content[:between] + bytes(400) + content[between + 400:], stat.st_mtime_ns)
assert report_of("run1", *FORMULAS) != whole
assert report_of("run1", "--merge", *FORMULAS) == whole
# Who says what the outputs are has them looked at with that in mind; so has who tells the run by another path, where
# messages would name it. Neither changes a byte.
replace(content, stat.st_mtime_ns)
assert report_of("./run1", "--merge") == report_of("./run1")
assert report_of("run1", "--merge", "--input", "logits") == report_of("run1", "--input", "logits")
# At another time it is another file.
replace(content, stat.st_mtime_ns + 1)
assert f"is of other outputs of model {CHANGED}" in run("audit", "run1", "--merge", expect=2).stderr
replace(content, stat.st_mtime_ns)
assert report_of("run1", "--merge", *FORMULAS) == whole
# Nor is one of the same size and time taken for it where its first, middle or last bytes are others.
replace(content[:-8] + bytes(8), stat.st_mtime_ns)
assert f"is of other outputs of model {CHANGED}" in run("audit", "run1", "--merge", expect=2).stderr
replace(content, stat.st_mtime_ns)
# What a shard says of itself is not what it wrote.
part = f"{CHANGED % 7 + 1}/7"
path = f"run1/signals/{part.replace('/', '-of-')}/done.json"
text = open(path).read()
done = json.loads(text)
assert [reading["model"] for reading in done["readings"]][0] == CHANGED
for damage in (text.replace(done["readings"][0]["hash"], "0" * 32), json.dumps({**done, "models": done["models"][::-1]}),
               json.dumps({**done, "files": {}}), text[:-9], "7", ""):
    open(path, "w").write(damage)
    assert f"{part} is missing or damaged" in run("audit", "run1", "--merge", expect=2).stderr
    assert "written" in run("audit", "run1", "--shard", part).stdout
    assert open(path).read() == text
# What is no file of numbers does not stop anybody.
os.rename("run1/signals/2-of-7/loss.npy", "loss.npy")
os.mkfifo("run1/signals/2-of-7/loss.npy")
assert "is not what was written" in run("audit", "run1", "--merge", expect=2).stderr
os.rename("loss.npy", "run1/signals/2-of-7/loss.npy")
os.symlink("loop", f"run1/models/{CHANGED:04}/loop")
assert report_of("run1", "--merge", *FORMULAS) == whole
assert "nothing to do" in run("audit", "run1", "--shard", part).stdout
os.remove(f"run1/models/{CHANGED:04}/loop")

# A model that is replaced while a shard is computed is not taken for what was read.
program = subprocess.Popen([os.environ["MIAUDIT"], "audit", "run1", "--shard", "1/1", "--quiet"], stderr=subprocess.PIPE, text=True)
while program.poll() is None and not any(name.startswith("shard-1-of-1.") for name in os.listdir("run1/attempts")):
    pass
path = f"run1/models/{CHANGED:04}/outputs.npy"
os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
said = program.communicate()[1]
assert program.returncode == 0 or f"model {CHANGED} got other outputs" in said, said
os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
assert ("nothing to do" if program.returncode == 0 else "written") in run("audit", "run1", "--shard", "1/1").stdout

# One shard is a set as well.
shutil.rmtree("run1/signals")
run("audit", "run1", "--shard", "1/1")
assert report_of("run1", "--merge") == report_of("run1")

# Stored values are what is used, and damage is found.
path = "run1/signals/1-of-1/loss.npy"
values = np.load(path)
assert values.shape == (MODELS, RECORDS, 1) and values.dtype == np.float64
with open(path, "r+b") as file:
    file.seek(-3, os.SEEK_END)
    file.write(b"x")
for damage in (lambda: None, lambda: os.remove(path)):
    damage()
    assert "is not what was written" in run("audit", "run1", "--merge", expect=2).stderr
    assert "written" in run("audit", "run1", "--shard", "1/1").stdout
    assert report_of("run1", "--merge") == report_of("run1")

# A model trained or changed since makes the shards stale, which are then made anew.
shutil.rmtree("run1/signals")
for number in (1, 2):
    run("audit", "run1", "--shard", f"{number}/2")
changed = np.load("run1/models/0002/outputs.npy")
changed[0] += 1
np.save("run1/models/0002/outputs.npy", changed[:, :, ::-1].copy())
assert "1/2 is of other outputs of model 2" in run("audit", "run1", "--merge", expect=2).stderr
for number in (1, 2):
    assert "written" in run("audit", "run1", "--shard", f"{number}/2").stdout
assert report_of("run1", "--merge") == report_of("run1")

# A model that only one shard's records show to be unusable is left out of the whole.
shutil.copytree("run1", "partly", ignore=shutil.ignore_patterns("signals", "attempts"))
changed = np.load("partly/models/0003/outputs.npy")
changed[5, 0, 2] = np.nan
np.save("partly/models/0003/outputs.npy", changed)
for number in (1, 2):
    run("audit", "partly", "--shard", f"{number}/2")
assert "model 3" in run("audit", "partly", "--merge", "--attacks", "base,stacked", "--stacked-trees", "5").stdout
assert report_of("partly", "--merge") == report_of("partly")
said = run("audit", "partly", "--target", 3, expect=2).stderr
assert "--target 3: model 3 cannot be used" in said and "NaN" in said, said

# What a killed shard leaves behind is nobody's, and gc removes it; a living one's stays.
import socket
boot, space = open("/proc/sys/kernel/random/boot_id").read()[:8], os.readlink("/proc/self/ns/pid")[len("pid:["):-1]
dead, living = (f"shard-1-of-2.{socket.gethostname()}-{boot}-{space}.{process}.0" for process in (4194311, os.getpid()))
for name in (dead, living):
    os.makedirs(f"run1/attempts/{name}", exist_ok=True)
assert dead in run("shadow", "gc", "run1").stdout
assert os.listdir("run1/attempts") == [living]
assert report_of("run1", "--merge") == report_of("run1")

# What a shard alone takes for another form than all records are.
os.makedirs("odd/models")
shutil.copy("run1/run.json", "odd/run.json")
for name in ("membership.npy", "labels.npy"):
    shutil.copy(f"run1/{name}", f"odd/{name}")
for m in range(MODELS):
    os.makedirs(f"odd/models/{m:04}")
    values = np.load(f"run1/models/{m:04}/outputs.npy").astype(np.float64)
    half = values[:RECORDS // 2]
    values[:RECORDS // 2] = np.exp(half) / np.exp(half).sum(-1, keepdims=True)
    np.save(f"odd/models/{m:04}/outputs.npy", values)
for number in (1, 2):
    run("audit", "odd", "--shard", f"{number}/2")
assert "say with --input what they are" in run("audit", "odd", "--merge", expect=2).stderr
for number in (1, 2):
    run("audit", "odd", "--shard", f"{number}/2", "--input", "logits")
run("audit", "odd", "--merge", "--input", "logits", "--attacks", "lira")

# What cannot be.
for bad in ("", "0/2", "3/2", "2", "a/b", "1/2x", "-1/2", "1/0"):
    assert "expected I/N" in run("audit", "run1", "--shard", bad, expect=2).stderr, bad
assert "as many shards or fewer" in run("audit", "run1", "--shard", f"1/{RECORDS + 1}", expect=2).stderr
assert "go with a run folder" in run("audit", "--merge", "--outputs", "a.npy", "--membership", "b.npy", expect=2).stderr
for more in (("--json",), ("--groups", "labels.npy"), ("--out", "report")):
    assert "make what --merge audits from" in run("audit", "run1", "--shard", "1/2", *more, expect=2).stderr
assert "--memory" in run("audit", "run1", "--memory", "1M", expect=2).stderr

# A job array for Slurm.
script = run("shadow", "emit", "slurm", "run1", "--verb", "audit", "--shards", "5").stdout
assert "--array=1-5\n" in script and "--mem=3G\n" in script and '--shard "$SLURM_ARRAY_TASK_ID"/5' in script and "--merge" in script
assert "as many shards or fewer" in run("shadow", "emit", "slurm", "run1", "--verb", "audit", "--shards", RECORDS + 1, expect=2).stderr
assert "expected the system slurm" in run("shadow", "emit", "sge", "run1", "--verb", "audit", expect=2).stderr
