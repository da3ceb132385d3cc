# SPDX-License-Identifier: Apache-2.0
"""The rows about a daemon's life rather than its load: idling, starting, asking
it from the command line.
"""

import contextlib
import os
import subprocess
import tempfile
import time

import contestants
from rows import SAME, Row, fill

SETTLED_S = 0.5


class Trace:
    """strace on all of a server's processes; nothing is missed and nothing ended."""

    def __init__(self, server):
        self._log = tempfile.NamedTemporaryFile(suffix=".strace")
        pids = [word for pid in server.processes() for word in ("-p", str(pid))]
        command = ["strace", "-f", "-o", self._log.name, *pids]
        self._process = contestants.spawn(command, contestants.GENERATOR_CPU,
                                          stderr=subprocess.PIPE, text=True)
        for _ in server.processes():
            self._process.stderr.readline()

    def size(self):
        return os.stat(self._log.name).st_size

    def settle(self):
        """Attaching interrupts the wait for events: let the server return to it."""
        size = -1
        while size != self.size():
            size = self.size()
            time.sleep(SETTLED_S)
        return size

    def calls_since(self, size):
        with open(self._log.name, "rb") as log:
            log.seek(size)
            return log.read().count(b"\n")

    def stop(self):
        self._process.terminate()
        self._process.wait()
        self._process.stderr.close()
        self._log.close()


def idle(bench):
    """System calls, and turns on a CPU, while nobody asks anything."""
    seconds, nodes = bench.options.idle_s, 1000
    calls = Row("idle", f"{seconds} s, {nodes:,} nodes", "system calls", "0")
    turns = Row("idle", f"{seconds} s, {nodes:,} nodes", "wake-ups", "0")
    with contextlib.ExitStack() as stack:
        watched = []
        for kind in bench.kinds():
            server = stack.enter_context(bench.epmd(kind))
            fill(server, 0, bench.bearable(kind, nodes))
            trace = Trace(server)
            stack.callback(trace.stop)
            watched.append((server, trace, trace.settle(), server.wake_ups()))
        time.sleep(seconds)
        for server, trace, size, woken in watched:
            turns.add(server.kind, server.wake_ups() - woken)
            calls.add(server.kind, trace.calls_since(size))
    for row in (calls, turns):
        row.met = row.median("ours") == 0
        yield row


def _milliseconds(action):
    before = time.perf_counter()
    action()
    return (time.perf_counter() - before) * 1000


def _quiet(command):
    return contestants.spawn(command, contestants.SERVER_CPU, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _time_start(path):
    port = contestants.free_port()
    before = time.perf_counter()
    process = _quiet([path, "-port", str(port)])
    try:
        contestants.await_answer(port, pause_s=0)
        return (time.perf_counter() - before) * 1000
    finally:
        process.terminate()
        process.wait()


def _time_daemon(path):
    port = contestants.free_port()
    elapsed = _milliseconds(lambda: _quiet([path, "-daemon", "-port", str(port)]).wait())
    contestants.await_answer(port, contestants.KILL)
    return elapsed


def commands(bench):
    """What a script or a booting node waits for."""
    must = {"must": "<= stock", "limits": {"stock": SAME}}
    names = Row("-names", "10 nodes", "ms", **must)
    start = Row("start", "until the first lookup is answered", "ms", **must)
    daemon = Row("-daemon", "until it returns", "ms", **must)
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(bench.epmd(kind)) for kind in bench.kinds()]
        for server in servers:
            fill(server, 0, 10)
        for _ in range(bench.options.command_rounds):
            for server in servers:
                path = bench.ours if server.kind == "ours" else bench.stock
                ask = [path, "-port", str(server.port), "-names"]
                names.add(server.kind, _milliseconds(lambda: _quiet(ask).wait()))
                start.add(server.kind, _time_start(path))
                daemon.add(server.kind, _time_daemon(path))
    yield from (names, start, daemon)
