#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs ring_train as several local processes: it learns, agrees, and never hangs.

usage: ring_train_test.py RING_TRAIN DIGITS
"""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM, DIGITS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
WORKERS = 4
FOREVER = ["--epochs", "1000000"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class RingTrain(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.workers = {}

    def tearDown(self):
        for p in self.workers.values():
            if p.poll() is None:
                p.kill()
            p.communicate()
        self.folder.cleanup()

    def start(self, rank, world=WORKERS, args=(), **env):
        base = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
        base.update(WORLD_SIZE=str(world), RANK=str(rank), RING_JOIN_TIMEOUT_S="30",
                    RENDEZVOUS_ID=self.id())
        base.update(env)
        self.workers[rank] = subprocess.Popen([PROGRAM, *args, DIGITS], text=True, stdout=subprocess.PIPE,
                                              stderr=subprocess.PIPE,
                                              env={k: v for k, v in base.items() if v is not None})

    def start_all(self, args=(), **env):
        for rank in range(WORKERS):
            self.start(rank, args=args, RENDEZVOUS_DIR=self.folder.name, **env)

    def finish(self, rank, timeout=60):
        out, err = self.workers[rank].communicate(timeout=timeout)
        return self.workers[rank].returncode, out, err

    def line(self, rank, pattern, timeout=30):
        """Reads the worker's output up to a line that matches."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            line = self.workers[rank].stdout.readline()
            if re.search(pattern, line):
                return line
            if not line:
                break
        self.fail(f"rank {rank} did not print {pattern}: {self.finish(rank)}")

    def check_training(self, world=WORKERS):
        sums = set()
        for rank in range(world):
            code, out, err = self.finish(rank)
            self.assertEqual((code, err), (0, ""), f"rank {rank}: {out}")
            sums.add(re.search(r"^rank %d: weights ([0-9a-f]{16})" % rank, out, re.M).group(1))
            self.assertRegex(out, r"(?m)^rank %d: pid \d+ exec_ns \d{19}$" % rank)
            if rank == 0:
                first = out
        self.assertEqual(len(sums), 1, "all workers hold the same weights")
        losses = [float(x) for x in re.findall(r"^epoch +\d+  loss ([\d.]+)$", first, re.M)]
        self.assertEqual(len(losses), 30)
        self.assertLess(losses[-1], losses[0] / 4)
        accuracy = float(re.search(r"^test accuracy ([\d.]+) %", first, re.M).group(1))
        self.assertGreater(accuracy, 93)
        return sums.pop(), first

    def test_meets_in_a_folder_whoever_starts_first(self):
        for rank in reversed(range(WORKERS)):
            self.start(rank, RENDEZVOUS_DIR=self.folder.name, POD_IP=f"127.0.7.{rank + 1}")
            time.sleep(0.1)
        _, out = self.check_training()
        skew = float(re.search(r"start skew ([\d.]+) ms", out).group(1))
        self.assertGreater(skew, 250)
        self.assertLess(skew, 20000)
        self.assertEqual(os.listdir(self.folder.name), [], "the address file is removed")

    def test_meets_at_a_master_address_with_completion_indexes(self):
        port = str(free_port())
        for rank in range(WORKERS):
            self.start(rank, RANK=None, JOB_COMPLETION_INDEX=str(rank), MASTER_ADDR="localhost",
                       MASTER_PORT=port)
        self.check_training()

    def test_an_old_address_file_does_not_mislead(self):
        self.start(1, world=2, RENDEZVOUS_DIR=self.folder.name)
        time.sleep(0.1)
        self.start(0, world=2, RENDEZVOUS_DIR=self.folder.name)
        self.check_training(world=2)
        # The next run finds the address of a server that is not ours and that answers nonsense.
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.1", 0))
            stranger.listen()
            stranger.settimeout(20)
            self.start(0, world=2, RENDEZVOUS_DIR=self.folder.name)
            deadline = time.monotonic() + 20
            found = []  # not the draft that is about to get this name
            while not found and time.monotonic() < deadline:
                time.sleep(0.01)
                found = [f for f in os.listdir(self.folder.name) if f.endswith(".addr")]
            path = os.path.join(self.folder.name, found[0])
            with open(path) as f:
                right = f.read()
            with open(path, "w") as f:
                f.write("127.0.0.1 %d\n" % stranger.getsockname()[1])
            self.start(1, world=2, RENDEZVOUS_DIR=self.folder.name)
            peer, _ = stranger.accept()
            with open(path, "w") as f:
                f.write(right)
            peer.sendall(b"x" * 64)
            peer.close()
        self.check_training(world=2)

    def test_one_worker_alone(self):
        self.start(0, world=1)
        self.check_training(world=1)

    def test_a_killed_worker_ends_all_soon(self):
        self.start_all(args=FOREVER)
        self.line(0, "^epoch +3 ")
        self.workers[2].kill()
        killed = time.monotonic()
        for rank in (0, 1, 3):
            code, _, err = self.finish(rank, timeout=20)
            self.assertEqual(code, 1)
            self.assertRegex(err, r"rank %d: lost rank \d" % rank)
        self.assertLess(time.monotonic() - killed, 5)

    def test_a_stopped_worker_ends_all_after_the_timeout(self):
        self.start_all(args=FOREVER, RING_STEP_TIMEOUT_S="1")
        self.line(0, "^epoch +3 ")
        self.workers[2].send_signal(signal.SIGSTOP)
        errors = ""
        for rank in (0, 1, 3):
            code, _, err = self.finish(rank, timeout=20)
            self.assertEqual(code, 1)
            errors += err
        self.assertRegex(errors, r"rank 2 has been silent for 1 s")

    def test_a_missing_worker_is_named(self):
        for rank in (0, 1, 3):
            self.start(rank, RENDEZVOUS_DIR=self.folder.name, RING_JOIN_TIMEOUT_S="1")
        code, _, err = self.finish(0, timeout=20)
        self.assertEqual(code, 1)
        self.assertIn("3 of 4 workers came within 1 s; missing ranks: 2", err)
        for rank in (1, 3):
            code, _, err = self.finish(rank, timeout=20)
            self.assertEqual(code, 1)
            self.assertIn("rank 0 did not gather the workers", err)

    def test_wrong_settings_are_refused(self):
        for env, want in (({"RANK": "4"}, "RANK=4: want a number from 0 to 3"),
                          ({"RANK": None}, "set RANK"),
                          ({"WORLD_SIZE": "many"}, "WORLD_SIZE=many"),
                          ({}, "set MASTER_ADDR"),
                          ({"RENDEZVOUS_DIR": "/", "POD_IP": "here"}, "POD_IP=here")):
            self.start(0, **env)
            code, _, err = self.finish(0)
            self.assertEqual(code, 1)
            self.assertIn(want, err)

    def test_a_bad_data_file_names_the_line(self):
        path = os.path.join(self.folder.name, "bad.txt")
        with open(path, "w") as f:
            f.write("# digits\n7 " + "0" * 64 + "\n7 " + "0" * 63 + "g\n")
        done = subprocess.run([PROGRAM, path], stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("bad.txt:3: want a digit", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
