# SPDX-License-Identifier: Apache-2.0
"""Remote hosts that may register: one that vanishes, and one that wants all there is.

A host that loses its power sends no end. Only the kernel's keepalive finds that out, so
what is asked here is what the kernel was told: of duplicates of the daemon's own sockets.
This host's nodes cannot vanish so, and are not probed: of the probes to thousands that
registered together the loopback interface would drop many.
"""

import contextlib
import ctypes
import os
import socket
import time

import pytest

import machine
from harness import Daemon, visible, wait_for
from machine import need_descriptors
from restart.passing import Watcher
from wire.protocol import Node, alive2, connect, registered, send, state, wait_registered

IDLE_S, INTERVAL_S, COUNT = 60, 10, 3
PIDFD_OPEN, PIDFD_GETFD = 434, 438
DESCRIPTORS = 128
HOSTS = ["10.9.9.1", "fd99::1"]
FAR = {"10.9.9.1": "10.9.9.2", "fd99::1": "fd99::2"}
MANY = 15_000  # 1,000 packets at once is what a loopback interface queues


def keepalive(sock):
    """None where the kernel was told nothing; else idle time, interval and count."""
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE):
        return None
    return tuple(sock.getsockopt(socket.IPPROTO_TCP, option) for option in
                 (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT))


@contextlib.contextmanager
def sockets_of(pid):
    """Duplicates of a process's TCP sockets."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = libc.syscall(PIDFD_OPEN, pid, 0)
    if process < 0:
        machine.cannot("pidfd_open(2): this kernel lacks it")
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, process)
        found = []
        for number in os.listdir(f"/proc/{pid}/fd"):
            if not os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:"):
                continue
            fd = libc.syscall(PIDFD_GETFD, process, int(number), 0)
            if fd < 0:
                machine.cannot(f"pidfd_getfd(2): {os.strerror(ctypes.get_errno())}")
            sock = stack.enter_context(socket.socket(fileno=fd))
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                found.append(sock)
        yield found


def told(pid):
    """By the address of its peer, what the kernel was told of each connection of a process."""
    with sockets_of(pid) as sockets:
        return {sock.getpeername()[0]: keepalive(sock) for sock in sockets
                if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)}


def registered_at(stack, server, hosts, address):
    """A node on either host, which asks that address; by their own ones what is to be told."""
    here, there = hosts
    for host, name in (here, b"near"), (there, b"far"):
        with host.entered():
            stack.enter_context(Node(server, name + address.encode(), host=address))
    return {address: None, FAR[address]: (IDLE_S, INTERVAL_S, COUNT)}


@pytest.mark.needs("network namespaces")
def test_a_host_that_vanishes_is_found_out(filtered, hosts):
    """Also where the system call filter lets little through: it knows what listens."""
    with contextlib.ExitStack() as stack, \
            Daemon(filtered, "-allow_register", "any", *visible(filtered),
                   namespace=hosts[0]) as server:
        wanted = {}
        for address in HOSTS:
            wanted |= registered_at(stack, server, hosts, address)
        assert told(server.pid) == wanted


@pytest.mark.needs("keeper", "network namespaces")
@pytest.mark.parametrize("was_on", [0, 1])
def test_connections_of_an_earlier_epmd_are_told_anew(ours, hosts, was_on):
    """Whether it has watched none of them, or all."""
    with contextlib.ExitStack() as stack, Watcher(ours, None, "-allow_register", "any") as watcher:
        with hosts[0].entered():
            watcher.listen(HOSTS[0])
            server = watcher.start()
        wanted = registered_at(stack, server, hosts, HOSTS[0])
        watcher.take_nodes(2)
        for fd in watcher.held["n"]:
            with socket.socket(fileno=os.dup(fd)) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, was_on)
        with hosts[0].entered():
            server = watcher.restart()
        assert told(server.pid) == wanted


@pytest.mark.asked("long")
def test_thousands_that_registered_together_are_all_kept(ours):
    """For as long as three probes of each would take, and what the last one would find."""
    limit = MANY + 2000  # some are kept from nodes
    need_descriptors(limit)
    with contextlib.ExitStack() as stack, \
            Daemon(ours, wrapper=("prlimit", f"--nofile={limit}:{limit}")) as server:
        nodes = [stack.enter_context(Node(server, b"n%d" % number)) for number in range(MANY)]
        assert {node.result for node in nodes} == {0}
        over = time.monotonic() + IDLE_S + COUNT * INTERVAL_S + 5
        wait_for(lambda: time.monotonic() > over, over, "the end of that time")
        assert [node.name for node in nodes if state(node.sock) != "open"] == []


# ---- one that wants all there is ----

def register_all(server, address, stack):
    """Registrations from here until one is refused, or not answered."""
    nodes = []
    while len(nodes) < DESCRIPTORS + 10:
        node = stack.enter_context(Node(server, b"far%d" % len(nodes), host=address))
        if node.reply[1:2] != b"\0":
            break
        nodes.append(node)
    return nodes


@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("address", HOSTS)
def test_a_remote_host_cannot_take_every_registration(ours, hosts, address):
    here, there = hosts
    few = ("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")
    with contextlib.ExitStack() as stack, \
            Daemon(ours, "-allow_register", "any", wrapper=few, namespace=here) as server:
        with there.entered():
            far = register_all(server, address, stack)
        assert far
        with here.entered():
            near = [stack.enter_context(Node(server, b"near%d" % number)) for number in range(10)]
            assert {node.result for node in near} == {0}
            assert len(registered(server)) == len(far) + len(near)
        for node in far[:2]:
            node.close()
        with here.entered():
            wait_registered(server, *(node.name for node in (*far[2:], *near)))
        with there.entered(), Node(server, b"again", host=address) as again:
            assert again.result == 0


@pytest.mark.needs("network namespaces")
def test_the_addresses_of_one_ipv6_network_are_one_host(ours, hosts):
    """Whoever has one address of a /64 has all of them."""
    here, there = hosts
    few = ("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")
    with contextlib.ExitStack() as stack, \
            Daemon(ours, "-allow_register", "any", wrapper=few, namespace=here) as server:
        with there.entered():
            first = len(register_all(server, "fd99::1", stack))
            there.ip("addr add fd99::77/64 dev cable nodad")
        with here.entered():
            assert len(registered(server)) == first
        with there.entered(), contextlib.ExitStack() as other:
            other.callback(there.ip, "addr del fd99::77/64 dev cable")
            with connect(server.port, "fd99::1", source="fd99::77") as sock:
                send(sock, alive2(b"other"))
                assert sock.recv(6)[1:2] != b"\0"
        with here.entered(), Node(server, b"near") as near:
            assert near.result == 0
