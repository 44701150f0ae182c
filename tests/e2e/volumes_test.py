# SPDX-License-Identifier: Apache-2.0
"""Volumes of a gang, with the test as the cluster's volume controller: claimRef and selected node are
written, and both members are bound when both claims are, not before. usage: PROGRAM"""
import sys
import unittest

from server import Server

PROGRAM = sys.argv.pop(1)
V1 = "/api/v1"
PODS = f"{V1}/namespaces/default/pods"
CLAIMS = f"{V1}/namespaces/default/persistentvolumeclaims"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
MERGE = {"Content-Type": "application/merge-patch+json"}
GANG = {"pod-group.scheduling.kubenexus.io/name": "g",
        "pod-group.scheduling.kubenexus.io/min-available": "2"}


def claim(name, class_name):
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
            "spec": {"storageClassName": class_name, "accessModes": ["ReadWriteOnce"],
                     "resources": {"requests": {"storage": "1Gi"}}}}


def pod(name, claim_name):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": GANG}, "spec": {
        "schedulerName": "ganglion", "nodeSelector": {"node.ganglion.io/executor": "simulated"},
        "tolerations": [{"operator": "Exists"}],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim_name}}],
        "containers": [{"name": "main", "image": "train",
                        "volumeMounts": [{"name": "v", "mountPath": "/data"}]}]}}


class Volumes(unittest.TestCase):
    def setUp(self):
        self.s = Server(PROGRAM, "up", "--no-local-node", "--sim-nodes", "1").start()

    def tearDown(self):
        self.s.stop()
        self.s.close()

    def call(self, method, path, body, **more):
        status, answer = self.s.request(method, path, body, **more)
        self.assertLess(status, 300, answer)
        return answer

    def get(self, path):
        return self.s.request("GET", path)[1]

    def node_of(self, name):
        return self.get(f"{PODS}/{name}")["spec"].get("nodeName")

    def bind(self, name, volume):
        """What the volume controller of a cluster does."""
        self.call("PATCH", f"{CLAIMS}/{name}", {
            "metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
            "spec": {"volumeName": volume}}, headers=MERGE)

    def volume(self, name, class_name):
        made = self.call("POST", f"{V1}/persistentvolumes", {
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {
                "capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce"],
                "storageClassName": class_name, "hostPath": {"path": "/mnt"}}})
        self.call("PATCH", f"{V1}/persistentvolumes/{name}/status",
                  {"status": {"phase": "Available"}}, headers=MERGE)
        return made

    def test_a_gang_waits_for_all_its_volumes(self):
        for name, provisioner in (("there", "kubernetes.io/no-provisioner"),
                                  ("made", "csi.example.com")):
            self.call("POST", CLASSES, {
                "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
                "metadata": {"name": name}, "provisioner": provisioner,
                "volumeBindingMode": "WaitForFirstConsumer"})
        self.volume("pv0", "there")
        self.call("POST", CLAIMS, claim("c0", "there"))
        self.call("POST", CLAIMS, claim("c1", "made"))
        self.call("POST", PODS, pod("a", "c0"))
        self.call("POST", PODS, pod("b", "c1"))
        self.s.wait("claimRef of pv0", lambda: self.get(
            f"{V1}/persistentvolumes/pv0")["spec"].get("claimRef", {}).get("name") == "c0")
        self.s.wait("node of c1", lambda: self.get(f"{CLAIMS}/c1")["metadata"].get(
            "annotations", {}).get("volume.kubernetes.io/selected-node"))
        self.bind("c0", "pv0")
        self.assertIsNone(self.node_of("a"))
        self.assertIsNone(self.node_of("b"))
        self.volume("pv1", "made")
        self.bind("c1", "pv1")
        self.s.wait("both bound", lambda: self.node_of("a") and self.node_of("b"))


if __name__ == "__main__":
    unittest.main()
