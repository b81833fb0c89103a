"""Every step of an audit in shards keeps to --memory where neither signals nor what the attacks find fit into it, and the
bytes are those of one audit."""
import os
import resource
import subprocess

from sparse_run import write_sparse_run

MODELS, RECORDS, MEGABYTES = 64, 80_000, 256
write_sparse_run(MODELS, RECORDS, classes=10, busy=500)
ATTACKS = ["--attacks", "reference,malt,rmia,rmia_offline,base,lira,lira_offline,bavaria_n,bavaria_t,pmia"]


def audit(*options):
    done = subprocess.run([os.environ["MIAUDIT"], "audit", ".", "--memory", f"{MEGABYTES}M", "--quiet", *options],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    # The largest so far: of any step.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(*options, f"{peak:.0f} MB", flush=True)
    assert peak < MEGABYTES, (options, peak)
    return done.stdout


whole = audit(*ATTACKS, "--json")
for step in (1, 2):
    for number in range(1, 9):
        assert ("signals of" if step == 1 else "scores of") in audit("--shard", f"{number}/8")
    if step == 1:
        assert "fit of 10 attacks" in audit(*ATTACKS, "--fit")
assert audit(*ATTACKS, "--merge", "--json") == whole
