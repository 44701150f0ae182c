# SPDX-License-Identifier: Apache-2.0
"""A disk without a single free byte: the server starts, serves what is there, refuses writes and
says so, and goes on by itself when there is room. Needs the right to mount; else it is skipped.
usage: PROGRAM"""
import os
import subprocess
import sys
import unittest

from server import CONFIG_MAPS, Server, config_map

PROGRAM = sys.argv.pop(1)
ROOM = 4 << 20


class FullDisk(unittest.TestCase):
    def setUp(self):
        self.s = Server(PROGRAM)
        self.addCleanup(self.s.close)
        self.data = os.path.join(self.s.folder, "data")
        os.mkdir(self.data)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=0700", "none", self.data],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode != 0:
            self.skipTest("no right to mount a small file system")
        self.addCleanup(subprocess.run, ["umount", "-l", self.data])
        self.filler = os.path.join(self.data, "filler")
        self.s.kubeconfig = os.path.join(self.data, "kubeconfig")

    def fill(self):
        with open(self.filler, "ab", buffering=0) as f:
            for piece in (65536, 4096, 1):
                try:
                    while True:
                        f.write(b"x" * piece)
                except OSError:
                    pass

    def create(self, name):
        return self.s.request("POST", CONFIG_MAPS, config_map(name, key="value"))

    def get(self, path, raw=False):
        return self.s.request("GET", path, raw=raw)

    def check_full(self):
        status, answer = self.create("refused")
        self.assertEqual((status, answer["kind"]), (503, "Status"))
        self.assertIn("no space left on the disk", answer["message"])
        self.assertEqual(self.get(CONFIG_MAPS + "/first")[0], 200)
        self.assertEqual(self.get(CONFIG_MAPS + "/refused")[0], 404)
        status, text = self.get("/readyz", raw=True)
        self.assertEqual(status, 500)
        self.assertIn(b"[-]etcd-readiness failed: reason withheld\n", text)
        self.assertIn(b"readyz check failed", text)
        status, text = self.get("/readyz/etcd-readiness", raw=True)
        self.assertEqual(status, 500)
        self.assertIn(b"no space left on the disk", text)
        self.assertEqual(self.get("/readyz?exclude=etcd-readiness", raw=True), (200, b"ok"))
        self.assertEqual(self.get("/livez", raw=True), (200, b"ok"))

    def check_room(self):
        os.unlink(self.filler)
        self.s.wait("ready again", lambda: self.get("/readyz", raw=True) == (200, b"ok"))
        self.assertEqual(self.create("second")[0], 201)

    def test_full_while_running(self):
        self.s.start()
        self.assertEqual(self.create("first")[0], 201)
        self.fill()
        for n in range(1000):  # the log has some room left in its last pages
            if self.create(f"more-{n}")[0] != 201:
                break
        self.check_full()
        self.check_room()

    def start_full(self, end, verb):
        self.s.verb = verb
        self.s.start()
        self.assertEqual(self.create("first")[0], 201)
        end()
        self.fill()
        with open(self.s.kubeconfig) as f:
            before = f.read()
        self.s.options += ("--listen", f"127.0.0.1:{self.s.port}")
        self.s.start()
        with open(self.s.kubeconfig) as f:
            self.assertEqual(f.read(), before)

    def test_full_at_the_start(self):
        self.start_full(self.s.stop, "apiserver")
        self.check_full()
        self.check_room()
        self.s.stop()
        self.s.start()
        self.assertEqual(self.get(CONFIG_MAPS + "/second")[0], 200)

    def test_full_at_the_start_after_a_crash(self):
        self.start_full(self.s.kill, "apiserver")
        self.check_full()
        self.check_room()

    def test_the_whole_control_plane_starts(self):
        self.s.options = ("--sim-nodes", "2")
        self.start_full(self.s.stop, "up")
        status, answer = self.create("refused")
        self.assertEqual(status, 503)
        self.assertEqual(self.get(CONFIG_MAPS + "/first")[0], 200)
        self.check_room()


if __name__ == "__main__":
    unittest.main(verbosity=2)
