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

    def taint(self, node, key, effect):
        body = {"spec": {"taints": [{"key": key, "effect": effect}]}}
        status, answer = self.s.request("PATCH", f"/api/v1/nodes/{node}", body,
                                        {"Content-Type": "application/merge-patch+json"})
        self.assertEqual(status, 200, answer)

    def starts_on(self, name):
        self.s.wait(f"{name} starts", lambda: (self.scheduled(name) or ("",))[0] == "True", 10)
        return self.scheduled(name)[2]

    def test_nodes_that_are_about_to_go(self):
        one, other = (n["metadata"]["name"] for n in self.items("/api/v1/nodes"))
        for key in ("ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted"):
            with self.subTest(key):
                self.taint(one, key, "NoSchedule")
                self.create(PODS, pod("p", 8))
                self.assertEqual(self.starts_on("p"), other)
                self.create(PODS, pod("q", 8))
                self.comes("q", "Unschedulable")
                for name in ("p", "q"):
                    self.s.cli("delete", "pod", name)
                self.s.wait("both gone", lambda: not self.items(PODS))

    def test_a_node_that_may_go_is_the_last_choice(self):
        for one in [n["metadata"]["name"] for n in self.items("/api/v1/nodes")]:
            self.taint(one, "DeletionCandidateOfClusterAutoscaler", "PreferNoSchedule")
            self.create(PODS, pod("p", 1))
            self.assertNotEqual(self.starts_on("p"), one)
            self.s.cli("delete", "pod", "p")
            self.s.wait("gone", lambda: not self.items(PODS))
            self.s.request("PATCH", f"/api/v1/nodes/{one}", {"spec": {"taints": None}},
                           {"Content-Type": "application/merge-patch+json"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
