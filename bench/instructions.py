# SPDX-License-Identifier: Apache-2.0
"""Count the instructions of user space that a lookup and a registration cost.

    instructions.py --epmd PATH [--port NUMBER] [--check]

A fixed script runs under callgrind: 10,000 lookups, 1,000 registrations. The same
start and end without them is taken off. The server is stopped while a batch of
requests is sent, and so always finds the same: counts repeat where time does not.
It listens on the port, or else on one that is free.
With --check, exits 1 where a count is above its budget in instructions.json, and 77
where that was made for another system.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

from contestants import KILL, await_answer, free_port

BUDGET = pathlib.Path(__file__).with_name("instructions.json")
LOOKUPS, REGISTRATIONS, BATCH = 10_000, 1_000, 100
LINE = re.compile(r"\s*([\d,]+) \([ \d.]+%\)\s+(.+)")
DEADLINE_S = 100


def frame(body):
    return len(body).to_bytes(2, "big") + body


def lookup(number):
    return frame(b"znode%d" % (number % 10))


def alive(name):
    return frame(b"x\x12\x67M\0\0\6\0\5" + len(name).to_bytes(2, "big") + name + b"\0\0")


def system():
    with open("/etc/os-release") as release:
        facts = dict(line.rstrip().split("=", 1) for line in release if "=" in line)
    return f"{facts.get('ID')} {facts.get('VERSION_ID')} {platform.machine()}".replace('"', "")


class Server:
    """An epmd under callgrind, which is given requests while it is stopped."""

    def __init__(self, epmd, port):
        self.out = tempfile.NamedTemporaryFile(prefix="callgrind.")
        self.port = port
        self.process = subprocess.Popen(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.out.name}",
             epmd, "-port", str(self.port), "-relaxed_command_check",
             "-no_sandbox", "seccomp"],  # valgrind makes calls of its own
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_answer(self.port)

    def stop(self):
        os.kill(self.process.pid, signal.SIGSTOP)
        deadline = time.monotonic() + DEADLINE_S
        while open(f"/proc/{self.process.pid}/stat").read().rsplit(")")[-1].split()[0] != "T":
            assert time.monotonic() < deadline, "the server does not stop"

    def batch(self, requests):
        """Send all while the server is stopped; return the connections, answered."""
        self.stop()
        peers = []
        for request in requests:
            peers.append(socket.create_connection(("127.0.0.1", self.port), DEADLINE_S))
            peers[-1].sendall(request)
        os.kill(self.process.pid, signal.SIGCONT)
        for peer in peers:
            assert peer.recv(4096)
        return peers

    def end(self):
        """Instructions by function, from the start to the end of the process."""
        await_answer(self.port, KILL)
        assert self.process.wait(DEADLINE_S) == 0
        shown = subprocess.run(["callgrind_annotate", "--threshold=100", self.out.name],
                               capture_output=True, text=True, check=True).stdout
        counts = {}
        for line in shown.splitlines():
            if found := LINE.fullmatch(line):
                name = re.sub(r"^.*?:|\s*\[.*\]$", "", found[2])
                counts[name] = counts.get(name, 0) + int(found[1].replace(",", ""))
        return counts


def script(epmd, port, lookups, registrations):
    server = Server(epmd, port)
    with contextlib.ExitStack() as held:
        for peer in server.batch([alive(b"node%d" % n) for n in range(10)]):
            held.enter_context(peer)
        for start in range(0, registrations, BATCH):
            names = (b"%020d" % n for n in range(start, start + BATCH))
            for peer in server.batch(map(alive, names)):
                held.enter_context(peer)
        for start in range(0, lookups, BATCH):
            for peer in server.batch(map(lookup, range(start, start + BATCH))):
                peer.close()
        return server.end()


def per_operation(counts, base, operations):
    """What each function does for one operation, and the sum of it."""
    each = {name: (count - base.get(name, 0)) / operations for name, count in counts.items()
            if name != "PROGRAM TOTALS"}
    return sum(each.values()), each


def show(kind, total, each):
    print(f"\n{total:8.0f} instructions a {kind}")
    for name, count in sorted(each.items(), key=lambda item: -item[1])[:12]:
        print(f"{count:8.0f} {name}")


def check(totals):
    budget = json.loads(BUDGET.read_text())
    if budget["system"] != system():
        print(f"the budget is for {budget['system']}, this is {system()}")
        return 77
    over = [kind for kind in totals if totals[kind] > budget[kind]]
    for kind in over:
        print(f"{kind}: {totals[kind]:.0f} instructions, the budget is {budget[kind]}")
    return 1 if over else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epmd", required=True, type=os.path.abspath)
    parser.add_argument("--port", type=int)
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    port = chosen.port or free_port()
    base = script(chosen.epmd, port, 0, 0)
    totals = {}
    for kind, operations, counts in [("lookup", LOOKUPS, script(chosen.epmd, port, LOOKUPS, 0)),
                                     ("registration", REGISTRATIONS,
                                      script(chosen.epmd, port, 0, REGISTRATIONS))]:
        totals[kind], each = per_operation(counts, base, operations)
        show(kind, totals[kind], each)
    return check(totals) if chosen.check else 0


if __name__ == "__main__":
    sys.exit(main())
