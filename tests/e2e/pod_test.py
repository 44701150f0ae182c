# SPDX-License-Identifier: Apache-2.0
"""What a local pod sees and does while it runs, on a real `ganglion up`. usage: PROGRAM"""
import base64
import os
import sys
import tempfile
import time
import unittest

from pods import PODS, SECRETS, Case, container, pod, serve
from server import CONFIG_MAPS, config_map

Case.program = sys.argv.pop(1)


def mount(name, at, **more):
    return {"name": name, "mountPath": at, **more}


class Volumes(Case):
    WATCHER = ("last=; while :; do now=$$(cat /tmp/seen/*/* 2>/dev/null | tr '\\n' ' '); "
               "[ \"$$now\" = \"$$last\" ] || echo \"sees $$now\"; last=$$now; sleep 0.05; done")

    def test_updates_reach_running_pods(self):
        self.create(CONFIG_MAPS, config_map("conf", a="one"))
        self.create(SECRETS, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
                              "data": {"pw": base64.b64encode(b"hunter").decode()}})
        self.create(PODS, pod(
            "sees", container(self.WATCHER, volumeMounts=[
                mount("c", "/tmp/seen/1"), mount("s", "/tmp/seen/2"), mount("d", "/tmp/seen/3"),
                mount("c", "/tmp/seen/4/fixed", subPath="a")]),
            volumes=[{"name": "c", "configMap": {"name": "conf"}},
                     {"name": "s", "secret": {"secretName": "keys", "defaultMode": 0o400}},
                     {"name": "d", "downwardAPI": {"items": [
                         {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}]))
        self.says("sees", 'sees onehunterapp="sees"one')
        self.patch(f"{CONFIG_MAPS}/conf", {"data": {"a": "two"}})
        self.says("sees", 'sees twohunterapp="sees"one')  # a subPath keeps what it was made of
        self.patch(f"{SECRETS}/keys", {"data": {"pw": base64.b64encode(b"better").decode()}})
        self.says("sees", 'sees twobetterapp="sees"one')
        self.patch(f"{PODS}/sees", {"metadata": {"labels": {"app": None, "zone": "z"}}})
        self.says("sees", 'sees twobetterzone="z"one')
        self.patch(f"{CONFIG_MAPS}/conf", {"data": {"a": None, "b": "three"}})
        self.says("sees", 'sees threebetterzone="z"one')
        self.delete("sees")
        self.gone("sees")

    def test_optional_and_immutable(self):
        self.create(CONFIG_MAPS, {**config_map("still", a="one"), "immutable": True})
        self.create(PODS, pod(
            "may", container(self.WATCHER, volumeMounts=[
                mount("later", "/tmp/seen/1"), mount("still", "/tmp/seen/2")]),
            volumes=[{"name": "later", "configMap": {"name": "later", "optional": True}},
                     {"name": "still", "configMap": {"name": "still"}}]))
        self.says("may", "sees one")
        self.create(CONFIG_MAPS, config_map("later", x="now"))
        self.says("may", "sees nowone")
        # Deleted and made anew: a pod that runs keeps what was promised not to change.
        self.s.request("DELETE", f"{CONFIG_MAPS}/still")
        self.create(CONFIG_MAPS, config_map("still", a="other"))
        self.patch(f"{CONFIG_MAPS}/later", {"data": {"x": "then"}})
        self.says("may", "sees thenone")
        self.assertNotIn("other", self.log("may"))
        self.delete("may")
        self.gone("may")

    def test_updates_while_away_are_seen_after_a_restart(self):
        self.create(CONFIG_MAPS, config_map("slow", a="one"))
        self.create(PODS, pod("stays", container(self.WATCHER, volumeMounts=[
            mount("c", "/tmp/seen/1")]), volumes=[{"name": "c", "configMap": {"name": "slow"}}]))
        self.says("stays", "sees one")
        self.s.kill()
        self.s.start()
        self.patch(f"{CONFIG_MAPS}/slow", {"data": {"a": "two"}})
        self.says("stays", "sees two")
        self.delete("stays")
        self.gone("stays")


class Variables(Case):
    """Variables from the API are those of the moment in which a container starts."""
    ONCE = "echo a is $A, all is $a, app is $APP; sleep 1; exit 1"

    def runs(self, name, *more, **env):
        self.create(PODS, pod(name, container(self.ONCE, **env), *more, restartPolicy="Always"))

    def test_a_container_that_runs_again_reads_them_again(self):
        self.create(CONFIG_MAPS, config_map("words", a="one"))
        self.runs("again", envFrom=[{"configMapRef": {"name": "words"}}], env=[
            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "words", "key": "a"}}},
            {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}}])
        self.says("again", "a is one, all is one, app is again")
        self.patch(f"{CONFIG_MAPS}/words", {"data": {"a": "two"}})
        self.patch(f"{PODS}/again", {"metadata": {"labels": {"app": "other"}}})
        self.says("again", "a is two, all is two, app is other")
        self.delete("again")
        self.gone("again")

    def test_what_is_missing_then_holds_this_container_alone(self):
        def status(i):
            statuses = self.get("lacks")["status"].get("containerStatuses")
            return statuses[i] if statuses else {"state": {}}

        self.create(CONFIG_MAPS, config_map("left", a="one"))
        self.runs("lacks", {**container("exec sleep 600"), "name": "other"}, env=[
            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "left", "key": "a"}}}])
        self.s.wait("the first run", lambda: "running" in status(0)["state"])
        self.s.request("DELETE", f"{CONFIG_MAPS}/left")
        self.s.wait("the reason", lambda: status(0)["state"].get("waiting") == {
            "reason": "CreateContainerConfigError", "message": 'configmap "left" not found'})
        self.assertEqual((status(1)["restartCount"], list(status(1)["state"])), (0, ["running"]))
        self.create(CONFIG_MAPS, config_map("left", a="new"))
        self.s.wait("the second run", lambda: status(0)["restartCount"] == 1)
        self.delete("lacks")
        self.gone("lacks")


class Probes(Case):
    def ready(self, name):
        return any(c["ready"] for c in self.get(name)["status"].get("containerStatuses", []))

    def probe(self, **what):
        return {"periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 1, **what}

    def https(self, path, token=None):
        headers = [{"name": "Authorization", "value": "Bearer " + token}] if token else []
        return self.probe(httpGet={"scheme": "HTTPS", "host": self.s.host, "port": self.s.port,
                                   "path": path, "httpHeaders": headers})

    def test_https_is_asked_without_verification(self):
        self.create(PODS, pod("tls", container("sleep 1000",
                                               readinessProbe=self.https("/api", self.s.token))))
        self.s.wait("tls ready", lambda: self.ready("tls"))
        self.create(PODS, pod("tls-no", container("sleep 1000", readinessProbe=self.https("/api"))))
        self.event("tls-no", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 40")
        self.assertFalse(self.ready("tls-no"))

    def test_grpc_health(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "grpc_health.py")
        serve = {"command": [sys.executable, script, "$(IP)", "7777", "2"],
                 "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]}
        both = container("", readinessProbe=self.probe(grpc={"port": 7777, "service": "up"}))
        down = container("", readinessProbe=self.probe(grpc={"port": 7777, "service": "down"}))
        self.create(PODS, pod("grpc", {**both, **serve}))
        self.create(PODS, pod("grpc-no", {**down, **serve}))
        self.s.wait("grpc ready", lambda: self.ready("grpc"))
        self.event("grpc-no", "Unhealthy",
                   'Readiness probe failed: service unhealthy (responded with "NOT_SERVING")')
        self.assertFalse(self.ready("grpc-no"))
        self.create(PODS, pod("grpc-none", container("sleep 1000", readinessProbe=self.probe(
            grpc={"port": 7778}))))
        self.event("grpc-none", "Unhealthy", "timeout: failed to connect service")

    def test_late_answers_have_kubelets_words(self):
        self.create(PODS, pod("late", container("sleep 1000", readinessProbe=self.probe(
            exec={"command": ["sleep", "60"]}, timeoutSeconds=1))))
        self.event("late", "Unhealthy", 'Readiness probe failed: command "sleep 60" timed out')

    def test_a_probe_has_a_grace_of_its_own(self):
        self.create(PODS, pod(
            "deaf", container("trap '' TERM; while :; do sleep 0.1; done", livenessProbe=self.probe(
                exec={"command": ["false"]}, terminationGracePeriodSeconds=1)),
            restartPolicy="Always", terminationGracePeriodSeconds=600))
        self.event("deaf", "Killing", "Container main failed liveness probe, will be restarted")
        self.s.wait("a restart", lambda: self.get("deaf")["status"]["containerStatuses"][0]
                    .get("lastState", {}).get("terminated", {}).get("exitCode") == 137)
        self.delete("deaf", gracePeriodSeconds=0)

    def test_a_probe_of_no_port_says_so(self):
        self.create(PODS, pod("lost", container("sleep 1000", livenessProbe=self.probe(
            tcpSocket={"port": "nowhere"}))))
        self.event("lost", "Unhealthy", "Liveness probe errored and resulted in unknown state")
        self.phase("lost", "Running")


class Logs(Case):
    SIZE = 8_000_000

    def test_a_reader_that_pauses_gets_all(self):
        self.create(PODS, pod("long", container(f"head -c {self.SIZE} /dev/zero | tr '\\0' x; "
                                                "echo; echo end; sleep 60")))
        self.s.wait("the log's end", lambda: self.s.request(
            "GET", f"{PODS}/long/log?tailLines=1", raw=True)[1] == b"end\n")
        for _ in range(3):
            c = self.s.connect()
            c.request("GET", f"{PODS}/long/log",
                      headers={"Authorization": "Bearer " + self.s.token})
            time.sleep(0.3)  # more comes than sockets hold
            self.assertEqual(len(c.getresponse().read()), self.SIZE + len("\nend\n"))
            c.close()

    def test_a_log_that_grows_faster_than_it_is_read_has_an_end(self):
        self.create(PODS, pod("flood", container("cat /dev/zero | tr '\\0' x")))
        self.phase("flood", "Running")
        for _ in range(3):
            self.assertLess(len(self.log("flood")), 60_000_000)  # the files hold 50 MiB
        self.delete("flood", gracePeriodSeconds=0)


class Ports(Case):
    def test_a_collision_is_told(self):
        self.create(PODS, pod("first", serve("first", 18431)))
        self.says("first", "listens")
        self.create(PODS, pod("second", serve("second", 18431)))
        self.event("second", "PortTaken", "pod default/first holds its port 18431 on all addresses")
        self.create(PODS, pod("other", serve("other", 18432)))
        self.says("other", "listens")
        self.assertEqual(self.events("other", "PortTaken"), [])


class Gangs(Case):
    def test_members_wait_for_the_one_that_lacks_something(self):
        labels = {"pod-group.scheduling.kubenexus.io/name": "trio",
                  "pod-group.scheduling.kubenexus.io/min-available": "3"}
        for i in range(3):
            one = container("echo begun; sleep 1000")
            if i == 1:
                one["envFrom"] = [{"configMapRef": {"name": "trio"}}]
            body = pod(f"trio-{i}", one, schedulerName="kubenexus-scheduler")
            body["metadata"]["labels"].update(labels)
            self.create(PODS, body)
        self.event("trio-0", "GangMemberLate",
                   'which waits for pod default/trio-1: configmap "trio" not found')
        self.assertEqual([self.get(f"trio-{i}")["status"]["phase"] for i in range(3)],
                         ["Pending"] * 3)
        self.create(CONFIG_MAPS, config_map("trio", a="1"))
        for i in range(3):
            self.phase(f"trio-{i}", "Running")


class Hooks(Case):
    def exec_hook(self, script):
        return {"exec": {"command": ["/bin/sh", "-c", script]}}

    def test_hooks_run_around_the_process(self):
        folder = self.s.folder
        self.create(PODS, pod(
            "hooked", container("trap 'echo signal; exit 0' TERM; echo begin; "
                                "while :; do sleep 0.05; done",
                                lifecycle={"postStart": self.exec_hook(f"echo post >> {folder}/h"),
                                           "preStop": self.exec_hook(f"sleep 0.3; echo pre >> {folder}/h")}),
            terminationGracePeriodSeconds=10))
        self.phase("hooked", "Running")
        with open(f"{folder}/h") as f:
            self.assertEqual(f.read(), "post\n")
        self.says("hooked", "begin")
        self.delete("hooked")
        self.gone("hooked")
        with open(f"{folder}/h") as f:
            self.assertEqual(f.read(), "post\npre\n")

    def test_a_failing_post_start_hook_ends_the_container(self):
        self.create(PODS, pod("post", container("sleep 1000", lifecycle={
            "postStart": self.exec_hook("exit 3")})))
        self.phase("post", "Failed")
        self.event("post", "FailedPostStartHook", "PostStartHook failed")
        self.event("post", "Killing", "FailedPostStartHook")

    def test_a_tcp_hook_fails_when_it_is_run(self):
        self.create(PODS, pod("tcp", container("sleep 1000", lifecycle={
            "postStart": {"tcpSocket": {"port": 1}}})))
        self.phase("tcp", "Failed")
        self.event("tcp", "FailedPostStartHook")

    def test_a_slow_pre_stop_hook_has_the_grace_only(self):
        self.create(PODS, pod("slow", container("exec sleep 1000", lifecycle={
            "preStop": {"sleep": {"seconds": 60}}})))
        self.phase("slow", "Running")
        self.delete("slow", gracePeriodSeconds=1)
        self.gone("slow")
        self.event("slow", "Killing", "Stopping container main")
        self.event("slow", "FailedPreStopHook", "PreStopHook failed")

    def test_the_stop_signal_is_the_pods(self):
        self.create(PODS, pod(
            "usr", container("trap 'exit 7' USR1; trap '' TERM; echo on; while :; do sleep 0.05; done",
                             lifecycle={"stopSignal": "SIGUSR1"}),
            os={"name": "linux"}, activeDeadlineSeconds=2, terminationGracePeriodSeconds=20))
        self.says("usr", "on")
        self.phase("usr", "Failed")
        status = self.get("usr")["status"]["containerStatuses"][0]
        self.assertEqual(status["state"]["terminated"]["exitCode"], 7)
        self.assertEqual(status["stopSignal"], "SIGUSR1")


class Checkpoints(Case):
    """A pod that has to leave for another one writes a checkpoint first."""

    SAVES = ("import signal, sys, time\n"
             "step = 0\n"
             "def save(*_):\n"
             "    open(sys.argv[1], 'w').write(str(step))\n"
             "signal.signal(signal.SIGUSR1, save)\n"
             "open(sys.argv[1] + '.ready', 'w')\n"
             "while True:\n"
             "    time.sleep(0.01)\n"
             "    step += 1\n")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def needs(self, cpu):
        return {"requests": {"cpu": f"{cpu}m"}}

    def test_the_victim_saves_and_then_leaves(self):
        node = self.s.wait("the node", lambda: self.s.request("GET", "/api/v1/nodes")[1]["items"])[0]
        most = int(node["status"]["allocatable"]["cpu"]) * 600  # two do not fit
        file = os.path.join(self.folder, "checkpoint")
        low = pod("low", {"name": "trainer", "image": "none", "resources": self.needs(most),
                          "command": [sys.executable, "-c", self.SAVES, file]},
                  container("exec sleep 1000"))  # which SIGUSR1 would end
        low["metadata"]["annotations"] = {
            "scheduling.ganglion.io/checkpoint-time": "3s",
            "scheduling.ganglion.io/checkpoint-signal": "trainer=SIGUSR1"}
        self.create(PODS, low)
        self.s.wait("the handler", lambda: os.path.exists(file + ".ready"))
        self.create("/apis/scheduling.k8s.io/v1/priorityclasses", {
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
            "metadata": {"name": "urgent"}, "value": 1000})
        self.create(PODS, pod("urgent", container("exec sleep 1000", resources=self.needs(most)),
                              priorityClassName="urgent"))
        self.event("low", "Checkpointing", "Sent SIGUSR1 to container trainer")
        self.s.wait("a checkpoint", lambda: os.path.exists(file) and os.path.getsize(file))
        told = self.get("low")
        self.assertIn("scheduling.ganglion.io/checkpoint-by", told["metadata"]["annotations"])
        self.assertNotIn("deletionTimestamp", told["metadata"])
        self.assertEqual(told["status"]["phase"], "Running")  # saving did not end it
        self.gone("low")
        self.phase("urgent", "Running")


if __name__ == "__main__":
    unittest.main(verbosity=2)
