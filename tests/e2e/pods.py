# SPDX-License-Identifier: Apache-2.0
"""What tests of local pods share: pods to create, a server to create them on."""
import sys
import unittest

from server import Server

PODS = "/api/v1/namespaces/default/pods"
SECRETS = "/api/v1/namespaces/default/secrets"
EVENTS = "/api/v1/namespaces/default/events"


def container(script, **more):
    return {"name": "main", "image": "none", "command": ["/bin/sh", "-c", script], **more}


def pod(name, *containers, **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
                     "containers": list(containers), **spec}}


class Case(unittest.TestCase):
    """One server for all tests of a class; each test uses names of its own."""
    program = None
    options = ("--end-pods",)

    @classmethod
    def setUpClass(cls):
        cls.s = Server(cls.program, "up", *cls.options).start()

    @classmethod
    def tearDownClass(cls):
        cls.s.stop()
        cls.s.close()

    def create(self, path, body):
        status, answer = self.s.request("POST", path, body)
        self.assertEqual(status, 201, answer)
        return answer

    def patch(self, path, body):
        status, answer = self.s.request("PATCH", path, body,
                                        {"Content-Type": "application/merge-patch+json"})
        self.assertEqual(status, 200, answer)

    def get(self, name):
        return self.s.request("GET", f"{PODS}/{name}")[1]

    def delete(self, name, **options):
        self.assertIn(self.s.request("DELETE", f"{PODS}/{name}", options or None)[0], (200, 202))

    def gone(self, name):
        self.s.wait(f"the end of {name}",
                    lambda: self.s.request("GET", f"{PODS}/{name}")[0] == 404)

    def phase(self, name, *phases):
        self.s.wait(f"{name} {phases}", lambda: self.get(name)["status"].get("phase") in phases)

    def log(self, name):
        return self.s.request("GET", f"{PODS}/{name}/log", raw=True)[1].decode()

    def says(self, name, text):
        self.s.wait(f"{name} says {text!r}", lambda: text in self.log(name))

    def events(self, name, reason):
        found = self.s.request("GET", f"{EVENTS}?fieldSelector=involvedObject.name={name}")[1]
        return [e["message"] for e in found["items"] if e["reason"] == reason]

    def event(self, name, reason, text=""):
        def there():
            return any(text in m for m in self.events(name, reason))
        self.s.wait(f"event {reason} of {name} with {text!r}", there)


SERVE = ("import socket, sys, time\n"
         "s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
         "s.bind((sys.argv[1], int(sys.argv[2]))); s.listen(); print('listens', flush=True)\n"
         "while True:\n"
         "    c, _ = s.accept(); c.send(sys.argv[3].encode()); c.close()\n")


def serve(name, port, address="0.0.0.0"):
    return {"name": "main", "image": "none", "ports": [{"containerPort": port}],
            "command": [sys.executable, "-c", SERVE, address, str(port), name]}
