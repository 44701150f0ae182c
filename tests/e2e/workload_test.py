# SPDX-License-Identifier: Apache-2.0
"""Kinds of work: the guide as written, from its objects to placed pods. usage: PROGRAM"""
import os
import re
import sys
import unittest

from server import Server

PROGRAM = sys.argv.pop(1)
GUIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                     "../../docs/guides/workload-profiles.md")
PODS = "/api/v1/namespaces/default/pods"


class Workloads(unittest.TestCase):
    def test_the_guide_as_written(self):
        with open(GUIDE) as f:
            guide = f.read()
        s = Server(PROGRAM, "up", "--no-local-node", "--sim-nodes", "4:cpu")
        self.addCleanup(s.close)
        s.start()
        s.wait("nodes", lambda: len(s.request("GET", "/api/v1/nodes")[1]["items"]) == 4)
        jobs, *others = re.search(r"```yaml\n(.*?)```", guide, re.S)[1].split("---\n")
        done = s.cli("apply", "-f", "-", stdin=jobs)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(set(self.nodes(s, "nightly", 4))), 1)
        done = s.cli("apply", "-f", "-", stdin="---\n".join(others))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(set(self.nodes(s, "web", 3))), 3)
        line = re.search(r"^ *(workload profile: .*)$", guide, re.M)[1]
        s.wait("why", lambda: line in s.cli("why", "pod/large").stdout)
        self.assertIn("workload profile: batch (label batch.kubernetes.io/job-name)",
                      s.cli("why", "job/nightly").stdout)
        s.wait("counted", lambda: b'ganglion_scheduler_workload_pods{workload="training",'
               b'state="waiting"} 1\n' in s.request("GET", "/metrics", raw=True)[1])

    def nodes(self, s, name, n):
        def placed():
            found = [p["spec"].get("nodeName") for p in s.request("GET", PODS)[1]["items"]
                     if p["metadata"]["name"].startswith(name + "-")]
            return found if len(found) == n and all(found) else None
        return s.wait(f"{n} pods of {name}", placed)


if __name__ == "__main__":
    unittest.main()
