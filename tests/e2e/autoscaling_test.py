# SPDX-License-Identifier: Apache-2.0
"""What Cluster Autoscaler and Karpenter see: a pod is Unschedulable only when another node would
help, then every member of its gang is, and nodes that are about to go get nothing. usage: PROGRAM"""
import sys
import unittest

from server import Server

PROGRAM = sys.argv.pop(1)
PODS = "/api/v1/namespaces/default/pods"
QUEUES = "/apis/aiplatform.ganglion.io/v1alpha1/aijobqueues"
GANG = "scheduling.ganglion.io/"


def pod(name, gpus, gang=None, size=1, queue=None):
    labels = {GANG + "pod-group": gang, GANG + "min-available": str(size)} if gang else {}
    if queue:
        labels[GANG + "queue"] = queue
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
            "spec": {"schedulerName": "ganglion", "containers": [
                {"name": "main", "image": "any",
                 "resources": {"limits": {"nvidia.com/gpu": str(gpus)}}}]}}


class Autoscaling(unittest.TestCase):
    def setUp(self):
        self.s = Server(PROGRAM, "up", "--no-local-node", "--sim-nodes", "2").start()
        self.addCleanup(self.s.close)
        self.s.wait("nodes", lambda: len(self.items("/api/v1/nodes")) == 2)

    def items(self, path):
        return self.s.request("GET", path)[1]["items"]

    def create(self, path, body):
        status, answer = self.s.request("POST", path, body)
        self.assertEqual(status, 201, answer)

    def scheduled(self, name):
        pod = self.s.request("GET", f"{PODS}/{name}")[1]
        for c in pod["status"].get("conditions", []):
            if c["type"] == "PodScheduled":
                return c["status"], c.get("reason"), pod["spec"].get("nodeName")
        return None

    def comes(self, name, reason):
        self.s.wait(f"{name}: {reason}, not {self.scheduled(name)}",
                    lambda: (self.scheduled(name) or ("", ""))[:2] == ("False", reason), 10)

    def test_every_member_of_a_gang_that_lacks_nodes(self):
        for i in range(3):
            self.create(PODS, pod(f"m{i}", 8, "big", 3))
        for i in range(3):  # two would fit, and hold nothing
            self.comes(f"m{i}", "Unschedulable")

    def test_more_nodes_would_not_help(self):
        self.create(PODS, pod("early", 1, "late", 2))
        self.comes("early", "MembersMissing")
        queue = {"apiVersion": "aiplatform.ganglion.io/v1alpha1", "kind": "AIJobQueue",
                 "metadata": {"name": "small"},
                 "spec": {"resources": {"nvidia.com/gpu": {"nominal": 1, "limit": 1}}}}
        self.create(QUEUES, queue)
        for name in ("over", "twin"):  # one is tried, and speaks for the other
            self.create(PODS, pod(name, 2, queue="small"))
        for name in ("over", "twin"):
            self.comes(name, "QuotaExceeded")
        queue["spec"]["resources"]["nvidia.com/gpu"]["limit"] = 100
        self.s.request("PATCH", QUEUES + "/small", queue,
                       {"Content-Type": "application/merge-patch+json"})
        self.s.wait("over starts", lambda: (self.scheduled("over") or "")[0] == "True", 10)

    def test_nodes_that_are_about_to_go(self):
        going = {"spec": {"taints": [{"key": "ToBeDeletedByClusterAutoscaler", "value": "1",
                                      "effect": "NoSchedule"}]}}
        one, other = (n["metadata"]["name"] for n in self.items("/api/v1/nodes"))
        status, answer = self.s.request("PATCH", f"/api/v1/nodes/{one}", going,
                                        {"Content-Type": "application/merge-patch+json"})
        self.assertEqual(status, 200, answer)
        self.create(PODS, pod("p", 8))
        self.s.wait("p starts", lambda: (self.scheduled("p") or ("",))[0] == "True", 10)
        self.assertEqual(self.scheduled("p")[2], other)
        self.create(PODS, pod("q", 8))
        self.comes("q", "Unschedulable")


if __name__ == "__main__":
    unittest.main(verbosity=2)
