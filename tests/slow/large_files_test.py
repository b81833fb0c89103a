"""Models whose outputs are larger than --memory, 1.5 GB each (of sparse files), are audited in less."""
import json
import os
import resource
import subprocess
import sys

from sparse_run import write_sparse_run

MODELS, MEGABYTES = 4, 512
assert write_sparse_run(MODELS, records=375_000, classes=1000, busy=2000) > 2 * MEGABYTES << 20

for options in (["--shard", "1/4"], ["--attacks", "rmia,base,loss", "--json"]):
    done = subprocess.run([os.environ["MIAUDIT"], "audit", ".", "--quiet", "--memory", f"{MEGABYTES}M", *options],
                          stdout=subprocess.PIPE, check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(options, f"{peak:.0f} MB", file=sys.stderr)
    assert peak < MEGABYTES, peak
result = json.loads(done.stdout)
assert result["subject"]["targets"] == MODELS and [a["name"] for a in result["attacks"]] == ["loss", "rmia", "base"]
