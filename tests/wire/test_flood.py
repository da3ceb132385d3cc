# SPDX-License-Identifier: Apache-2.0
"""Floods: of silent peers, of bad requests, of readers that do not read.

The daemon has few descriptors here, and the same two promises hold throughout: no
registration is lost, and a node of this host is served though no flooding connection ends
by itself. How soon, bench/soak.py measures.
"""

import contextlib
import os
import re
import resource
import subprocess

import pytest

from harness import PATIENCE_S, Daemon, clean_env, free_port, wait_for
from machine import need_descriptors
from wire.protocol import (NAMES, NOT_FOUND, Node, begin, connect, exchange, found, frame, port2,
                           read_all, registered, send, settle, state)

PEERS = 10_000
EVERY = 250  # peers, a node of this host asks
FEW = ("prlimit", "--nofile=64:64")
LONG = ("-packet_timeout", "86400")  # whoever leaves has been made to


@pytest.fixture(autouse=True)
def descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need_descriptors(PEERS + 1000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (PEERS + 1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def serve(server, number):
    """A lookup and a registration, both answered."""
    assert exchange(server, port2(b"held0")) == found(b"held0")
    with Node(server, b"new%d" % number) as node:
        assert node.result == 0


def assert_all_held(server, nodes):
    assert {state(node.sock) for node in nodes} == {"open"}
    assert set(registered(server)) >= {node.name for node in nodes}


def test_silent_local_peers_give_way(ours):
    with contextlib.ExitStack() as held, Daemon(ours, *LONG, wrapper=FEW) as server:
        nodes = [held.enter_context(Node(server, b"held%d" % n)) for n in range(10)]
        for number in range(PEERS):
            held.enter_context(connect(server.port))
            if number % EVERY == 0:
                serve(server, number)
        assert_all_held(server, nodes)


@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("address", ["10.9.9.1", "fd99::1"])
def test_silent_remote_peers_give_way(ours, hosts, address):
    here, there = hosts
    with contextlib.ExitStack() as held, \
            Daemon(ours, *LONG, "-max_per_host", "1000000", wrapper=FEW,
                   namespace=here) as server:
        with here.entered():
            nodes = [held.enter_context(Node(server, b"held%d" % n)) for n in range(10)]
        for start in range(0, PEERS, EVERY):
            with there.entered():
                for _ in range(EVERY):
                    held.enter_context(connect(server.port, host=address))
            with here.entered():
                serve(server, start)
        with here.entered():
            assert_all_held(server, nodes)


@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("address", ["10.9.9.1", "fd99::1"])
def test_a_remote_host_has_its_share_and_no_more(ours, hosts, address):
    here, there = hosts
    with contextlib.ExitStack() as held, \
            Daemon(ours, "-max_per_host", "5", namespace=here) as server:
        with there.entered():
            first = [held.enter_context(begin(server.port, address)) for _ in range(5)]
            for _ in range(3):
                assert exchange(server, port2(b"none"), host=address) == b""
        server.wait_log(r"turned \S+ port \d+ away: .*-max_per_host")
        assert {state(sock) for sock in first} == {"open"}
        with here.entered():
            assert exchange(server, port2(b"none")) == NOT_FOUND
        with there.entered():
            first[0].close()
            wait_for(lambda: exchange(server, port2(b"none"), host=address) == NOT_FOUND,
                     what="a place")


def test_a_flood_of_bad_requests_does_not_fill_the_log(ours):
    with Daemon(ours) as server:
        for _ in range(3000):
            exchange(server, frame(b"?"))
        exchange(server, frame(b"s"))
        server.wait_log("STOP_REQ")
        server.stop()
        lines = server.log().splitlines()
        told = re.findall(r"refused requests (\d+) times more within \d+ s: no such request",
                          server.log())
        assert len(lines) < 50 * len(told)
        assert sum(map(int, told)) + sum("a request with tag 63" in line for line in lines) == 3000


@pytest.mark.parametrize("sip", [0, 1], ids=["not at all", "byte by byte"])
def test_a_peer_that_does_not_read_falls_to_the_packet_timeout(ours, sip):
    """The reply is longer than what the two sockets take while nobody reads."""
    with open("/proc/sys/net/ipv4/tcp_wmem") as limits:
        count = int(limits.read().split()[2]) // 1000 + 500
    with contextlib.ExitStack() as held, \
            Daemon(ours, "-packet_timeout", "1", "-d",
                   wrapper=("prlimit", "--nofile=8192:8192")) as server:
        for number in range(count):
            name = b"%04d" % number + ("\U0001f600" * 250).encode()
            held.enter_context(Node(server, name))
        slow = held.enter_context(connect(server.port, receive_buffer=4096))
        send(slow, NAMES)
        wait_for(lambda: slow.recv(sip) and False or "did not finish in time" in server.log(),
                 what="the timeout")
        assert len(read_all(slow)) < len(exchange(server, NAMES))


def test_a_log_that_nobody_reads_stops_nobody(ours):
    """Standard error is a pipe, and full."""
    port = free_port()
    reader, writer = os.pipe()
    process = subprocess.Popen([ours, "-port", str(port), "-d", "-d", "-d"], env=clean_env(),
                               stderr=writer)
    os.close(writer)
    try:
        wait_for(lambda: os.read(reader, 4096).count(b"listening on"), what="its start")
        for _ in range(2000):
            with connect(port) as sock:
                send(sock, port2(b"none"))
                assert read_all(sock) == NOT_FOUND
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        os.close(reader)
