# SPDX-License-Identifier: Apache-2.0
"""kill -9 of `ganglion up` at random moments while a gang of local processes is created, bound,
prepared, released and deleted: afterwards all members run, each started once, or none does, and no
process is left behind. usage: PROGRAM"""
import http.client
import os
import random
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from server import Server, command_line, processes  # noqa: E402

PROGRAM = sys.argv.pop(1)
ROUNDS = int(os.environ.get("CRASH_ROUNDS", "8"))
SEED = int(os.environ.get("CRASH_SEED", "0"))
MEMBERS = 4
PODS = "/api/v1/namespaces/default/pods"


def member(gang, i, starts):
    """Leaves a line in `starts` and waits. Its command line holds the gang's name."""
    script = f"echo {gang}-{i} >> {starts}; : {gang}; while :; do sleep 0.2; done"
    labels = {"pod-group.scheduling.kubenexus.io/name": gang,
              "pod-group.scheduling.kubenexus.io/min-available": str(MEMBERS)}
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": f"{gang}-{i}", "labels": labels},
            "spec": {"schedulerName": "kubenexus-scheduler", "restartPolicy": "Never",
                     "terminationGracePeriodSeconds": 1,
                     "containers": [{"name": "main", "image": "none",
                                     "command": ["/bin/sh", "-c", script]}]}}


def running(gang):
    """Process ids of the gang's shells; a child on its way to another program is not one."""
    found = {pid: parent for pid, parent in processes() if f": {gang};" in command_line(pid)}
    return [pid for pid, parent in found.items() if parent not in found]


class GangCrash(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        self.s = Server(PROGRAM, "up")
        self.starts = os.path.join(self.s.folder, "starts")

    def tearDown(self):
        self.s.close()

    def each(self, method, gang):
        """One request for each member; what was cut by a crash is asked again by the caller."""
        try:
            for i in range(MEMBERS):
                if method == "POST":
                    self.s.request("POST", PODS, member(gang, i, self.starts))
                else:
                    self.s.request("DELETE", f"{PODS}/{gang}-{i}")
        except (OSError, ValueError, http.client.HTTPException):
            pass  # the server was killed

    def crash_during(self, method, gang):
        asking = threading.Thread(target=self.each, args=(method, gang))
        asking.start()
        time.sleep(self.random.uniform(0, 0.25))
        self.s.kill()
        asking.join()
        self.s.start()

    def phases(self, gang):
        pods = self.s.request("GET", PODS)[1]["items"]
        return [p["status"].get("phase") for p in pods
                if p["metadata"]["name"].startswith(gang + "-")]

    def started(self, gang):
        try:
            with open(self.starts) as f:
                return sorted(line.strip() for line in f if line.startswith(gang + "-"))
        except FileNotFoundError:
            return []

    def one_round(self, gang):
        self.crash_during("POST", gang)
        existing = len(self.phases(gang))
        if existing < MEMBERS:
            self.assertEqual(self.started(gang), [], "a gang that is not complete must not start")
            self.each("POST", gang)
        self.s.wait(f"{gang} running",
                    lambda: self.phases(gang) == ["Running"] * MEMBERS, 20)
        self.s.wait("their first lines", lambda: len(self.started(gang)) >= MEMBERS)
        self.assertEqual(self.started(gang), [f"{gang}-{i}" for i in range(MEMBERS)],
                         "each member starts once")
        self.assertEqual(len(running(gang)), MEMBERS)
        self.crash_during("DELETE", gang)
        self.each("DELETE", gang)
        self.s.wait(f"{gang} gone", lambda: not self.phases(gang), 20)
        self.s.wait("no process left", lambda: not running(gang))

    def test_all_or_none_and_nothing_left(self):
        self.s.start()
        for i in range(ROUNDS):
            with self.subTest(round=i, seed=SEED):
                self.one_round(f"g{i}-{os.getpid()}")
        folders = os.path.join(self.s.folder, "data", "node", "pods")
        self.s.wait("no folder left", lambda: not os.listdir(folders))


if __name__ == "__main__":
    unittest.main(verbosity=2)
