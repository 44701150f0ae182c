# SPDX-License-Identifier: Apache-2.0
"""Clients that mean harm: they ask and never read, and look at what is not theirs. usage: PROGRAM"""
import os
import socket
import stat
import sys
import time
import unittest

from pods import PODS, container, pod
from server import CONFIG_MAPS, Server, config_map

PROGRAM = sys.argv.pop(1)
LIST_MB = 20


def resident_mb(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


class SlowReaders(unittest.TestCase):
    def test_unread_lists_are_bounded_and_others_are_served(self):
        with Server(PROGRAM) as s:
            for i in range(LIST_MB * 2):
                status, _ = s.request("POST", CONFIG_MAPS, config_map(f"big{i}", v="x" * 500_000))
                self.assertEqual(status, 201)
            before = resident_mb(s.process.pid)
            head = (f"GET {CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\n"
                    f"Authorization: Bearer {s.token}\r\n\r\n").encode()
            silent = []
            for _ in range(40):
                c = s.tls.wrap_socket(socket.create_connection((s.host, s.port)),
                                      server_hostname=s.host)
                c.sendall(head * 4)
                silent.append(c)
            time.sleep(1)
            begin = time.monotonic()
            self.assertEqual(s.request("GET", "/readyz", raw=True), (200, b"ok"))
            self.assertLess(time.monotonic() - begin, 2)
            self.assertLess(resident_mb(s.process.pid) - before, 700)  # unbounded: 3,200 MB
            status, answer = s.request("GET", CONFIG_MAPS)
            self.assertEqual((status, answer["reason"]), (429, "TooManyRequests"))
            for c in silent:
                c.close()
            s.wait("room again", lambda: s.request("GET", CONFIG_MAPS)[0] == 200, 10)


class FewFiles(Server):
    """May open 200 files."""

    def command(self):
        return ["prlimit", "--nofile=200:200", *super().command()]


class Crowds(unittest.TestCase):
    def test_connections_leave_files_for_the_rest(self):
        with FewFiles(PROGRAM, "up", "--end-pods") as s:
            mine = s.connect()
            self.assertEqual(s.request("GET", "/version", connection=mine)[0], 200)
            crowd = [socket.create_connection((s.host, s.port)) for _ in range(300)]
            status, answer = s.request("POST", PODS, pod("p", container("sleep 60")),
                                       connection=mine)
            self.assertEqual(status, 201, answer)

            def phase():
                return s.request("GET", f"{PODS}/p", connection=mine)[1]["status"].get("phase")
            s.wait("a pod that runs", lambda: phase() == "Running", 10)
            self.assertEqual(s.request("GET", "/version")[0], 200)  # strangers go, the oldest first
            crowd += [socket.create_connection((s.host, s.port)) for _ in range(300)]
            self.assertEqual(s.request("GET", "/version", connection=mine)[0], 200)
            for c in [*crowd, mine]:
                c.close()
            s.stop()


class Permissions(unittest.TestCase):
    def test_what_is_kept_is_the_owners_alone(self):
        before = os.umask(0o022)
        try:
            with Server(PROGRAM, "up") as s:
                data = os.path.join(s.folder, "data")
                for folder, inner, names in os.walk(data):
                    if os.path.basename(folder) == "node":
                        inner.clear()  # what pods see below has the modes that they ask for
                    for path in [folder] + [os.path.join(folder, n) for n in names]:
                        mode = stat.S_IMODE(os.stat(path).st_mode)
                        self.assertEqual(mode & 0o077, 0, path)
                self.assertNotIn(s.token, s.log_text())
        finally:
            os.umask(before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
