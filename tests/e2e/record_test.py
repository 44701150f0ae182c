# SPDX-License-Identifier: Apache-2.0
"""A real control plane is recorded; the record is decided again, bit for bit. usage: GANGLION"""
import json
import os
import subprocess
import sys
import unittest

from server import Server

GANGLION = sys.argv.pop(1)


def gang(server, name, members, gpus, seconds, **spec):
    for i in range(members):
        amounts = {"nvidia.com/gpu": str(gpus)}
        pod = {"apiVersion": "v1", "kind": "Pod",
               "metadata": {"name": f"{name}-{i}",
                            "labels": {"pod-group.scheduling.kubenexus.io/name": name,
                                       "pod-group.scheduling.kubenexus.io/min-available": str(members)},
                            "annotations": {"sim.ganglion.io/run-seconds": str(seconds)}},
               "spec": {"restartPolicy": "Never", **spec, "containers": [
                   {"name": "c", "image": "x", "args": ["top-secret"],
                    "env": [{"name": "TOKEN", "value": "top-secret"}],
                    "resources": {"requests": amounts, "limits": amounts}}]}}
        status, answer = server.request("POST", "/api/v1/namespaces/default/pods", pod)
        assert status == 201, answer


def phases(server, name):
    items = server.request("GET", "/api/v1/namespaces/default/pods")[1]["items"]
    return [p["status"]["phase"] for p in items if p["metadata"]["name"].startswith(name + "-")]


def sim(verb, *words):
    return subprocess.run([GANGLION, "sim", verb, *words], capture_output=True, text=True,
                          timeout=120)


class RecordTest(unittest.TestCase):
    """One recorded scene for all tests: gangs that run, wait, and preempt; a node that comes; a
    scheduler that is killed and started again."""

    @classmethod
    def setUpClass(cls):
        cls.server = s = Server(GANGLION, "up", "--no-local-node", "--sim-nodes", "2")
        cls.record = os.path.join(s.folder, "day.jsonl")
        s.options += ("--record", cls.record)
        try:
            cls.play(s)
        except BaseException:
            s.close()
            raise

    @classmethod
    def play(cls, s):
        s.start()
        s.wait("nodes", lambda: len(s.request("GET", "/api/v1/nodes")[1]["items"]) == 2)
        high = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
                "metadata": {"name": "high"}, "value": 1000}
        s.request("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", high)
        gang(s, "short", 2, 4, 1)
        gang(s, "long", 2, 4, 600)
        gang(s, "urgent", 1, 8, 2, priorityClassName="high")  # evicts one of the above
        s.wait("urgent", lambda: phases(s, "urgent") == ["Succeeded"])
        gang(s, "wide", 3, 8, 3)
        s.wait("a reason", lambda: "scheduling.ganglion.io/why" in s.request(
            "GET", "/api/v1/namespaces/default/pods/wide-0")[1]["metadata"].get("annotations", {}))
        s.kill()
        s.options = tuple("4" if o == "2" else o for o in s.options)
        s.start()
        s.wait("wide", lambda: phases(s, "wide") == ["Succeeded"] * 3)
        s.stop()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def lines(self):
        with open(self.record) as f:
            return f.read().splitlines()

    def write(self, name, lines):
        path = os.path.join(self.server.folder, name)
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")
        return path

    def test_replay_is_equal(self):
        done = sim("replay", self.record)
        last = done.stdout.splitlines()[-1]
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(last, r"^[1-9]\d* decisions, 0 differ$")
        self.assertIn("2 runs", done.stdout)
        kinds = {json.loads(line).get("decision", {}).get("kind") for line in self.lines()}
        self.assertLessEqual({"bind", "wait", "preempt"}, kinds)

    def test_a_changed_decision_is_found(self):
        lines = self.lines()
        at = next(i for i, line in enumerate(lines) if '"kind":"bind"' in line)
        changed = json.loads(lines[at])
        changed["decision"]["pods"][0]["node"] = "elsewhere"
        lines[at] = json.dumps(changed, separators=(",", ":"))
        done = sim("replay", self.write("changed.jsonl", lines))
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"line {at + 1} differs", done.stdout)
        self.assertRegex(done.stdout.splitlines()[-1], r"^\d+ decisions, 1 differ$")

    def test_a_changed_input_is_found(self):
        lines = [line.replace('"nvidia.com/gpu":"8"', '"nvidia.com/gpu":"7"') for line in self.lines()]
        done = sim("replay", self.write("input.jsonl", lines))
        self.assertEqual(done.returncode, 1)

    def test_a_line_cut_off_is_left_out(self):
        text = "\n".join(self.lines())
        path = os.path.join(self.server.folder, "cut.jsonl")
        with open(path, "w") as f:
            f.write(text[:-20])
        done = sim("replay", path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("cut off", done.stderr)

    def test_damage_is_named(self):
        lines = self.lines()
        lines[5] = lines[5][:-9]
        done = sim("replay", self.write("damaged.jsonl", lines))
        self.assertEqual(done.returncode, 2)
        self.assertIn("line 6", done.stderr)

    def test_only_the_owner_may_read_it_and_secrets_are_not_in_it(self):
        self.assertEqual(os.stat(self.record).st_mode & 0o777, 0o600)
        self.assertNotIn("top-secret", "".join(self.lines()))


if __name__ == "__main__":
    unittest.main(verbosity=2)
