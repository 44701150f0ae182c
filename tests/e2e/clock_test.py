# SPDX-License-Identifier: Apache-2.0
"""Somebody sets the wall clock an hour forward, then back: nodes stay ready, pods stay, watches go on,
tokens stay good, and what waits for a time waits as long as before. usage: PROGRAM LIBRARY"""
import datetime
import json
import os
import struct
import sys
import tempfile
import unittest

from pods import EVENTS, PODS, container, pod
from server import Server

PROGRAM, LIBRARY = sys.argv.pop(1), sys.argv.pop(1)
HOUR = 3600


class Clock(unittest.TestCase):
    def set(self, seconds):
        with open(self.file, "r+b") as f:
            f.write(struct.pack("=q", seconds))

    def setUp(self):
        fd, self.file = tempfile.mkstemp(prefix="ganglion-clock-")
        os.write(fd, struct.pack("=q", 0))
        os.close(fd)
        asan = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        self.s = Server(PROGRAM, "up", "--end-pods", "--sim-nodes", "3", env={
            "LD_PRELOAD": LIBRARY, "WALL_CLOCK": self.file, "ASAN_OPTIONS": asan}).start()

    def tearDown(self):
        self.s.stop()
        self.s.close()
        os.unlink(self.file)

    def get(self, path):
        return self.s.request("GET", path)[1]

    def leases(self):
        all = self.get("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")["items"]
        return {o["metadata"]["name"]: o["spec"]["renewTime"] for o in all}

    def renewed_at(self, hours):
        """All nodes renewed their leases by the clock that was set."""
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)
        ages = [abs((now - datetime.datetime.fromisoformat(t.replace("Z", "+00:00"))).total_seconds())
                for t in self.leases().values()]
        return len(ages) == 4 and max(ages) < HOUR / 2

    def restarts(self, name):
        status = self.get(f"{PODS}/{name}")["status"].get("containerStatuses") or [{}]
        return status[0].get("restartCount", 0)

    def test_an_hour_forward_and_back(self):
        fine = {"exec": {"command": ["test", "!", "-e", f"{self.file}.ill"]}, "periodSeconds": 1,
                "failureThreshold": 1}
        made = [pod("stays", container("sleep 1000", readinessProbe=fine)),
                pod("crashes", container("exit 3"), restartPolicy="Always"),
                pod("hasty", container("sleep 1000"), restartPolicy="Always", tolerations=[
                    {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0}])]
        names = self.s.wait("nodes", lambda: len(self.leases()) == 4 and list(self.leases()))
        local = next(n for n in names if not n.startswith("sim"))
        made[0]["spec"]["nodeName"] = made[1]["spec"]["nodeName"] = local
        for p in made:
            self.assertEqual(self.s.request("POST", PODS, p)[0], 201)
        for name in ("stays", "hasty"):
            self.s.wait(name, lambda: self.get(f"{PODS}/{name}")["status"]["phase"] == "Running")
        self.s.wait("a crash", lambda: self.restarts("crashes") >= 1)
        uid = {n: self.get(f"{PODS}/{n}")["metadata"]["uid"] for n in ("stays", "hasty")}
        c = self.s.connect(timeout=60)
        c.request("GET", "/api/v1/namespaces/default/configmaps?watch=1",
                  headers={"Authorization": "Bearer " + self.s.token})
        watch = c.getresponse()
        for step, hours in enumerate((1, -1)):
            crashes = self.restarts("crashes")
            self.set(hours * HOUR)
            self.s.wait("leases", lambda: self.renewed_at(hours), 60)
            self.s.wait("another crash", lambda: self.restarts("crashes") > crashes, 90)
            open(f"{self.file}.ill", "w").close()
            self.ready("False")
            os.unlink(f"{self.file}.ill")
            self.ready("True")
            for node in self.get("/api/v1/nodes")["items"]:
                self.assertFalse(node["spec"].get("taints"), node["metadata"]["name"])
            for name, was in uid.items():
                p = self.get(f"{PODS}/{name}")
                self.assertEqual((p["metadata"]["uid"], p["status"]["phase"]), (was, "Running"))
            status, _ = self.s.request("POST", "/api/v1/namespaces/default/configmaps", {
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"seen-{step}"}})
            self.assertEqual(status, 201)
            while True:
                event = json.loads(watch.readline())
                if event["object"]["metadata"]["name"] == f"seen-{step}":
                    break
        watch.close()
        c.close()
        reasons = {e["reason"] for e in self.get(EVENTS)["items"]}
        self.assertFalse(reasons & {"NodeNotReady", "TaintManagerEviction"}, reasons)
        # A deleted pod has its grace, by whichever clock.
        self.s.request("DELETE", f"{PODS}/stays")
        self.s.wait("its end", lambda: self.s.request("GET", f"{PODS}/stays")[0] == 404)

    def ready(self, want):
        def is_so():
            conditions = self.get(f"{PODS}/stays")["status"]["conditions"]
            return {c["type"]: c["status"] for c in conditions}["Ready"] == want
        self.s.wait(f"ready {want}", is_so)


if __name__ == "__main__":
    unittest.main(verbosity=2)
