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
        for name, value in (("high", 1000), ("middle", 500)):
            s.request("POST", "/apis/scheduling.k8s.io/v1/priorityclasses",
                      {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
                       "metadata": {"name": name}, "value": value})
        gang(s, "low", 1, 8, 600)
        gang(s, "long", 1, 8, 600, priorityClassName="middle")
        s.wait("low", lambda: phases(s, "low") + phases(s, "long") == ["Running"] * 2)
        gang(s, "urgent", 1, 8, 1, priorityClassName="high")  # evicts low
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

    def test_a_file_that_cannot_be_written_is_told_at_the_start(self):
        for path in ("/no/such/folder/x", "/dev/null"):
            done = subprocess.run([GANGLION, "up", "--no-local-node", "--listen", "127.0.0.1:0",
                                   "--data-dir", os.path.join(self.server.folder, "other"),
                                   "--record", path], capture_output=True, text=True, timeout=30)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("--record", done.stderr)

    def test_damage_is_named(self):
        lines = self.lines()
        lines[5] = lines[5][:-9]
        done = sim("replay", self.write("damaged.jsonl", lines))
        self.assertEqual(done.returncode, 2)
        self.assertIn("line 6", done.stderr)

    def test_an_added_node_starts_the_gang_that_waited(self):
        """In the first run alone there are two nodes, and wide, which needs three, waits for ever. With
        three more, low keeps its node too."""
        lines = self.lines()
        second = next(i for i, line in enumerate(lines) if i and line.startswith('{"ganglionRecord"'))
        path = self.write("first.jsonl", lines[:second])
        said = sim("whatif", path, "--add-nodes", "3:h100", "-o", "json")
        self.assertEqual(said.returncode, 0, said.stderr)
        answer = json.loads(said.stdout)
        gangs = {g["gang"]: g for g in answer["gangsThatDiffer"]}
        self.assertIsNone(gangs["default/wide"]["was"])
        self.assertIsNotNone(gangs["default/wide"]["would"])
        self.assertEqual(answer["was"]["evictions"], 1)
        self.assertEqual(answer["would"]["evictions"], 0)
        self.assertEqual(sim("whatif", path, "--add-nodes", "3:h100", "-o", "json").stdout,
                         said.stdout)
        text = sim("whatif", path, "--remove-node", "sim-1").stdout
        self.assertIn("what if: node sim-1 removed", text)
        for words in (("--remove-node", "nobody"), ("--add-nodes", "2:nothing"), ("--for", "x")):
            self.assertNotEqual(sim("whatif", path, *words).returncode, 0)

    def test_only_the_owner_may_read_it_and_secrets_are_not_in_it(self):
        self.assertEqual(os.stat(self.record).st_mode & 0o777, 0o600)
        self.assertNotIn("top-secret", "".join(self.lines()))


class PresentTest(unittest.TestCase):
    """The present state of a control plane, and a record made beside it."""

    def test_now(self):
        with Server(GANGLION, "up", "--no-local-node", "--sim-nodes", "2") as s:
            s.wait("nodes", lambda: len(s.request("GET", "/api/v1/nodes")[1]["items"]) == 2)
            record = os.path.join(s.folder, "beside.jsonl")
            watcher = subprocess.Popen(
                [GANGLION, "sim", "record", record, "--kubeconfig", s.kubeconfig],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertIn("objects so far", watcher.stderr.readline())
            gang(s, "long", 2, 8, 600)
            s.wait("long", lambda: phases(s, "long") == ["Running"] * 2)
            gang(s, "next", 2, 8, 5)
            s.wait("next", lambda: phases(s, "next") == ["Pending"] * 2)
            before = s.request("GET", "/api/v1/namespaces/default/pods")[1]["metadata"]
            answer = json.loads(s.cli("sim", "whatif", "--now", "--add-nodes", "2:h100", "-o",
                                      "json").stdout)
            self.assertEqual([g["gang"] for g in answer["gangsThatDiffer"]], ["default/next"])
            self.assertEqual((answer["was"]["podsStarted"], answer["would"]["podsStarted"]), (0, 2))
            text = s.cli("sim", "whatif", "--now").stdout
            self.assertIn("nothing changed", text)
            self.assertIn("gang default/next: 0 of 2 members fit", text)
            self.assertIn("default/next", s.cli("sim", "whatif", "--now", "--for", "11m",
                                                "--add-nodes", "2").stdout)
            after = s.request("GET", "/api/v1/namespaces/default/pods")[1]
            self.assertEqual([p["status"]["phase"] for p in after["items"]].count("Pending"), 2, before)
            watcher.terminate()
            out, err = watcher.communicate(timeout=20)
            self.assertEqual(watcher.returncode, 0, err)
            self.assertRegex(out, r"^[1-9]\d* inputs, [1-9]\d* bytes\n$")
            self.assertEqual(os.stat(record).st_mode & 0o777, 0o600)
            with open(record) as f:
                self.assertNotIn("top-secret", f.read())
            answer = json.loads(sim("whatif", record, "--add-nodes", "2", "-o", "json").stdout)
            self.assertEqual([g["gang"] for g in answer["gangsThatDiffer"]], ["default/next"])
            self.assertEqual(answer["likeTheRecord"], {"pods": 2, "within1s": 2})
            self.assertNotEqual(sim("replay", record).returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
