# SPDX-License-Identifier: Apache-2.0
"""What a hostile peer, or an odd parent, must not make of the two processes."""

import contextlib
import os
import signal
import sys

from harness import Daemon
from machine import need_descriptors
from restart.keeping import Kept
from wire.protocol import (KILL, NAMES, RELOAD, Node, begin, connect, exchange, port2, read_all,
                           registered, reset, send, state)

CHILDREN_IGNORED = (
    sys.executable, "-c", "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
    "os.execvp(sys.argv[1], sys.argv[1:])")
WIDE = "\U0001f600".encode() * 250  # so that a listing is longer than the buffers


def test_a_kill_whose_reply_cannot_be_sent_ends_the_daemon(ours):
    with Daemon(ours) as server:
        os.kill(server.pid, signal.SIGSTOP)
        sock = connect(server.port)
        send(sock, KILL)
        reset(sock)
        os.kill(server.pid, signal.SIGCONT)
        assert server.wait() == 0


def test_resets_among_registrations_cost_no_registration(ours):
    """The number of a descriptor that hung up is taken by the next one at once."""
    need_descriptors(1000)
    with Kept(ours) as server, contextlib.ExitStack() as held:
        expected = set()
        for batch in range(8):
            doomed = [Node(server, b"doomed%d-%d" % (batch, n)) for n in range(60)]
            for node in doomed:
                reset(node.sock)
            for number in range(30):
                node = held.enter_context(Node(server, b"stays%d-%d" % (batch, number)))
                assert node.result == 0
                expected.add(node.name)
            server.kill_worker()
            assert set(registered(server)) >= expected


def test_a_parent_that_ignores_its_children_hides_no_death(ours):
    with Kept(ours, wrapper=CHILDREN_IGNORED) as server, Node(server, b"stays"):
        server.kill_worker()
        assert registered(server) == [b"stays"]


def test_a_reload_under_way_is_not_begun_again(ours):
    """One in ten seconds by request, and all that ask for more are told so."""
    with Kept(ours) as server, contextlib.ExitStack() as held:
        worker = server.worker()
        askers = [held.enter_context(begin(server.port)) for _ in range(20)]
        exchange(server, NAMES)  # by now all have been accepted
        for sock in askers:
            send(sock, b"\1r")
        server.after(worker)
        assert exchange(server, port2(b"none")) == b"w\1"
        assert exchange(server, RELOAD).startswith(b"NO: the last reload")
        assert server.log().count("a new process takes over") == 1


def test_a_keeper_that_dies_during_a_reload_leaves_an_epmd(ours):
    need_descriptors(7000)
    with Kept(ours) as server, contextlib.ExitStack() as held:
        for number in range(6000):
            held.enter_context(Node(server, b"%04d" % number + WIDE))
        node = held.enter_context(Node(server, b"stays"))
        worker = server.worker()
        with connect(server.port, receive_buffer=4096) as slow:
            send(slow, NAMES)  # whose answer a reload waits for
            slow.recv(1)
            os.kill(worker, signal.SIGHUP)
            server.wait_log("reloading")
            os.kill(server.pid, signal.SIGKILL)
            read_all(slow)
        try:
            server.wait_log("not reloading")
            assert b"name stays " in exchange(server, NAMES)
            assert state(node.sock) == "open"
        finally:
            os.kill(worker, signal.SIGTERM)
