"""shadow --command: programs of one's own, what they leave behind, and several processes at one model."""
import json
import os
import shutil
import signal
import subprocess

import numpy as np

from harness import MIAUDIT, audit, run
from shadow_runs import outputs, plan, train, until

# A program of one's own: scikit-learn where it is there, NumPy anyhow; one that fails is tried again, then marked.
open("mine.py", "w").write("""
import sys
import numpy as np
keep, seed, out = np.load(sys.argv[1]).astype(bool), int(sys.argv[2]), sys.argv[3]
x, y = np.load("x.npy").reshape(400, -1) / 255, np.load("y.npy")
if len(sys.argv) > 4 and sys.argv[4] == "2":
    print("no such thing", file=sys.stderr)
    sys.exit(3)
if len(sys.argv) > 4 and sys.argv[4] == "3":
    np.save(out, np.full((400, 4), np.nan)); sys.exit()
centres = np.stack([x[keep & (y == k)].mean(0) for k in range(4)])
np.save(out, -((x[:, None] - centres) ** 2).sum(2).astype(np.float32))
""")
plan("own", "--command", "/usr/bin/python3 mine.py {keep} {seed} {outputs}", models=2)
assert "2 models trained" in train("own").stdout
assert np.load("own/models/0001/outputs.npy").shape == (400, 4)
assert all(os.stat(f"own/models/0001/{name}").st_mode & 0o777 == 0o600 for name in os.listdir("own/models/0001"))
plan("poison", "--command", "/usr/bin/python3 mine.py {keep} {seed} {outputs} {index}", models=4)
poisoned = train("poison", "--attempts", "2", expect=1)
assert "2 models trained" in poisoned.stdout and "2 models failed" in poisoned.stderr
assert "Model 2 failed: exit code 3: 'no such thing' (tried 2 times)" in poisoned.stderr, poisoned.stderr
assert "Model 3 failed: its outputs hold 1 600 values that are NaN, infinite or too large, the first in record 0 (" in poisoned.stderr, poisoned.stderr
assert open("poison/failed/0002.log").read().count("no such thing") == 2
assert "failed  2" in run("shadow", "status", "poison").stdout
assert "0 models trained, 2 done before" in train("poison", expect=1).stdout, "not tried again unasked"
# Where the log lies is said from wherever one asks, and the audit says how to try again.
os.rename("poison", "moved")
status = run("shadow", "status", "moved").stdout
assert "model 2: failed: exit code 3" in status and "(tried 2 times); the log is moved/failed/0002.log\n" in status
audited = [w for w in audit("moved")["warnings"] if w["code"] == "missing_model"]
assert [w["advice"] for w in audited] == ["`miaudit shadow train moved --retry-failed` makes what is missing"] * 2, audited
shutil.rmtree("moved/models/0000")
assert "`miaudit shadow train moved --retry-failed` makes" in run("audit", "moved", expect=2).stderr
train("moved", "--index", "0")
os.rename("moved", "poison")
fixed = open("mine.py").read().replace("sys.exit(3)", "pass").replace('== "3"', '== "never"')
open("mine.py", "w").write(fixed)
retried = train("poison", "--retry-failed")
assert "2 models trained, 2 done before" in retried.stdout
assert retried.stderr == "".join(f"Model {m} had failed and is tried again.\n" for m in (2, 3)), retried.stderr
assert "4 of 4 models done" in run("shadow", "status", "poison").stdout and not os.listdir("poison/failed")
assert "does not hold {outputs}" in plan("wrong", "--command", "true {keep}", expect=2).stderr
assert "did you mean {outputs}?" in plan("wrong", "--command", "true {keep} {output}", expect=2).stderr
quoted = plan("wrong", "--command", "/usr/bin/python3 mine.py {keep} {seed} \"{outputs}\"", expect=2).stderr
assert "--command holds {outputs} inside quotes" in quoted and "write {outputs} without quotes" in quoted, quoted
odd = plan("odd", "--command", "true {keep} {outputs} ${HOME} {epochs}", models=2)
assert "holds {epochs}, which stays as it is" in odd.stderr and "HOME" not in odd.stderr, odd.stderr
for idle in (["--epochs", "3"], ["--architecture", "mlp"], ["--preset", "tables"], ["--output-type", "float16"]):
    refused = plan("idle", "--command", "true {keep} {outputs}", *idle, expect=2).stderr
    assert f"{idle[0]} has no meaning for --command" in refused, refused
assert "expected a shell line" in plan("idle", "--command", "", expect=2).stderr
assert not os.path.exists("idle") and not os.path.exists("wrong")

# Given up it is also where an older plan's models still stand: said, looked for by check, not tried again unasked.
plan("replaced", "--architecture", "logistic", "--epochs", "1", models=2)
train("replaced")
plan("replaced", "--command", "echo >> tried-here; exit 3; : {keep} {outputs}", models=2)
assert "2 models failed" in train("replaced", "--attempts", "2", expect=1).stderr
assert "failed  2\n" in run("shadow", "status", "replaced").stdout
assert "2 models failed" in train("replaced", expect=1).stderr and len(open("tried-here").readlines()) == 4
assert "model 1: failed: exit code 3" in run("shadow", "check", "replaced", expect=1).stdout
plan("replaced", "--architecture", "logistic", "--epochs", "1", models=2)
assert "0 models trained, 2 done before" in train("replaced").stdout, "what the older plan made is right again"

# Writes outputs for so many classes.
open("write.py", "w").write("""
import sys
import numpy as np
np.save(sys.argv[1], np.random.default_rng(int(sys.argv[2])).normal(size=(400, int(sys.argv[3]))))
""")
WRITE = "/usr/bin/python3 write.py {outputs} {seed} 4 {keep}"


def shell(folder, line, models=2):
    """Plans a command that does `line`; {keep} and {outputs} are named because a plan refuses commands without them."""
    return plan(folder, "--command", f": {{keep}} {{outputs}}; {line}", models=models)


def start(folder, *more, shows_progress=False, **options):
    return subprocess.Popen([MIAUDIT, "shadow", "train", folder, *([] if shows_progress else ["--quiet"]), *more],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


# As many columns as the plan has classes, no more and no fewer; --classes says how many these are.
for columns, more in ((5, "plan with --classes"), (3, "")):
    shell("classes", WRITE.replace(" 4 ", f" {columns} "))
    wrong = train("classes", "--attempts", "1", expect=1).stderr
    assert f"its outputs have shape (400, {columns}); expected (400, 4)" in wrong and more in wrong, wrong
plan("classes", "--classes", "5", "--command", WRITE.replace(" 4 ", " 5 "), models=2)
assert "2 models trained" in train("classes").stdout
assert "2 of 2 models done" in run("shadow", "check", "classes").stdout

# Of a file that is gone when it is read about, {outputs} tells more than its path.
plan("objects", "--command", "/usr/bin/python3 -c 'import numpy, sys; numpy.save(sys.argv[1], [[None]])' {outputs} {keep}",
     models=2)
objects = train("objects", "--attempts", "1", expect=1).stderr
assert "Model 0 failed: {outputs} holds Python objects (dtype '|O'); that is a pickle" in objects, objects
assert "Save plain numbers" in objects and "attempts/" not in objects, objects

# Removing the folder of its outputs fails that model, after as many tries as any, and no other.
shell("removed", f"if [ {{index}} = 1 ]; then echo >> tried; rm -rf $(dirname {{outputs}}) {{work}}; exit 3; fi; "
                 f"if [ {{index}} = 2 ] && [ ! -e once ]; then touch once; rm -rf $(dirname {{outputs}}); fi; {WRITE}",
      models=4)
removed = train("removed", "--attempts", "2", expect=1)
assert "3 models trained" in removed.stdout and sorted(outputs("removed")) == ["0000", "0002", "0003"], removed
said = "Model 1 failed: it removed the folder of {outputs}, its log with it; it may only write {outputs} and change"
assert said in removed.stderr and "(tried 2 times)." in removed.stderr, removed.stderr
assert open("tried").read() == "\n\n" and os.listdir("removed/failed") == ["0001.json"]
assert not os.listdir("removed/attempts")

# What says that a model is done is ours to write: such a model would be broken whenever it is looked at.
shell("usurped", WRITE + "; echo {{}} > $(dirname {outputs})/done.json")
assert "done.json, which belongs to the run" in train("usurped", "--attempts", "2", expect=1).stderr
assert not outputs("usurped") and len(os.listdir("usurped/failed")) > 0

# Several queries are the command's to make.
open("views.py", "w").write("import sys\nimport numpy as np\nnp.save(sys.argv[1], np.ones((400, 2, 4)))\n")
plan("asked", "--command", "/usr/bin/python3 views.py {outputs} {keep}", "--queries", "2", models=2)
train("asked")
assert np.load("asked/models/0001/outputs.npy").shape == (400, 2, 4)

# What one try leaves is not the next one's: the first writes outputs and fails, the second writes nothing.
shell("tries", f"if mkdir {{work}}/tried 2> /dev/null; then {WRITE}; exit 3; fi", models=2)
tries = train("tries", "--attempts", "2", expect=1)
assert "0 models trained" in tries.stdout and "outputs.npy" in tries.stderr and not outputs("tries"), tries

# A folder or a link beside the outputs fails that model, not the run.
shell("folders", f"{WRITE}; [ {{index}} != 1 ] || mkdir $(dirname {{outputs}})/logs; "
                 f"[ {{index}} != 2 ] || ln -s /etc/passwd $(dirname {{outputs}})/link", models=4)
folders = train("folders", expect=1)
assert "2 models trained" in folders.stdout and sorted(outputs("folders")) == ["0000", "0003"], folders
assert "Model 1 failed: beside its outputs it made 'logs', which is no regular file" in folders.stderr, folders.stderr
assert "Model 2 failed: beside its outputs it made 'link'" in folders.stderr

# Ctrl-C ends a command, and so does the sudden death of what started it; what it leaves running ends with it.
shell("asleep", "sleep 1000 & echo $! > {work}/pid; echo > {work}/begun; wait")


def pids(folder):
    return [int(open(entry.path + "/pid").read()) for entry in os.scandir(f"{folder}/checkpoints")]


def begun(folder, count=2):
    return sum(os.path.exists(entry.path + "/begun") for entry in os.scandir(f"{folder}/checkpoints")) == count


def are_gone(processes):
    return not any(os.path.exists(f"/proc/{process}") for process in processes)


for way, code in ((signal.SIGINT, 75), (signal.SIGKILL, -9)):
    program = start("asleep", "--jobs", "2")
    until(lambda: begun("asleep"))
    program.send_signal(way)
    assert program.communicate(timeout=60) and program.returncode == code
    until(lambda: are_gone(pids("asleep")))
    run("shadow", "gc", "asleep")
    assert not os.listdir("asleep/attempts")
    for entry in os.scandir("asleep/checkpoints"):
        os.remove(entry.path + "/begun")
open("keeps.py", "w").write("""
import signal, sys, time
def keep(*_):
    time.sleep(1)
    open(sys.argv[1] + "/checkpoint", "w").close()
    sys.exit(1)
signal.signal(signal.SIGTERM, keep)
open(sys.argv[1] + "/begun", "w").close()
time.sleep(1000)
""")
shell("kept", "/usr/bin/python3 keeps.py {work} {outputs}; touch {work}/went_on")
program = start("kept", "--jobs", "2")
until(lambda: begun("kept"))
program.send_signal(signal.SIGTERM)
assert program.communicate(timeout=60) and program.returncode == 75
for entry in os.scandir("kept/checkpoints"):
    assert sorted(os.listdir(entry.path)) == ["begun", "checkpoint"], os.listdir(entry.path)

# Outputs of a command that was stopped may be those of the epoch before: they do not count, whatever it exits with.
shell("in_time", "[ {index} = 1 ] || exec /usr/bin/python3 late.py {outputs} {work}; sleep 1000")
open("late.py", "w").write("""
import signal, sys, time
import numpy as np
def end(*_):
    np.save(sys.argv[1], np.ones((400, 4)))
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
open(sys.argv[2] + "/begun", "w").close()
time.sleep(1000)
""")
program = start("in_time", "--jobs", "1")
until(lambda: os.listdir("in_time/checkpoints") and begun("in_time", 1))
program.send_signal(signal.SIGTERM)
said = program.communicate(timeout=60)
assert program.returncode == 75 and "stopped with 0 of 2 done" in said[1], (program.returncode, said)
assert not outputs("in_time")

# What took a session of its own may write to the log for as long as it lives: the model stays done.
shell("logging", f"setsid sh -c 'sleep 1; echo late; echo > {{index}}.logged' & {WRITE}")
train("logging")
until(lambda: os.path.exists("0.logged") and os.path.exists("1.logged"))
assert "late" in open("logging/models/0000/log.txt").read()
assert "2 of 2 models done" in run("shadow", "check", "logging").stdout

# A full disk is no fault of a model. (Mounts, where they may be made, end with the process that made them.)
shell("full", f"head -c 9000000 /dev/zero > {{work}}/filling && {WRITE}")
MOUNTED = """set -e
mount -t tmpfs -o size=4m none mounted
cp -r full mounted/full
"$MIAUDIT" shadow train mounted/full --quiet --attempts 1 --jobs 1 && code=0 || code=$?
ls mounted/full/failed
exit $code"""
os.makedirs("mounted", exist_ok=True)
unshare = ["unshare", "--mount", "--map-root-user"]
if subprocess.run([*unshare, "mount", "-t", "tmpfs", "none", "mounted"], capture_output=True).returncode == 0:
    full = subprocess.run([*unshare, "sh", "-c", MOUNTED], capture_output=True, text=True)
    assert full.returncode == 1 and not full.stdout, full
    assert "no space left on the file system of mounted/full" in full.stderr, full.stderr
    assert "run the same again to go on" in full.stderr and "failed;" not in full.stderr, full.stderr

# What a killed attempt kept, the next one finds.
shell("regained", "if [ -e {work}/begun ]; then echo >> {work}/again; " + WRITE + "; cp {work}/again {index}.regained; exit; fi; "
               "echo > {work}/begun; sleep 1000")
program = start("regained", "--jobs", "2")
until(lambda: begun("regained"))
program.kill()
program.communicate()
assert "2 models trained" in train("regained").stdout and os.path.exists("0.regained") and os.path.exists("1.regained")
assert not os.listdir("regained/checkpoints")

# A link beside the outputs is refused, and what it leads to stays as it is.
os.chmod("keeps.py", 0o644)
shell("linking", f"ln -s $PWD/keeps.py $(dirname {{outputs}})/mine; {WRITE}")
assert "no regular file" in train("linking", "--attempts", "1", expect=1).stderr
assert os.stat("keeps.py").st_mode & 0o777 == 0o644

shell("leaving", f"sleep 1000 & echo $! > {{index}}.left; {WRITE}")
train("leaving")
until(lambda: are_gone(int(open(f"{m}.left").read()) for m in range(2)))

# Two at one model: each has a work folder of its own, which it keeps; the model is done whatever comes.
shell("both", f"if [ $ROLE = fast ]; then ls {{work}} > found; {WRITE}; exit; fi; echo > {{work}}/begun; "
              "while [ ! -e release ]; do sleep 0.05; done; ls {work} > saw; exit 4")
slow = start("both", "--index", "0", "--attempts", "1", env={**os.environ, "ROLE": "slow"})
until(lambda: os.listdir("both/checkpoints") and begun("both", 1))
open("both/checkpoints/.miaudit-abcdef", "w").write("a checkpoint that is being written")
assert "0 entries removed" in run("shadow", "gc", "both").stdout, "gc took what a living process uses"
fast = start("both", "--index", "0", env={**os.environ, "ROLE": "fast"})
said = fast.communicate(timeout=60)
assert "1 model trained" in said[0] and open("found").read() == "", said
assert "Model 0: another process is at it, so this one's command has a {work} of its own" in said[1], said
open("release", "w").close()
said = slow.communicate(timeout=60)
assert slow.returncode == 0 and "1 by another process" in said[0], said
assert open("saw").read() == "begun\n", "its work folder was taken away"
assert not os.listdir("both/failed") and list(outputs("both")) == ["0000"]
os.remove("both/checkpoints/.miaudit-abcdef")
run("shadow", "gc", "both")
assert not os.listdir("both/checkpoints")
os.remove("release")

# What another process finished meanwhile is counted with what is done.
shell("counted", f"if [ $ROLE = slow ]; then echo > {{work}}/begun; sleep 1000; fi; {WRITE}", models=4)
slow = start("counted", "--jobs", "1", env={**os.environ, "ROLE": "slow"})
until(lambda: os.listdir("counted/checkpoints") and begun("counted", 1))
for index in (1, 2, 3):
    train("counted", "--index", index, env={**os.environ, "ROLE": "fast"})
slow.send_signal(signal.SIGTERM)
assert "stopped with 3 of 4 done" in slow.communicate(timeout=60)[1] and slow.returncode == 75

# Work on a model that another process has made meanwhile ends.
shell("beaten", f"if [ $ROLE = slow ]; then echo > {{work}}/begun; sleep 1000; fi; {WRITE}")
slow = start("beaten", "--jobs", "2", env={**os.environ, "ROLE": "slow"})
until(lambda: begun("beaten"))
assert "2 models trained" in train("beaten", env={**os.environ, "ROLE": "fast"}).stdout
said = slow.communicate(timeout=60)[0]
assert slow.returncode == 0 and "0 models trained, 0 done before, 2 by another process" in said, said
assert "2 of 2 models done" in run("shadow", "check", "beaten").stdout and not os.listdir("beaten/checkpoints")

# A model that a newer program finishes meanwhile stops the others, which keep their work.
shell("mixed", f"echo > {{work}}/begun; [ {{index}} = 0 ] || sleep 1000; while [ ! -e release ]; do sleep 0.05; done; {WRITE}",
      models=4)
program = start("mixed", "--jobs", "2", "--index", "0", "--chunk", "2", shows_progress=True)
until(lambda: begun("mixed"))
os.makedirs("mixed/models/0003")
json.dump({"schema_version": 99}, open("mixed/models/0003/done.json", "w"))
open("release", "w").close()
said = program.communicate(timeout=60)[1]
assert program.returncode == 2 and "models/0003/done.json has schema version 99" in said, (program.returncode, said)
os.remove("release")

# A process that works by an older plan does not put its model over a newer one's.
shell("older", "echo > {work}/begun; while [ ! -e release ]; do sleep 0.05; done; " + WRITE)
old = start("older", "--jobs", "2")
until(lambda: os.listdir("older/checkpoints") and begun("older"))
warned = shell("older", WRITE).stderr
assert "2 models are being trained by the plan before this one" in warned, warned
assert "2 models trained" in train("older").stdout
newer = outputs("older")
said = old.communicate(timeout=60)  # nobody releases it: the new plan ends it
assert "0 models trained, 0 done before, 2 overtaken by a new plan" in said[0], said
assert "Model 1 is to be another by a plan made meanwhile" in said[1] and old.returncode == 75, said
assert outputs("older") == newer and "2 of 2 models done" in run("shadow", "check", "older").stdout
