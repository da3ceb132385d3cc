# SPDX-License-Identifier: Apache-2.0
"""INFO_REQ: what the daemon tells of itself and its nodes, byte by byte.

The reply is read here by its description in epmd-protocol(7), without the code under test.
"""

import contextlib
import os
import re
import socket
import struct
import time

import pytest

from harness import Daemon, listening, run_epmd, wait_for
from machine import need, need_descriptors
from restart.keeping import Kept
from wire.protocol import Node, connect, exchange, frame, send, settle, wait_registered

INFO = frame(b"i")
NOBODY, KEEPER, MANAGER = range(3)


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, layout):
        values = struct.unpack_from(layout, self.data)
        self.data = self.data[struct.calcsize(layout):]
        return values

    def bytes(self):
        length, = self.take(">H")
        value, self.data = self.data[:length], self.data[length:]
        assert len(value) == length
        return value

    def endpoint(self):
        address, port = self.take(">16sH")
        if address[:12] == bytes(10) + b"\xff\xff":
            return socket.inet_ntop(socket.AF_INET, address[12:]), port
        return socket.inet_ntop(socket.AF_INET6, address), port


def read_daemon(reader):
    keys = "port", "pid", "watcher", "flags", "started", "nodes", "stored"
    daemon = dict(zip(keys, reader.take(">HIBBqII")))
    for key in "version", "allow_lookup", "allow_names", "allow_register":
        daemon[key] = reader.bytes().decode("ascii")
    daemon["listeners"] = [reader.endpoint() for _ in range(*reader.take(">H"))]
    daemon["max_nodes"], = reader.take(">I")
    return daemon


def read_node(reader):
    since, creation = reader.take(">qI")
    peer = reader.endpoint()
    fields = reader.take(">HBBHH")
    return {"since": since, "creation": creation, "peer": peer, "fields": fields,
            "name": reader.bytes(), "extra": reader.bytes()}


def read_denial(reader):
    at, = reader.take(">q")
    return {"at": at, "reason": reader.bytes().decode("ascii"), "name": reader.bytes()}


READERS = {1: read_daemon, 2: read_node, 3: read_denial}


def records(server, **where):
    """The daemon, its nodes and the registrations that it has refused, as they are told."""
    reader = Reader(exchange(server, INFO, **where))
    assert reader.take(">BB") == (ord("i"), 1)
    found = []
    while reader.data:
        kind, = reader.take(">B")
        body = Reader(reader.bytes())
        found.append((kind, READERS[kind](body)))
        assert body.data == b""
    assert [kind for kind, _ in found] == sorted(kind for kind, _ in found)
    (daemon,), nodes, denials = ([value for kind, value in found if kind == wanted]
                                 for wanted in (1, 2, 3))
    assert daemon["nodes"] == len(nodes)
    return daemon, nodes, denials


def info(server, **where):
    """The daemon and its nodes."""
    return records(server, **where)[:2]


def test_what_was_refused_is_told_with_its_reason(ours):
    before = time.time() * 1000
    with Daemon(ours) as server, Node(server, b"a"), Node(server, b"a") as second:
        assert second.result == 1
        (denial,) = records(server)[2]
        assert (denial["name"], denial["reason"]) == (b"a", "the name is taken")
        assert before - 5 <= denial["at"] <= time.time() * 1000 + 5
        with Node(server, b"\xff") as third:  # known a moment after the last reply was made
            assert third.result == 1
        assert {denial["name"] for denial in records(server)[2]} == {b"a", b"\xff"}


def test_how_many_nodes_there_is_room_for_is_told(ours):
    with Daemon(ours, wrapper=["prlimit", "--nofile=64"]) as server, \
            contextlib.ExitStack() as stack:
        most = records(server)[0]["max_nodes"]
        results = [stack.enter_context(Node(server, b"n%d" % number)).result
                   for number in range(most + 1)]
        assert results == [0] * most + [1]
        daemon, _, (denial,) = records(server)
        assert daemon["nodes"] == daemon["max_nodes"] == most
        assert denial["reason"].startswith("no descriptor is left for one more node")


@pytest.mark.needs("IPv6")
def test_each_node_is_told_newest_first(ours):
    with Daemon(ours) as server, Node(server, b"old", port=1, highest=5, lowest=5) as old:
        before = time.time() * 1000
        with Node(server, "zw\u00f6".encode(), host="::1", port=65535, kind=72, protocol=3,
                  highest=65535, lowest=1, extra=b"\0\xff" * 510) as new:
            after = time.time() * 1000
            first, second = info(server)[1]
            assert (first["name"], first["extra"]) == ("zw\u00f6".encode(), b"\0\xff" * 510)
            assert first["fields"] == (65535, 72, 3, 65535, 1)
            assert first["creation"] == new.creation
            assert first["peer"] == new.sock.getsockname()[:2]
            assert before - 5 <= first["since"] <= after + 5
            assert (second["name"], second["extra"]) == (b"old", b"")
            assert second["fields"] == (1, 77, 0, 5, 5)
            assert second["creation"] % 3 + 1 == old.creation
            assert second["peer"] == old.sock.getsockname()
            assert second["since"] <= first["since"]


def test_the_daemon_tells_of_itself(ours):
    lists = {"-allow_lookup": "local,10.0.0.0/8", "-allow_names": "none",
             "-allow_register": "fd00::/8,192.0.2.1"}
    options = [word for pair in lists.items() for word in pair]
    start = time.time() * 1000
    with Daemon(ours, "-relaxed_command_check", *options, addresses=["127.0.0.2"]) as server:
        daemon, nodes = info(server)
        assert nodes == []
        assert (daemon["port"], daemon["pid"], daemon["flags"]) == (server.port, server.pid, 1)
        assert (daemon["watcher"], daemon["stored"]) == (NOBODY, 0)
        assert sorted(daemon["listeners"]) == listening(server.pid)
        assert {"-" + key: daemon[key] for key in daemon if key.startswith("allow")} == lists
        assert start - 5 <= daemon["started"] <= time.time() * 1000
        assert run_epmd(ours, "-version").stdout == f"epmd {daemon['version']}\n"


def test_the_defaults_are_told(ours):
    with Daemon(ours) as server:
        daemon, _ = info(server)
        assert (daemon["allow_lookup"], daemon["allow_names"]) == ("any", "any")
        assert (daemon["allow_register"], daemon["flags"]) == ("local", 0)


@pytest.mark.needs("keeper")
def test_what_a_keeper_has_is_told(ours):
    with Kept(ours) as server, Node(server, b"a"), Node(server, b"b") as gone:
        wait_for(lambda: info(server)[0]["stored"] == 2, what="the keeper's word")
        before = info(server)
        assert before[0]["watcher"] == KEEPER
        assert before[0]["pid"] == server.worker()
        server.kill_worker()
        daemon, nodes = info(server)
        assert (daemon["watcher"], daemon["stored"], daemon["pid"]) == (KEEPER, 2, server.worker())
        assert daemon["started"] > before[0]["started"]
        assert [{**node, "since": 0} for node in nodes] == [
            {**node, "since": 0} for node in before[1]]
        assert all(abs(now["since"] - then["since"]) < 1000
                   for now, then in zip(nodes, before[1]))
        gone.close()
        wait_registered(server, b"a")
        assert info(server)[0]["stored"] == 1


@pytest.mark.needs("keeper")
def test_a_keeper_that_is_gone_is_told(ours):
    with Kept(ours) as server, Node(server, b"a"):
        worker = server.worker()
        program = f"/proc/{worker}/exe"
        assert info(server)[0]["watcher"] == KEEPER and os.path.exists(program)
        os.kill(server.pid, 9)
        server.wait_log("the keeper has gone")
        daemon, nodes = info(server)
        assert (daemon["watcher"], daemon["stored"], len(nodes)) == (NOBODY, 0, 1)
        os.kill(worker, 15)
        wait_for(lambda: not os.path.exists(program), what="the end of the worker")


@contextlib.contextmanager
def slow_manager(folder):
    """A service manager's socket that nobody reads."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        yield manager


@pytest.mark.needs("keeper")
def test_what_a_manager_has_not_taken_is_not_told_as_stored(ours, tmp_path):
    """Its queue takes some; the rest is told once it is read, though nothing else changes."""
    need("systemd-socket-activate")
    with contextlib.ExitStack() as held:
        manager = held.enter_context(slow_manager(tmp_path))
        port = Daemon(ours).port
        server = held.enter_context(Daemon(ours, "-systemd", port=port, wrapper=(
            "systemd-socket-activate", "-l", f"127.0.0.1:{port}", "-E", f"NOTIFY_SOCKET={manager.getsockname()}")))
        names = []
        while len(names) == info(server)[0]["stored"]:
            names.append(held.enter_context(Node(server, b"n%d" % len(names))))
            assert len(names) < 5000
        daemon, nodes = info(server)
        assert daemon["watcher"] == MANAGER
        assert daemon["stored"] < daemon["nodes"] == len(nodes) == len(names)
        manager.setblocking(False)

        def all_stored():
            with contextlib.suppress(BlockingIOError):
                while True:
                    manager.recv(4096)
            return info(server)[0]["stored"] == len(names)
        wait_for(all_stored, what="all of them stored")


@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("address", ["10.9.9.1", "fd99::1"])
def test_peers_elsewhere_are_told_nothing(ours, hosts, address):
    everything = [word for option in ("-allow_lookup", "-allow_names", "-allow_register")
                  for word in (option, "any")]
    with Daemon(ours, *everything, namespace=hosts[0]) as server:
        with hosts[1].entered():
            assert exchange(server, INFO, host=address) == b""
        server.wait_log(r"refused INFO_REQ from \S+ port \d+: only peers on this host may ask that")
        with hosts[0].entered():
            assert info(server, host=address)[0]["nodes"] == 0


def test_stock_closes(stock):
    with Daemon(stock) as server, Node(server, b"a"):
        assert exchange(server, INFO) == b""
        wait_registered(server, b"a")


def test_bytes_after_the_tag_mean_nothing(ours):
    with Daemon(ours) as server:
        assert exchange(server, frame(b"i and more")) == exchange(server, INFO)


def test_it_is_logged_as_a_request(ours):
    with Daemon(ours, "-d") as server:
        reply = exchange(server, INFO)
        server.wait_log(rf"INFO_REQ from 127\.0\.0\.1 port \d+, reply of {len(reply)} bytes")



def test_readers_share_one_reply(ours):
    """Many peers that ask and do not read cost no memory of their own."""
    need_descriptors(1000)
    with Daemon(ours) as server, contextlib.ExitStack() as held:
        for number in range(400):
            held.enter_context(Node(server, b"n%d" % number, extra=b"x" * 1000))
        reply_kb = len(exchange(server, INFO)) // 1024
        resident = memory_kb(server.pid)
        for _ in range(100):
            sock = held.enter_context(connect(server.port, receive_buffer=4096))
            send(sock, INFO)
        settle(server)
        assert memory_kb(server.pid) - resident < 8 * reply_kb


def memory_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])
