# SPDX-License-Identifier: Apache-2.0
"""Pods with a network of their own. Runs in a network namespace of the test's own, so that nothing
of the machine is touched; skipped where that is not allowed. usage: PROGRAM RING_TRAIN DATA"""
import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
import unittest

from pods import PODS, Case, container, pod, serve

Case.program = sys.argv.pop(1)
RING_TRAIN, DATA = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))
GATEWAY = "127.64.64.1"
CLONE_NEWNET, SIOCSIFFLAGS, IFF_UP = 0x40000000, 0x8914, 1


def leave_network():
    """A message when it is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) < 0:
        return "needs privileges: " + os.strerror(ctypes.get_errno())
    with socket.socket() as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
    return None


SKIP = leave_network()


def ask(address, port):
    with socket.create_connection((address, port), timeout=5) as s:
        return s.recv(100).decode()


def links():
    return [name for _, name in socket.if_nameindex() if name.startswith("gpod")]


@unittest.skipIf(SKIP, SKIP)
class Network(Case):
    options = ("--pod-network", "namespace", "--listen", f"{GATEWAY}:0")

    @classmethod
    def tearDownClass(cls):
        cls.s.options = (*cls.options, "--end-pods")
        if cls.s.process.poll() is None:
            cls.s.stop()
        cls.s.start()
        super().tearDownClass()

    def ip(self, name):
        return self.get(name)["status"]["podIP"]

    def no_links(self):
        self.s.wait("no devices left", lambda: not links())

    def two_servers(self):
        for name in ("one", "two"):
            self.create(PODS, pod(name, serve(name, 8080)))
        for name in ("one", "two"):
            self.says(name, "listens")

    def end(self, *names):
        for name in names:
            self.delete(name)
        for name in names:
            self.gone(name)

    def test_one_port_on_all_addresses_in_each_pod(self):
        self.two_servers()
        self.assertEqual(len(links()), 2)
        for name in ("one", "two"):
            self.assertEqual(ask(self.ip(name), 8080), name)
        other = (f"exec 3<>/dev/tcp/{self.ip('two')}/8080; cat <&3; echo; "
                 f"exec 3<>/dev/tcp/127.0.0.1/8080 || echo mine is empty; "
                 f"exec 3<>/dev/tcp/{self.s.host}/{self.s.port} && echo reached the API")
        self.create(PODS, pod("asks", {**container(""), "command": ["/bin/bash", "-c", other]}))
        self.phase("asks", "Succeeded")
        self.assertIn("two", self.log("asks"))
        self.assertIn("mine is empty", self.log("asks"))
        self.assertIn("reached the API", self.log("asks"))
        self.end("one", "two", "asks")
        self.no_links()

    def test_probes_and_host_network(self):
        probe = {"periodSeconds": 1, "tcpSocket": {"port": 8080}}
        self.create(PODS, pod("probed", {**serve("probed", 8080), "readinessProbe": probe}))
        self.s.wait("ready", lambda: any(
            c["ready"] for c in self.get("probed")["status"].get("containerStatuses", [])))
        self.create(PODS, pod("on-host", serve("on-host", 18433), hostNetwork=True))
        self.says("on-host", "listens")
        self.assertEqual(ask("127.0.0.1", 18433), "on-host")
        self.end("probed", "on-host")
        self.no_links()

    def test_a_crash_leaves_the_network_and_the_end_of_pods_nothing(self):
        self.two_servers()
        self.s.kill()
        self.s.start()
        for name in ("one", "two"):
            self.assertEqual(ask(self.ip(name), 8080), name)
        self.end("one")
        # A shim that is killed takes its pod and the pod's network with it.
        with open(self.find_shim()) as f:
            os.kill(int(f.read().split()[0]), signal.SIGKILL)
        self.phase("two", "Failed")
        self.end("two")
        self.no_links()

    def find_shim(self):
        folder = os.path.join(self.s.folder, "data", "node", "pods")
        uid = self.get("two")["metadata"]["uid"]
        return os.path.join(folder, uid, "shim.pid")

    def test_a_ring_of_pods_trains(self):
        rendezvous = os.path.join(self.s.folder, "rendezvous")
        os.mkdir(rendezvous)
        env = [{"name": "WORLD_SIZE", "value": "4"},
               {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
               {"name": "RENDEZVOUS_DIR", "value": rendezvous}]
        labels = {"pod-group.scheduling.kubenexus.io/name": "ring",
                  "pod-group.scheduling.kubenexus.io/min-available": "4"}
        worker = {"name": "worker", "image": "none", "command": [RING_TRAIN, DATA], "env": env}
        status, answer = self.s.request("POST", "/apis/batch/v1/namespaces/default/jobs", {
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "ring"},
            "spec": {"completionMode": "Indexed", "parallelism": 4, "completions": 4,
                     "backoffLimit": 0, "template": {
                         "metadata": {"labels": labels},
                         "spec": {"schedulerName": "kubenexus-scheduler", "restartPolicy": "Never",
                                  "containers": [worker]}}}})
        self.assertEqual(status, 201, answer)
        path = "/apis/batch/v1/namespaces/default/jobs/ring"
        done = ("succeeded", "failed")
        self.s.wait("the ring", lambda: sum(
            self.s.request("GET", path)[1]["status"].get(d, 0) for d in done) == 4, 60)
        pods = self.s.request("GET", PODS + "?labelSelector=batch.kubernetes.io/job-name=ring")[1]
        states = [p["status"]["containerStatuses"] for p in pods["items"]]
        self.assertEqual(self.s.request("GET", path)[1]["status"].get("succeeded"), 4, states)
        self.assertIn(self.s.request("DELETE", path + "?propagationPolicy=Background")[0], (200, 202))
        self.no_links()


if __name__ == "__main__":
    unittest.main(verbosity=2)
