# SPDX-License-Identifier: Apache-2.0
"""A gRPC server that knows one call, the health check, in plain HTTP/2 frames: enough to be probed.
usage: ADDRESS PORT STATUS. Answers 1 (SERVING) for the service "up", else STATUS."""
import socketserver
import sys

DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name, value):
    """HPACK: a literal field without indexing, new name."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


class Connection(socketserver.StreamRequestHandler):
    def handle(self):
        assert self.rfile.read(24).startswith(b"PRI * HTTP/2.0")
        self.wfile.write(frame(SETTINGS, 0, 0))
        while True:
            head = self.rfile.read(9)
            if len(head) < 9:
                return
            length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            stream, payload = int.from_bytes(head[5:], "big"), self.rfile.read(length)
            if kind == SETTINGS and not flags & ACK:
                self.wfile.write(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                self.wfile.write(frame(PING, ACK, 0, payload))
            elif kind == DATA and flags & END_STREAM:
                self.answer(stream, 1 if payload.endswith(b"\x0a\x02up") else int(sys.argv[3]))

    def answer(self, stream, status):
        body = b"\x08" + bytes([status])
        self.wfile.write(
            frame(HEADERS, END_HEADERS, stream,
                  b"\x88" + literal(b"content-type", b"application/grpc")) +
            frame(DATA, 0, stream, b"\0" + len(body).to_bytes(4, "big") + body) +
            frame(HEADERS, END_HEADERS | END_STREAM, stream, literal(b"grpc-status", b"0")))


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer((sys.argv[1], int(sys.argv[2])), Connection).serve_forever()
