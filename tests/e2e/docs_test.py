# SPDX-License-Identifier: Apache-2.0
"""The worked examples of the guides, as printed. usage: PROGRAM FOLDER_OF_THE_SOURCES

A guide's fenced blocks are typed one after the other: `build/ganglion up ...` starts a server of the
test's own, "Save as `NAME`" saves the block below, all other blocks with build/ganglion go to a shell.
Blocks that build something are left to the demo's test."""
import os
import re
import subprocess
import sys
import unittest

from server import Server

PROGRAM, SOURCES = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))
UP = re.compile(r"^build/ganglion up\b([^#\n]*)", re.MULTILINE)
BUILDS = re.compile(r"^(make|ninja)\b", re.MULTILINE)
BLOCK = re.compile(r"(?:Save as `([^`]+)`[^\n]*\n+)?^```[a-z]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(guide):
    """(name to save it under, text) of each fenced block."""
    with open(os.path.join(SOURCES, "docs/guides", guide)) as f:
        return BLOCK.findall(f.read())


class Guides(unittest.TestCase):
    def type_in(self, guide):
        """Returns the server and all that the guide's commands wrote."""
        server, said, saved = None, "", []
        for name, text in blocks(guide):
            up = UP.search(text)
            if name:
                saved.append((name, text))
            elif up:
                options = up[1].split()
                server = Server(PROGRAM, "up", *options)
                self.addCleanup(server.close)
                for name, text in saved:
                    with open(os.path.join(server.folder, name), "w") as f:
                        f.write(text)
                server.options = [os.path.join(server.folder, w) if w in dict(saved) else w
                                  for w in options]
                server.start()
            elif "build/ganglion " in text and not BUILDS.search(text):
                said += self.shell(server, text)
        return server, said

    def shell(self, server, text):
        script = text.replace("build/ganglion ", PROGRAM + " ")
        done = subprocess.run(["bash", "-ec", script], cwd=SOURCES, capture_output=True, text=True,
                              env=dict(os.environ, KUBECONFIG=server.kubeconfig), timeout=90)
        self.assertEqual(done.returncode, 0, text + done.stderr)
        return done.stdout

    def check(self, guide, command, *words):
        """In the end the command says all of these."""
        server, said = self.type_in(guide)

        def says():
            out = server.cli(*command.split()).stdout
            return all(re.search(w, out) for w in words)
        server.wait(f"{guide}: {command} says {words}", says, 20)
        return said

    def test_getting_started(self):
        self.check("getting-started.md", "get job my-job", r"Running|Complete")

    def test_backfill(self):
        self.check("backfill.md", "get pods", r"large .*Pending", r"quick .*Running",
                   r"slow .*Pending")

    def test_claims(self):
        self.check("dra.md", "get resourceclaims", "allocated,reserved")

    def test_numa(self):
        self.check("numa.md", "get pod near -o yaml", 'numa-cells: "0"', r"nvidia.com/gpu=0,1,2")

    def test_preemption(self):
        self.check("preemption.md", "get events", "Preempted")

    def test_queues(self):
        self.check("queues-and-quota.md", "why job/train",
                   "it would fit with a borrowing limit larger by 4")

    def test_topology(self):
        self.check("topology.md", "get pods -o wide", r"(ring.* Running.*\n){4}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
