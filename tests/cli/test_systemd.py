# SPDX-License-Identifier: Apache-2.0
"""-systemd: inherited sockets and notifications.

systemd-socket-activate hands over real sockets and becomes the daemon in the
same process.
"""

import contextlib
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

import machine
from harness import PATIENCE_S, Daemon, clean_env, free_port, listening, run_epmd
from wire.protocol import DUMP, KILL, NAMES, Node, exchange, found, names_reply, port2, settle

ACTIVATE = "systemd-socket-activate"


@pytest.fixture
def manager(tmp_path):
    """The socket on which a service manager would be told."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(PATIENCE_S)
        yield listener


def told(manager):
    """The lines of all messages up to the one that says READY=1."""
    lines = []
    while "READY=1" not in lines:
        lines += manager.recv(4096).decode().splitlines()
    return lines


def activated(binary, *listen, env=()):
    """A daemon started with sockets for these addresses."""
    machine.need(ACTIVATE)
    port = free_port()
    sockets = [word for address in listen for word in ("-l", f"{address}:{port}")]
    passed = [word for setting in env for word in ("-E", setting)]
    return Daemon(binary, "-systemd", port=port, wrapper=(ACTIVATE, *sockets, *passed))


@pytest.mark.parametrize("listen, expected", [
    (["127.0.0.1"], ["127.0.0.1"]), (["[::1]"], ["::1"]),
    (["127.0.0.1", "[::1]"], ["127.0.0.1", "::1"]), (["127.0.0.2", "127.0.0.3"], ["127.0.0.2", "127.0.0.3"])])
def test_it_serves_the_inherited_sockets_and_no_others(binary, listen, expected):
    machine.need_family(*expected)
    with activated(binary, *listen) as server:
        assert [address for address, _ in listening(server.pid)] == expected
        for host in expected:
            assert exchange(server, NAMES, host=host) == names_reply(server)


@pytest.mark.needs("IPv6")
def test_a_socket_of_both_families_has_local_peers(binary):
    with activated(binary, "[::]") as server:
        for host in "127.0.0.1", "::1":
            with Node(server, b"six", host=host) as node:
                assert node.result == 0
                assert exchange(server, port2(b"six"), host=host) == found(b"six")
                assert b"<six>" in exchange(server, DUMP, host=host)
            settle(server)


def test_the_manager_is_told(binary, manager):
    with activated(binary, "127.0.0.1", env=[f"NOTIFY_SOCKET={manager.getsockname()}"]) as server:
        lines = told(manager)
        assert any(line.startswith("STATUS=") and len(line) > len("STATUS=") for line in lines)
        assert exchange(server, KILL) == b"OK"
        assert server.wait() == 0


def test_no_manager_is_told_without_the_option(binary, manager):
    with Daemon(binary, env={"NOTIFY_SOCKET": manager.getsockname()}) as server:
        assert exchange(server, NAMES) == names_reply(server)
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(4096)


@pytest.mark.parametrize("env", [
    {}, {"LISTEN_FDS": "0"}, {"LISTEN_FDS": "1"}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
    {"LISTEN_FDS": "abc"}, {"LISTEN_FDS": "-1"}], ids=str)
def test_no_sockets_is_an_error(binary, env):
    result = run_epmd(binary, "-systemd", "-port", str(free_port()), env=env)
    assert (result.returncode, result.stdout) == (1, "")
    assert "systemd" in result.stderr or "socket" in result.stderr


# Passes descriptor argv[1] on, and says that it is for process argv[2], or else for this one.
PASS_ON = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=sys.argv[2] or str(os.getpid()))
os.execv(sys.argv[3], sys.argv[3:])
"""


@contextlib.contextmanager
def inheriting(binary, listen_pid):
    """A process that finds a listening socket passed to some process; it, and the port."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener:
        fd = listener.fileno()
        command = [sys.executable, "-ISc", PASS_ON, str(fd), listen_pid, binary, "-systemd",
                   "-port", str(port)]
        with subprocess.Popen(command, pass_fds=[fd], env=clean_env(), text=True,
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            try:
                yield process, SimpleNamespace(port=port)
            finally:
                process.terminate()


def test_sockets_for_another_process_are_none(binary):
    """As a child inherits both the variables and the descriptor of a service."""
    with inheriting(binary, listen_pid="1") as (process, _):
        assert process.wait(PATIENCE_S) == 1
        said = process.stderr.read()
        assert "systemd" in said or "socket" in said


def test_sockets_for_this_process_are_served(binary):
    """What the one before passes, and how, is right but for the process."""
    with inheriting(binary, listen_pid="") as (_, server):
        assert exchange(server, NAMES) == names_reply(server)


OWN_PID = 'LISTEN_PID=$$ LISTEN_FDS=1; export LISTEN_PID LISTEN_FDS; exec "$@" 3</dev/null'


def test_a_descriptor_that_is_no_socket_is_an_error(ours):
    result = run_epmd("sh", "-c", OWN_PID, "sh", ours, "-systemd")
    assert result.returncode == 1
    assert result.stderr.startswith("epmd: ")


def test_inherited_sockets_mean_nothing_without_the_option(ours):
    """Whoever starts a command from a service may leave the variables to it."""
    with Daemon(ours, wrapper=("sh", "-c", OWN_PID, "sh")) as server:
        assert [address for address, _ in listening(server.pid)] == ["0.0.0.0", "::"]
