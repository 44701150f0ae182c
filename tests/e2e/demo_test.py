# SPDX-License-Identifier: Apache-2.0
"""`make demo` works, and leaves no process and no temporary file behind. usage: DEMO BUILD_FOLDER"""
import glob
import os
import subprocess
import sys
import tempfile
import unittest

DEMO, BUILD = sys.argv.pop(1), sys.argv.pop(1)


class DemoTest(unittest.TestCase):
    def test_demo(self):
        with tempfile.TemporaryDirectory() as folder:
            env = dict(os.environ, TMPDIR=folder)
            done = subprocess.run([sys.executable, DEMO, BUILD], env=env, capture_output=True,
                                  text=True, timeout=150)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(os.listdir(folder), [])
            left = [p for p in glob.glob("/proc/[0-9]*/cmdline")
                    if folder.encode() in self.words(p)]
            self.assertEqual(left, [])
            for words in ("8 of 8 workers run", "test accuracy", "All 16 workers were placed"):
                self.assertIn(words, done.stdout)

    @staticmethod
    def words(path):
        try:
            with open(path, "rb") as f:
                return f.read()
        except OSError:
            return b""


if __name__ == "__main__":
    unittest.main(verbosity=2)
