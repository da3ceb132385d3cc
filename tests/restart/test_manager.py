# SPDX-License-Identifier: Apache-2.0
"""-systemd with a service manager that is slow, small or silent.

Always true here: the manager is a datagram socket of the test's, which is read only
when the test does. How many messages it takes meanwhile is the system's limit
(net.unix.max_dgram_qlen).
"""

import os
import re
import shlex
import signal
import socket

import pytest

from harness import free_port, wait_for
from machine import need_descriptors
from restart.keeping import ask, settled
from restart.passing import Watcher, Worker
from wire.protocol import (KILL, NAMES, NOT_FOUND, Node, alive2, exchange, found, port2, registered,
                           state)

with open("/proc/sys/net/unix/max_dgram_qlen", encoding="ascii") as limit:
    QUEUE = int(limit.read())
MANY = QUEUE + 300


@pytest.fixture
def manager(ours, tmp_path):
    need_descriptors(4 * MANY)  # both ends of each connection, and what is passed on
    with Watcher(ours, str(tmp_path / "notify")) as watcher:
        yield watcher


def register(server, count, start=0):
    return [Node(server, b"n%d" % i) for i in range(start, start + count)]


def check(server, nodes):
    """All these are registered, in this order."""
    assert registered(server) == [node.name for node in nodes[::-1]]
    assert {state(node.sock) for node in nodes} <= {"open"}


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "restart"])
def test_registrations_survive(manager, end):
    server = manager.start()
    creation = settled(server, b"departed")
    nodes = register(server, 20)
    before = exchange(server, NAMES)
    manager.take_nodes(21)
    os.kill(server.pid, end)
    server.wait()
    assert len(manager.held["s"]) == 1
    assert "READY=1" in manager.words
    server = manager.start()
    assert exchange(server, NAMES) == before
    check(server, nodes)
    assert settled(server, b"departed") == creation + 1
    server.wait_log("restored 20 registrations")


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_the_state_is_stored_before_it_says_that_it_is_ready(manager, busy):
    """A manager may restart it from then on."""
    if busy:
        fill(manager)
    manager.start()
    manager.take_until(lambda: "READY=1" in manager.words, "READY=1")
    assert "FDNAME=s" in manager.words[:manager.words.index("READY=1")]


def test_a_second_restart_needs_no_second_store(manager):
    """What the manager holds is not sent again, so that it does not grow."""
    nodes = register(manager.start(), 5)
    manager.take_nodes(5)
    for _ in range(3):
        check(manager.restart(), nodes)
        manager.take_all()
        assert {kind: len(held) for kind, held in manager.held.items()} == {"l": 1, "n": 5, "s": 1}


def test_a_slow_manager_slows_nobody(manager):
    server = manager.start()
    nodes = register(server, MANY)
    server.wait_log("the service manager is busy: the last registrations would not survive")
    check(server, nodes)
    assert exchange(server, port2(b"n%d" % (MANY - 1))) == found(b"n%d" % (MANY - 1))
    nodes.pop(3).close()
    nodes.pop().close()  # which it has not taken
    wait_for(lambda: len(registered(server)) == MANY - 2)
    manager.take_nodes(MANY - 1)
    server.wait_log("all registrations are with the service manager again")
    told = "\n".join(manager.words)
    waiting = [int(number) for number in
               re.findall(r"STATUS=(\d+) registrations wait to be stored", told)]
    assert waiting and waiting == sorted(waiting, reverse=True)
    assert re.findall(r"STATUS=(.*)", told)[-1] == f"Listening on port {server.port}"
    check(manager.restart(), nodes)
    for node in nodes:
        node.close()


def test_a_slow_keeper_stops_nobody(ours):
    """Only the registration that finds its queue full waits for it, for a moment."""
    need_descriptors(6000)
    with Watcher(ours) as keeper:
        keeper.listen()
        server = keeper.start()
        nodes = []
        while "the keeper is busy" not in server.log() and len(nodes) < 5000:
            nodes += register(server, 20, start=len(nodes))
        check(server, nodes)
        assert {exchange(server, port2(b"n0")) for _ in range(20)} == {found(b"n0")}
        keeper.take_until(lambda: "all registrations are with the keeper again" in server.log(),
                          "a line in the log")
        check(server, nodes)
        for node in nodes:
            node.close()


def test_what_it_has_not_taken_is_handed_over_at_the_end(manager):
    """An orderly end waits a second for it, as long as it takes some."""
    server = manager.start()
    nodes = register(server, MANY)
    server.wait_log("busy")
    os.kill(server.pid, signal.SIGTERM)
    manager.take_nodes(MANY)
    assert server.wait() == 0
    check(manager.start(), nodes)
    for node in nodes:
        node.close()


def test_a_crash_loses_only_what_was_told_to_be_lost(manager):
    server = manager.start()
    nodes = register(server, MANY)
    manager.kill()
    n_stored = len(manager.held["n"])
    assert QUEUE - 5 <= n_stored < MANY
    server = manager.start()
    check(server, nodes[:n_stored])
    server.wait_log(f"restored {n_stored} registrations; {MANY - n_stored} nodes have left")
    for node in nodes:
        node.close()


@pytest.mark.parametrize("count", [0, 3], ids=["no node", "nodes"])
def test_a_manager_that_is_busy_at_the_start_is_told_later(ours, tmp_path, count):
    """READY=1 must not be lost, and neither must the state, though nobody registers."""
    with Watcher(ours, str(tmp_path / "notify")) as manager:
        fill(manager)
        server = manager.start()
        nodes = register(server, count)
        check(server, nodes)
        manager.take_until(lambda: "READY=1" in manager.words and len(manager.held["n"]) == count
                           and len(manager.held["s"]) == 1, "all that was held back")
        check(manager.restart(), nodes)


def fill(manager):
    """Leave the manager no room, as other services may."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.connect(manager.env["NOTIFY_SOCKET"])
        other.setblocking(False)
        try:
            while True:
                other.send(b"X=1")
        except BlockingIOError:
            pass


@pytest.mark.parametrize("told", [4, 8])
def test_the_store_is_bounded(manager, told):
    """$FDSTORE, the manager's own bound: one place in it is the state's."""
    server = manager.start(env={"FDSTORE": str(told)})
    nodes = register(server, told - 1)
    assert "would not survive" not in server.log()
    nodes += register(server, 3, start=told - 1)
    server.wait_log(rf"{told - 1} registrations are stored, which is all that the service manager "
                    r"takes \(FileDescriptorStoreMax=\): the next ones would not survive")
    assert server.log().count("would not survive") == 1
    check(server, nodes)
    manager.take_until(lambda: any("store is full" in word for word in manager.words), "STATUS=")
    manager.take_nodes(told - 1)
    server = manager.restart()
    check(server, nodes[:told - 1])
    assert [node.sock.recv(1) for node in nodes[told - 1:]] == [b""] * 3


def test_whoever_waits_is_stored_before_later_ones(manager):
    """More wait than one message takes, and there is room for all of them, but no more."""
    server = manager.start(env={"FDSTORE": str(MANY + 1)})
    nodes = register(server, MANY)
    server.wait_log("busy")
    os.kill(server.pid, signal.SIGSTOP)
    assert all(manager.take() for _ in range(3))
    late = [ask(server, alive2(b"late%d" % i)) for i in range(5)]
    os.kill(server.pid, signal.SIGCONT)
    assert [sock.recv(6)[:2] for sock in late] == [b"v\0"] * 5
    manager.take_until(lambda: "FileDescriptorStoreMax=" in server.log(), "a full store")
    manager.take_nodes(MANY)
    check(manager.restart(), nodes)
    for sock in (*late, *(node.sock for node in nodes)):
        sock.close()


def test_a_watchdog_is_fed(manager):
    server = manager.start(env={"WATCHDOG_USEC": "150000"})
    manager.take_until(lambda: manager.words.count("WATCHDOG=1") >= 3, "three signs of life")
    os.kill(server.pid, signal.SIGSTOP)
    manager.take_all()
    manager.words.clear()
    assert not manager.take(wait=0.5)
    os.kill(server.pid, signal.SIGCONT)
    manager.take_until(lambda: "WATCHDOG=1" in manager.words, "a sign of life")


@pytest.mark.needs("strace")
def test_a_watchdog_is_fed_twice_in_its_period(ours, tmp_path):
    """How long the process means to wait tells that, on a busy machine as well."""
    trace, traced = tmp_path / "trace", tmp_path / "traced"
    traced.write_text(f"#!/bin/sh\nexec strace -D -o {shlex.quote(str(trace))} -e trace=epoll_wait,epoll_pwait "
                      f'{shlex.quote(os.path.abspath(ours))} -no_sandbox all "$@"\n')
    traced.chmod(0o755)
    with Watcher(str(traced), str(tmp_path / "notify"),
                 env={"ASAN_OPTIONS": "detect_leaks=0"}) as manager:
        server = manager.start(env={"WATCHDOG_USEC": "60000000"})
        manager.take_until(lambda: "READY=1" in manager.words, "its start")
        exchange(server, NAMES)
        begun = len(trace.read_text().splitlines())
        for _ in range(3):
            exchange(server, NAMES)
        wait_for(lambda: len(trace.read_text().splitlines()) > begun + 2, what="waiting")
        lines = trace.read_text().splitlines()[begun:]
    waits_ms = [int(wait[1]) for line in lines if (wait := re.search(r", (-?\d+)(?:, .*)?\) += ", line))]
    assert waits_ms and all(0 <= wait_ms <= 30000 for wait_ms in waits_ms), lines


def test_kill_request_ends_all_registrations(ours, tmp_path):
    """What the manager holds are dead connections then."""
    with Watcher(ours, str(tmp_path / "notify"), "-relaxed_command_check") as manager:
        server = manager.start()
        node, = register(server, 1)
        assert exchange(server, KILL) == b"OK"
        assert server.wait() == 0
        assert node.sock.recv(1) == b""
        manager.take_all()
        server = manager.start()
        assert registered(server) == []
        assert settled(server, b"n0") == node.creation + 1


def test_a_signal_after_a_kill_request_brings_nothing_back(ours, tmp_path):
    """The answer is yet to be sent; by itself the signal would leave all to the manager."""
    with Watcher(ours, str(tmp_path / "notify"), "-relaxed_command_check") as manager:
        node, = register(manager.start(), 1)
        manager.take_nodes(1)
        manager.options += ("-delay_write", "60")
        server = manager.restart()
        with ask(server, KILL):
            server.wait_log("ending.*KILL")
            os.kill(server.pid, signal.SIGTERM)
            assert server.wait() == 0
        assert node.sock.recv(1) == b""


def test_a_stopped_node_is_closed_though_the_manager_holds_it(manager):
    """Only a shutdown ends a connection of which another process has a duplicate."""
    server = manager.start()
    node, = register(server, 1)
    manager.take_nodes(1)
    node.sock.sendall(b"x")
    assert node.sock.recv(1) == b""
    assert exchange(server, port2(b"n0")) == NOT_FOUND


def test_without_a_manager_it_says_nothing_and_serves(ours):
    with Watcher(ours) as listening:
        listening.listen()
        env = {"LISTEN_FDS": "1"}
        with Worker(ours, listening.held["l"], "-systemd", env=env, port=listening.port) as server:
            with Node(server, b"a") as node:
                assert node.result == 0
                assert registered(server) == [b"a"]
            assert "manager" not in server.log()
