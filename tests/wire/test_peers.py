# SPDX-License-Identifier: Apache-2.0
"""Who may ask what: a peer on another host against one on this host.

Another host is another network namespace at the end of a cable.
"""

import pytest

from harness import Daemon
from wire.protocol import (DUMP, KILL, NAMES, NOT_FOUND, Node, alive2, connect, exchange, found,
                           names_reply, port2, stop)

pytestmark = pytest.mark.needs("network namespaces")
HOSTS = {"10.9.9.1": "10.9.9.2", "fd99::1": "fd99::2"}


@pytest.fixture
def cabled(binary, hosts):
    with Daemon(binary, "-relaxed_command_check", namespace=hosts[0]) as daemon:
        yield daemon


@pytest.mark.parametrize("address", HOSTS)
def test_remote_peers_may_look_up(cabled, hosts, address):
    here, there = hosts
    with here.entered():
        node = Node(cabled, b"near", port=1)
    with node, there.entered():
        assert exchange(cabled, port2(b"near"), host=address) == found(b"near", port=1)
        assert exchange(cabled, port2(b"far"), host=address) == NOT_FOUND
        assert exchange(cabled, NAMES, host=address) == names_reply(cabled, (b"near", 1))


@pytest.mark.parametrize("address", HOSTS)
def test_remote_peers_may_do_nothing_else(cabled, hosts, address):
    here, there = hosts
    with here.entered():
        node = Node(cabled, b"near", port=1)
    with node:
        with there.entered():
            for request in alive2(b"far"), DUMP, KILL, stop(b"near"), stop(b"none"):
                assert exchange(cabled, request, host=address) == b""
        with here.entered():
            assert exchange(cabled, NAMES) == names_reply(cabled, (b"near", 1))


@pytest.mark.parametrize("address", HOSTS)
def test_a_peer_with_our_own_address_is_local(cabled, hosts, address):
    with hosts[0].entered():
        with Node(cabled, b"near", host=address) as node:
            assert node.result == 0
            assert b"<near>" in exchange(cabled, DUMP, host=address)
            assert exchange(cabled, stop(b"near"), host=address) == b"STOPPED"
        assert exchange(cabled, KILL, host=address) == b"OK"
        assert cabled.wait() == 0


def test_loopback_to_an_address_of_the_host_is_local(cabled, hosts):
    with hosts[0].entered(), connect(cabled.port, "10.9.9.1", source="127.0.0.1") as sock:
        sock.sendall(DUMP)
        assert sock.recv(100)[:4] == names_reply(cabled)


def test_another_address_of_this_host_is_remote(cabled, hosts):
    """Only the address of our own end counts, and no list of interfaces."""
    with hosts[0].entered():
        assert exchange(cabled, DUMP, host="127.0.0.1", source="10.9.9.1") == b""
        assert exchange(cabled, NAMES, host="127.0.0.1", source="10.9.9.1") == names_reply(cabled)
