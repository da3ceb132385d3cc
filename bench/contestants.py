# SPDX-License-Identifier: Apache-2.0
"""The servers that are compared, and the generator that asks them.

Servers run on one CPU, generators (and this program) on another, and every
process that is started here is ended here, by its own id.
"""

import contextlib
import json
import os
import random
import resource
import socket
import struct
import subprocess
import time

_CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, GENERATOR_CPU = _CPUS[0], _CPUS[-1]
START_DEADLINE_S = 100  # a busy machine
PORT_PLEASE_UNKNOWN = b"\0\5znone"
KILL = b"\0\1k"


def raise_descriptor_limit(wanted):
    """Allow as many descriptors as are wanted, or can be had; return how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return wanted
    granted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
    return granted


def spawn(command, cpu, **streams):
    """Start a process pinned to one CPU, without what would configure an epmd."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ERL_EPMD")}
    os.sched_setaffinity(0, {cpu})
    try:
        return subprocess.Popen(command, env=environment, **streams)
    finally:
        os.sched_setaffinity(0, {GENERATOR_CPU})


def free_port():
    """A port nobody listens on, outside the range that clients are given."""
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("0.0.0.0", port))
            return port


def ask(port, request):
    """One request from this process; its whole reply, or None if nobody listens."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=START_DEADLINE_S) as peer:
            peer.sendall(request)
            reply = b""
            while chunk := peer.recv(65536):
                reply += chunk
            return reply
    except (ConnectionRefusedError, ConnectionResetError):
        return None


def await_answer(port, request=PORT_PLEASE_UNKNOWN, pause_s=0.002):
    """Ask until there is an answer."""
    deadline = time.monotonic() + START_DEADLINE_S
    while not (reply := ask(port, request)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"nothing answers on port {port}")
        time.sleep(pause_s)
    return reply


class Server:
    """One running server, with a generator that may hold nodes in it."""

    def __init__(self, kind, command, load, reply=None):
        self.kind = kind
        self._command = command
        self._load = load
        self._reply = reply

    def __enter__(self):
        self.port = free_port()
        command = [word.replace("PORT", str(self.port)) for word in self._command]
        self._process = spawn(command, SERVER_CPU, stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._process.stdin.write(self._reply or b"")
        self._process.stdin.close()
        self._generator = None
        try:
            await_answer(self.port)
            self._generator = spawn([self._load, str(self.port)], GENERATOR_CPU, text=True,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in (self._generator, self._process):
            if process is not None:
                process.terminate()
                process.wait()

    def generate(self, what, count, in_flight=1, milliseconds=60000):
        """Have the generator carry out one command; its tally."""
        self._generator.stdin.write(f"{what} {count} {in_flight} {milliseconds}\n")
        self._generator.stdin.flush()
        line = self._generator.stdout.readline()
        if not line:
            raise RuntimeError(f"the generator gave up on {self.kind}: {what} {count}")
        return json.loads(line)

    def processes(self):
        """The server's process and all that it started."""
        found = [self._process.pid]
        for pid in found:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as children:
                    found += map(int, children.read().split())
        return found

    def _schedstat(self, column):
        total = 0
        for pid in self.processes():
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat") as stat:
                    total += int(stat.read().split()[column])
        return total

    def cpu_ns(self):
        return self._schedstat(0)

    def waited_ns(self):
        """How long the server could have run, had its CPU not been taken by others."""
        return self._schedstat(1)

    def wake_ups(self):
        return self._schedstat(2)

    def pss_bytes(self):
        total = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/smaps_rollup") as rollup:
                total += sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
        return total * 1024


def names_reply(nodes):
    """What NAMES brings with so many of the generator's nodes; the floor sends it."""
    return bytes(4) + b"".join(b"name node%016d at port %d\n" % (node, 10000 + node % 50000)
                               for node in reversed(range(nodes)))


# What a lookup of one of the generator's nodes brings; the floor sends it.
LOOKUP_REPLIES = {
    "known": struct.pack("!BBHBBHHH20sH", 119, 0, 10000, 77, 0, 6, 6, 20, b"n" * 20, 0),
    "unknown": bytes([119, 1]),
}
