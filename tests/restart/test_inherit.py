# SPDX-License-Identifier: Apache-2.0
"""Which descriptors, and which keeper, are meant for this process at all."""

import os
import socket

import pytest

from harness import Daemon, free_port
from restart.keeping import Kept
from restart.passing import Watcher, Worker
from wire.protocol import (NAMES, Node, connect, exchange, read_all, registered, send, state,
                           wait_registered)


def test_descriptors_for_another_program_are_left_alone(ours):
    """Neither -systemd nor a keeper: then $LISTEN_FDS was meant for somebody else."""
    with Watcher(ours) as elsewhere:
        elsewhere.listen()
        worker = Worker(ours, elsewhere.held["l"], env={"LISTEN_FDS": "1"}, port=free_port())
        elsewhere.worker = worker.start(reachable=False)
        worker.wait_log(rf"listening on 0\.0\.0\.0 port {worker.port}")
        assert worker.port != elsewhere.port and str(elsewhere.port) not in worker.log()
        assert exchange(worker, NAMES) == worker.port.to_bytes(4, "big")


@pytest.mark.parametrize("options", [[], ["-daemon"], ["-keeper"]], ids=str)
def test_a_start_behind_a_socket_unit_without_systemd_fails_at_once(ours, options):
    """It asks no epmd: its own port is held by the socket that it was passed."""
    with Watcher(ours) as elsewhere:
        elsewhere.listen()
        worker = Worker(ours, elsewhere.held["l"], *options, env={"LISTEN_FDS": "1"},
                        port=elsewhere.port)
        worker.start(reachable=False)
        assert worker.wait() == 1
        assert "start epmd there with -systemd, and without -daemon and -address" in worker.log()
        assert "answer" not in worker.log()


def test_a_socket_with_the_port_of_metrics_on_another_address_is_not_theirs(ours):
    """It speaks epmd's protocol; -metrics opens its own."""
    port, other = free_port(), free_port()
    with socket.create_server(("127.0.0.1", port)) as usual, \
            socket.create_server(("127.0.0.2", other)) as further:
        passed = [usual.fileno(), further.fileno()]
        with Worker(ours, passed, "-systemd", "-metrics", f"127.0.0.1:{other}",
                    env={"LISTEN_FDS": "2"}, port=port) as worker:
            assert exchange(worker, NAMES) == port.to_bytes(4, "big")
            with connect(other, "127.0.0.2") as sock:
                send(sock, NAMES)
                assert read_all(sock) == port.to_bytes(4, "big")
            with connect(other, "127.0.0.1") as sock:
                send(sock, b"GET /metrics HTTP/1.0\r\n\r\n")
                assert b" 200 OK\r\n" in read_all(sock)


def test_a_worker_whose_keeper_has_ended_before_it_served_ends(ours):
    worker = Worker(ours, [], env={"LISTEN_FDS": "0", "EPMD_KEEPER": str(os.getppid())})
    worker._spawn()
    assert worker.wait() == 1
    assert "listening" not in worker.log()


def test_who_merely_inherits_the_variable_is_a_daemon_of_its_own(ours):
    """A program that a worker has started, say."""
    with Daemon(ours, env={"EPMD_KEEPER": str(os.getppid()), "LISTEN_PID": "1"}) as daemon:
        assert exchange(daemon, NAMES) == daemon.port.to_bytes(4, "big")


class Leaking:
    """Starts daemons with a file of its own left open."""

    def __init__(self, path):
        self.path = str(path)
        self.wrapper = ("sh", "-c", 'exec 7<"$0"; exec "$@"', self.path)
        path.write_text("a secret")

    def is_open_in(self, pid):
        return self.path in [os.path.realpath(f"/proc/{pid}/fd/{number}")
                             for number in os.listdir(f"/proc/{pid}/fd")]


@pytest.fixture
def leaking(tmp_path):
    return Leaking(tmp_path / "secret")


@pytest.mark.parametrize("options", [(), ("-no_keeper",)])
def test_what_the_starter_left_open_is_closed(ours, leaking, options):
    with Daemon(ours, *options, wrapper=leaking.wrapper) as daemon:
        assert not leaking.is_open_in(daemon.pid)


def test_neither_keeper_nor_workers_have_what_the_starter_left_open(ours, leaking):
    with Kept(ours, wrapper=leaking.wrapper) as kept:
        for _ in range(2):
            for pid in kept.pid, kept.worker():
                assert not leaking.is_open_in(pid)
            kept.kill_worker()


def test_a_connection_that_is_passed_twice_is_one_registration(ours):
    """A manager's store may hold two duplicates of it."""
    with Watcher(ours) as watcher:
        watcher.listen()
        server = watcher.start()
        with Node(server, b"a") as node, Node(server, b"b"):
            watcher.take_nodes(2)
            watcher.kill()
            server = watcher.start([*watcher.descriptors(), *watcher.held["n"]])
            assert registered(server) == [b"b", b"a"]
            assert state(node.sock) == "open"
            node.close()
            wait_registered(server, b"b")


def test_who_has_left_meanwhile_is_not_restored(ours):
    """This watcher holds the connection on, as a service manager may for a moment."""
    with Watcher(ours) as watcher:
        watcher.listen()
        server = watcher.start()
        with Node(server, b"stays"), Node(server, b"leaves") as leaves:
            watcher.take_nodes(2)
            watcher.kill()
            leaves.close()
            server = watcher.start()
            server.wait_log("restored 1 registration; 1 node has left in between")
            assert registered(server) == [b"stays"]
