"""tools/check_layers finds nothing in this tree, and finds every kind of violation when one is planted."""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from repository import ROOT


def violations(root):
    run = subprocess.run([ROOT / "tools/check_layers", str(root)], capture_output=True, text=True)
    assert run.returncode in (0, 1) and not run.stderr, run.stderr
    assert (run.returncode == 1) == bool(run.stdout), run.stdout
    return run.stdout


class Layers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for name in ("miaudit", "cli"):
            shutil.copytree(ROOT / name, self.root / name)

    def plant(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return violations(self.root)

    def test_this_tree_keeps_to_the_table(self):
        self.assertEqual(violations(ROOT), "")

    def test_a_folder_above_is_caught(self):
        self.assertIn("metric/planted.cc:2: metric/ may not include attack/",
                      self.plant("miaudit/metric/planted.cc", '#include <vector>\n#include "miaudit/attack/attack.h"\n'))

    def test_a_neighbour_on_the_same_floor_is_caught(self):
        self.assertIn("attack/ may not include signal/",
                      self.plant("miaudit/attack/planted.cc", '#include "miaudit/signal/signal.h"\n'))

    def test_spaces_in_the_directive_hide_nothing(self):
        self.assertIn("base/ may not include math/",
                      self.plant("miaudit/base/planted.h", '  #  include  "miaudit/math/distributions.h"\n'))

    def test_third_party_headers_stay_in_their_folders(self):
        for header in ("hwy/highway.h", "boost/math/special_functions/beta.hpp", "Eigen/Dense", "xgboost/c_api.h",
                       "zlib.h", "nlohmann/json.hpp", "CLI/CLI.hpp", "xxhash.h", "unistd.h"):
            with self.subTest(header):
                self.assertIn("metric/ may not include", self.plant("miaudit/metric/planted.cc", f"#include <{header}>\n"))

    def test_an_unknown_library_is_caught(self):
        self.assertIn("<torch/torch.h> is neither", self.plant("miaudit/learn/planted.cc", "#include <torch/torch.h>\n"))

    def test_fmt_and_the_standard_library_are_for_everybody(self):
        self.assertEqual(self.plant("miaudit/metric/planted.cc", "#include <fmt/core.h>\n#include <cmath>\n"), "")

    def test_report_sees_results_only(self):
        (self.root / "miaudit/audit").mkdir(exist_ok=True)
        (self.root / "miaudit/audit/result.h").touch()
        (self.root / "miaudit/audit/planted.h").touch()
        self.assertEqual(self.plant("miaudit/report/planted.cc", '#include "miaudit/audit/result.h"\n'), "")
        self.assertIn("may include only miaudit/audit/result.h",
                      self.plant("miaudit/report/planted.cc", '#include "miaudit/audit/planted.h"\n'))

    def test_a_header_that_is_not_there_is_caught(self):
        self.assertIn("is no file", self.plant("miaudit/audit/planted.cc", '#include "miaudit/base/planted.h"\n'))

    def test_a_bare_name_is_caught(self):
        self.assertIn('must be written "miaudit/', self.plant("miaudit/base/planted.cc", '#include "error.h"\n'))

    def test_a_folder_outside_the_table_is_caught(self):
        self.assertIn("miaudit/util/ is not in the table", self.plant("miaudit/util/planted.cc", "#include <vector>\n"))

    def test_cmake_is_held_to_the_same_table(self):
        text = (self.root / "miaudit/CMakeLists.txt").read_text(encoding="utf-8")
        for old, new, complaint in (
            ("metric NEEDS base math", "metric NEEDS base math attack", "metric NEEDS base math attack"),
            ("metric NEEDS base math", "metric NEEDS base", "metric NEEDS base; the table says"),
            ("metric NEEDS base math", "metric NEEDS base math USES ZLIB::ZLIB", "metric links ZLIB::ZLIB"),
            ("miaudit_library(metric ", "miaudit_library(metrics ", "metrics is not in the table"),
        ):
            with self.subTest(new):
                self.assertIn(old, text)
                self.assertIn(complaint, self.plant("miaudit/CMakeLists.txt", text.replace(old, new)))


if __name__ == "__main__":
    unittest.main()
