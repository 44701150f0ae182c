# SPDX-License-Identifier: Apache-2.0
"""How the server starts, refuses and stops; and what it says to bad input. usage: PROGRAM"""
import os
import socket
import stat
import subprocess
import sys
import threading
import time
import unittest

from server import CONFIG_MAPS, Server, config_map

PROGRAM = sys.argv.pop(1)


class Life(unittest.TestCase):
    def test_kubeconfig_is_private_and_stop_is_clean(self):
        with Server(PROGRAM) as s:
            self.assertEqual(stat.S_IMODE(os.stat(s.kubeconfig).st_mode), 0o600)
            self.assertEqual(s.request("GET", "/readyz", raw=True), (200, b"ok"))
            status, seconds = s.stop()
            self.assertEqual(status, 0)
            self.assertLess(seconds, 2)

    def test_stop_while_it_starts(self):
        with Server(PROGRAM, "up", "--sim-nodes", "16") as s:
            for wait in (0, 0.01, 0.02, 0.05, 0.1):
                time.sleep(wait)
                self.assertEqual(s.stop()[0], 0, s.log_text())
                s.start()

    def test_a_second_instance_is_refused(self):
        with Server(PROGRAM) as s:
            second = subprocess.run(s.command(), capture_output=True, text=True, timeout=20)
            self.assertNotEqual(second.returncode, 0)
            self.assertIn("data", second.stderr)
            self.assertEqual(s.request("GET", "/readyz", raw=True)[0], 200)

    def test_a_folder_that_everybody_writes_to_is_refused(self):
        s = Server(PROGRAM)
        self.addCleanup(s.close)
        data = os.path.join(s.folder, "data")
        os.mkdir(data)
        os.chmod(data, 0o777)
        done = subprocess.run(s.command(), capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 2)
        self.assertIn("chmod o-w", done.stderr)
        self.assertEqual(os.listdir(data), [])

    def test_damaged_keys_are_named(self):
        s = Server(PROGRAM)
        self.addCleanup(s.close)
        s.start().stop()
        other = Server(PROGRAM)
        self.addCleanup(other.close)
        other.start().stop()
        for name, bad in (("ca.crt", b"-----BEGIN"), ("ca.key", b"\0" * 99),
                          ("admin.token", b"short"), ("admin.token", b"two words, a \"quote\""),
                          ("ca.key", None)):
            path = os.path.join(s.folder, "data", name)
            with open(path, "rb") as f:
                good = f.read()
            if bad is None:  # another server's
                with open(os.path.join(other.folder, "data", name), "rb") as f:
                    bad = f.read()
            with open(path, "wb") as f:
                f.write(bad)
            done = subprocess.run(s.command(), capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(name, done.stderr)
            with open(path, "wb") as f:
                f.write(good)
        s.start().stop()

    def test_what_others_wrote_is_not_overwritten(self):
        s = Server(PROGRAM)
        self.addCleanup(s.close)
        for text in ("my thesis", "clusters: [{name: production}, {name: ganglion}]\n"):
            with open(s.kubeconfig, "w") as f:
                f.write(text)
            done = subprocess.run(s.command(), capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 2)
            self.assertIn("--kubeconfig", done.stderr)
            with open(s.kubeconfig) as f:
                self.assertEqual(f.read(), text)
        os.remove(s.kubeconfig)
        os.mkfifo(s.kubeconfig)
        done = subprocess.run(s.command(), capture_output=True, text=True, timeout=20)
        self.assertIn("not an ordinary file", done.stderr)
        self.assertTrue(stat.S_ISFIFO(os.stat(s.kubeconfig).st_mode))
        os.remove(s.kubeconfig)
        s.start().stop()
        with open(s.kubeconfig, "a") as f:
            f.write("preferences: {}\n")  # our own, changed by kubectl
        s.start().stop()

    def test_addresses_beyond_loopback_need_two_words(self):
        s = Server(PROGRAM)
        try:
            command = [w.replace("127.0.0.1:0", "0.0.0.0:0") for w in s.command()]
            done = subprocess.run(command, capture_output=True, text=True, timeout=20)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("allow-remote", done.stderr)
        finally:
            s.close()

    def test_without_authentication_nothing_is_told(self):
        with Server(PROGRAM) as s:
            for token in (None, "Bearer wrong", "Basic eDp5"):
                status, answer = s.request("GET", "/api/v1/pods", headers={"Authorization": token})
                self.assertIn(status, (401, 403))
                self.assertEqual(answer["kind"], "Status")


class Settings(unittest.TestCase):
    def start(self, config, *options, nodes=""):
        s = Server(PROGRAM, "up", "--no-local-node", *options)
        self.addCleanup(s.close)
        for name, text in (("config.yaml", config), ("nodes.yaml", nodes)):
            with open(os.path.join(s.folder, name), "w") as f:
                f.write(text.replace("FOLDER", s.folder))
        s.options += ("--config", os.path.join(s.folder, "config.yaml"))
        return s

    def test_file_of_settings_and_file_of_nodes(self):
        s = self.start('log-format: json\nsim-nodes: ["1:cpu", FOLDER/nodes.yaml]\n',
                       nodes="nodes:\n- {prefix: big-, count: 2, labels: {zone: a}}\n"
                             '- {names: [edge], cpus: 8, taints: ["edge=yes:NoSchedule"]}\n')
        s.start()
        nodes = s.wait("nodes", lambda: [
            n for n in [s.request("GET", "/api/v1/nodes")[1]["items"]] if len(n) == 4])[0]
        by_name = {n["metadata"]["name"]: n for n in nodes}
        self.assertEqual(sorted(by_name), ["big-0", "big-1", "edge", "sim-0"])
        self.assertEqual(by_name["big-1"]["metadata"]["labels"]["zone"], "a")
        self.assertEqual(by_name["edge"]["status"]["capacity"]["cpu"], "8")
        self.assertEqual(by_name["edge"]["spec"]["taints"][0]["key"], "edge")
        self.assertIn('"event":"sim.nodes_registered"', s.log_text())

    def test_the_command_line_goes_before_the_file(self):
        s = self.start("sim-nodes: [\"3\"]\n", "--sim-nodes", "1:cpu", "--sim-nodes", "1:small")
        s.start()
        s.wait("nodes", lambda: len(s.request("GET", "/api/v1/nodes")[1]["items"]) == 2)

    def test_mistakes_name_the_key(self):
        for config, words in (("sim-node: 3\n", 'did you mean "sim-nodes"'),
                              ("gpus: many\n", "gpus"),
                              ("sim-nodes: [FOLDER/nodes.yaml]\n", "nodes[0]: cpus"),
                              ("scheduler-config: FOLDER/nodes.yaml\n", "scheduler-config"),
                              ("max-pods: 0\n", "max-pods: 0 is not from 1"),
                              ("pod-log-files: -1\n", "pod-log-files"),
                              ("images: {a: []}\n", "images"),
                              ("node-name: My_Host\n", "--node-name"),
                              ("scheduler-config: \"a\\0b\"\n", "NUL")):
            s = self.start(config, nodes="nodes: [{cpus: x}]")
            done = subprocess.run(s.command(), capture_output=True, text=True, timeout=20)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words, done.stderr)


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.s = Server(PROGRAM).start()

    @classmethod
    def tearDownClass(cls):
        cls.s.close()

    def refused(self, body, *codes, path=CONFIG_MAPS, method="POST", headers=None):
        status, answer = self.s.request(method, path, body, headers)
        self.assertIn(status, codes, answer)
        self.assertEqual(answer["kind"], "Status")
        self.assertEqual(answer["status"], "Failure")
        self.assertEqual(answer["code"], status)
        self.assertTrue(answer["message"])
        return answer

    def test_wrong_bindings(self):
        pods = "/api/v1/namespaces/default/pods"
        self.s.request("POST", pods, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"},
                                      "spec": {"containers": [{"name": "c", "image": "i"}]}})
        for target, words in (({"kind": "Node"}, ("target.name",)),
                              ({"kind": "Pod", "name": "n"}, ("target.kind", "Node")),
                              ({"kind": "Pod"}, ("[target.kind", "target.name"))):
            body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "b"},
                    "target": target}
            message = self.refused(body, 500, path=pods + "/b/binding")["message"]
            for word in words:
                self.assertIn(word, message)

    def test_what_has_no_names_takes_none(self):
        """Kinds that are only asked have collections alone, and below watch/ all is only read."""
        ns = "namespaces/default"
        for path in (f"/api/v1/{ns}/bindings/x", f"/api/v1/{ns}/configmaps/x",
                     "/apis/authentication.k8s.io/v1/tokenreviews/x",
                     "/apis/authentication.k8s.io/v1/selfsubjectreviews/x",
                     "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x",
                     "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews/x",
                     "/apis/authorization.k8s.io/v1/subjectaccessreviews/x",
                     f"/apis/authorization.k8s.io/v1/{ns}/localsubjectaccessreviews/x"):
            for body in ({}, {"metadata": {"name": "x"}}):
                self.assertEqual(self.refused(body, 405, path=path)["reason"], "MethodNotAllowed")
        for path in (f"/api/v1/watch/{ns}/configmaps", f"/api/v1/watch/{ns}/configmaps/x",
                     f"/api/v1/watch/{ns}/bindings/x", "/api/v1/watch/nodes/x"):
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                self.assertEqual(self.refused({}, 405, path=path, method=method)["reason"],
                                 "MethodNotAllowed")

    def test_broken_json(self):
        whole = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"k":"v"}}'
        for cut in range(1, len(whole)):
            self.refused(whole[:cut], 400)
        self.refused(b'{"apiVersion":"v1","kind":"ConfigMap","data":{"k":"\xff"}}', 400)
        self.refused("[1,2", 400)
        self.refused("", 400, 422)
        self.refused("null", 400, 422)
        self.refused("[" * 50000, 400, 413)
        self.refused('{"a":' * 5000 + "1" + "}" * 5000, 400, 413)

    def test_wrong_types_name_the_field(self):
        answer = self.refused({"apiVersion": "v1", "kind": "ConfigMap",
                               "metadata": {"name": "x"}, "data": {"k": 7}}, 400, 422)
        self.assertIn("data", answer["message"])
        answer = self.refused({"apiVersion": "v1", "kind": "ConfigMap", "metadata": "x"}, 400)
        self.assertIn("metadata", answer["message"])

    def test_broken_names_name_the_field(self):
        for name in ("UPPER", "a_b", "-a", "a" * 254, "a/b", "", "ä"):
            answer = self.refused(config_map(name), 422)
            self.assertIn("metadata.name", answer["message"])

    def test_too_large(self):
        self.refused(config_map("big", k="x" * (4 << 20)), 413)

    def test_enums_and_unknown_kinds(self):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
               "spec": {"restartPolicy": "Sometimes", "containers": [{"name": "c", "image": "i"}]}}
        answer = self.refused(pod, 422, path="/api/v1/namespaces/default/pods")
        self.assertIn("spec.restartPolicy", [c["field"] for c in answer["details"]["causes"]])
        self.refused({"apiVersion": "v1", "kind": "Nothing", "metadata": {"name": "x"}}, 400)
        self.refused(config_map("x"), 404, path="/api/v1/namespaces/default/nothings")

    def test_strict_validation_names_unknown_fields(self):
        body = dict(config_map("x"), surprise=1)
        answer = self.refused(body, 400, path=CONFIG_MAPS + "?fieldValidation=Strict")
        self.assertIn("surprise", answer["message"])

    def test_the_server_goes_on(self):
        for garbage in (b"\x00" * 400, b"GET / HTTP/1.1\r\n" * 30, b"\x16\x03\x01" + b"\xff" * 90):
            with socket.create_connection((self.s.host, self.s.port), timeout=5) as c:
                c.sendall(garbage)
        status, _ = self.s.request("POST", CONFIG_MAPS, config_map("alive"))
        self.assertEqual(status, 201)

    def test_silent_clients_harm_nobody(self):
        silent = [socket.create_connection((self.s.host, self.s.port)) for _ in range(200)]
        begin = time.monotonic()
        self.assertEqual(self.s.request("GET", CONFIG_MAPS)[0], 200)
        self.assertLess(time.monotonic() - begin, 2)
        for c in silent:
            c.close()


class Watches(unittest.TestCase):
    def test_a_watcher_sees_each_change_once_and_in_order(self):
        with Server(PROGRAM) as s:
            start = s.request("GET", CONFIG_MAPS)[1]["metadata"]["resourceVersion"]
            seen, names = [], [f"m{i}" for i in range(50)]

            def watch():
                c = s.connect()
                c.request("GET", f"{CONFIG_MAPS}?watch=true&resourceVersion={start}",
                          headers={"Authorization": "Bearer " + s.token})
                stream = c.getresponse()
                import json
                while len(seen) < len(names):
                    line = stream.readline()
                    if line.strip():
                        seen.append(json.loads(line))
                c.close()

            thread = threading.Thread(target=watch, daemon=True)
            thread.start()
            for name in names:
                self.assertEqual(s.request("POST", CONFIG_MAPS, config_map(name))[0], 201)
            thread.join(20)
            self.assertEqual([e["object"]["metadata"]["name"] for e in seen], names)
            versions = [int(e["object"]["metadata"]["resourceVersion"]) for e in seen]
            self.assertEqual(versions, sorted(set(versions)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
