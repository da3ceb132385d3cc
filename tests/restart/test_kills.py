# SPDX-License-Identifier: Apache-2.0
"""Random deaths of the worker under load, against a model.

One thread registers and lets nodes die, others look up about a thousand times a
second; the worker is killed at random moments of a fixed sequence. ./dev test
long makes it two hundred deaths; without it there are a few.
"""

import contextlib
import os
import random
import signal
import threading
import time

import pytest

from harness import wait_for
from machine import is_asked, need_descriptors
from restart.keeping import Kept, gone
from wire.protocol import (NOT_FOUND, Node, alive2, connect, exchange, found, port2,
                           read_all, registered, send, state)

N_KILLS = 200 if is_asked("long") else 8
SEED = 20260131
N_STABLE = 200
LOOKUPS_EACH_SECOND = 1000


class Load:
    """What happens beside the deaths; `stopped` ends it."""

    def __init__(self, server):
        self.server = server
        self.random = random.Random(SEED)
        self.stopped = threading.Event()
        self.stable = [Node(server, b"stable%d" % i, port=i + 1) for i in range(N_STABLE)]
        self.changing = {}
        self.creations = {}
        self.wrong, self.n_lost, self.answered = [], 0, 0
        self.n_registered = 0
        self.unserved = 0

    def look_up(self):
        """Ask for names that are registered all the time, at a steady pace."""
        own = random.Random(SEED + threading.get_ident())
        start, n = time.monotonic(), 0
        while not self.stopped.is_set():
            node = own.randrange(N_STABLE)
            name = b"stable%d" % node
            self.check(name, ask_patiently(self.server, port2(name)), found(name, port=node + 1))
            n += 1
            ahead = start + n / (LOOKUPS_EACH_SECOND / 2) - time.monotonic()
            if ahead > 0:
                self.stopped.wait(ahead)

    def check(self, name, reply, expected):
        if reply == expected:
            self.answered += 1
        elif reply == b"":
            self.n_lost += 1
        else:
            self.wrong.append((name, reply))

    def change(self):
        """Let nodes come, die and come back."""
        while not self.stopped.is_set():
            name = b"changing%d" % self.random.randrange(300)
            node = self.changing.pop(name, None)
            if node:
                node.close()
            if not node or self.random.random() < 0.5:
                self.come(name)

    def come(self, name):
        """Register until it works: a request that the death meets is lost."""
        while not self.stopped.is_set():
            sock = connect(self.server.port)
            send(sock, alive2(name))
            reply = b""
            with contextlib.suppress(ConnectionResetError):
                reply = sock.recv(16)
            if reply[:2] == b"v\0" and len(reply) == 6:
                self.registered_as(name, sock, int.from_bytes(reply[2:], "big"))
                return
            sock.close()
            if reply:
                self.wrong.append((name, reply))
                return
            self.unserved += 1

    def registered_as(self, name, sock, creation):
        node = Node.__new__(Node)
        node.name, node.sock, node.reply = name, sock, b"v\0" + creation.to_bytes(4, "big")
        if self.creations.get(name) == creation:
            self.wrong.append((name, "the creation of its former life"))
        self.creations[name] = creation
        self.changing[name] = node
        self.n_registered += 1

    def go_on(self, n_answers, n_registrations):
        """Return after so many more of both."""
        answered, registered_ = self.answered + n_answers, self.n_registered + n_registrations
        wait_for(lambda: self.answered >= answered and self.n_registered >= registered_,
                 what="lookups and registrations going on")

    def close(self):
        for node in (*self.stable, *self.changing.values()):
            node.close()


def ask_patiently(server, request):
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        with connect(server.port) as sock:
            send(sock, request)
            return read_all(sock)
    return b""


@pytest.mark.more("long")
@pytest.mark.timeout(1800 if N_KILLS > 100 else 300)
def test_nothing_is_lost_but_what_is_in_flight(kept):
    need_descriptors(2000)
    load, pauses = Load(kept), random.Random(SEED)
    threads = [threading.Thread(target=work)
               for work in (load.look_up, load.look_up, load.change)]
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(load.close)
        for thread in threads:
            thread.start()
            cleanup.callback(thread.join)
        cleanup.callback(load.stopped.set)
        for _ in range(N_KILLS):
            load.go_on(50 + pauses.randrange(200), 10)
            kept.kill_worker()
            load.go_on(1, 1)
        load.stopped.set()
        for thread in threads:
            thread.join()
        check_end(kept, load)


@pytest.mark.timeout(900 if N_KILLS > 100 else 300)
def test_kill_9_of_all_newest_first_leaves_none(ours):
    """As `kill -9 $(pidof epmd)` does: the keeper may be starting a worker when it dies."""
    for _ in range(N_KILLS):
        with Kept(ours) as kept:
            worker = kept.worker()
            os.kill(worker, signal.SIGKILL)
            os.kill(kept.pid, signal.SIGKILL)
            kept.wait()
            wait_for(lambda: not processes_with(f"-port\0{kept.port}\0"), what="the end of all")


def processes_with(words):
    """The processes whose command line holds these words."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{pid}/cmdline", "rb") as line:
                if words.encode() in line.read() and not gone(int(pid)):
                    found.append(int(pid))
    return found


def check_end(kept, load):
    """The registry is the model; what was lost was lost at a death."""
    assert load.wrong == []
    assert load.n_lost <= 2 * N_KILLS, "at most one for each client and death"
    assert load.unserved <= N_KILLS
    expected = sorted([node.name for node in load.stable] + list(load.changing))
    wait_for(lambda: sorted(registered(kept)) == expected, what="the model")
    for node in (*load.stable, *load.changing.values()):
        assert state(node.sock) == "open"
    for name in set(load.creations) - set(load.changing):
        assert exchange(kept, port2(name)) == NOT_FOUND
