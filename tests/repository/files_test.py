"""Committed files: links resolve, no path of anybody's machine, scripts and sources are in shape, one version."""

import re
import shutil
import subprocess
import unittest
from urllib.parse import unquote

from repository import ROOT, files

VERSION = (ROOT / "VERSION").read_text(encoding="utf-8").strip()


def anchor(heading):
    """The name that GitHub gives a heading."""
    text = re.sub(r"[`*]", "", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def prose(path):
    """Markdown without its code blocks."""
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)


def broken_links(path, text):
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = unquote(target).partition("#")
        linked = (path.parent / name).resolve() if name else path
        if not linked.exists():
            yield f"{path.relative_to(ROOT)}: {target} is not there"
        elif fragment and linked.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", prose(linked), flags=re.M)
            if fragment not in map(anchor, headings):
                yield f"{path.relative_to(ROOT)}: {target}: no such heading"


class Files(unittest.TestCase):
    def test_links_resolve(self):
        pages = files("*.md")
        self.assertGreater(len(pages), 5)
        self.assertEqual([broken for page in pages for broken in broken_links(page, prose(page))], [])

    def test_a_broken_link_is_caught(self):
        page = ROOT / "README.md"
        self.assertEqual(len([*broken_links(page, "[a](docs/nowhere.md) [b](#no-such-heading) [c](LICENSE)")]), 2)

    def test_no_path_of_anybodys_machine(self):
        # The names are put together here so that this file does not hold what it looks for.
        homes = re.compile("/(?:" + "|".join(["home/[a-z]", "root/", "Users/[A-Za-z]", "work/[a-z]", "tmp/[a-z]"]) + ")")
        found = []
        for path in files():
            if path == (ROOT / "tests/repository/files_test.py"):
                continue
            try:
                lines = path.read_text(encoding="utf-8").splitlines()
            except UnicodeDecodeError:
                continue  # a corpus file or an image
            found += [f"{path.relative_to(ROOT)}:{number}: {line.strip()}" for number, line in enumerate(lines, 1)
                      if homes.search(line)]
        self.assertEqual(found, [])

    def test_one_version(self):
        self.assertRegex(VERSION, r"^\d+\.\d+\.\d+$")
        citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
        self.assertIn(f"\nversion: {VERSION}\n", citation)
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        newest = re.search(r"^## (\d+\.\d+\.\d+)", changelog, flags=re.M)
        self.assertIsNotNone(newest)
        self.assertEqual(newest[1], VERSION)

    def test_each_release_says_which_numbers_change(self):
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        for release in re.split(r"^## ", changelog, flags=re.M)[1:]:
            self.assertIn("### Numbers that change", release, release.splitlines()[0])

    def test_no_file_grows_past_its_room(self):
        long = {str(path.relative_to(ROOT)): count for path in files("*.h", "*.cc")
                if (count := len(path.read_text(encoding="utf-8").splitlines())) > 1000}
        self.assertEqual(long, {})

    def test_scripts_pass_shellcheck(self):
        scripts = [path for path in files() if path.suffix in ("", ".sh", ".bash")
                   and re.match(rb"#!.*\b(ba)?sh\b", path.read_bytes()[:64])]
        self.assertTrue({ROOT / "setup", ROOT / "demo", ROOT / "test"} <= set(scripts))
        run = subprocess.run(["shellcheck", *map(str, scripts)], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_sources_are_formatted(self):
        run = subprocess.run(["clang-format", "--dry-run", "-Werror", *(path.relative_to(ROOT) for path in files("*.h", "*.cc"))],
                             capture_output=True, text=True, cwd=ROOT)
        wrong = sorted({line.split(":")[0] for line in run.stderr.splitlines() if "error:" in line})
        self.assertEqual(run.returncode, 0, f"run clang-format -i on: {' '.join(wrong)}")

    def test_packages_have_a_group_a_reason_and_no_double(self):
        lines = (ROOT / "packages.txt").read_text(encoding="utf-8").splitlines()
        lines = [line for line in lines if line and not line.startswith("#")]
        for line in lines:
            self.assertRegex(line, r"^(run|build|test) [a-z0-9.+-]+ +# \S")
        names = [line.split()[1] for line in lines]
        self.assertEqual(len(names), len(set(names)))

    def test_setup_refuses_an_unknown_group(self):
        run = subprocess.run([ROOT / "setup", "tset"], capture_output=True, text=True)
        self.assertEqual(run.returncode, 2)
        self.assertIn("unknown group 'tset'", run.stderr)


if __name__ == "__main__":
    for tool in ("shellcheck", "clang-format"):
        if not shutil.which(tool):
            raise SystemExit(f"{tool} is missing: run ./setup test")
    unittest.main()
