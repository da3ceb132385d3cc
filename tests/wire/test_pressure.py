# SPDX-License-Identifier: Apache-2.0
"""Many peers, greedy peers and hostile peers: ours serves everybody else meanwhile.

Stock fails all of these; how is in differences.py.
"""

import resource

import pytest

from harness import Daemon
from machine import need_descriptors
from wire.protocol import (NAMES, NOT_FOUND, Node, alive2, connect, exchange, found, names_reply,
                           port2, read_all, read_exactly, registered, reset, send, settle, state,
                           wait_registered)


@pytest.fixture(autouse=True)
def descriptors():
    """Let this process hold enough connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need_descriptors(8192)
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_soft_limit_of_256_holds_2000_registrations(ours):
    with Daemon(ours, wrapper=("prlimit", "--nofile=256:8192")) as server:
        nodes = [Node(server, b"n%d" % number, port=number) for number in range(2000)]
        assert {node.result for node in nodes} == {0}
        assert exchange(server, NAMES) == names_reply(
            server, *((b"n%d" % number, number) for number in reversed(range(2000))))
        for node in nodes:
            node.close()
        wait_registered(server)


def test_running_out_of_descriptors_loses_no_registration(ours):
    with Daemon(ours, wrapper=("prlimit", "--nofile=256:256")) as server:
        nodes = [Node(server, b"n%d" % number) for number in range(20)]
        idle = [connect(server.port) for _ in range(300)]
        assert server.exit_code() is None
        assert {state(node.sock) for node in nodes} == {"open"}
        for sock in idle:
            sock.close()
        assert len(registered(server)) == 20
        assert exchange(server, port2(b"n7")) == found(b"n7")
        with Node(server, b"later") as later:
            assert later.result == 0


def test_refusals_cannot_use_up_the_descriptors(ours):
    with Daemon(ours, wrapper=("prlimit", "--nofile=256:256")) as server:
        with Node(server, b"held"):
            refused = [Node(server, b"held") for _ in range(400)]
            assert {node.result for node in refused} == {1}
            assert registered(server) == [b"held"]


def test_a_node_that_registers_again_at_once_is_never_refused(ours):
    with Daemon(ours) as server:
        creations = []
        for _ in range(10000):
            with Node(server, b"flapping") as node:
                assert node.result == 0
                creations.append(node.creation)
        assert creations == list(range(creations[0], creations[0] + len(creations)))


def test_a_stranger_cannot_unregister_a_node(ours):
    with Daemon(ours) as server, Node(server, b"held") as holder:
        for _ in range(500):
            sock = connect(server.port)
            send(sock, alive2(b"held"))
            reset(sock)
        settle(server)
        assert registered(server) == [b"held"]
        assert state(holder.sock) == "open"


def test_a_slow_reader_of_a_long_reply_gets_all_of_it_and_stops_nobody(ours):
    """The reply is longer than what the two sockets take while nobody reads."""
    with open("/proc/sys/net/ipv4/tcp_wmem") as limits:
        count = int(limits.read().split()[2]) // 1000 + 500
    with Daemon(ours, wrapper=("prlimit", "--nofile=8192:8192")) as server:
        nodes = [Node(server, b"%04d" % number + ("\U0001f600" * 250).encode())
                 for number in range(count)]
        with connect(server.port, receive_buffer=4096) as slow:
            send(slow, NAMES)
            start = read_exactly(slow, 4)  # from here on its listing is what it is
            assert exchange(server, port2(b"none")) == NOT_FOUND
            with Node(server, b"meanwhile") as other:
                assert other.result == 0
            expected = names_reply(server, *((node.name, 4711) for node in reversed(nodes)))
            assert start + read_all(slow) == expected
