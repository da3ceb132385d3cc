# SPDX-License-Identifier: Apache-2.0
"""Starts that fail under a service manager: they slow it down, and lose nothing."""

import os
import signal
import socket

import pytest

from harness import run_epmd, wait_for
from restart.passing import Worker
from wire.protocol import Node, registered, state

WRONG = {
    "an option": (("-no_such_option",), {}),
    "the environment": ((), {"ERL_EPMD_ADDRESS": "nonsense"}),
    "an address": (("-address", "192.0.2.1"), {}),
    "a user": (("-user", "no-such-user-here"), {}),
}


class Manager:
    """What a service manager does with one unit: starts it, and keeps what it is sent."""

    def __init__(self, binary, path):
        self.binary, self.path = binary, path
        self.channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.channel.bind(path)
        self.channel.setblocking(False)
        self.held = []

    def worker(self, *options, env=None):
        """A daemon that gets what is held; not started yet."""
        return Worker(self.binary, [fd for _, fd in self.held], "-systemd", *options, env={
            "NOTIFY_SOCKET": self.path, "LISTEN_FDS": str(len(self.held)),
            "LISTEN_FDNAMES": ":".join(name for name, _ in self.held), **(env or {})})

    def fail(self, *options, env=None):
        """Start once; what it writes, after what it has sent was taken."""
        worker = self.worker(*options, env=env)
        worker._spawn()
        assert worker.wait() == 1
        self.take()
        return worker.log()

    def take(self):
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(self.channel, 4096, 253)
            except BlockingIOError:
                return
            words = dict(line.split("=", 1) for line in data.decode().splitlines())
            if words.get("FDSTOREREMOVE"):
                self.held = [(name, fd) for name, fd in self.held if name != words["FDNAME"]]
            self.held += [(words["FDNAME"], fd) for fd in fds]


@pytest.fixture
def manager(ours, tmp_path):
    manager = Manager(ours, str(tmp_path / "notify"))
    yield manager
    manager.channel.close()
    for _, fd in manager.held:
        os.close(fd)


@pytest.mark.parametrize("what", WRONG)
def test_each_failure_in_a_row_is_counted(manager, what):
    """How long each count waits is shown by tests/unit/test_restraint.c."""
    options, env = WRONG[what]
    for _ in range(3):
        manager.fail(*options, env=env)
    counter, = [fd for name, fd in manager.held if name == "failures"]
    assert os.eventfd_read(counter) == 3


def test_a_start_that_waits_ends_when_asked(manager):
    counter = os.eventfd(50, os.EFD_NONBLOCK)
    manager.held.append(("failures", counter))
    worker = manager.worker("-no_such_option")
    worker._spawn()
    wait_for(lambda: f"eventfd-count: {51:16x}" in fdinfo(counter), what="the failure counted")
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait() == -signal.SIGTERM


def fdinfo(fd):
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as lines:
        return lines.read()


def test_a_start_that_succeeds_forgets_the_failures(manager):
    manager.fail("-no_such_option")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        manager.held.append(("l", os.dup(listener.fileno())))
        port = listener.getsockname()[1]
        worker = manager.worker()
        worker.port = port
        with worker, Node(worker, b"a") as node:
            manager.take()
            assert "failures" not in [name for name, _ in manager.held]
            assert registered(worker) == [b"a"]
            assert state(node.sock) == "open"


def test_what_runs_inside_another_service_is_not_held_up(ours, manager):
    """The socket is inherited there, but it is not this process that the manager started."""
    result = run_epmd(ours, "-no_such_option",
                      env={"NOTIFY_SOCKET": manager.path, "SYSTEMD_EXEC_PID": str(os.getpid())})
    assert result.returncode == 1
    manager.take()
    assert manager.held == []
