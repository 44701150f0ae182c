# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 in hand-made frames, for peers that no client library would be."""
import socket
import ssl
import struct

DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + \
        struct.pack(">I", stream) + payload


def field(name, value):
    """A literal that is not indexed (RFC 7541 6.2.2), short texts only."""
    return bytes((0, len(name))) + name + bytes((len(value),)) + value


class Peer:
    """A connection that speaks frames and never fails when the server ends it."""

    def __init__(self, s, settings=b""):
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        tls.set_alpn_protocols(["h2"])
        self.c = tls.wrap_socket(socket.create_connection((s.host, s.port)))
        self.c.settimeout(20)
        self.token = s.token.encode()
        self.ended = False
        Peer.last = self
        self.got = b""
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, settings))

    def send(self, data):
        try:
            self.c.sendall(data)
        except OSError:
            self.ended = True
        return not self.ended

    def head(self, path=b"/version", method=b"GET", token=None):
        token = self.token if token is None else token
        return field(b":method", method) + b"\x87" + field(b":path", path) + \
            field(b":authority", b"x") + (field(b"authorization", b"Bearer " + token) if token else b"")

    def read(self, seconds):
        """All that comes until the server ends the connection or is silent."""
        self.c.settimeout(seconds)
        try:
            while True:
                piece = self.c.recv(1 << 16)
                if not piece:
                    self.ended = True
                    break
                self.got += piece
        except (TimeoutError, socket.timeout):
            pass
        except OSError:
            self.ended = True
        return self.got

    def read_until(self, kinds):
        """Until a frame of these kinds came, or the server ended the connection."""
        self.c.settimeout(60)
        while not self.ended and not kinds & set(self.kinds()):
            try:
                piece = self.c.recv(1 << 16)
            except ConnectionError:
                piece = b""
            self.ended = not piece
            self.got += piece

    def kinds(self):
        """Kinds of the frames that came."""
        found, at = [], 0
        while at + 9 <= len(self.got):
            found.append(self.got[at + 3])
            at += 9 + int.from_bytes(self.got[at:at + 3], "big")
        return found
