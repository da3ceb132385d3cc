# SPDX-License-Identifier: Apache-2.0
"""Which connection is evicted: never one that costs nothing, never one that gets on.

Always true here: the attackers do one thing, the honest client another, and what the
one has to survive is counted in the attackers' connections, not in seconds.
"""

import contextlib
import re

import pytest

from harness import PATIENCE_S, Daemon, wait_for
from machine import need_descriptors
from metrics.observed import Observed
from wire import namespaces
from wire.order import stopped
from wire.protocol import (NAMES, Node, begin, connect, exchange, found, names_reply, port2,
                           read_all, send, settle)

DESCRIPTORS = 256
FLOOD = 300  # more than there are places
LOOKUPS = 60
GREEDY = 40
KEPT_BY_KERNEL = 512


@pytest.fixture(scope="module")
def long_listing(ours):
    """A daemon whose NAMES does not fit the buffers of two sockets, and that reply.

    What a reader that does not read leaves unsent is then so much that the bound on all
    of it (64 MiB) is reached before there are as many such readers as in these tests.
    """
    with open("/proc/sys/net/ipv4/tcp_wmem", encoding="ascii") as limits:
        count = int(limits.read().split()[2]) // 1000 + 3000
    need_descriptors(16384)
    with contextlib.ExitStack() as held, \
            Observed(ours, wrapper=("prlimit", "--nofile=16384:16384")) as server:
        nodes = [held.enter_context(Node(server, long_name(number)))
                 for number in range(count)]
        yield server, names_reply(server, *((node.name, 4711) for node in reversed(nodes)))


def long_name(number):
    """1,004 bytes, and no more characters than a name may have."""
    return b"%04d" % number + ("\U0001f600" * 250).encode()


def greedy(stack, server):
    """Readers that do not read, more than the bound allows."""
    before = evicted(server)
    socks = [stack.enter_context(connect(server.port, receive_buffer=4096))
             for _ in range(GREEDY)]
    for sock in socks:
        send(sock, NAMES)
    wait_for(lambda: evicted(server) > before, what="a connection closed for the others")
    return socks


def evicted(server):
    body = server.get("/metrics").body
    return int(re.search(rb"^epmd_connections_evicted_total (\d+)", body, re.M)[1])


def read_some(sock, count):
    received = bytearray()
    while len(received) < count:
        data = sock.recv(4096)
        assert data, "the reply has ended"
        received += data
    return bytes(received)


def test_an_honest_slow_reader_gets_all_of_its_reply(long_listing):
    """It came first, and has taken some: others leave more unsent than it does."""
    server, expected = long_listing
    with contextlib.ExitStack() as stack:
        slow = stack.enter_context(connect(server.port, receive_buffer=4096))
        send(slow, NAMES)
        start = read_some(slow, len(expected) // 4)
        greedy(stack, server)
        assert start + read_all(slow) == expected


def test_a_reply_that_is_cut_ends_in_a_reset(long_listing):
    """An end in order would say that this was all."""
    server, expected = long_listing
    with contextlib.ExitStack() as stack:
        cut = 0
        for sock in greedy(stack, server):
            received, end = bytearray(), "end"
            try:
                while data := sock.recv(65536):
                    received += data
            except ConnectionResetError:
                end = "reset"
            assert (bytes(received) == expected) == (end == "end")
            cut += end == "reset"
        assert cut > 0


def test_a_reply_that_times_out_ends_in_a_reset(ours):
    with open("/proc/sys/net/ipv4/tcp_wmem", encoding="ascii") as limits:
        count = int(limits.read().split()[2]) // 1000 + 500
    need_descriptors(8192)
    with contextlib.ExitStack() as held, \
            Daemon(ours, "-packet_timeout", "1", "-d",
                   wrapper=("prlimit", "--nofile=8192:8192")) as server:
        for number in range(count):
            held.enter_context(Node(server, long_name(number)))
        slow = held.enter_context(connect(server.port, receive_buffer=4096))
        send(slow, NAMES)
        server.wait_log("did not finish in time")
        with pytest.raises(ConnectionResetError):
            while slow.recv(65536):
                pass


def test_who_has_nothing_unsent_is_not_closed_for_unread_replies(long_listing):
    server, _ = long_listing
    with contextlib.ExitStack() as stack:
        asker = stack.enter_context(connect(server.port))
        send(asker, port2(b"none")[:3])
        settle(server)
        greedy(stack, server)
        send(asker, port2(b"none")[3:])
        assert read_all(asker) == b"w\1"


def test_lookups_in_two_segments_survive_a_flood_of_single_bytes(ours):
    """All the places are taken anew between the first segment and the second one."""
    need_descriptors(DESCRIPTORS + FLOOD + 100)
    with contextlib.ExitStack() as stack, \
            Daemon(ours, wrapper=("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")) as server, \
            Node(server, b"held"):
        for _ in range(DESCRIPTORS):
            stack.enter_context(begin(server.port))
        answered = 0
        for _ in range(LOOKUPS):
            with contextlib.ExitStack() as flood, connect(server.port) as asker:
                send(asker, port2(b"held")[:4])
                for _ in range(FLOOD):
                    flood.enter_context(begin(server.port))
                settle(server)
                send(asker, port2(b"held")[4:])
                asker.settimeout(PATIENCE_S)
                answered += read_all(asker) == found(b"held")
        assert answered >= LOOKUPS - 2
        assert exchange(server, port2(b"held")) == found(b"held")


@pytest.mark.parametrize("listings", [1, DESCRIPTORS // 2])
def test_a_listing_that_waits_for_its_turn_is_kept_before_requests_that_are_not_complete(
        ours, listings):
    """It waits while there is anything cheaper to do, which here is to let the flood in."""
    need_descriptors(FLOOD + listings + 100)
    with contextlib.ExitStack() as stack, \
            Daemon(ours, wrapper=("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")) as server, \
            Node(server, b"held") as node:
        with stopped(server.pid):
            askers = [stack.enter_context(connect(server.port)) for _ in range(listings)]
            for asker in askers:
                send(asker, NAMES)
            for _ in range(FLOOD):
                sock = stack.enter_context(connect(server.port))
                send(sock, port2(b"none")[:3])
        expected = names_reply(server, (node.name, 4711))
        assert [asker for asker in askers if read_all(asker) != expected] == []


def test_a_listing_that_waits_is_kept_before_those_whose_askers_have_gone(ours):
    """They have not waited for what they asked, and there are more of them than places."""
    need_descriptors(FLOOD + 100)
    with contextlib.ExitStack() as stack, \
            Daemon(ours, wrapper=("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")) as server, \
            Node(server, b"held") as node:
        with stopped(server.pid):
            asker = stack.enter_context(connect(server.port))
            send(asker, NAMES)
            for _ in range(FLOOD):
                with connect(server.port) as sock:
                    send(sock, NAMES)
        assert read_all(asker) == names_reply(server, (node.name, 4711))


@pytest.mark.needs("network namespaces", "socket states")
def test_who_was_silent_before_it_was_accepted_goes_before_who_has_just_come(ours):
    """The kernel keeps the silent to itself for a second, but not when it has too many.

    Then it hands over whoever comes, before a byte is there, and those of the last second
    follow in a crowd: each of them is older than it looks (its SYN+ACK was sent again).
    """
    with namespaces.Namespace() as host, contextlib.ExitStack() as stack:
        host.ip("link set lo up")
        with host.entered():
            with open("/proc/sys/net/core/somaxconn", "w", encoding="ascii") as limit:
                limit.write(str(KEPT_BY_KERNEL))
        server = stack.enter_context(Daemon(ours, "-d", "-d", wrapper=("prlimit", "--nofile=64:64"),
                                            namespace=host))
        with host.entered():
            for _ in range(KEPT_BY_KERNEL + 1):
                stack.enter_context(connect(server.port))
            asker = stack.enter_context(connect(server.port))
            server.wait_log(f"127.0.0.1 port {asker.getsockname()[1]} connected")
            wait_for(lambda: server.log().count(" connected") > KEPT_BY_KERNEL, what="the crowd")
            send(asker, port2(b"none"))
            assert read_all(asker) == b"w\1"
