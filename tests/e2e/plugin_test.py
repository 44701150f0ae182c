# SPDX-License-Identifier: Apache-2.0
"""Scheduler plugins from outside, from `make install` of the header to a placed pod; and bad ones.
usage: PROGRAM BUILD_FOLDER"""
import contextlib
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from server import Server

PROGRAM, BUILD = sys.argv.pop(1), sys.argv.pop(1)
HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = os.path.join(HERE, "../../examples/plugin")
GUIDE = os.path.join(HERE, "../../docs/guides/write-a-plugin.md")
PODS = "/api/v1/namespaces/default/pods"


def run(*words, env=None):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=dict(os.environ, **(env or {})))
    if done.returncode:
        raise AssertionError(f"{words}: {done.stdout}")


def setUpModule():
    """The header as `make install` puts it, and the example built against it, elsewhere."""
    global FOLDER, ENV, CHEAPEST
    FOLDER = tempfile.mkdtemp(prefix="ganglion-plugin-")
    root = os.path.join(FOLDER, "root")
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--tags", "devel", "--destdir", root)
    found = glob.glob(root + "/**/ganglion-plugin.pc", recursive=True)
    ENV = {"PKG_CONFIG_PATH": os.path.dirname(found[0]), "PKG_CONFIG_SYSROOT_DIR": root,
           "CC": "cc", "CFLAGS": "-O1 -Wall -Wextra -Werror"}
    shutil.copytree(EXAMPLE, os.path.join(FOLDER, "example"))
    run("make", "-C", os.path.join(FOLDER, "example"), "clean", "cheapest.so",
        env=dict(ENV, CFLAGS="-O1 -Wall -Werror"))
    CHEAPEST = os.path.join(FOLDER, "example/cheapest.so")
    os.chmod(CHEAPEST, 0o755)


def tearDownModule():
    shutil.rmtree(FOLDER, ignore_errors=True)


def bad(name, *macros):
    out = os.path.join(FOLDER, name + ".so")
    flags = subprocess.run(["pkg-config", "--cflags", "ganglion-plugin"], stdout=subprocess.PIPE,
                           text=True, check=True, env=dict(os.environ, **ENV)).stdout.split()
    run("cc", *flags, *("-D" + m for m in macros), "-shared", "-fPIC", "-o", out,
        os.path.join(HERE, "bad_plugin.c"))
    os.chmod(out, 0o755)
    return out


def configuration(plugin, profile="default-scheduler", args=""):
    path = os.path.join(FOLDER, "scheduler.yaml")
    with open(path, "w") as f:
        f.write("apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
                f"profiles:\n- schedulerName: {profile}\n  plugins:\n    multiPoint:\n"
                f"      enabled: [{{name: {plugin}, weight: 5}}]\n{args}")
    return path


def pod(name, **annotations):
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "annotations": annotations},
            "spec": {"nodeSelector": {"node.ganglion.io/executor": "simulated"},
                     "tolerations": [{"operator": "Exists"}],
                     "containers": [{"name": "main", "image": "i"}]}}


class Plugins(unittest.TestCase):
    def up(self, library, config, *options, start=True):
        s = Server(PROGRAM, "up", "--no-local-node", "--sim-nodes", "3:small", "--scheduler-plugins",
                   library, "--scheduler-config", config, *options)
        self.addCleanup(s.close)
        return s.start() if start else s

    def place(self, s, body):
        name = body["metadata"]["name"]
        status, answer = s.request("POST", PODS, body)
        self.assertEqual(status, 201, answer)
        return s.wait(f"{name} bound", lambda: s.request("GET", f"{PODS}/{name}")[1]["spec"].get(
            "nodeName"))

    def metric(self, s, line):
        text = s.request("GET", "/metrics", raw=True)[1].decode()
        return re.search(f"^{re.escape(line)} ([0-9]+)$", text, re.M)

    def price(self, s, node, price):
        status, answer = s.request(
            "PATCH", f"/api/v1/nodes/{node}", {"metadata": {"labels": {"example.com/price": price}}},
            headers={"Content-Type": "application/merge-patch+json"})
        self.assertEqual(status, 200, answer)

    def test_the_example(self):
        s = self.up(CHEAPEST, configuration("Cheapest"))
        s.wait("nodes", lambda: len(s.request("GET", "/api/v1/nodes")[1]["items"]) == 3)
        for i, price in enumerate(("3.5", "0.5", "9")):
            self.price(s, f"sim-{i}", price)
        self.assertEqual(self.place(s, pod("a")), "sim-1")
        self.price(s, "sim-1", "7")
        self.assertEqual(self.place(s, pod("b")), "sim-0")
        s.request("POST", PODS, pod("c", **{"example.com/price-limit": "2.25"}))
        told = s.wait("c waits", lambda: (s.request("GET", f"{PODS}/c")[1]["status"].get(
            "conditions") or [{}])[0].get("message"))
        self.assertIn("3 node(s) cost more than 2.25 an hour", told)
        why = s.cli("why", "pod/c")
        self.assertIn("node(s) cost more than 2.25 an hour", why.stdout)
        self.price(s, "sim-2", "2")  # and it is tried again at once
        s.wait("c bound", lambda: s.request("GET", f"{PODS}/c")[1]["spec"].get("nodeName") == "sim-2")
        self.assertEqual(self.metric(s, 'ganglion_scheduler_plugin_on{plugin="Cheapest"}')[1], "1")
        self.assertEqual(s.stop()[0], 0)

    def test_the_guide_as_written(self):
        """docs/guides/write-a-plugin.md: its source is the example's, its configuration works."""
        with open(GUIDE) as f:
            guide = f.read()
        with open(os.path.join(EXAMPLE, "cheapest.c")) as f:
            source = f.read()
        for piece in re.findall(r"```c\n(.*?)```", guide, re.S):
            self.assertIn(piece.strip(), source)
        self.assertLess(source.count("\n"), 60)
        path = os.path.join(FOLDER, "guide.yaml")
        with open(path, "w") as f:
            f.write(re.search(r"```yaml\n(.*?)```", guide, re.S)[1])
        s = self.up(CHEAPEST, path)
        s.wait("nodes", lambda: len(s.request("GET", "/api/v1/nodes")[1]["items"]) == 3)
        for i, price in enumerate(("3.5", "2.4", "9")):
            self.price(s, f"sim-{i}", price)
        body = pod("a")
        body["spec"]["schedulerName"] = "thrifty"
        self.assertEqual(self.place(s, body), "sim-1")

    def refused(self, library, *words, plugin="Bad", args=""):
        s = self.up(library, configuration(plugin, args=args), start=False)
        done = subprocess.run(s.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=60)
        self.assertGreater(done.returncode, 0, done.stderr)  # an error, no signal
        for word in (os.path.basename(library), *words):
            self.assertIn(word, done.stderr)

    def test_no_plugin(self):
        self.refused(os.path.join(FOLDER, "none.so"), "there is no such file")
        self.refused(bad("version", "VERSION=2"), "version 2 of ganglion/plugin.h", "has 1")
        self.refused(bad("symbol", "NO_SYMBOL"), 'no variable "ganglion_plugin"')
        self.refused(bad("size", "SIZE=-8"), ".size is -8", "sizeof(struct ganglion_plugin)")
        self.refused(bad("unknown", "UNKNOWN_SYMBOL"), "no_such_function")

    def test_truncated(self):
        with open(CHEAPEST, "rb") as f:
            whole = f.read()
        for share in (0, 0.001, 0.02, 0.2, 0.5, 0.8, 0.999):
            path = os.path.join(FOLDER, "truncated.so")
            with open(path, "wb") as f:
                f.write(whole[:int(len(whole) * share)])
            os.chmod(path, 0o755)
            s = self.up(path, configuration("Cheapest"), start=False)
            done = subprocess.run(s.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, timeout=60)
            self.assertGreater(done.returncode, 0, (share, done.stderr))
            self.assertRegex(done.stderr, "truncated.so is (cut off|no shared library)")

    def test_others_may_write(self):
        path = bad("open")
        os.chmod(path, 0o666)
        self.refused(path, "others may write", "chmod go-w")

    def test_crashes_before_the_first_pod(self):
        self.refused(bad("load", "CRASH_AT_LOAD"), "crash")
        self.refused(bad("crash", "CRASH_AT_START"), "crash")
        self.refused(bad("exit", "EXIT_AT_START"), "ended the process")

    def test_refuses_to_start(self):
        self.refused(CHEAPEST, "its arguments are", plugin="Cheapest",
                     args="  pluginConfig: [{name: Cheapest, args: {max: 1}}]\n")
        s = Server(PROGRAM, "up", "--scheduler-plugins", CHEAPEST)
        self.addCleanup(s.close)
        done = subprocess.run(s.command(), stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertIn("--scheduler-config", done.stderr)

    def test_no_number(self):
        s = self.up(bad("nan", "SCORE=NAN"), configuration("Bad"))
        for name in ("a", "b"):
            self.place(s, pod(name))
        log = s.log_text()
        self.assertEqual(log.count("plugin.wrong"), 1, log)
        self.assertIn("score nan for node sim-", log)
        s.wait("counted", lambda: self.metric(
            s, 'ganglion_scheduler_plugin_ignored_answers_total{plugin="Bad",why="score"}'))

    def test_slow(self):
        s = self.up(bad("slow", "SLOW"), configuration("Bad"))
        for i in range(6):
            body = pod(f"p{i}")
            body["metadata"]["labels"] = {"own": str(i)}
            self.place(s, body)
        s.wait("switched off", lambda: "plugin.off" in s.log_text())
        off = self.metric(s, 'ganglion_scheduler_plugin_on{plugin="Bad"}')
        self.assertEqual(off[1], "0")
        late = self.metric(s, 'ganglion_scheduler_plugin_late_answers_total{plugin="Bad"}')[1]
        self.place(s, pod("after"))
        self.assertEqual(late, self.metric(
            s, 'ganglion_scheduler_plugin_late_answers_total{plugin="Bad"}')[1])

    def test_crash_names_the_plugin(self):
        s = self.up(bad("late-crash", "CRASH_AT_SCORE"), configuration("Bad"))
        with contextlib.suppress(ConnectionError):  # it may be gone before it has answered
            s.request("POST", PODS, pod("a"))
        s.process.wait(30)
        self.assertIn("crashed inside the scheduler plugin Bad of", s.log_text())
        s.process.stdout.close()
        s.log.close()


if __name__ == "__main__":
    unittest.main()
