# SPDX-License-Identifier: Apache-2.0
"""Devices by ResourceClaim, from kubectl-like requests to the bound pod. usage: PROGRAM"""
import os
import re
import sys
import unittest

from server import Server

PROGRAM = sys.argv.pop(1)
API = "/apis/resource.k8s.io/v1"
PODS = "/api/v1/namespaces/default/pods"
CLAIMS = f"{API}/namespaces/default/resourceclaims"
H100 = "device.attributes['gpu.sim.ganglion.io'].model == 'NVIDIA-H100-80GB-HBM3'"


def of(kind, name, spec, version="resource.k8s.io/v1"):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def request(count=1, **more):
    return {"devices": {"requests": [
        {"name": "gpu", "exactly": {"deviceClassName": "gpu", "count": count, **more}}]}}


def pod(name, **claim):
    return of("Pod", name, {
        "restartPolicy": "Never", "resourceClaims": [{"name": "gpu", **claim}],
        "nodeSelector": {"node.ganglion.io/executor": "simulated"},
        "tolerations": [{"operator": "Exists"}],
        "containers": [{"name": "main", "image": "train",
                        "resources": {"claims": [{"name": "gpu"}]}}]}, "v1")


class Devices(unittest.TestCase):
    def setUp(self):
        self.s = Server(PROGRAM, "up", "--no-local-node", "--sim-nodes", "1:gpu8-claims").start()
        self.create(f"{API}/deviceclasses", of("DeviceClass", "gpu", {
            "selectors": [{"cel": {"expression": "device.driver == 'gpu.sim.ganglion.io'"}}]}))

    def tearDown(self):
        self.s.stop()
        self.s.close()

    def create(self, path, body, want=201):
        status, answer = self.s.request("POST", path, body)
        self.assertEqual(status, want, answer)
        return answer

    def get(self, path):
        return self.s.request("GET", path)[1]

    def wait_bound(self, name):
        self.s.wait(f"{name} bound", lambda: self.get(f"{PODS}/{name}")["spec"].get("nodeName"))

    def devices(self):
        """(device, pod) of all allocated claims."""
        return sorted((r["device"], c["status"]["reservedFor"][0]["name"])
                      for c in self.get(CLAIMS)["items"] if c["status"].get("allocation")
                      for r in c["status"]["allocation"]["devices"]["results"])

    def waits_with(self, name, words):
        def told():
            conditions = self.get(f"{PODS}/{name}")["status"].get("conditions", [])
            return any(words in c.get("message", "") for c in conditions)
        self.s.wait(f"{name} waits: {words}", told)

    def test_template_to_device_and_back(self):
        templates = f"{API}/namespaces/default/resourceclaimtemplates"
        self.create(templates, of("ResourceClaimTemplate", "one", {
            "spec": request(selectors=[{"cel": {"expression": H100}}])}))
        self.create(PODS, pod("a", resourceClaimTemplateName="one"))
        self.wait_bound("a")
        (claim,) = self.get(CLAIMS)["items"]
        self.assertEqual(claim["metadata"]["ownerReferences"][0]["name"], "a")
        self.assertEqual(self.get(f"{PODS}/a")["status"]["resourceClaimStatuses"],
                         [{"name": "gpu", "resourceClaimName": claim["metadata"]["name"]}])
        self.assertEqual([p for _, p in self.devices()], ["a"])
        rows = self.s.request("GET", CLAIMS, headers={
            "Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})[1]["rows"]
        self.assertEqual(rows[0]["cells"][1], "allocated,reserved")
        self.s.request("DELETE", f"{PODS}/a?gracePeriodSeconds=0")
        self.s.wait("the claim goes", lambda: not self.get(CLAIMS)["items"])

    def test_no_device_twice_and_restart_keeps(self):
        self.create(CLAIMS, of("ResourceClaim", "seven", request(7)))
        self.create(PODS, pod("big", resourceClaimName="seven"))
        self.wait_bound("big")
        self.s.kill()
        self.s.start()
        for name in ("b", "c"):
            self.create(CLAIMS, of("ResourceClaim", name, request()))
            self.create(PODS, pod(name, resourceClaimName=name))
        self.wait_bound("b")
        self.waits_with("c", "cannot allocate all claims")
        devices = [d for d, _ in self.devices()]
        self.assertEqual(len(devices), 8)
        self.assertEqual(len(set(devices)), 8)
        self.s.request("DELETE", f"{PODS}/big?gracePeriodSeconds=0")
        self.wait_bound("c")

    def test_extended_resource(self):
        """A pod asks by number; a class offers it. When the pod ends, the claim and devices go."""
        self.create(f"{API}/deviceclasses", of("DeviceClass", "cards", {
            "extendedResourceName": "example.com/card",
            "selectors": [{"cel": {"expression": "device.driver == 'gpu.sim.ganglion.io'"}}]}))
        asks = pod("asks", resourceClaimName="x")
        del asks["spec"]["resourceClaims"]
        asks["spec"]["containers"][0]["resources"] = {"limits": {"example.com/card": "2"}}
        self.create(PODS, asks)
        self.wait_bound("asks")
        (claim,) = self.get(CLAIMS)["items"]
        self.assertEqual(self.get(f"{PODS}/asks")["status"]["extendedResourceClaimStatus"], {
            "resourceClaimName": claim["metadata"]["name"], "requestMappings": [
                {"containerName": "main", "resourceName": "example.com/card",
                 "requestName": "container-0-request-0"}]})
        self.assertEqual([p for _, p in self.devices()], ["asks", "asks"])
        self.s.request("DELETE", f"{PODS}/asks?gracePeriodSeconds=0")
        self.s.wait("the claim goes", lambda: not self.get(CLAIMS)["items"])

    def test_preemption_for_devices(self):
        """Who is more important gets the devices of as few as it needs, when they are released."""
        templates = f"{API}/namespaces/default/resourceclaimtemplates"
        for count in (1, 2):
            self.create(templates, of("ResourceClaimTemplate", f"t{count}",
                                      {"spec": request(count)}))
        for i in range(8):
            self.create(PODS, pod(f"low-{i}", resourceClaimTemplateName="t1"))
        for i in range(8):
            self.wait_bound(f"low-{i}")
        self.create("/apis/scheduling.k8s.io/v1/priorityclasses", {
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
            "metadata": {"name": "high"}, "value": 1000})
        high = pod("high", resourceClaimTemplateName="t2")
        high["spec"]["priorityClassName"] = "high"
        self.create(PODS, high)
        self.wait_bound("high")
        names = [p["metadata"]["name"] for p in self.get(PODS)["items"]]
        self.assertEqual(len(names), 7)
        self.assertEqual(len({d for d, _ in self.devices()}), 8)

    def test_the_guide_as_written(self):
        """docs/guides/dra.md: its objects, applied as they stand, give two GPUs of one cell."""
        path = os.path.join(os.path.dirname(__file__), "../../docs/guides/dra.md")
        with open(path) as f:
            objects = re.search(r"apply -f - <<EOF\n(.*?)\nEOF\n", f.read(), re.S)[1]
        self.s.request("DELETE", f"{API}/deviceclasses/gpu")
        done = self.s.cli("apply", "-f", "-", stdin=objects)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.wait_bound("train")
        cells = {(s["spec"]["pool"]["name"], d["name"]): d["attributes"]["numa"]["int"]
                 for s in self.get(f"{API}/resourceslices")["items"] for d in s["spec"]["devices"]}
        (claim,) = self.get(CLAIMS)["items"]
        results = claim["status"]["allocation"]["devices"]["results"]
        self.assertEqual(len({r["device"] for r in results}), 2)
        self.assertEqual(len({cells[r["pool"], r["device"]] for r in results}), 1)

    def test_admin_access_needs_the_label(self):
        admin = of("ResourceClaim", "watch", request(adminAccess=True))
        refused = self.create(CLAIMS, admin, 422)
        self.assertIn("admin access to devices requires", refused["message"])
        self.s.request("PATCH", "/api/v1/namespaces/default", {"metadata": {"labels": {
            "resource.kubernetes.io/admin-access": "true"}}},
            headers={"Content-Type": "application/merge-patch+json"})
        self.create(CLAIMS, of("ResourceClaim", "all", request(8)))
        self.create(PODS, pod("user", resourceClaimName="all"))
        self.wait_bound("user")
        self.create(CLAIMS, admin)
        self.create(PODS, pod("monitor", resourceClaimName="watch"))
        self.wait_bound("monitor")

    def test_wrong_objects(self):
        bad = self.create(CLAIMS, of("ResourceClaim", "bad", request(
            selectors=[{"cel": {"expression": "device.nope"}}])), 422)
        self.assertIn("undefined field 'nope'", bad["message"])
        none = {"devices": {"requests": [{"name": "gpu"}]}}
        self.assertIn("is required", self.create(CLAIMS, of("ResourceClaim", "x", none), 422)["message"])
        self.create(CLAIMS, of("ResourceClaim", "fixed", request()))
        status, answer = self.s.request(
            "PATCH", f"{CLAIMS}/fixed", {"spec": request(2)},
            headers={"Content-Type": "application/merge-patch+json"})
        self.assertEqual(status, 422, answer)
        self.assertIn("field is immutable", answer["message"])


if __name__ == "__main__":
    unittest.main()
