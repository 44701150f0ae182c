# SPDX-License-Identifier: Apache-2.0
"""A real `ganglion` of a test's own: in a temporary folder, on a free loopback port, over TLS."""
import base64
import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.parse


class Server:
    """verb: "up" or "apiserver". The folder outlives stop(), kill() and start() until close()."""

    def __init__(self, program, verb="apiserver", *options, env=None):
        self.program, self.verb, self.options = program, verb, options
        self.env = dict(os.environ, **(env or {}))
        self.folder = tempfile.mkdtemp(prefix="ganglion-test-")
        self.kubeconfig = os.path.join(self.folder, "kubeconfig")
        self.process = None

    def command(self):
        return [self.program, self.verb, "--data-dir", os.path.join(self.folder, "data"),
                "--listen", "127.0.0.1:0", "--kubeconfig", self.kubeconfig, *self.options]

    def start(self, seconds=30):
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=self.log,
                                        env=self.env, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("ready:"):
            raise AssertionError(f"not ready: {line!r}, {self.state()}")
        self.url = line.split()[1]
        with open(self.kubeconfig) as f:
            text = f.read()
        self.token = re.search(r"token: *\"?([^\s\"]+)", text)[1]
        ca = re.search(r"certificate-authority-data: *\"?([^\s\"]+)", text)[1]
        self.tls = ssl.create_default_context(cadata=base64.b64decode(ca).decode())
        host = urllib.parse.urlsplit(self.url)
        self.host, self.port = host.hostname, host.port
        return self

    def log_text(self):
        with open(self.log.name, errors="replace") as f:
            return f.read()

    def state(self):
        status = self.process.poll()
        how = "the server runs" if status is None else f"the server ended with {status}"
        return f"{how}, its log:\n{self.log_text()[-3000:]}"

    def connect(self, timeout=20):
        return http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=timeout)

    def request(self, method, path, body=None, headers=None, connection=None, raw=False):
        """Returns (status, answer); the answer is decoded JSON unless raw."""
        c = connection or self.connect()
        data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        head = {"Authorization": "Bearer " + self.token, "Content-Type": "application/json"}
        head.update(headers or {})
        try:
            c.request(method, path, data, {k: v for k, v in head.items() if v is not None})
            answer = c.getresponse()
            text = answer.read()
        except OSError as broken:
            raise ConnectionError(f"{method} {path}: {broken!r}, {self.state()}") from broken
        if connection is None:
            c.close()
        return answer.status, text if raw else json.loads(text)

    def wait(self, what, test, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = test()
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"{what}: not within {seconds} s, {self.state()}")

    def cli(self, *words, stdin=None):
        return subprocess.run([self.program, *words, "--kubeconfig", self.kubeconfig], input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=90)

    def stop(self, seconds=15):
        """SIGTERM; returns (exit status, seconds it took)."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(seconds)
        self.process.stdout.close()
        self.log.close()
        return status, time.monotonic() - begin

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        self.end_pods()
        shutil.rmtree(self.folder, ignore_errors=True)

    def end_pods(self):
        """Kills what pods still run: their shims outlive a server that was killed."""
        for pid in [p for p, _ in processes() if self.folder in command_line(p)]:
            for one in [*descendants(pid), pid]:
                try:
                    os.kill(one, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


def processes():
    """(pid, pid of the parent) of every process but this one."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                parent = f.read().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(pid) != os.getpid():
            found.append((int(pid), int(parent)))
    return found


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as f:
            return f.read()
    except OSError:
        return ""


def descendants(pid):
    """Deepest first: a child whose parent is gone can no longer be found."""
    return [d for child, parent in processes() if parent == pid
            for d in [*descendants(child), child]]


def config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
