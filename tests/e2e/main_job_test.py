# SPDX-License-Identifier: Apache-2.0
"""The main job through the real binary: gangs start together or not at all. usage: PROGRAM EXAMPLES"""
import json
import os
import sys
import unittest

from server import Server

PROGRAM, EXAMPLES = sys.argv.pop(1), sys.argv.pop(1)
PODS = "/api/v1/namespaces/default/pods"


def gang(name, workers, gpus, seconds=30):
    key = "pod-group.scheduling.kubenexus.io/"
    return {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"parallelism": workers, "completions": workers, "template": {
            "metadata": {"labels": {key + "name": name, key + "min-available": str(workers)},
                         "annotations": {"sim.ganglion.io/run-seconds": str(seconds)}},
            "spec": {"schedulerName": "kubenexus-scheduler", "restartPolicy": "Never",
                     "containers": [{"name": "main", "image": "x", "resources": {
                         "limits": {"cpu": "1", "nvidia.com/gpu": str(gpus)}}}]}}}}


class MainJob(unittest.TestCase):
    def setUp(self):
        self.s = Server(PROGRAM, "up", "--no-local-node", "--sim-nodes", "4").start()
        self.s.wait("nodes", lambda: len(self.get("/api/v1/nodes")) == 4)

    def tearDown(self):
        self.s.close()

    def get(self, path):
        return self.s.request("GET", path)[1]["items"]

    def pods_of(self, job):
        return [p for p in self.get(PODS)
                if p["metadata"].get("labels", {}).get("batch.kubernetes.io/job-name") == job]

    def bound(self, job):
        return [p for p in self.pods_of(job) if p["spec"].get("nodeName")]

    def apply(self, *objects):
        done = self.s.cli("apply", "-f", "-", stdin="\n---\n".join(map(json.dumps, objects)))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def test_published_examples_run_unchanged(self):
        for name in ("distributed-training", "ml-training", "api-server"):
            done = self.s.cli("apply", "-f", os.path.join(EXAMPLES, name + ".yaml"))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("Warning:", done.stderr, "completion must say what it did")
        self.s.wait("gang", lambda: len(self.bound("distributed-training")) == 8)
        self.s.wait("replicas", lambda: self.s.request(
            "GET", "/apis/apps/v1/namespaces/default/deployments/api-server")[1]
            ["status"].get("readyReplicas") == 10)
        pod = self.s.wait("ml-training", lambda: [
            p for p in self.get(PODS) if p["metadata"]["name"] == "ml-training"
            and p["spec"].get("nodeName")])[0]
        notes = pod["metadata"]["annotations"]
        devices = notes["scheduling.ganglion.io/devices"]
        self.assertRegex(devices, r"^nvidia\.com/gpu=\d(,\d|-\d)$")
        self.assertIn(notes["scheduling.ganglion.io/numa-cells"], ("0", "1"))

    def test_a_gang_that_does_not_fit_holds_nothing_and_starts_later(self):
        self.apply(gang("big", 5, 8))
        self.s.wait("a reason", lambda: any(
            c.get("reason") == "Unschedulable" for p in self.pods_of("big")
            for c in p["status"].get("conditions", [])))
        self.assertEqual(self.bound("big"), [])
        why = self.s.cli("why", "job/big")
        self.assertEqual(why.returncode, 0, why.stderr)
        self.assertIn("nvidia.com/gpu", why.stdout)
        self.apply({"apiVersion": "v1", "kind": "Node", "metadata": {
            "name": "more", "labels": {"node.ganglion.io/executor": "simulated"}}})
        self.s.wait("the gang", lambda: len(self.bound("big")) == 5)

    def test_no_two_pods_share_a_gpu(self):
        self.apply(*[gang(f"g{i}", 4, 2) for i in range(4)])
        self.s.wait("all bound", lambda: sum(len(self.bound(f"g{i}")) for i in range(4)) == 16)
        taken = self.devices([p for i in range(4) for p in self.bound(f"g{i}")])
        self.assertEqual(len(taken), 32)

    def devices(self, pods):
        """The (node, GPU) pairs of the pods; fails when two of them share one."""
        taken = set()
        for pod in pods:
            text = pod["metadata"]["annotations"]["scheduling.ganglion.io/devices"]
            for part in text.split("=")[1].split(","):
                first, _, last = part.partition("-")
                for index in range(int(first), int(last or first) + 1):
                    place = (pod["spec"]["nodeName"], index)
                    self.assertNotIn(place, taken)
                    taken.add(place)
        return taken

    def test_a_job_completes_and_counts_each_end_once(self):
        self.apply(gang("short", 4, 1, seconds=0.2))
        job = "/apis/batch/v1/namespaces/default/jobs/short"
        status = self.s.wait("complete", lambda: [
            j for j in [self.s.request("GET", job)[1]["status"]] if any(
                c["type"] == "Complete" and c["status"] == "True"
                for c in j.get("conditions", []))])[0]
        self.assertEqual(status["succeeded"], 4)
        self.assertNotIn("failed", status)

    def test_restart_keeps_what_runs(self):
        self.apply(gang("stays", 4, 2))
        self.s.wait("bound", lambda: len(self.bound("stays")) == 4)
        before = {p["metadata"]["uid"]: p["spec"]["nodeName"] for p in self.bound("stays")}
        self.s.kill()
        self.s.start()
        self.apply(gang("next", 4, 2))  # fits however the first gang lies
        self.s.wait("next bound", lambda: len(self.bound("next")) == 4)
        self.assertEqual(len(self.devices(self.bound("stays") + self.bound("next"))), 16)
        after = {p["metadata"]["uid"]: p["spec"]["nodeName"] for p in self.bound("stays")}
        self.assertEqual(before, after)


class LocalJob(unittest.TestCase):
    def test_pods_with_limits_run(self):
        with Server(PROGRAM, "up", "--end-pods") as s:
            job = gang("limited", 3, 0)
            container = job["spec"]["template"]["spec"]["containers"][0]
            container.update(command=["/bin/true"], resources={
                "limits": {"cpu": "50m", "memory": "64Mi"}})
            done = s.cli("apply", "-f", "-", stdin=json.dumps(job))
            self.assertEqual(done.returncode, 0, done.stderr)
            done = s.cli("wait", "job/limited", "--for", "condition=Complete", "--timeout", "30s")
            pods = s.request("GET", PODS)[1]["items"]
            self.assertEqual(done.returncode, 0, [p["status"] for p in pods])
            s.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2)
