# SPDX-License-Identifier: Apache-2.0
"""The client's verbs against a real server, and where users expect it, as kubectl does. usage: PROGRAM"""
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest

from server import Server, config_map

PROGRAM = sys.argv.pop(1)


def pod(name, script, **spec):
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
                     "containers": [{"name": "main", "image": "none",
                                     "command": ["/bin/sh", "-c", script]}], **spec}}


class Client(unittest.TestCase):
    OPTIONS = ("apiserver",)

    @classmethod
    def setUpClass(cls):
        cls.s = Server(PROGRAM, *cls.OPTIONS).start()

    @classmethod
    def tearDownClass(cls):
        cls.s.close()

    def run_cli(self, *words, stdin=None, code=0):
        done = self.s.cli(*words, stdin=stdin)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def out(self, *words, **more):
        return self.run_cli(*words, **more).stdout

    def apply(self, *objects, code=0, options=()):
        return self.run_cli("apply", "-f", "-", *options,
                            stdin="\n---\n".join(map(json.dumps, objects)), code=code)


class Objects(Client):
    def test_apply_says_what_happened(self):
        self.assertEqual(self.apply(config_map("one", k="1")).stdout, "configmap/one created\n")
        self.assertEqual(self.apply(config_map("one", k="1")).stdout, "configmap/one unchanged\n")
        self.assertEqual(self.apply(config_map("one", k="2")).stdout, "configmap/one configured\n")

    def test_apply_conflict_names_field_and_manager(self):
        self.apply(config_map("owned", k="1"))
        done = self.apply(config_map("owned", k="2"), code=1,
                          options=("--field-manager", "other"))
        self.assertIn(".data.k", done.stderr)
        self.assertIn("ganglion", done.stderr)
        self.apply(config_map("owned", k="2"),
                   options=("--field-manager", "other", "--force-conflicts"))
        self.assertEqual(self.out("get", "cm/owned", "-o", "jsonpath={.data.k}"), "2")

    def test_apply_reads_folders_lists_and_several_documents(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "a.yaml"), "w") as f:
                f.write("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: f1}\n---\n"
                        "# nothing here\n---\n"
                        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: f2}\n")
            with open(os.path.join(folder, "b.json"), "w") as f:
                json.dump({"apiVersion": "v1", "kind": "List",
                           "items": [config_map("f3"), config_map("f4")]}, f)
            with open(os.path.join(folder, "notes.txt"), "w") as f:
                f.write("not a manifest")
            self.assertEqual(self.out("apply", "-f", folder),
                             "".join(f"configmap/f{i} created\n" for i in (1, 2, 3, 4)))
            self.out("delete", "-f", folder)
        self.run_cli("get", "cm", "f1", code=1)

    def test_one_refused_object_does_not_stop_the_others(self):
        done = self.apply(config_map("BAD"), config_map("good"), code=1)
        self.assertEqual(done.stdout, "configmap/good created\n")
        self.assertIn("metadata.name", done.stderr)

    def test_apply_goes_on_after_an_object_with_an_unknown_field(self):
        done = self.apply({**config_map("misspelt"), "dta": {}}, config_map("after"), code=1)
        self.assertIn("misspelt", done.stderr)
        self.assertEqual(done.stdout, "configmap/after created\n")

    def test_apply_dry_run_changes_nothing(self):
        done = self.apply(config_map("dry"), options=("--dry-run",))
        self.assertEqual(done.stdout, "configmap/dry created (dry run)\n")
        self.run_cli("get", "cm/dry", code=1)

    def test_names_do_not_lead_elsewhere(self):
        for words in (("delete", "cm/.."), ("get", "pods", ".."), ("get", "cm", "-n", ".."),
                      ("delete", "cm", "a/../.."), ("logs", ".."), ("describe", "cm", "%2e%2e")):
            self.assertIn(" may not ", self.run_cli(*words, code=2).stderr, words)
        self.assertEqual(self.out("get", "ns/default", "-o", "jsonpath={.status.phase}"), "Active")

    def test_wrong_files(self):
        for text, words in (("a: [", "line"), ("kind: Pod", "apiVersion"), ("", "no object"),
                            ('{"apiVersion": "v9", "kind": "Nope", "metadata": {"name": "x"}}',
                             "Nope")):
            done = self.s.cli("apply", "-f", "-", stdin=text)
            self.assertIn(done.returncode, (1, 2))
            self.assertIn(words, done.stderr)
        done = self.apply({**config_map("typo"), "dta": {}}, code=1)
        self.assertIn("dta", done.stderr)

    def test_get_formats(self):
        self.apply({**config_map("fmt", k="v"),
                    "metadata": {"name": "fmt", "labels": {"set": "fmt"}}})
        table = self.out("get", "cm", "-l", "set=fmt")
        self.assertRegex(table, r"^NAME   DATA   AGE\nfmt    1      \S+\n$")
        self.assertRegex(self.out("get", "cm", "fmt", "--no-headers"), r"^fmt +1 +\S+\n$")
        self.assertRegex(self.out("get", "cm", "-A", "-l", "set=fmt"),
                         r"^NAMESPACE   NAME   DATA   AGE\ndefault     fmt    1 ")
        self.assertEqual(self.out("get", "cm", "-l", "set=fmt", "-o", "name"), "configmap/fmt\n")
        self.assertEqual(json.loads(self.out("get", "cm/fmt", "-o", "json"))["data"], {"k": "v"})
        self.assertEqual(json.loads(self.out("get", "cm", "-l", "set=fmt", "-o", "json"))["kind"],
                         "List")
        self.assertIn("data:\n  k: v\n", self.out("get", "cm/fmt", "-o", "yaml"))
        self.assertEqual(
            self.out("get", "cm", "-l", "set=fmt", "-o", "custom-columns=N:.metadata.name,X:.x"),
            "N     X\nfmt   <none>\n")

    def test_get_nothing(self):
        done = self.run_cli("get", "secrets", "-l", "no=such")
        self.assertEqual((done.stdout, done.stderr),
                         ("", "No resources found in default namespace.\n"))
        done = self.run_cli("get", "cm", "absent", code=1)
        self.assertIn('configmaps "absent" not found', done.stderr)
        done = self.run_cli("get", "wombats", code=2)
        self.assertIn("wombats", done.stderr)

    def test_get_shows_those_that_exist(self):
        self.apply(config_map("here"))
        done = self.run_cli("get", "cm", "missing", "here", "-o", "name", code=1)
        self.assertEqual(done.stdout, "configmap/here\n")
        self.assertIn("missing", done.stderr)

    def test_get_watch_shows_changes(self):
        self.apply(config_map("seen", k="1"))
        watch = subprocess.Popen([PROGRAM, "get", "cm/seen", "-w", "-o", "jsonpath={.data.k} ",
                                  "--kubeconfig", self.s.kubeconfig],
                                 stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(watch.stdout.read(2), "1 ")
            time.sleep(0.3)
            self.apply(config_map("seen", k="2"))
            self.assertEqual(watch.stdout.read(2), "2 ")
        finally:
            watch.kill()
            watch.wait()
            watch.stdout.close()

    def test_get_custom_resources_in_their_own_columns(self):
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        self.apply({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                    "metadata": {"name": "boats.example.com"},
                    "spec": {"group": "example.com", "scope": "Namespaced",
                             "names": {"plural": "boats", "kind": "Boat"},
                             "versions": [{"name": "v1", "served": True, "storage": True,
                                           "schema": {"openAPIV3Schema": schema},
                                           "additionalPrinterColumns": [
                                               {"name": "Sails", "type": "integer",
                                                "jsonPath": ".spec.sails"},
                                               {"name": "Port", "type": "string", "priority": 1,
                                                "jsonPath": ".spec.port"}]}]}})
        self.run_cli("wait", "crd/boats.example.com", "--for", "condition=Established")
        self.apply({"apiVersion": "example.com/v1", "kind": "Boat", "metadata": {"name": "gull"},
                    "spec": {"sails": 3, "port": "Kiel"}})
        self.assertEqual(self.out("get", "boats"), "NAME   SAILS\ngull   3\n")
        self.assertEqual(self.out("get", "boat", "gull", "-o", "wide"),
                         "NAME   SAILS   PORT\ngull   3       Kiel\n")

    def test_delete(self):
        self.apply(config_map("d1"), config_map("d2"))
        self.assertEqual(self.out("delete", "cm", "d1", "d2"),
                         'configmap "d1" deleted\nconfigmap "d2" deleted\n')
        done = self.run_cli("delete", "cm", "d1", code=1)
        self.assertIn('"d1" not found', done.stderr)
        self.assertEqual(self.out("delete", "cm/d1", "--ignore-not-found"), "")
        self.run_cli("delete", "cm", code=2)

    def test_delete_many(self):
        for n, label in (("s1", "a"), ("s2", "a"), ("s3", "b")):
            o = config_map(n)
            o["metadata"]["labels"] = {"set": label}
            self.apply(o)
        self.assertEqual(self.out("delete", "cm", "-l", "set=a"),
                         'configmap "s1" deleted\nconfigmap "s2" deleted\n')
        self.assertEqual(self.out("get", "cm", "-l", "set", "-o", "name"), "configmap/s3\n")
        done = self.s.cli("delete", "-f", "-", stdin=json.dumps(config_map("s3")))
        self.assertEqual((done.returncode, done.stdout), (0, 'configmap "s3" deleted\n'))
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x1"}})
        self.assertIn('"x1" deleted', self.out("delete", "secrets", "--all"))
        self.assertEqual(self.out("get", "secrets", "-o", "name"), "")

    def test_get_sorted(self):
        for n, v in (("q1", "10"), ("q2", "9"), ("q3", "1k")):
            o = config_map(n, v=v)
            o["metadata"]["labels"] = {"sort": "yes"}
            self.apply(o)
        sort = ("get", "cm", "-l", "sort", "-o", "name", "--sort-by")
        names = lambda *order: "".join(f"configmap/q{n}\n" for n in order)
        self.assertEqual(self.out(*sort, ".data.v"), names(2, 1, 3))
        self.assertEqual(self.out(*sort, "{.data.none}"), names(1, 2, 3))
        self.assertIn("--sort-by", self.run_cli(*sort, "{.data[", code=2).stderr)
        self.out("delete", "cm", "-l", "sort")

    def test_delete_waits_for_finalizers(self):
        held = config_map("held")
        held["metadata"]["finalizers"] = ["example.com/hold"]
        self.apply(held)
        begin = time.monotonic()
        done = self.run_cli("delete", "cm/held", "--timeout", "1", code=1)
        self.assertGreater(time.monotonic() - begin, 0.9)
        self.assertIn("still there", done.stderr)

    def test_wait(self):
        self.apply(config_map("w", k="v"))
        self.run_cli("wait", "cm/w", "--for", "jsonpath={.data.k}=v")
        self.run_cli("wait", "cm/w", "--for", "jsonpath={.data.k}")
        begin = time.monotonic()
        done = self.run_cli("wait", "cm/w", "--for", "jsonpath={.data.k}=x", "--timeout", "1s",
                            code=3)
        self.assertLess(time.monotonic() - begin, 3)
        self.assertIn("timed out waiting", done.stderr)
        self.run_cli("wait", "cm/none", "--for", "delete")
        self.run_cli("wait", "cm/none", "--for", "condition=Ready", code=1)
        self.run_cli("wait", "cm/w", "--for", "nonsense", code=2)
        self.run_cli("wait", "cm/w", "--timeout", "soon", code=2)

    def test_describe_and_version(self):
        self.apply(config_map("told", a="the first", k="v"))
        text = self.out("describe", "cm", "told")
        self.assertRegex(text, r"^Name: +told\nNamespace: +default\n")
        self.assertIn("data:\n  a: the first\n  k: v\n", text)
        self.assertRegex(text, r"Events: +<none>\n$")
        self.run_cli("describe", "cm/none", code=1)
        self.assertRegex(self.out("version"), r"^ganglion \S+\nserver v1\.36\.\d+\S* at https://")

    def test_same_rows_as_kubectl(self):
        import shutil
        if not shutil.which("kubectl"):
            self.skipTest("no kubectl")
        self.apply({**config_map("same"), "metadata": {"name": "same", "labels": {"set": "same"}}})
        for words in (("get", "cm", "-l", "set=same"), ("get", "ns"),
                      ("get", "cm", "-l", "set=same", "-o", "name"),
                      ("get", "cm", "same", "-o", "jsonpath={.metadata.labels}"),
                      ("get", "cm", "same", "-o", "custom-columns=A:.metadata.name,B:.x.y")):
            theirs = subprocess.run(["kubectl", "--kubeconfig", self.s.kubeconfig, *words],
                                    capture_output=True, text=True, timeout=60).stdout
            ours = self.out(*words)
            age = re.compile(r"\d+[smh]\S* *$", re.M)
            self.assertEqual(age.sub("AGE", ours), age.sub("AGE", theirs), words)


class NoServer(unittest.TestCase):
    def run_cli(self, kubeconfig, *words):
        return subprocess.run([PROGRAM, *words, "--kubeconfig", kubeconfig], capture_output=True,
                              text=True, timeout=60)

    def test_server_down(self):
        with Server(PROGRAM) as s:
            s.stop()
            for words in (("get", "nodes"), ("logs", "x"), ("delete", "cm/x"), ("why", "x")):
                done = self.run_cli(s.kubeconfig, *words)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(s.url, done.stderr)
                self.assertIn("connect", done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)

    def test_the_kubeconfig_of_up_is_found(self):
        text = ("{current-context: a, contexts: [{name: a, context: {cluster: a}}], "
                "clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}]}")
        with tempfile.TemporaryDirectory() as home:
            for folder, state in ((".local/state", ""), (".local/state", "not/absolute"),
                                  ("x", os.path.join(home, "x"))):
                own = os.path.join(home, folder, "ganglion")
                os.makedirs(own, exist_ok=True)
                with open(os.path.join(own, "kubeconfig"), "w") as f:
                    f.write(text)
                env = {"HOME": home, "XDG_STATE_HOME": state}
                done = subprocess.run([PROGRAM, "get", "nodes"], env=env, capture_output=True,
                                      text=True, timeout=60)
                self.assertIn("127.0.0.1:1", done.stderr)
                os.remove(os.path.join(own, "kubeconfig"))

    def test_wrong_kubeconfig(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "config")
            self.assertIn("no file", self.run_cli(path, "get", "nodes").stderr)
            for text in ("", "a: [", "apiVersion: v1\nkind: Config\ncurrent-context: x\n"):
                with open(path, "w") as f:
                    f.write(text)
                done = self.run_cli(path, "get", "nodes")
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(path, done.stderr)


class LocalPods(Client):
    OPTIONS = ("up", "--end-pods")

    def test_logs_follow_and_wait(self):
        self.apply(pod("talk", "echo one; sleep 1; echo two; exit 3"))
        self.run_cli("wait", "pod/talk", "--for", "jsonpath={.status.phase}=Running")
        self.assertEqual(self.out("logs", "-f", "talk"), "one\ntwo\n")
        self.run_cli("wait", "pod/talk", "--for", "jsonpath={.status.phase}=Failed")
        self.assertEqual(self.out("logs", "pod/talk", "--tail", "1"), "two\n")
        self.assertRegex(self.out("logs", "talk", "--timestamps"), r"^20\d\d-\S+Z one\n")
        self.run_cli("logs", "none", code=1)
        done = self.run_cli("logs", "talk", "-c", "other", code=1)
        self.assertIn("other", done.stderr)
        self.assertIn("exit code 3", self.out("why", "talk"))

    def test_why_a_pod_waits(self):
        self.apply(pod("big", "true", nodeSelector={"no": "such"}))
        self.s.wait("a reason", lambda: "nodes" in self.s.cli("why", "big").stdout)
        text = self.out("why", "pod/big")
        self.assertRegex(text, r"^pod/big: Pending, on no node yet\n")
        self.assertIn("node", text)
        self.run_cli("why", "pod/none", code=1)
        self.assertIn("gang", self.run_cli("why", "none", code=1).stderr)

    def test_why_names_claims_that_are_not_bound(self):
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
                 "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "none-such",
                          "resources": {"requests": {"storage": "1Gi"}}}}
        self.apply(claim, pod("stores", "true", volumes=[
            {"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]))
        self.s.wait("a reason", lambda: "unbound" in self.s.cli("why", "stores").stdout)
        self.assertIn("claim data is not bound: storage class none-such does not exist",
                      self.out("why", "pod/stores"))

    def test_why_a_name(self):
        spec = pod("x", "true", nodeSelector={"no": "such"})["spec"]
        self.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "both"},
                    "spec": {"template": {"spec": {**spec, "restartPolicy": "Never"}}}})
        self.s.wait("its pod", lambda: "Pending" in self.s.cli("why", "both").stdout)
        self.apply(pod("both", "true", nodeSelector={"no": "such"}))
        error = self.run_cli("why", "both", code=2).stderr
        self.assertIn("pod/both", error)
        self.assertIn("job/both", error)
        for n in range(2):
            p = pod(f"member-{n}", "true", nodeSelector={"no": "such"})
            p["metadata"]["labels"] = {"pod-group.scheduling.kubenexus.io/name": "team",
                                       "pod-group.scheduling.kubenexus.io/min-available": "2"}
            self.apply(p)
        text = self.out("why", "team")
        self.assertRegex(text, r"^gang team: 2 pods\n")
        self.assertIn("member-0", text)
        self.s.wait("its PodGroup", lambda: self.s.cli("get", "podgroup/team").returncode == 0)
        text = self.out("why", "podgroup/team")
        self.assertIn("pod/member-0: Pending", text)
        self.assertIn("(1 more pod waits for the same)", text)
        self.out("delete", "job/both", "pod/both", "pod/member-0", "pod/member-1")

    def test_logs_and_why_of_owners(self):
        template = {"spec": pod("x", "echo hello; sleep 60")["spec"]}
        template["metadata"] = {"labels": {"app": "web"}}
        template["spec"]["restartPolicy"] = "Always"
        self.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                    "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}},
                             "template": template}})
        self.run_cli("wait", "deploy/web", "--for", "condition=Available")
        self.s.wait("log", lambda: self.s.cli("logs", "deployment/web").stdout == "hello\n")
        self.assertIn("Running", self.out("why", "deploy/web"))
        self.out("delete", "deploy/web")


if __name__ == "__main__":
    unittest.main(verbosity=2)
