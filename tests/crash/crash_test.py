# SPDX-License-Identifier: Apache-2.0
"""kill -9 while clients write: every acknowledged write is there afterwards, revisions go on, old
watches get 410. usage: PROGRAM"""
import os
import random
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from server import CONFIG_MAPS, Server, config_map  # noqa: E402

PROGRAM = sys.argv.pop(1)
ROUNDS = int(os.environ.get("CRASH_ROUNDS", "6"))
WRITERS = 4


class Writer(threading.Thread):
    """Creates, changes and deletes ConfigMaps of its own; remembers what was acknowledged."""

    def __init__(self, server, number, known):
        super().__init__(daemon=True)
        self.server, self.number, self.known = server, number, known
        self.maybe = {}  # name: values that a write without an answer may have left
        self.newest = 0
        self.random = random.Random(number)

    def write(self, c, step):
        name = f"w{self.number}-{self.random.randrange(40)}"
        have = name in self.known
        gone = have and self.random.random() < 0.2
        value = None if gone else str(step)
        self.maybe[name] = value
        if gone:
            status, answer = self.server.request("DELETE", f"{CONFIG_MAPS}/{name}", connection=c)
        elif have:
            status, answer = self.server.request("PUT", f"{CONFIG_MAPS}/{name}",
                                                 config_map(name, v=value), connection=c)
        else:
            status, answer = self.server.request("POST", CONFIG_MAPS, config_map(name, v=value),
                                                 connection=c)
        if status >= 400:
            raise AssertionError((status, answer))
        del self.maybe[name]
        self.newest = max(self.newest, int(answer["metadata"].get("resourceVersion", 0)))
        if gone:
            del self.known[name]
        else:
            self.known[name] = value

    def run(self):
        try:
            c = self.server.connect()
            for step in range(1_000_000):
                self.write(c, f"{time.monotonic_ns()}-{step}")
        except (OSError, ConnectionError, ValueError, __import__("http").client.HTTPException):
            pass  # the server was killed


class Crash(unittest.TestCase):
    def check(self, s, writers):
        listed = {o["metadata"]["name"]: o["data"]["v"]
                  for o in s.request("GET", CONFIG_MAPS)[1]["items"] if "v" in o.get("data", {})}
        for w in writers:
            mine = {n: v for n, v in listed.items() if n.startswith(f"w{w.number}-")}
            for name in set(mine) | set(w.known):
                got, want = mine.get(name), w.known.get(name)
                allowed = {want} | ({w.maybe[name]} if name in w.maybe else set())
                self.assertIn(got, allowed, f"{name} after kill -9")
                if got is None:
                    w.known.pop(name, None)
                else:
                    w.known[name] = got

    def test_acknowledged_writes_survive(self):
        s = Server(PROGRAM)
        known = [{} for _ in range(WRITERS)]
        try:
            newest = 0
            for round_ in range(ROUNDS):
                s.start()
                writers = [Writer(s, i, known[i]) for i in range(WRITERS)]
                for w in writers:
                    w.start()
                time.sleep(random.Random(round_).uniform(0.2, 1.2))
                s.kill()
                for w in writers:
                    w.join(20)
                newest = max([newest] + [w.newest for w in writers])
                s.start()
                self.check(s, writers)
                version = int(s.request("GET", CONFIG_MAPS)[1]["metadata"]["resourceVersion"])
                self.assertGreaterEqual(version, newest, "revisions must not go back")
                s.stop()
            self.assertTrue(any(known), "nothing was ever written")
        finally:
            s.close()

    def test_watches_from_before_get_410(self):
        s = Server(PROGRAM)
        try:
            s.start()
            for i in range(20):
                s.request("POST", CONFIG_MAPS, config_map(f"m{i}"))
            old = s.request("GET", f"{CONFIG_MAPS}/m3")[1]["metadata"]["resourceVersion"]
            s.kill()
            s.start()
            status, answer = s.request(
                "GET", f"{CONFIG_MAPS}?watch=true&resourceVersion={old}&timeoutSeconds=2", raw=True)
            self.assertTrue(status == 410 or b'"code":410' in answer.replace(b" ", b""),
                            (status, answer))
            items = s.request("GET", CONFIG_MAPS)[1]["items"]
            self.assertEqual(len([o for o in items if o["metadata"]["name"].startswith("m")]), 20)
        finally:
            s.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
