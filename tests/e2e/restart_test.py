# SPDX-License-Identifier: Apache-2.0
"""Local pods outlive `ganglion up`, or end with it when told to. usage: PROGRAM"""
import json
import os
import sys
import time
import unittest

from server import Server

PROGRAM = sys.argv.pop(1)
PODS = "/api/v1/namespaces/default/pods"


def pod(name, script):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
                     "containers": [{"name": "main", "image": "none",
                                     "command": ["/bin/sh", "-c", script]}]}}


def processes(word):
    """Process ids whose command line or environment holds word."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = b""
            for part in ("cmdline", "environ"):
                with open(f"/proc/{pid}/{part}", "rb") as f:
                    text += f.read()
        except OSError:
            continue
        if word.encode() in text and int(pid) != os.getpid():
            found.append(int(pid))
    return found


class Restart(unittest.TestCase):
    def setUp(self):
        self.s = None

    def tearDown(self):
        if not self.s:
            return
        if self.s.process.poll() is None:
            self.s.kill()
        self.s.options = ("--end-pods",)  # takes the pods up once more and ends them
        self.s.start()
        self.s.stop()
        self.s.close()

    def up(self, *options):
        self.s = Server(PROGRAM, "up", *options).start()
        self.mark = os.path.basename(self.s.folder)

    def create(self, name, script):
        status, answer = self.s.request("POST", PODS, pod(name, script))
        self.assertEqual(status, 201, answer)

    def get(self, name):
        return self.s.request("GET", f"{PODS}/{name}")[1]

    def wait_phase(self, name, phase):
        self.s.wait(f"{name} {phase}", lambda: self.get(name)["status"].get("phase") == phase)

    def log(self, name):
        return self.s.request("GET", f"{PODS}/{name}/log", raw=True)[1].decode()

    def beat(self, name):
        """A pod that writes its process id, then a number every 100 ms."""
        self.create(name, f": {self.mark}; echo pid $$$$; i=0; "
                          "while :; do echo $i; i=$$((i+1)); sleep 0.1; done")
        self.wait_phase(name, "Running")
        self.s.wait("its log", lambda: self.log(name).count("\n") > 3)
        return int(self.log(name).split()[1])

    def test_pods_run_on_over_a_crash(self):
        self.up()
        pid = self.beat("beat")
        # Exits while nobody looks.
        self.create("ends", f": {self.mark}; echo begin; sleep 2; echo end; exit 7")
        self.wait_phase("ends", "Running")
        before = self.get("beat")
        self.s.kill()
        os.kill(pid, 0)
        time.sleep(2.5)
        self.s.start()
        self.wait_phase("ends", "Failed")
        state = self.get("ends")["status"]["containerStatuses"][0]["state"]["terminated"]
        self.assertEqual(state["exitCode"], 7)
        self.assertEqual(self.log("ends"), "begin\nend\n")
        os.kill(pid, 0)
        self.s.wait("running again", lambda: self.get("beat")["status"]["phase"] == "Running")
        after = self.get("beat")
        self.assertEqual(after["metadata"]["uid"], before["metadata"]["uid"])
        status = after["status"]["containerStatuses"][0]
        self.assertEqual(status["restartCount"], 0)
        self.assertEqual(status["containerID"],
                         before["status"]["containerStatuses"][0]["containerID"])
        lines = self.log("beat").split("\n")
        self.assertEqual(lines[0], f"pid {pid}")
        numbers = [int(x) for x in lines[1:] if x]
        self.assertEqual(numbers, list(range(len(numbers))))  # no line lost, none twice
        more = len(numbers)
        self.s.wait("more log", lambda: self.log("beat").count("\n") > more + 5)

    def test_pods_deleted_while_away_are_ended(self):
        self.up()
        pid = self.beat("gone")
        self.s.stop()
        os.kill(pid, 0)
        self.s.start()
        self.assertIn(self.s.request("DELETE", f"{PODS}/gone")[0], (200, 202))
        self.s.wait("the end", lambda: self.s.request("GET", f"{PODS}/gone")[0] == 404)
        self.s.wait("its process", lambda: not os.path.exists(f"/proc/{pid}"))

    def test_stop_is_quick_with_running_pods(self):
        self.up()
        pids = [self.beat(f"p{i}") for i in range(4)]
        status, seconds = self.s.stop()
        self.assertEqual(status, 0, self.s.folder)
        self.assertLess(seconds, 2)
        for pid in pids:
            os.kill(pid, 0)  # they run on

    def test_end_pods_leaves_nothing(self):
        self.up("--end-pods")
        self.create("deaf", f": {self.mark}; trap '' TERM; sleep 1000 & "
                            "while :; do sleep 0.1; done")
        self.wait_phase("deaf", "Running")
        pid = self.beat("beat")
        self.assertIn(pid, processes(self.mark))
        status, seconds = self.s.stop()
        self.assertEqual(status, 0)
        self.assertLess(seconds, 2)
        left = processes(self.mark)
        self.assertEqual(left, [], [open(f"/proc/{p}/cmdline").read() for p in left])


if __name__ == "__main__":
    unittest.main(verbosity=2)
