# SPDX-License-Identifier: Apache-2.0
"""docs/guides/migrating.md as written: each scheduler's manifest starts, with the configuration of
the guide. usage: PROGRAM"""
import os
import re
import sys
import unittest

from server import Server

PROGRAM = sys.argv.pop(1)
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")


def blocks():
    """(heading, YAML) of each example."""
    heading = ""
    with open(os.path.join(ROOT, "docs/guides/migrating.md")) as f:
        for part in re.split(r"^## ", f.read(), flags=re.M):
            heading = part.partition("\n")[0]
            for text in re.findall(r"```yaml\n(.*?)```", part, re.S):
                yield heading, text


class Migrating(unittest.TestCase):
    def test_the_guide_as_written(self):
        (_, config), *examples = blocks()
        self.assertGreaterEqual(len(examples), 8)
        s = Server(PROGRAM, "up", "--no-local-node", "--sim-nodes", "3")
        self.addCleanup(s.close)
        path = os.path.join(s.folder, "scheduler.yaml")
        with open(path, "w") as f:
            f.write(config)
        s.options += ("--scheduler-config", path)
        s.start()
        for folder in ("gangs", "queues"):
            done = s.cli("apply", "-f", os.path.join(ROOT, "deploy/crds", folder))
            self.assertEqual(done.returncode, 0, done.stderr)
        for heading, text in examples:
            with self.subTest(heading):
                done = s.cli("apply", "-f", "-", stdin=text)
                self.assertEqual(done.returncode, 0, done.stderr)
                name = re.search(r"from-[a-z-]+", text)[0]
                self.starts(s, name, 2 if "kind: Job" in text else 1)
                if "kind: Job" in text:
                    self.is_gang(s, name, heading.partition(" ")[0])
        s.stop()

    def is_gang(self, s, name, project):
        """Its mirror says whose gang it is: started together, not one by one."""
        path = "/apis/aiplatform.ganglion.io/v1alpha1/namespaces/default/podgroups/" + name

        def known():
            status, group = s.request("GET", path)
            group = status == 200 and group.get("status") or {}
            return group.get("minMember") == 2 and group
        self.assertEqual(s.wait(f"gang {name}", known, 10)["dialect"], project)

    def starts(self, s, name, want):
        def bound():
            pods = s.request("GET", "/api/v1/namespaces/default/pods")[1]["items"]
            return sum(p["metadata"]["name"].startswith(name) and bool(p["spec"].get("nodeName"))
                       for p in pods) == want
        try:
            s.wait(f"{name} starts", bound, 10)
        except AssertionError:
            kind = "pod" if want == 1 else "job"
            self.fail(f"{name}: {s.cli('why', kind + '/' + name).stdout}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
