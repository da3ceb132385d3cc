# SPDX-License-Identifier: Apache-2.0
"""How many connections there may be, for whom, how long, and which of them are evicted first.

Always true here: a connection is begun with one byte, so that the daemon has it at once;
that one was evicted is seen at its other end.
"""

import contextlib
import os
import re
import resource
import subprocess
from types import SimpleNamespace

import pytest

import machine
from harness import PATIENCE_S, Daemon, clean_env, free_port, wait_for
from metrics.observed import Observed
from wire.protocol import (KILL, NAMES, NOT_FOUND, Node, begin, connect, exchange, port2, read_all,
                           send, settle, state)

FEW = 64
MIB = 1 << 20


def few(number=FEW):
    return ("prlimit", f"--nofile={number}:{number}")


def states(socks):
    return [state(sock) for sock in socks]


# ---- how many ----

@pytest.mark.parametrize("descriptors", [256, 4096, 16384])
def test_nodes_leave_an_eighth_and_at_most_1024_to_those_who_ask(ours, descriptors):
    machine.need_descriptors(descriptors)
    with Observed(ours, wrapper=few(descriptors)) as server:
        seen = server.series()
        most = seen["epmd_connections_max"]
        assert descriptors * 0.8 < most < descriptors
        assert most - seen["epmd_nodes_max"] == min(most // 8, 1024)


def test_some_descriptors_are_left_when_all_places_are_taken(ours):
    """For what comes and goes beside the connections: the log's socket, a name's look-up."""
    with contextlib.ExitStack() as stack, Daemon(ours, wrapper=few()) as server:
        for _ in range(2 * FEW):
            stack.enter_context(begin(server.port))
        settle(server)
        held = len(os.listdir(f"/proc/{server.pid}/fd"))
        assert FEW - 8 <= held <= FEW - 4


def test_unread_replies_take_64_mib_and_no_more(ours):
    """Counted as if no two of them shared a listing."""
    with open("/proc/sys/net/ipv4/tcp_wmem", encoding="ascii") as limits:
        count = int(limits.read().split()[2]) // 1000 + 3000
    machine.need_descriptors(16384)
    with contextlib.ExitStack() as stack, Observed(ours, wrapper=few(16384)) as server:
        for number in range(count):
            name = b"%04d" % number + ("\U0001f600" * 250).encode()
            stack.enter_context(Node(server, name))
        reply = len(exchange(server, NAMES))
        most = 0
        while not number_of(server, b"epmd_connections_evicted_total"):
            reader = stack.enter_context(connect(server.port, receive_buffer=4096))
            send(reader, NAMES)
            settle(server)
            unread = number_of(server, b"epmd_unread_reply_bytes")
            assert unread <= 64 * MIB
            most = max(most, unread)
        assert most > 64 * MIB - reply


def number_of(server, name):
    return int(re.search(rb"^%s (\d+)" % name, server.get("/metrics").body, re.M)[1])


# ---- how long ----

@pytest.mark.needs("strace")
def test_the_packet_timeout_is_as_long_as_it_says(ours, tmp_path):
    """Seen in what the daemon asks of the kernel, so that nobody has to wait for it."""
    port, trace = free_port(), tmp_path / "trace"
    process = subprocess.Popen(
        ["strace", "-o", trace, "-e", "trace=epoll_wait,epoll_pwait,epoll_pwait2", ours,
         "-port", str(port), "-packet_timeout", "7", "-no_sandbox", "all"],
        env=clean_env({"ASAN_OPTIONS": "detect_leaks=0"}), stderr=subprocess.DEVNULL)
    server = SimpleNamespace(port=port)
    wait_for(lambda: answers(server), what="its start")
    with begin(port):
        exchange(server, port2(b"none"))
        asked = [int(found[1]) for found in
                 re.finditer(r"epoll_\w+\(\d+, .*?, (\d+)(?:, NULL, \d+)?\) *=", trace.read_text())]
        assert asked and 6000 < max(asked) <= 7000
    assert exchange(server, KILL) == b"OK"
    assert process.wait(PATIENCE_S) == 0


def answers(server):
    with contextlib.suppress(ConnectionRefusedError):
        return exchange(server, port2(b"none")) == NOT_FOUND
    return False


# ---- who first ----

@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("address", ["10.9.9.1", "fd99::1"])
def test_those_from_elsewhere_give_way_before_older_ones_of_this_host(ours, hosts, address):
    here, there = hosts
    with contextlib.ExitStack() as stack, \
            Daemon(ours, wrapper=few(), namespace=here) as server:
        with here.entered():
            near = [stack.enter_context(begin(server.port)) for _ in range(10)]
            settle(server)
        with there.entered():
            far = [stack.enter_context(begin(server.port, address)) for _ in range(10)]
            exchange(server, port2(b"none"), host=address)
        with here.entered():
            while "open" in states(far):
                assert states(near) == ["open"] * len(near)
                near.append(stack.enter_context(begin(server.port)))
                settle(server)
                assert len(near) < 2 * FEW
            assert states(near) == ["open"] * len(near)


def test_unfinished_ones_give_way_where_the_system_has_no_descriptor_left(ours):
    """The limit is lowered under the daemon's feet: what it has counted on is not there."""
    with contextlib.ExitStack() as stack, Daemon(ours, wrapper=few(256)) as server, \
            Node(server, b"held") as node:
        asleep = [stack.enter_context(begin(server.port)) for _ in range(50)]
        settle(server)
        held = len(os.listdir(f"/proc/{server.pid}/fd"))
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (held, 256))
        assert exchange(server, port2(b"none")) == NOT_FOUND
        assert states(asleep).count("closed") >= 1
        assert state(node.sock) == "open"


# ---- a host's share ----

@pytest.mark.needs("network namespaces")
def test_the_addresses_of_one_ipv6_network_share_one_quota(ours, hosts):
    """Whoever has one address of a /64 has all of them; those of the next are others'."""
    here, there = hosts
    with contextlib.ExitStack() as stack, \
            Daemon(ours, "-max_per_host", "5", namespace=here) as server:
        for number, end in enumerate((there, here)):
            for address in "fd99::77", "fd99:0:0:1::2":
                end.ip(f"addr add {address}{number}/64 dev cable nodad")
                stack.callback(end.ip, f"addr del {address}{number}/64 dev cable")
        with there.entered():
            for source in ["fd99::2"] * 3 + ["fd99::770"] * 2:
                sock = stack.enter_context(connect(server.port, "fd99::1", source=source))
                send(sock, b"\0")
            for source in "fd99::2", "fd99::770":
                assert asked(server, "fd99::1", source) == b""
            assert asked(server, "fd99:0:0:1::21", "fd99:0:0:1::20") == NOT_FOUND


def asked(server, address, source):
    with connect(server.port, address, source=source) as sock:
        send(sock, port2(b"none"))
        return read_all(sock)


@pytest.mark.needs("network namespaces")
def test_a_host_may_have_128_where_nothing_is_said(ours, hosts):
    here, there = hosts
    with contextlib.ExitStack() as stack, Daemon(ours, namespace=here) as server, there.entered():
        first = [stack.enter_context(begin(server.port, "10.9.9.1")) for _ in range(128)]
        assert exchange(server, port2(b"none"), host="10.9.9.1") == b""
        first.pop().close()
        wait_for(lambda: exchange(server, port2(b"none"), host="10.9.9.1") == NOT_FOUND,
                 what="a place")
