"""shadow: what programs print and how files are named may be bytes of any kind."""
import os

from shadow_runs import outputs, plan, run, train

open("write.py", "w").write("""
import sys
import numpy as np
np.save(sys.argv[1], np.ones((400, 4)))
""")
WRITE = "/usr/bin/python3 write.py {outputs} {keep}"

# The last line is cut for the message, here inside of é if it were cut by bytes; Latin-1 is no UTF-8.
os.mkdir("lines")
open("lines/0", "w", encoding="utf8").write("é" * 70 + "\n")
open("lines/1", "wb").write(b"a" + b"\xc3\xa9" * 70 + b"\n")
open("lines/2", "wb").write("n'a pas trouvé\n".encode("latin1"))
open("lines/3", "wb").write(b"\xff\x1b[2J\n")
plan("said", "--command", ": {keep} {outputs}; cat lines/{index}; exit 3", models=4)
said = train("said", "--attempts", "1", expect=1).stderr
for shown in ("é" * 60 + "…'", "a" + "é" * 59 + "…'", "'n'a pas trouv\\xe9'", "'\\xff\\x1b[2J'"):
    assert f"failed: exit code 3: " in said and shown in said, said
assert "internal error" not in said and "4 models failed" in said
status = run("shadow", "status", "said").stdout
assert "'n'a pas trouv\\xe9'" in status, status
assert open("said/failed/0002.log", "rb").read() == open("lines/2", "rb").read()
run("shadow", "status", "said", "--json")

# done.json lists what lies beside the outputs by name.
plan("named", "--command", WRITE + "; [ {index} = 0 ] || echo > \"$(dirname {outputs})/$(printf 'caf\\351')\"", models=2)
named = train("named", "--attempts", "1", expect=1)
assert "Model 1 failed: beside its outputs it made 'caf\\xe9', whose name is no UTF-8" in named.stderr, named.stderr
assert list(outputs("named")) == ["0000"] and "model 1: failed" in run("shadow", "status", "named").stdout

# run.json must say what was planned, as it was.
latin = os.fsencode("x-") + b"\xe9.npy"
os.link("x.npy", latin)
refused = plan("wrong", "--command", b"echo \xe9; : {keep} {outputs}".decode(errors="surrogateescape"), expect=2).stderr
assert "--command 'echo \\xe9; : {keep} {outputs}' is no UTF-8" in refused, refused
refused = run("shadow", "plan", "wrong", "--data", os.fsdecode(latin), "--labels", "y.npy", "--models", "2", "--command",
              WRITE, expect=2, errors="surrogateescape").stderr
assert "--data" in refused and "\\xe9.npy' is no UTF-8" in refused and "another name" in refused, refused
assert not os.path.exists("wrong")

# Elsewhere a path is only told.
trained = os.fsdecode(b"trained-\xe9")
run("train", "--data", os.fsdecode(latin), "--labels", "y.npy", "--architecture", "logistic", "--epochs", "1", "--out", trained,
    errors="surrogateescape")
assert "x-\N{REPLACEMENT CHARACTER}.npy" in open(trained + "/model.json", encoding="utf8").read()
