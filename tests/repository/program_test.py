"""What the program says of itself agrees with the repository. Environment: MIAUDIT, the program."""

import json
import os
import subprocess
import unittest

from repository import ROOT

MIAUDIT = os.environ["MIAUDIT"]


def says(*arguments):
    return subprocess.run([MIAUDIT, *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout


def listed(what):
    """Rows of `miaudit list WHAT --json`: an array, or an object that holds it under its own name."""
    listing = json.loads(says("list", what, "--json"))
    return listing[what] if isinstance(listing, dict) else listing


class Program(unittest.TestCase):
    def test_version_is_the_file_version(self):
        version = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
        self.assertIn(version, says("--version").split())

    def test_every_attack_has_a_page(self):
        names = {row["name"] for row in listed("attacks")}
        self.assertGreater(len(names), 5)
        pages = {path.stem for path in (ROOT / "docs/attacks").glob("*.md")} - {"README"}
        self.assertEqual(names, pages)

    def test_the_command_line_page_is_what_the_program_says(self):
        check = [ROOT / "tools/command_line_page", "--check", MIAUDIT]
        run = subprocess.run(check, capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


if __name__ == "__main__":
    unittest.main()
