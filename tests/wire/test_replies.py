# SPDX-License-Identifier: Apache-2.0
"""Every request and its reply, byte for byte, on stock and on ours."""

import pytest

from harness import Daemon
from wire.protocol import (DUMP, NAMES, NOT_FOUND, Node, alive2, connect, exchange, fields, found,
                           frame, names_reply, port2, read_exactly, registered, send, settle,
                           state, wait_registered)


@pytest.mark.parametrize("highest", [0, 1, 5])
def test_old_nodes_get_the_short_reply(shared, highest):
    with Node(shared, b"old", highest=highest) as node:
        settle(shared)
        assert state(node.sock) == "open"
        assert node.reply[:2] == b"y\0" and 1 <= node.creation <= 3
    wait_registered(shared)


@pytest.mark.parametrize("highest", [6, 7, 65535])
def test_new_nodes_get_the_long_reply(shared, highest):
    with Node(shared, b"new", highest=highest) as node:
        settle(shared)
        assert state(node.sock) == "open"
        assert node.reply[:2] == b"v\0" and node.creation >= 4
    wait_registered(shared)


def test_what_was_registered_is_found(shared):
    values = {"port": 65535, "protocol": 7, "highest": 9, "lowest": 3, "extra": b"\0\xff extra"}
    with Node(shared, b"here", **values):
        assert exchange(shared, port2(b"here")) == found(b"here", **values)
    wait_registered(shared)
    assert exchange(shared, port2(b"here")) == NOT_FOUND


@pytest.mark.parametrize("kind", [0, 72, 77, 104, 110, 255])
def test_any_node_type_is_kept(shared, kind):
    with Node(shared, b"typed", kind=kind):
        assert exchange(shared, port2(b"typed")) == found(b"typed", kind=kind)
    wait_registered(shared)


@pytest.mark.parametrize("port", [0, 1, 32768, 65535])
def test_any_port_is_kept(shared, port):
    with Node(shared, b"ported", port=port):
        assert exchange(shared, port2(b"ported")) == found(b"ported", port=port)
        assert exchange(shared, NAMES) == names_reply(shared, (b"ported", port))
    wait_registered(shared)


def test_bytes_after_the_extra_field_are_ignored(shared):
    with connect(shared.port) as sock:
        send(sock, alive2(b"ergo", extra=b"e", tail=b"t"))
        assert read_exactly(sock, 6)[:2] == b"v\0"
        assert exchange(shared, port2(b"ergo")) == found(b"ergo", extra=b"e")
    wait_registered(shared)


def test_the_longest_tail_is_ignored(shared):
    request = b"x" + fields(b"tail")
    with connect(shared.port) as sock:
        send(sock, frame(request + b"t" * (3057 - len(request))))
        assert read_exactly(sock, 6)[:2] == b"v\0"
    wait_registered(shared)


def test_names_of_an_empty_registry_is_the_port(shared):
    assert exchange(shared, NAMES) == names_reply(shared)


def test_dump_of_an_empty_registry_is_the_port(server):
    assert exchange(server, DUMP) == names_reply(server)


@pytest.mark.parametrize("tag", [b"n", b"d"])
@pytest.mark.parametrize("length", [2, 100, 3057])
def test_bytes_after_a_bare_tag_are_ignored(server, tag, length):
    assert exchange(server, frame(tag.ljust(length, b"?"))) == names_reply(server)


def test_names_lists_the_newest_first(server):
    nodes = [(b"n%d" % number, number) for number in range(20)]
    held = [Node(server, name, port=port) for name, port in nodes]
    assert exchange(server, NAMES) == names_reply(server, *reversed(nodes))
    held[7].close()
    wait_registered(server, *(name for name, port in nodes if port != 7))
    held.append(Node(server, b"n7", port=7))
    rest = [node for node in reversed(nodes) if node[1] != 7]
    assert exchange(server, NAMES) == names_reply(server, nodes[7], *rest)


def dump_lines(server):
    reply = exchange(server, DUMP)
    assert reply[:4] == server.port.to_bytes(4, "big") and reply[-1:] == b"\0"
    return reply[4:-1].split(b"\0")


def descriptor(line):
    """The number in a DUMP line and the line without it."""
    head, _, tail = line.partition(b"fd = ")
    return int(tail), head + b"fd = #" + tail.lstrip(b"0123456789")


def test_dump_lists_live_nodes_and_then_departed_ones(server):
    held = {name: Node(server, name, port=port)
            for name, port in ((b"a", 1), (b"b", 2), (b"c", 3), (b"d", 4))}
    held[b"c"].close()
    wait_registered(server, b"a", b"b", b"d")
    held[b"a"].close()
    wait_registered(server, b"b", b"d")
    lines = [descriptor(line)[1] for line in dump_lines(server)]
    assert lines == [b"active name     <d> at port 4, fd = #\n",
                     b"active name     <b> at port 2, fd = #\n",
                     b"old/unused name <c>, port = 3, fd = # \n",
                     b"old/unused name <a>, port = 1, fd = # \n"]


def test_dump_tells_each_nodes_own_descriptor(server):
    held = [Node(server, b"n%d" % number) for number in range(5)]
    numbers = [descriptor(line)[0] for line in dump_lines(server)]
    assert len(set(numbers)) == len(held) and min(numbers) > 2


def test_a_name_that_came_back_is_no_longer_departed(server):
    with Node(server, b"again"):
        pass
    wait_registered(server)
    with Node(server, b"again", port=9):
        assert [descriptor(line)[1] for line in dump_lines(server)] == [
            b"active name     <again> at port 9, fd = #\n"]


def test_a_registration_stays_silent(server):
    with Node(server, b"silent") as node:
        for request in NAMES, DUMP, port2(b"silent"), port2(b"none"):
            assert exchange(server, request)
        with Node(server, b"other"):
            settle(server)
            assert state(node.sock) == "open"


def test_connections_take_turns(server):
    """Half a request on one connection does not hold up another."""
    with connect(server.port) as waiting:
        send(waiting, port2(b"late")[:-1])
        with Node(server, b"late"):
            assert registered(server) == [b"late"]
            send(waiting, b"e")
            assert read_exactly(waiting, 100) == found(b"late")


@pytest.mark.needs("IPv6")
def test_ipv6_peers_are_served_alike(server):
    with Node(server, b"six", host="::1"):
        assert exchange(server, port2(b"six"), host="::1") == found(b"six")
        assert exchange(server, NAMES, host="::1") == exchange(server, NAMES)


def test_the_port_in_replies_is_the_configured_one(binary):
    with Daemon(binary, addresses=["127.0.0.1"]) as server:
        assert int.from_bytes(exchange(server, NAMES), "big") == server.port
        assert int.from_bytes(exchange(server, DUMP), "big") == server.port
