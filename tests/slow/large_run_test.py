"""A run of 20 GB (of sparse files) is audited, every model in turn, in less than --memory's default of 2 GB; with less memory
fewer are targets, in less than that."""
import json
import os
import resource
import subprocess
import sys

from sparse_run import write_sparse_run

MODELS, RECORDS = 64, 80_000
assert MODELS * write_sparse_run(MODELS, RECORDS, classes=1000, busy=500) > 20e9

# As many targets as half of the memory holds figures of, in whole pairs; the smaller peak first, since the largest is told.
FEW = (128 << 20) // (64 * RECORDS) // 2 * 2
for options, megabytes, targets in ((["--memory", "256M"], 256, FEW), ([], 2000, MODELS)):
    done = subprocess.run([os.environ["MIAUDIT"], "audit", ".", "--attacks", "lira,rmia,base,bavaria_n,loss", "--json",
                           "--quiet", *options], stdout=subprocess.PIPE, check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(options, f"{peak:.0f} MB", file=sys.stderr)
    result = json.loads(done.stdout)
    assert [a["name"] for a in result["attacks"]] == ["loss", "rmia", "base", "lira", "bavaria_n"], result["skipped"]
    assert result["subject"]["targets"] == targets and result["subject"]["models"] == MODELS, result["subject"]
    assert peak < megabytes, peak
