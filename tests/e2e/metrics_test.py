# SPDX-License-Identifier: Apache-2.0
"""GET /metrics of `ganglion up`: values that follow what was done, histograms that are histograms, and
no metric that the reference page does not name. usage: PROGRAM"""
import os
import re
import sys
import unittest

from pods import container
from pods import pod as local_pod
from server import CONFIG_MAPS, Server, config_map

PROGRAM = sys.argv.pop(1)
PODS = "/api/v1/namespaces/default/pods"
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/reference/metrics.md")
LINE = re.compile(r'([a-z_]+)(?:\{(.*)\})? (\S+)$')


def read(s):
    """{name: {labels: value}}, and {name: kind}."""
    status, text = s.request("GET", "/metrics", raw=True)
    assert status == 200, status
    values, kinds = {}, {}
    for line in text.decode().splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert name not in kinds, name
            kinds[name] = kind
        elif not line.startswith("#"):
            name, labels, value = LINE.match(line).groups()
            pairs = tuple(sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")))
            assert pairs not in values.setdefault(name, {}), line
            values[name][pairs] = float(value)
    return values, kinds


def pod(name, cpu):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"containers": [{"name": "c", "image": "i",
                                     "resources": {"requests": {"cpu": cpu}}}]}}


class Case(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.s = Server(PROGRAM, "up", *cls.options).start()
        cls.s.wait("ready", lambda: cls.s.request("GET", "/readyz", raw=True)[0] == 200)

    @classmethod
    def tearDownClass(cls):
        cls.s.stop()
        cls.s.close()

    def total(self, name, **labels):
        """The sum of the series that have these labels."""
        values, _ = read(self.s)
        return sum(v for pairs, v in values.get(name, {}).items()
                   if set(labels.items()) <= set(pairs))

    def becomes(self, want, name, **labels):
        self.s.wait(f"{name} {labels} {want}", lambda: self.total(name, **labels) == want)

    def check_against_the_reference(self):
        """Returns the metrics of the page that are not told."""
        values, kinds = read(self.s)
        with open(PAGE) as f:
            page = dict(re.findall(r"^\| `([a-z_]+)` \| (\w+) \|", f.read(), re.M))
        self.assertEqual(kinds, {name: page.get(name) for name in kinds})
        for name in [n for n, kind in kinds.items() if kind == "histogram"]:
            for pairs, count in values.get(name + "_count", {}).items():
                buckets = [v for p, v in values[name + "_bucket"].items() if set(pairs) <= set(p)]
                self.assertEqual(buckets, sorted(buckets), name)
                self.assertEqual(buckets[-1], count, name)
                self.assertIn(pairs, values[name + "_sum"])
        return set(page) - set(kinds)


class Metrics(Case):
    options = ("--no-local-node", "--sim-nodes", "2")

    def test_requests(self):
        before = self.total("apiserver_request_total", verb="POST", resource="configmaps", code="201")
        for n in range(3):
            self.s.request("POST", CONFIG_MAPS, config_map(f"m{n}"))
        self.s.request("POST", CONFIG_MAPS, config_map("m0"))
        of = {"verb": "POST", "resource": "configmaps"}
        self.assertEqual(self.total("apiserver_request_total", code="201", **of), before + 3)
        self.assertEqual(self.total("apiserver_request_total", code="409", **of), 1)
        self.assertEqual(self.total("apiserver_request_duration_seconds_count", **of), before + 4)
        self.assertGreater(self.total("apiserver_request_duration_seconds_sum", **of), 0)
        self.assertEqual(self.total("apiserver_storage_objects", resource="configmaps"), 3)
        self.assertGreater(self.total("apiserver_storage_size_bytes"), 1000)
        self.s.wait("none under way",
                    lambda: self.total("apiserver_current_inflight_requests") == 0)

    def test_watches(self):
        before = self.total("apiserver_longrunning_requests", verb="WATCH")
        c = self.s.connect()
        c.request("GET", PODS + "?watch=1", headers={"Authorization": "Bearer " + self.s.token})
        c.getresponse()
        self.assertEqual(self.total("apiserver_longrunning_requests", verb="WATCH"), before + 1)
        c.close()

    def test_scheduling(self):
        added = self.total("scheduler_queue_incoming_pods_total", event="PodAdd")
        for n in range(4):
            self.assertEqual(self.s.request("POST", PODS, pod(f"fits-{n}", "1"))[0], 201)
        self.assertEqual(self.s.request("POST", PODS, pod("huge", "100000"))[0], 201)
        attempts = "scheduler_schedule_attempts_total"
        self.s.wait("four bound", lambda: self.total(attempts, result="scheduled") == 4)
        self.s.wait("one waits", lambda: self.total("scheduler_pending_pods",
                                                    queue="unschedulable") == 1)
        self.assertGreaterEqual(self.total(attempts, result="unschedulable"), 1)
        self.assertEqual(self.total("scheduler_pod_scheduling_sli_duration_seconds_count"), 4)
        self.assertLess(self.total("scheduler_pod_scheduling_sli_duration_seconds_sum"), 4 * 60)
        self.assertEqual(self.total("scheduler_queue_incoming_pods_total", event="PodAdd"), added + 5)
        self.assertEqual(self.total("scheduler_scheduler_cache_size", type="nodes"), 2)
        self.assertGreaterEqual(self.total("kubenexus_scheduling_attempts_total",
                                           result="scheduled", plugin="pod"), 4)
        self.s.request("DELETE", PODS + "/huge")
        self.s.wait("none waits", lambda: self.total("scheduler_pending_pods") == 0)

    def test_gangs(self):
        for n in range(2):
            p = pod(f"gang-{n}", "100000")
            p["metadata"]["labels"] = {"pod-group.scheduling.kubenexus.io/name": "g",
                                       "pod-group.scheduling.kubenexus.io/min-available": "2"}
            p["spec"]["schedulerName"] = "kubenexus-scheduler"
            self.assertEqual(self.s.request("POST", PODS, p)[0], 201)
        self.s.wait("the gang waits", lambda: self.total("kubenexus_waiting_pods",
                                                         namespace="default", pod_group="g") == 2)
        for n in range(2):
            self.s.request("DELETE", f"{PODS}/gang-{n}")
        self.s.wait("it is forgotten", lambda: ("pod_group", "g") not in {
            p for pairs in read(self.s)[0].get("kubenexus_waiting_pods", {}) for p in pairs})

    def test_controllers_and_process(self):
        self.assertGreater(self.total("process_resident_memory_bytes"), 1 << 20)
        self.assertGreater(self.total("process_open_fds"), 3)
        self.assertGreater(self.total("process_start_time_seconds"), 1.7e9)
        values, _ = read(self.s)
        names = {dict(pairs)["name"] for pairs in values["workqueue_depth"]}
        self.assertLessEqual({"deployment", "replicaset", "job"}, names)

    def test_histograms_and_the_reference_page(self):
        of_the_node = self.check_against_the_reference()
        self.assertIn("kubelet_running_pods", of_the_node)
        self.assertTrue(all(n.startswith(("kubelet_", "prober_", "ganglion_")) for n in of_the_node))


class LocalNode(Case):
    options = ("--end-pods",)

    def tearDown(self):
        self.s.request("DELETE", PODS)
        self.becomes(0, "kubelet_running_pods")
        self.becomes(0, "kubelet_running_containers")
        self.becomes(0, "prober_probe_total")

    def create(self, name, *containers, **spec):
        self.assertEqual(self.s.request("POST", PODS, local_pod(name, *containers, **spec))[0], 201)

    def test_pods_and_containers(self):
        started, sli = "kubelet_started_containers_total", "kubelet_pod_start_sli_duration_seconds"
        before = [self.total(started, container_type="container"), self.total(sli + "_count"),
                  self.total(sli + "_sum"), self.total("kubelet_pod_start_duration_seconds_sum")]
        self.create("lives", container("sleep 1000"), initContainers=[
            {"name": "first", "image": "none", "command": ["sleep", "3"]}])
        self.becomes(1, "kubelet_running_pods")
        self.becomes(1, "kubelet_running_containers", container_state="exited")
        self.becomes(1, "kubelet_running_containers", container_state="running")
        self.assertEqual(self.total(started, container_type="init_container"), 1)
        self.assertEqual(self.total(started, container_type="container"), before[0] + 1)
        self.becomes(before[1] + 1, sli + "_count")
        whole = self.total("kubelet_pod_start_duration_seconds_sum") - before[3]
        self.assertGreaterEqual(whole, 3)
        # Less the three seconds of its init container; creation is rounded down by one at most.
        self.assertLess(self.total(sli + "_sum") - before[2], whole)
        self.assertEqual(self.check_against_the_reference(), set())

    def test_restarts_and_probes(self):
        probe = {"exec": {"command": ["test", "-e", "/nowhere"]}, "periodSeconds": 1,
                 "failureThreshold": 1}
        fine = {"exec": {"command": ["true"]}, "periodSeconds": 1}
        self.create("ill", container("sleep 1000", livenessProbe=probe, readinessProbe=fine),
                    restartPolicy="Always")
        of = {"pod": "ill", "namespace": "default", "container": "main"}
        self.s.wait("a failed probe", lambda: self.total("prober_probe_total", result="failed",
                                                         probe_type="Liveness", **of))
        self.s.wait("one that passed", lambda: self.total("prober_probe_total", result="successful",
                                                          probe_type="Readiness", **of))
        self.s.wait("a restart", lambda: self.total("ganglion_container_restarts_total",
                                                    reason="liveness_probe"))

    def test_gangs_start_together(self):
        for n in range(3):
            p = local_pod(f"gang-{n}", container("sleep 1000"))
            p["metadata"]["labels"].update({"pod-group.scheduling.kubenexus.io/name": "g",
                                            "pod-group.scheduling.kubenexus.io/min-available": "3"})
            p["spec"]["schedulerName"] = "kubenexus-scheduler"
            self.assertEqual(self.s.request("POST", PODS, p)[0], 201)
        self.becomes(1, "ganglion_gang_start_skew_seconds_count")
        self.assertGreater(self.total("ganglion_gang_start_skew_seconds_sum"), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
