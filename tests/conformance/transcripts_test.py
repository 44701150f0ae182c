# SPDX-License-Identifier: Apache-2.0
"""Plays the recorded answers of a Kubernetes 1.36 API server against ours. The transcripts are kept
outside this repository; without them the test is skipped. usage: PROGRAM EXCEPTIONS [FOLDER]"""
import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from server import Server  # noqa: E402

SKIPPED = 77
HERE = os.path.dirname(os.path.abspath(__file__))


def known(path):
    with open(path) as f:
        rows = [line.split(None, 2) for line in f if line.strip() and not line.startswith("#")]
    return {(name, int(step)) for name, step, _ in rows}


def failures(text):
    """(transcript, step) of each difference that replay.py prints."""
    found, name = set(), None
    for line in text.splitlines():
        head = re.match(r"(\w+): \d+/\d+", line)
        step = re.match(r"  step (\d+): ", line)
        name = head[1] if head else name
        if step:
            found.add((name, int(step[1])))
    return found


def main():
    program, exceptions = sys.argv[1:3]
    folder = os.environ.get("CONFORMANCE_DIR") or os.path.join(HERE, "../../../shared/conformance")
    replay = os.path.join(folder, "replay.py")
    if not os.path.exists(replay):
        print(f"skipped: no transcripts at {folder}; set CONFORMANCE_DIR")
        return SKIPPED
    with Server(program) as s:
        done = subprocess.run(
            [sys.executable, replay, "check", "--base", s.url, "--token", s.token,
             *sorted(glob.glob(os.path.join(folder, "transcripts", "*.jsonl")))],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=150)
    print(done.stdout)
    if not re.search(r"^\d+ passed, \d+ failed", done.stdout, re.M):
        return 1
    got, want = failures(done.stdout), known(exceptions)
    for name, step in sorted(got - want):
        print(f"not an exception: {name} step {step}")
    for name, step in sorted(want - got):
        print(f"no longer an exception, remove it: {name} step {step}")
    return 0 if got == want else 1


if __name__ == "__main__":
    sys.exit(main())
