# SPDX-License-Identifier: Apache-2.0
"""What a reload must have before it begins: every registration with the watcher.

Always true here: the watcher is a service manager of the test's, or a keeper. It takes
what it is sent only when the test says so, and it has room for as much as the test says.
"""

import os
import re
import signal

import pytest

from harness import run_epmd, wait_for
from machine import need_descriptors
from restart.passing import Watcher
from wire.protocol import (RELOAD, Node, alive2, connect, exchange, found, port2, read_exactly,
                           registered, send, state)

ROOM = 5
FULL = {"FDSTORE": str(ROOM + 1)}  # one place is the state's


@pytest.fixture
def manager(ours, tmp_path):
    with Watcher(ours, str(tmp_path / "notify")) as watcher:
        yield watcher


def fill(server):
    """A stranger's registrations: all that the watcher has room for."""
    return [Node(server, b"stranger%d" % number) for number in range(ROOM)]


def leave(server, nodes):
    for node in nodes:
        node.close()
    wait_for(lambda: not {node.name for node in nodes} & set(registered(server)),
             what="their departure")


def by_request(server):
    return exchange(server, RELOAD).decode()


def by_command(server):
    result = run_epmd(server.binary, "-port", str(server.port), "-reload")
    assert result.returncode == 1, result
    return result.stdout + result.stderr


def by_signal(server):
    os.kill(server.pid, signal.SIGHUP)
    return server.wait_log("not reloading: .*")[0]


WAYS = pytest.mark.parametrize("reload", [by_request, by_command, by_signal])


def missing(answer):
    """How many registrations a restart would cost now, by what is answered, or logged."""
    return int(re.search(r"(\d+) of \d+ registrations? (?:is|are) not with the .*would lose",
                         answer)[1])


@WAYS
def test_no_reload_while_the_store_has_no_room_for_a_node(manager, reload):
    server = manager.start(env=FULL)
    strangers = fill(server)
    with Node(server, b"victim") as victim:
        assert victim.result == 0
        assert missing(reload(server)) == 1
        assert server.exit_code() is None
        assert exchange(server, port2(b"victim")) == found(b"victim")
        assert state(victim.sock) == "open"
    leave(server, strangers)


def test_a_stranger_that_fills_the_store_and_leaves_costs_no_registration(manager):
    server = manager.start(env=FULL)
    strangers = fill(server)
    with Node(server, b"victim") as victim:
        leave(server, strangers)
        manager.take_nodes(ROOM + 1)
        assert exchange(server, RELOAD) == b"OK"
        server.wait()
        server = manager.start(env=FULL)
        assert registered(server) == [b"victim"]
        assert state(victim.sock) == "open"


def test_who_waits_for_room_gets_it_oldest_first(manager):
    server = manager.start(env=FULL)
    strangers = fill(server)
    late = [Node(server, b"late%d" % number) for number in range(3)]
    leave(server, strangers[:2])
    manager.take_nodes(ROOM + 2)
    server = manager.restart(env=FULL)
    assert registered(server) == [node.name for node in [*strangers[2:], *late[:2]][::-1]]
    assert late[2].sock.recv(1) == b""
    for node in (*strangers, *late):
        node.close()


@WAYS
@pytest.mark.parametrize("watcher", ["service manager", "keeper"])
def test_no_reload_while_the_watcher_has_yet_to_take_a_node(ours, tmp_path, reload, watcher):
    need_descriptors(1024)
    with Watcher(ours, str(tmp_path / "notify") if watcher == "service manager" else None) as busy:
        if not busy.is_manager:
            busy.listen()
        server = busy.start()
        nodes = []
        while f"the {watcher} is busy" not in server.log():
            nodes += [Node(server, b"n%d" % (len(nodes) + i)) for i in range(20)]
            assert len(nodes) < 5000
        assert 0 < missing(reload(server)) <= len(nodes)
        assert {state(node.sock) for node in nodes} == {"open"}
        busy.take_nodes(len(nodes))
        server.wait_log("all registrations are with")
        assert exchange(server, RELOAD) == b"OK"
        server.wait()
        busy.take_all()
        assert len(registered(busy.start())) == len(nodes)
        assert {state(node.sock) for node in nodes} == {"open"}
        for node in nodes:
            node.close()


@pytest.mark.parametrize("reload", ["request", "signal"])
def test_a_node_that_comes_during_a_reload_is_not_its_price(manager, reload):
    """Both are there when the worker looks: whichever it takes first, no node is lost."""
    server = manager.start(env=FULL)
    strangers = fill(server)
    victim, asker = connect(server.port), connect(server.port)
    send(victim, alive2(b"victim")[:5])
    exchange(server, port2(b"none"))  # by now the worker has read that
    os.kill(server.pid, signal.SIGSTOP)
    if reload == "signal":
        os.kill(server.pid, signal.SIGHUP)
    else:
        send(asker, RELOAD)
    send(victim, alive2(b"victim")[5:])
    os.kill(server.pid, signal.SIGCONT)
    assert read_exactly(victim, 6)[:2] == b"v\0"
    if reload == "signal":
        assert missing(server.wait_log("not reloading: .*")[0]) == 1
    assert server.exit_code() is None
    assert exchange(server, port2(b"victim")) == found(b"victim")
    assert state(victim) == "open"
    for sock in (victim, asker, *(node.sock for node in strangers)):
        sock.close()


def test_a_full_store_refuses_no_registration(manager):
    server = manager.start(env=FULL)
    strangers = fill(server)
    late = [Node(server, b"late%d" % number) for number in range(20)]
    assert {node.result for node in late} == {0}
    assert len(re.findall("would not survive", server.log())) == 1
    for node in (*strangers, *late):
        node.close()


SOME = 17
SOME_ROOM = {"FDSTORE": str(SOME + 1)}


def test_who_waits_for_room_gets_it_while_others_go_on_leaving(manager):
    server = manager.start(env=SOME_ROOM)
    nodes = [Node(server, b"n%d" % number) for number in range(SOME + 1)]
    manager.take_nodes(SOME)
    for node in nodes[:-1]:
        node.close()
        while manager.take(wait=0.3):
            pass
        if len(manager.held["n"]) > SOME:
            break
    assert len(manager.held["n"]) == SOME + 1
    assert registered(server)[1:], "others were still there"
    for node in nodes:
        node.close()
