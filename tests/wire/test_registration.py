# SPDX-License-Identifier: Apache-2.0
"""A registration's life: creations, duplicates, departures, and what is remembered."""

import pytest

import machine
from harness import Daemon, wait_for
from wire.differences import WIRE
from wire.protocol import (NAMES, NOT_FOUND, Node, alive2, connect, exchange, found, names_reply,
                           port2, read_all, read_exactly, registered, reset, send, settle, state,
                           wait_registered)
from wire.test_replies import descriptor, dump_lines


def leave(server, node):
    """End a registration and wait until the daemon has noticed."""
    node.close()
    wait_for(lambda: node.name not in registered(server), what=f"{node.name} gone")


def incarnation(server, name, **values):
    """Register a name, let it leave again, and tell its creation."""
    node = Node(server, name, **values)
    assert node.result == 0
    leave(server, node)
    return node.creation


def test_a_name_that_comes_back_counts_up(server):
    first = incarnation(server, b"again")
    assert first >= 4
    assert [incarnation(server, b"again") for _ in range(5)] == list(range(first + 1, first + 6))


def test_each_name_has_its_own_counter(server):
    one, other = incarnation(server, b"one"), incarnation(server, b"other")
    assert incarnation(server, b"one") == one + 1
    assert incarnation(server, b"one") == one + 2
    assert incarnation(server, b"other") == other + 1


def test_old_nodes_see_the_same_counter_modulo_three(server):
    first = incarnation(server, b"mixed")
    for step in range(1, 7):
        old = incarnation(server, b"mixed", highest=5)
        assert old == (first + 2 * step - 1) % 3 + 1
        assert incarnation(server, b"mixed") == first + 2 * step


def test_a_refusal_does_not_count(server):
    with Node(server, b"held") as first:
        assert Node(server, b"held").result == 1
    wait_registered(server)
    assert incarnation(server, b"held") == first.creation + 1


@pytest.mark.parametrize("options, size", [((), 1000), (("-d",), 5)])
def test_the_oldest_departed_names_are_forgotten_first(binary, options, size):
    names = [b"n%d" % number for number in range(size + 4)]
    with Daemon(binary, *options) as server:
        for name in names:
            leave(server, Node(server, name, port=1))
        lines = [descriptor(line)[1] for line in dump_lines(server)]
        extra = WIRE["departed names beyond the memory's size"].of(binary)
        assert lines == [b"old/unused name <%s>, port = 1, fd = # \n" % name
                         for name in names[-size - extra:]]


def test_a_remembered_name_keeps_its_counter_and_leaves_as_the_newest(binary):
    with Daemon(binary, "-d") as server:
        first = [incarnation(server, name) for name in (b"a", b"b", b"c", b"d", b"e")]
        assert incarnation(server, b"a") == first[0] + 1
        names = [line[len(b"old/unused name <"):][:1] for line in dump_lines(server)]
        assert names == [b"b", b"c", b"d", b"e", b"a"]


def test_a_duplicate_is_refused_and_the_holder_stays(server):
    with Node(server, b"held", port=1) as holder:
        for highest, start in (6, b"v\1"), (5, b"y\1"):
            with Node(server, b"held", port=2, highest=highest) as second:
                assert second.reply[:2] == start
        settle(server)
        assert state(holder.sock) == "open"
        assert exchange(server, port2(b"held")) == found(b"held", port=1)
    wait_registered(server)
    with Node(server, b"held", port=2) as third:
        assert third.result == 0


def one_byte(sock):
    sock.sendall(b"?")


def one_frame(sock):
    sock.sendall(NAMES)


def half_close(sock):
    sock.shutdown(1)


@pytest.mark.parametrize("end", [lambda sock: sock.close(), reset, half_close, one_byte, one_frame],
                         ids=["fin", "rst", "half close", "one byte", "a request"])
def test_a_registration_ends_with_its_connection(server, end):
    with Node(server, b"stays") as other, Node(server, b"goes") as node:
        end(node.sock)
        wait_registered(server, b"stays")
        if node.sock.fileno() >= 0:
            assert read_all(node.sock) == b""
        assert exchange(server, port2(b"goes")) == NOT_FOUND
        assert state(other.sock) == "open"
        assert exchange(server, NAMES) == names_reply(server, (b"stays", 4711))


def test_one_connection_holds_one_name(server):
    """A second request on a registered connection is not read as one."""
    with Node(server, b"first") as node:
        send(node.sock, alive2(b"second"))
        wait_registered(server)
        assert read_all(node.sock) == b""


@pytest.mark.parametrize("host, source", [("127.0.0.1", "127.0.0.2"), ("127.0.0.1", "127.255.255.254"),
                                          ("127.9.9.9", "127.0.0.1"), ("::1", None)])
def test_every_loopback_peer_is_local(server, host, source):
    machine.need_family(host)
    with connect(server.port, host, source) as sock:
        send(sock, alive2(b"near"))
        assert read_exactly(sock, 6)[:2] == b"v\0"
        assert b"<near>" in exchange(server, b"\0\1d", host=host, source=source)
    wait_registered(server)
    assert exchange(server, b"\0\1k", host=host, source=source) == b"OK"
    assert server.wait() == 0
