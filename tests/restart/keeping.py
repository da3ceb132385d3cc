# SPDX-License-Identifier: Apache-2.0
"""A daemon with a keeper, and what can be done to its processes.

Always true here: the worker is the keeper's only child; a process is signalled by
its own id, and only after it has been seen as such.
"""

import contextlib
import os
import re
import signal

from harness import Daemon, wait_for
from wire.protocol import DUMP, NAMES, Node, connect, exchange, port2, send


class Kept(Daemon):
    """A daemon in the foreground whose pid is the keeper's."""

    def __init__(self, binary, *options, **how):
        super().__init__(binary, "-keeper", *options, **how)

    def worker(self):
        """The worker's process id; None while there is none."""
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as children:
            pids = children.read().split()
        return int(pids[0]) if pids else None

    def end_worker(self, number=signal.SIGKILL):
        """End the worker by a signal; its process id."""
        pid = wait_for(self.worker, what="a worker")
        os.kill(pid, number)
        return pid

    def kill_worker(self, number=signal.SIGKILL):
        """End the worker by a signal and return when another one serves."""
        self.after(self.end_worker(number))

    def pauses(self):
        """How long the keeper has waited before each further worker, in ms."""
        told = re.findall(r"starting the worker again in (\d+) ms", self.log())
        return [int(ms) for ms in told]

    @contextlib.contextmanager
    def gap(self):
        """While the block runs no worker does, because the keeper is stopped."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            pid = self.end_worker()
            wait_for(lambda: gone(pid), what="the end of the worker")
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)
        self.after(pid)

    def after(self, pid):
        """Return when a worker serves that is not this one."""
        wait_for(lambda: self.worker() not in (None, pid), what="another worker")
        exchange(self, NAMES)


def gone(pid):
    """Whether a process has ended; one that nobody has waited for counts."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def view(server, *names):
    """All that a client can see: NAMES, and each node as a lookup shows it."""
    return [exchange(server, NAMES), *(exchange(server, port2(name)) for name in names)]


def departed(server):
    """The departed names, in the order of DUMP."""
    lines = exchange(server, DUMP)[4:].split(b"\0")
    return [line.partition(b"<")[2].rpartition(b">")[0]
            for line in lines if line.startswith(b"old/unused")]


def settled(server, name, **values):
    """The creation that a name which is free now gets."""
    with Node(server, name, **values) as node:
        assert node.result == 0
        return node.creation


def ask(server, request):
    """A connection on which a request is under way."""
    sock = connect(server.port)
    send(sock, request)
    return sock
