# SPDX-License-Identifier: Apache-2.0
"""Many send large bodies slowly: strangers' are never kept, and no user's leave none for others.
usage: PROGRAM"""
import os
import re
import socket
import ssl
import struct
import sys
import unittest

from http2 import DATA, END_HEADERS, END_STREAM, HEADERS, Peer, frame
from server import CONFIG_MAPS, Server, config_map

PROGRAM = sys.argv.pop(1)
STRANGERS = 200
BODY = 3_000_000
PIECE = b"x" * 16384
ROUNDS = 100  # of a piece each: 320 MB from all, more than all bodies may have
GROWTH_MAX = 120 << 20
KEPT_MAX = 32 << 20  # when all is over: a quarter of what was held; sanitizers keep some
HEADS_GROWTH_MAX = 60 << 20


def varint(n):
    """The rest of an integer whose prefix is full (RFC 7541 5.1)."""
    out = []
    while n >= 128:
        out.append(n % 128 + 128)
        n //= 128
    return (*out, n)


class Strangers(unittest.TestCase):
    def setUp(self):
        # ASan keeps freed memory for a while, which is not what is bounded here
        asan = os.environ.get("ASAN_OPTIONS", "") + \
            ":quarantine_size_mb=1:allocator_release_to_os_interval_ms=0"
        self.s = Server(PROGRAM, env={"ASAN_OPTIONS": asan}).start()
        self.addCleanup(self.s.close)
        self.written = 0
        self.before = self.resident()

    def resident(self):
        with open(f"/proc/{self.s.process.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) << 10

    def write(self):
        self.written += 1
        status, answer = self.s.request("POST", CONFIG_MAPS, config_map(f"mine{self.written}"))
        self.assertEqual(status, 201, answer)

    def post(self, token, length=f"Content-Length: {BODY}"):
        """A connection whose request has begun."""
        c = self.s.tls.wrap_socket(socket.create_connection((self.s.host, self.s.port)),
                                   server_hostname=self.s.host)
        c.settimeout(20)
        c.sendall(f"POST {CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  f"{token}{length}\r\n\r\n".encode())
        return c

    def pour(self, senders):
        """Each sends a piece in each round as long as it may; a friend writes all the while."""
        for n in range(ROUNDS):
            for i, send in enumerate(senders):
                if send and not send(PIECE):
                    senders[i] = None
            if n % 10 == 0:
                self.write()

    @staticmethod
    def sender(c):
        def send(data):
            try:
                c.sendall(data)
            except OSError:
                return False
            return True
        return send

    def test_strangers_over_http1(self):
        tokens = ["", "Authorization: Bearer wrong\r\n"]
        all_of_them = [self.post(tokens[i % 2]) for i in range(STRANGERS)]
        self.pour([self.sender(c) for c in all_of_them])
        self.assertLess(self.resident() - self.before, GROWTH_MAX)
        for c in all_of_them:
            c.close()
        for i, token in enumerate(tokens):
            c = self.post(token)
            got = b"".join(iter(lambda: c.recv(1 << 16), b""))
            self.assertRegex(got, [b"^HTTP/1.1 403 ", b"^HTTP/1.1 401 "][i])
            self.assertRegex(got, b'connection: close\r\n(?s:.*)"kind":"Status"')
            c.close()

    def test_strangers_over_http2(self):
        senders, peers = [], []
        for i in range(STRANGERS // 4):
            p = Peer(self.s)
            peers.append(p)
            for stream in (1, 3, 5, 7):
                block = p.head(CONFIG_MAPS.encode(), b"POST", [b"wrong", b""][i % 2])
                p.send(frame(HEADERS, END_HEADERS, stream, block))
                senders.append(lambda data, p=p, n=stream: p.send(frame(DATA, 0, n, data)))
        self.pour(senders)
        self.assertLess(self.resident() - self.before, GROWTH_MAX)
        for p in peers:
            p.c.close()

    def test_heads_of_strangers_are_not_kept(self):
        """A header of 3,900 bytes in the dynamic table, named 15 times in each of 250 heads by a byte
        each (an HPACK bomb), and no window for the answers: 15 MB a connection."""
        peers = []
        for _ in range(20):
            p = Peer(self.s, struct.pack(">HI", 4, 0))
            peers.append(p)
            big = b"\x40\x01x" + bytes((0x7f, *varint(3900 - 127))) + b"y" * 3900
            p.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, p.head(token=b"") + big))
            for stream in range(3, 500, 2):
                if not p.send(frame(HEADERS, END_STREAM | END_HEADERS, stream,
                                    p.head(token=b"") + b"\xbe" * 15)):
                    break
            self.write()
        self.assertLess(self.resident() - self.before, HEADS_GROWTH_MAX)
        for p in peers:
            p.c.close()

    def test_nobody_is_asked_to_go_on_before_he_is_known(self):
        expects = f"Content-Length: {BODY}\r\nExpect: 100-continue"
        c = self.post("", expects)
        self.assertRegex(c.recv(1 << 16), b"^HTTP/1.1 403 ")
        c.close()
        c = self.post(f"Authorization: Bearer {self.s.token}\r\n", expects)
        self.assertEqual(c.recv(1 << 16), b"HTTP/1.1 100 Continue\r\n\r\n")
        c.close()

    @staticmethod
    def answer(c):
        c.setblocking(False)
        try:
            return c.recv(12)
        except ssl.SSLWantReadError:
            return None
        except OSError:
            return b"reset"

    def account(self, name):
        """A token of an account that may write ConfigMaps."""
        accounts = "/api/v1/namespaces/default/serviceaccounts"
        rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
        self.s.request("POST", accounts, {"metadata": {"name": name}})
        self.s.request("POST", f"{rbac}/roles", {
            "metadata": {"name": name},
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}]})
        self.s.request("POST", f"{rbac}/rolebindings", {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}]})
        status, answer = self.s.request("POST", f"{accounts}/{name}/token", {"spec": {}})
        self.assertEqual(status, 201, answer)
        return answer["status"]["token"]

    def test_no_user_leaves_no_room_for_others(self):
        token = f"Authorization: Bearer {self.account('greedy')}\r\n"
        greedy = [self.post(token) for _ in range(STRANGERS)]
        self.pour([self.sender(c) for c in greedy])
        answers = [self.answer(c) for c in greedy]
        held = answers.count(None)
        self.assertGreater(held, STRANGERS // 20)
        self.assertLess(held, STRANGERS // 2)  # 128 MiB of 256
        self.assertLessEqual(set(answers), {None, b"HTTP/1.1 429", b"reset"})
        self.assertIn(b"HTTP/1.1 429", answers)
        self.write()
        for c in greedy:
            c.close()
        self.s.wait("the memory back", lambda: self.resident() - self.before < KEPT_MAX, 10)


if __name__ == "__main__":
    unittest.main(verbosity=2)
