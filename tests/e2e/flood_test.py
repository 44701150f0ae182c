# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 peers that flood: each connection ends or is bounded by a limit, memory stays, others are
served. usage: PROGRAM"""
import os
import re
import struct
import sys
import time
import unittest

from http2 import CONTINUATION, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST, SETTINGS, \
    WINDOW_UPDATE, Peer, field, frame
from server import CONFIG_MAPS, Server, config_map

PROGRAM = sys.argv.pop(1)
RESETS_PER_S = 1000
GIVEN_BACK_S = 10  # how soon the end of the peer must have been noticed
GROWTH_MAX = 8 << 20  # bytes of resident memory that stay when a flood is over


class Floods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # ASan keeps freed memory for a while, which is not what is bounded here
        asan = os.environ.get("ASAN_OPTIONS", "") + \
            ":quarantine_size_mb=1:allocator_release_to_os_interval_ms=0"
        cls.s = Server(PROGRAM, env={"ASAN_OPTIONS": asan}).start()
        for n in range(8):
            cls.s.request("POST", CONFIG_MAPS, config_map(f"big{n}", v="x" * 200000))

    @classmethod
    def tearDownClass(cls):
        cls.s.close()

    def resident(self):
        with open(f"/proc/{self.s.process.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) << 10

    def setUp(self):
        self.before = self.resident()

    def tearDown(self):
        Peer.last.c.close()
        begin = time.monotonic()
        self.assertEqual(self.s.request("GET", "/readyz", raw=True), (200, b"ok"))
        self.assertLess(time.monotonic() - begin, 5)
        end = time.monotonic() + GIVEN_BACK_S
        while self.resident() - self.before >= GROWTH_MAX and time.monotonic() < end:
            time.sleep(0.2)
        self.assertLess(self.resident() - self.before, GROWTH_MAX)

    def test_rapid_reset(self):
        """Streams opened and reset at once (CVE-2023-44487): http_limits.resets_per_s."""
        p = Peer(self.s)
        stream, head = 1, p.head()
        begin = time.monotonic()
        for _ in range(200):
            batch = b""
            for _ in range(50):
                batch += frame(HEADERS, END_STREAM | END_HEADERS, stream, head)
                batch += frame(RST, 0, stream, struct.pack(">I", 8))
                stream += 2
            if not p.send(batch):
                break
        p.send(frame(PING, 0, 0, b"are we q"))
        p.read_until({PING, GOAWAY})
        taken_all = not p.ended and GOAWAY not in p.kinds()
        allowed = RESETS_PER_S * (1 + time.monotonic() - begin)  # of a slow server these may be all
        self.assertFalse(taken_all and allowed < 10000, "10,000 resets were taken")

    def test_settings_and_pings(self):
        """Frames that want an answer each: http_limits.controls_per_s."""
        p = Peer(self.s)
        batch = frame(SETTINGS, 0, 0, struct.pack(">HI", 3, 100)) * 500 + \
            frame(PING, 0, 0, b"12345678") * 500
        for _ in range(400):
            p.c.settimeout(2)
            if not p.send(batch):
                break
        p.read(2)
        self.assertTrue(p.ended or GOAWAY in p.kinds(), "400,000 frames were taken")

    def test_continuation(self):
        """A head that never ends (CVE-2024-27316): http_limits.header_bytes."""
        p = Peer(self.s)
        p.send(frame(HEADERS, END_STREAM, 1, p.head()))
        piece = field(b"x", b"y" * 120) * 100
        for n in range(2000):
            if not p.send(frame(CONTINUATION, 0, 1, piece)):
                break
        p.read(2)
        self.assertTrue(p.ended or GOAWAY in p.kinds(), "24 MB of one head were taken")

    def test_zero_window(self):
        """Answers that nobody lets out: lists are refused beyond FRONT_HELD_BYTES_MAX."""
        p = Peer(self.s, struct.pack(">HI", 4, 0))
        head = p.head(CONFIG_MAPS.encode())
        for stream in range(1, 401, 2):
            p.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, head))
        p.read(1)
        held = self.resident() - self.before
        p.c.close()
        self.assertLess(held, 160 << 20)

    def test_windows_of_nothing(self):
        """Window updates and empty data frames for streams that are over cost nothing."""
        p = Peer(self.s)
        p.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, p.head()))
        for _ in range(200):
            if not p.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) * 1000):
                break
        p.read(1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
