# SPDX-License-Identifier: Apache-2.0
"""docs/guides/migrating.md as written: each scheduler's manifest starts, with the configuration of
the guide. usage: PROGRAM"""
import os
import re
import sys
import unittest

from server import Server

PROGRAM = sys.argv.pop(1)
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")


def blocks():
    """(heading, YAML) of each example."""
    heading = ""
    with open(os.path.join(ROOT, "docs/guides/migrating.md")) as f:
        for part in re.split(r"^## ", f.read(), flags=re.M):
            heading = part.partition("\n")[0]
            for text in re.findall(r"```yaml\n(.*?)```", part, re.S):
                yield heading, text


class Migrating(unittest.TestCase):
    def test_the_guide_as_written(self):
        (_, config), *examples = blocks()
        self.assertGreaterEqual(len(examples), 8)
        s = Server(PROGRAM, "up", "--no-local-node", "--sim-nodes", "3")
        self.addCleanup(s.close)
        path = os.path.join(s.folder, "scheduler.yaml")
        with open(path, "w") as f:
            f.write(config)
        s.options += ("--scheduler-config", path)
        s.start()
        for folder in ("gangs", "queues"):
            done = s.cli("apply", "-f", os.path.join(ROOT, "deploy/crds", folder))
            self.assertEqual(done.returncode, 0, done.stderr)
        for heading, text in examples:
            with self.subTest(heading):
                done = s.cli("apply", "-f", "-", stdin=text)
                self.assertEqual(done.returncode, 0, done.stderr)
                name = re.search(r"from-[a-z-]+", text)[0]
                self.starts(s, name, 2 if "kind: Job" in text else 1)
                if "kind: Job" in text:
                    self.is_gang(s, name, heading.partition(" ")[0])
        self.group_objects_are_told(s)
        self.what_is_ignored_is_named(s)
        self.operators_need_no_labels(s)
        s.stop()

    def group_objects_are_told(self, s):
        """Each project's PodGroup has its status in that project's words."""
        def status(path, name):
            code, group = s.request("GET", f"/apis/{path}/namespaces/default/podgroups/{name}")
            return code == 200 and group.get("status") or {}

        def volcano():
            told = status("scheduling.volcano.sh/v1beta1", "from-volcano")
            return told.get("phase") in ("Inqueue", "Running") and told.get("conditions")

        def coscheduling():
            told = status("scheduling.x-k8s.io/v1alpha1", "from-scheduler-plugins")
            return told.get("phase") in ("Scheduling", "Running") and told
        conditions = s.wait("Volcano's PodGroup is told", volcano, 10)
        self.assertEqual([(c["type"], c["status"]) for c in conditions if c["type"] == "Scheduled"],
                         [("Scheduled", "True")])
        told = s.wait("the PodGroup of scheduler-plugins is told", coscheduling, 10)
        self.assertEqual(told["occupiedBy"], "default/from-scheduler-plugins")
        self.assertIn("scheduleStartTime", told)

    def what_is_ignored_is_named(self, s):
        queue = """
apiVersion: kueue.x-k8s.io/v1beta1
kind: ClusterQueue
metadata: {name: strict}
spec: {queueingStrategy: StrictFIFO, admissionChecks: [budget]}
"""
        done = s.cli("apply", "-f", "-", stdin=queue)
        self.assertEqual(done.returncode, 0, done.stderr)

        def named():
            events = s.request("GET", "/api/v1/namespaces/default/events")[1]["items"]
            return [e["message"] for e in events
                    if e["reason"] == "FieldsIgnored" and e["involvedObject"]["name"] == "strict"]
        message, = s.wait("the queue's event", named, 10)
        self.assertIn("StrictFIFO", message)
        self.assertIn("admissionChecks", message)

    def operators_need_no_labels(self, s):
        """A job of Kubeflow's operator, whose pods say nothing of gangs: half of it waits."""
        pod = """
apiVersion: v1
kind: Pod
metadata:
  name: llm-worker-{n}
  labels: {{training.kubeflow.org/replica-type: worker}}
  ownerReferences:
  - {{apiVersion: kubeflow.org/v1, kind: PyTorchJob, name: llm, uid: {uid}, controller: true}}
spec:
  schedulerName: ganglion
  containers: [{{name: main, image: any, resources: {{requests: {{cpu: 10m}}}}}}]
"""
        job = """
apiVersion: kubeflow.org/v1
kind: PyTorchJob
metadata: {name: llm}
spec: {pytorchReplicaSpecs: {Worker: {replicas: 2}}}
"""
        crd = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pytorchjob_crd.yaml")
        self.assertEqual(s.cli("apply", "-f", crd).returncode, 0)

        def applied():
            return s.cli("apply", "-f", "-", stdin=job).returncode == 0
        s.wait("PyTorchJobs are served", applied, 10)
        path = "/apis/kubeflow.org/v1/namespaces/default/pytorchjobs/llm"
        uid = s.request("GET", path)[1]["metadata"]["uid"]
        s.wait("the scheduler sees them", lambda: self.first_of_job(s, pod, uid), 60)
        self.assertEqual(s.cli("apply", "-f", "-", stdin=pod.format(n=1, uid=uid)).returncode, 0)
        self.starts(s, "llm-worker", 2)

    def first_of_job(self, s, pod, uid):
        """Is the first pod of the job held back for the other? A scheduler that does not know the
        kind yet starts it alone: then it is made anew."""
        self.assertEqual(s.cli("apply", "-f", "-", stdin=pod.format(n=0, uid=uid)).returncode, 0)

        def settled():
            p = s.request("GET", "/api/v1/namespaces/default/pods/llm-worker-0")[1]
            reasons = [c.get("reason") for c in p.get("status", {}).get("conditions", [])]
            return "MembersMissing" in reasons and "held" or p["spec"].get("nodeName")
        if s.wait("the first pod", settled, 10) == "held":
            return True
        s.request("DELETE", "/api/v1/namespaces/default/pods/llm-worker-0?gracePeriodSeconds=0")
        return False

    def is_gang(self, s, name, project):
        """Its mirror says whose gang it is: started together, not one by one."""
        path = "/apis/aiplatform.ganglion.io/v1alpha1/namespaces/default/podgroups/" + name

        def known():
            status, group = s.request("GET", path)
            group = status == 200 and group.get("status") or {}
            return group.get("minMember") == 2 and group
        self.assertEqual(s.wait(f"gang {name}", known, 10)["dialect"], project)

    def starts(self, s, name, want):
        def bound():
            pods = s.request("GET", "/api/v1/namespaces/default/pods")[1]["items"]
            return sum(p["metadata"]["name"].startswith(name) and bool(p["spec"].get("nodeName"))
                       for p in pods) == want
        try:
            s.wait(f"{name} starts", bound, 10)
        except AssertionError:
            kind = "pod" if want == 1 else "job"
            self.fail(f"{name}: {s.cli('why', kind + '/' + name).stdout}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
