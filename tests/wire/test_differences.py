# SPDX-License-Identifier: Apache-2.0
"""One case for each intended difference on the wire, seen on stock and on ours."""

import contextlib
import select
import socket
import struct
import subprocess
import time

import pytest

import machine
from harness import Daemon, free_port, socket_inodes, wait_for
from wire.differences import WIRE
from wire.order import ask, now, served, stamped, stopped, turns_at_last
from wire.protocol import (DUMP, NAMES, NOT_FOUND, RELOAD, Node, alive2, connect, exchange, found,
                           names_reply, port2, read_all, read_exactly, registered, reset, send,
                           settle, state, stop, wait_registered)

CASES = {}
DATA_SEGMENTS_IN = 152  # in Linux's struct tcp_info


def case(name):
    def keep(function):
        CASES[name] = function
        return function
    return keep


@pytest.mark.parametrize("name", WIRE)
def test_stock_and_ours_differ_as_intended(binary, name):
    with contextlib.ExitStack() as stack:
        def start(*options, **how):
            return stack.enter_context(Daemon(binary, *options, **how))
        assert CASES[name](start) == WIRE[name].of(binary)


@case("the tag r without a watcher")
def reload_without_a_watcher(start):
    return exchange(start(), RELOAD)


@case("a refused registration's connection")
def _(start):
    server = start()
    with Node(server, b"held"), Node(server, b"held") as second:
        assert second.result == 1
        settle(server)
        return state(second.sock)


@case("descriptors that 50 refusals leave open")
def _(start):
    server = start()
    with Node(server, b"held"):
        settle(server)
        before = len(socket_inodes(server.pid))
        refused = [Node(server, b"held") for _ in range(50)]
        settle(server)
        assert [node.result for node in refused] == [1] * 50
        return len(socket_inodes(server.pid)) - before


@case("a lookup of a name of 255 characters")
def _(start):
    server, seen = start(), set()
    for character in "a", "\u00e9", "\u20ac", "\U0001f600":
        name = (character * 255).encode()
        with Node(server, name):
            reply = exchange(server, port2(name))
            assert reply in (b"", found(name))
            assert exchange(server, port2(name + b"\0")) == reply
            seen.add("found" if reply else "closed")
    assert len(seen) == 1
    return seen.pop()


@case("an empty name with an extra field")
def _(start):
    server = start()
    with Node(server, b"", extra=b"e") as node:
        reply = node.reply
        listed = registered(server)
    assert (reply == b"") == (listed == [])
    return "registered" if listed == [b""] else "closed"


@case("STOP of an unknown name")
def _(start):
    return exchange(start("-relaxed_command_check"), stop(b"unknown"))


@case("a taken name asked for and reset before the refusal")
def _(start):
    """-delay_write keeps the refusal back until the reset has arrived."""
    server = start("-delay_write", "2")
    with Node(server, b"held"):
        sock = connect(server.port)
        send(sock, alive2(b"held"))
        server_has_read(server, sock)
        reset(sock)
        settle(server)
        return "holder stays" if registered(server) == [b"held"] else "holder lost"


def server_has_read(server, sock):
    """Wait until the daemon's end of a connection holds no unread byte."""
    port = sock.getsockname()[1]

    def nothing_unread():
        with open(f"/proc/{server.pid}/net/tcp") as rows:
            return any(field[2].endswith(f":{port:04X}") and field[4].endswith(":00000000")
                       for field in map(str.split, rows))
    wait_for(nothing_unread, what="the request read")


@case("a name registered again right after its node left")
def _(start):
    server = start()
    early = connect(server.port)
    settle(server)
    with Node(server, b"again") as node, early:
        with stopped(server.pid):
            node.close()
            send(early, alive2(b"again"))
        return "refused" if read_exactly(early, 6)[1] else "registered"


def trickles(server, meanwhile=lambda: None):
    """What becomes of a request that takes ten times the packet timeout, of a second."""
    return undisturbed(lambda: trickle(server, meanwhile))


def undisturbed(attempt):
    """The result of the first attempt() that was in time: it returns whether it was, and that."""
    for _ in range(10):
        in_time, result = attempt()
        if in_time:
            return result
    raise AssertionError("this machine lets the test stand still")


def trickle(server, meanwhile):
    """Whether no byte was so late that the limit was over, and what became of the request."""
    longest_pause = 0
    with connect(server.port) as sock:
        send(sock, b"\0\x65z")
        for _ in range(100):
            before = time.monotonic()
            has_ended = select.select([sock], [], [], 0.1)[0]
            meanwhile()
            longest_pause = max(longest_pause, time.monotonic() - before)
            if has_ended:
                break
            send(sock, b"a")
        return longest_pause < 0.9, "stays" if read_all(sock) == NOT_FOUND else "closed"


@case("trickling bytes")
def _(start):
    return trickles(start("-packet_timeout", "1"))


@case("trickling bytes while other requests come")
def _(start):
    server = start("-packet_timeout", "1")
    return trickles(server, lambda: registered(server))


@case("a lookup with 64 descriptors and 100 idle connections")
def _(start):
    server = start(wrapper=("prlimit", "--nofile=64:64"))
    with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
        for _ in range(100):
            stack.enter_context(connect(server.port))
        if runs(server) == "ended":
            return "ended"
        return "answered" if answers(server) else "closed"
    return "ended" if runs(server) == "ended" else "no answer"


def answers(server):
    """Whether a lookup is answered, and not closed; TimeoutError where neither comes."""
    with connect(server.port) as sock:
        if server.kind == "stock":
            sock.settimeout(3)  # for ours, that nothing comes would be a failure
        send(sock, port2(b"unknown"))
        return sock.recv(2) == NOT_FOUND


def runs(server):
    """Whether a daemon that was overrun is still there, by an answer or for so many seconds."""
    with contextlib.suppress(OSError):
        if answers(server):
            return "runs"
    with contextlib.suppress(subprocess.TimeoutExpired):
        return "ended" if server.wait(20) is not None else "runs"
    return "runs"


@case("idle connections beyond the descriptor limit")
def _(start):
    machine.need_descriptors(1000)
    server = start(wrapper=("prlimit", "--nofile=256:256"))
    idle = []
    with contextlib.suppress(OSError):
        while len(idle) < 300:
            idle.append(connect(server.port))
    return runs(server)


@case("registrations with a soft limit of 256 descriptors")
def _(start):
    machine.need_descriptors(4096)
    server = start(wrapper=("prlimit", "--nofile=256:4096"))
    nodes = []
    with contextlib.suppress(OSError, IndexError):
        while len(nodes) < 300:
            nodes.append(Node(server, b"n%d" % len(nodes)))
            assert nodes[-1].result == 0
    return runs(server)


def serial(server, count=8):
    """Whether replies that are each delayed by a second wait for one another."""
    socks = [connect(server.port) for _ in range(count)]
    started = time.monotonic()
    for sock in socks:
        send(sock, NAMES)
    for sock in socks:
        assert len(read_all(sock)) == 4
    elapsed = time.monotonic() - started
    assert elapsed > 0.8  # one after the other takes at least as many seconds as there are
    return "together" if elapsed < count - 1 else "one after the other"


@case("two replies delayed by -delay_write")
def _(start):
    return serial(start("-delay_write", "1"))


@case("two connections delayed by -delay_accept")
def _(start):
    return serial(start("-delay_accept", "1"))


def segments(server, request):
    """Of stock's writes, the kernel sends the first at once and may join the later ones."""
    names = [b"one", b"two", b"three"]
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(Node(server, name))
        with connect(server.port) as sock:
            send(sock, request)
            reply = read_all(sock)
            assert all(name in reply for name in names)
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            return "one" if struct.unpack_from("=I", info, DATA_SEGMENTS_IN)[0] == 1 else "several"


@case("segments of a NAMES reply with three nodes")
def _(start):
    return segments(start(), NAMES)


@case("segments of a DUMP reply with three nodes")
def _(start):
    return segments(start(), DUMP)


def inherit_dual_stack(port):
    """A wrapper that passes one socket of both families on, as systemd does by default."""
    return ("systemd-socket-activate", "-E", "ERL_EPMD_PORT", "-l", f"[::]:{port}")


@case("a peer with an IPv4-mapped loopback address that is not our own")
def _(start):
    machine.need("systemd-socket-activate", "IPv6")
    port = free_port()
    server = start("-systemd", port=port, wrapper=inherit_dual_stack(port))
    assert exchange(server, DUMP) == names_reply(server)
    reply = exchange(server, DUMP, source="127.0.0.2")
    return "local" if reply == names_reply(server) else "remote"


@case("departed names beyond the memory's size")
def _(start):
    """-d shortens the memory to 5."""
    server = start("-d")
    for number in range(8):
        with Node(server, b"n%d" % number):
            pass
        wait_registered(server)
    return exchange(server, DUMP).count(b"old/unused") - 5


@case("a lookup that comes after 20 requests for NAMES")
def _(start):
    server = start()
    with Node(server, b"held"), stamped():
        return undisturbed(lambda: lookup_after_listings(server, 20))


def lookup_after_listings(server, count):
    """Whether no listing had waited for too long, and what became of the lookup.

    All wait, because the daemon is stopped meanwhile; the first listing may be under way.
    """
    with contextlib.ExitStack() as stack:
        with stopped(server.pid):
            lists = [stack.enter_context(ask(server, NAMES)) for _ in range(count)]
            lookup = stack.enter_context(ask(server, port2(b"held")))
            resumed = now()
        at_lookup, reply = served(lookup)
        assert reply == found(b"held")
        later = sum(served(sock)[0] > at_lookup for sock in lists)
    in_time = turns_at_last(resumed, at_lookup) == 0
    assert not in_time or later == 0 or later >= count - 1
    return in_time, "answered before them" if later else "answered after them"


@case("creations of new names")
def _(start):
    server = start()
    creations = []
    for number in range(4):
        with Node(server, b"new%d" % number) as node:
            creations.append(node.creation)
    near = [abs(creation - time.time()) < 600 for creation in creations]
    assert all(near) or not any(near)
    return "the clock" if all(near) else "random"
