# SPDX-License-Identifier: Apache-2.0
"""Clients of the HTTP server that say nothing, read nothing or never end: nodes notice nothing."""

import contextlib
import os
import resource
import select
import time

import pytest

import machine
from harness import wait_for
from metrics.observed import Observed, request
from wire.protocol import (NOT_FOUND, Node, exchange, found, port2, read_all, send, state)

SILENT = 200
TIMEOUT_S = 5  # of a scrape
CONNECTIONS_MAX = 16
FEW = ("prlimit", "--nofile=64:64")


def serve(daemon, number):
    """A lookup, a registration and a scrape, all answered."""
    assert exchange(daemon, port2(b"held")) == found(b"held")
    with Node(daemon, b"new%d" % number) as node:
        assert node.result == 0
    assert daemon.series()["epmd_node_port", "held"] == 4711


def test_silent_clients_give_way(ours):
    machine.need_descriptors(300)
    with contextlib.ExitStack() as held, Observed(ours, "-d", "-d", wrapper=FEW) as daemon:
        node = held.enter_context(Node(daemon, b"held"))
        silent = []
        for number in range(SILENT):
            silent.append(held.enter_context(daemon.connect()))
            if number % 20 == 0:
                serve(daemon, number)
        serve(daemon, SILENT)
        # The kernel hands a silent connection over after a second (TCP_DEFER_ACCEPT).
        wait_for(lambda: [state(sock) for sock in silent].count("open") <= CONNECTIONS_MAX,
                 what="the end of all silent clients but the newest")
        assert "others needed the room" in daemon.log()  # not each of them fell to the deadline
        assert state(node.sock) == "open"


def test_nodes_never_lose_their_descriptors(ours):
    machine.need_descriptors(600)
    with contextlib.ExitStack() as held, Observed(ours, wrapper=FEW) as daemon:
        room = int(daemon.series()["epmd_nodes_max"])
        for _ in range(SILENT):
            held.enter_context(daemon.connect())
        nodes = [held.enter_context(Node(daemon, b"n%d" % number)) for number in range(room + 1)]
        assert [node.result for node in nodes] == [0] * room + [1]
        for _ in range(SILENT):
            held.enter_context(daemon.connect())
        assert exchange(daemon, port2(b"none")) == NOT_FOUND
        assert {state(node.sock) for node in nodes[:room]} == {"open"}
        assert daemon.series()["epmd_nodes"] == room


def trickle(sock, data):
    """Send a byte whenever a tenth of a second has passed without an answer; what comes."""
    for byte in data:
        if select.select([sock], [], [], 0.1)[0]:
            break
        send(sock, bytes([byte]))
    return read_all(sock)


@pytest.mark.parametrize("data", [request("/", fields=["X: " + "a" * 1000]),
                                  request("/", "POST", ["Content-Length: 0", "X: a"] * 40)],
                         ids=["header", "headers"])
def test_trickled_bytes_buy_no_time(observed, data):
    """They take 100 s and more: time that they bought would let them all in, and be answered."""
    began = time.monotonic()
    with observed.connect() as sock:
        assert trickle(sock, data) == b""
    assert time.monotonic() - began > TIMEOUT_S - 1


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.needs("network namespaces")
def test_who_reads_nothing_falls_to_the_deadline(ours, hosts):
    """From another host: through its loopback device a kernel takes all at once."""
    machine.need_descriptors(1200)
    here, there = hosts
    with contextlib.ExitStack() as held, \
            Observed(ours, address="10.9.9.1", namespace=here) as daemon:
        with here.entered():
            held.enter_context(Node(daemon, b"held"))
            for number in range(900):
                held.enter_context(Node(daemon, b"%04d" % number + b"<" * 60))
            before = descriptors(daemon.pid)
            whole = len(daemon.get("/metrics").body)  # read to its end before the daemon closes it
        with there.entered():
            slow = [held.enter_context(daemon.connect(receive_buffer=4096)) for _ in range(20)]
        for sock in slow:
            send(sock, request("/metrics"))
        wait_for(lambda: descriptors(daemon.pid) == before + CONNECTIONS_MAX - 1,
                 what="all of them being served")
        with here.entered():
            serve(daemon, 0)
        wait_for(lambda: descriptors(daemon.pid) == before, what="the deadline")
        assert max(len(read_all(sock)) for sock in slow) < whole


def test_accepting_goes_on_after_a_shortage(observed):
    """Beyond all that is set aside: the limit itself sinks."""
    used = len(os.listdir(f"/proc/{observed.pid}/fd"))
    before = resource.prlimit(observed.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(observed.pid, resource.RLIMIT_NOFILE, (used, before[1]))
    with observed.connect() as waiting:
        send(waiting, request("/healthz"))
        assert not select.select([waiting], [], [], 0.3)[0]
        resource.prlimit(observed.pid, resource.RLIMIT_NOFILE, before)
        assert read_all(waiting).endswith(b"ok\n")
    assert 1 <= observed.log().count("cannot accept connections for a moment") <= 20
