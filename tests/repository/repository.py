"""The files of this repository, for its tests."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def files(*patterns):
    """Paths that git tracks or would track, sorted; without git, everything outside build/."""
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    listing = subprocess.run(
        [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if listing.returncode == 0:
        paths = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    else:
        paths = [path for pattern in (patterns or ("*",)) for path in ROOT.rglob(pattern)
                 if path.relative_to(ROOT).parts[0] not in ("build", ".git")]
    return sorted(path for path in set(paths) if path.is_file())
