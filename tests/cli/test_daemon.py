# SPDX-License-Identifier: Apache-2.0
"""The daemon as a process: detaching, logging to syslog, signals, a second start."""

import contextlib
import os
import re
import signal
import socket
import threading

import pytest

import machine
from cli.servers import Detached, Fake, descriptors, end_all, holders, started_for
from harness import PATIENCE_S, Daemon, free_port, run_epmd, visible, wait_for
from wire.protocol import NAMES, Node, exchange, names_reply


@pytest.fixture
def detached(binary):
    with Detached(binary) as daemon:
        yield daemon


def test_a_detached_daemon_serves(detached):
    assert exchange(detached, NAMES) == names_reply(detached)
    assert (detached.result.stdout, detached.result.stderr) == ("", "")


def test_a_detached_daemon_is_on_its_own(detached):
    pids = detached.holders()
    sessions = {os.getsid(pid) for pid in pids}
    assert os.getsid(0) not in sessions and len(sessions) == 1
    for pid in pids:
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        assert {os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)} == {"/dev/null"}


def test_a_detached_daemon_keeps_none_of_the_callers_descriptors(ours, tmp_path):
    with open(tmp_path / "callers", "w") as file:
        os.set_inheritable(file.fileno(), True)
        port = free_port()
        run_epmd(ours, "-daemon", "-port", str(port), *visible(ours), close_fds=False)
        try:
            assert all(file.name not in descriptors(pid) for pid in holders(port))
        finally:
            end_all(port)


def test_detaching_returns_when_lookups_work(ours):
    for _ in range(10):
        with Detached(ours) as daemon:
            assert run_epmd(ours, "-port", str(daemon.port), "-names").returncode == 0


def test_detaching_twice_is_silent(binary, detached):
    pids = detached.holders()
    result = run_epmd(binary, "-daemon", "-port", str(detached.port))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    wait_for(lambda: started_for(detached.port) == pids)


def test_detaching_many_times_at_once_leaves_one(ours):
    port, results = free_port(), []
    threads = [threading.Thread(target=lambda: results.append(
        run_epmd(ours, "-daemon", "-port", str(port), *visible(ours)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert [result.returncode for result in results] == [0] * 8
        assert len({os.getsid(pid) for pid in holders(port)}) == 1
    finally:
        end_all(port)


def blocks(pid, number):
    """Whether a process blocks a signal."""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        mask, = (int(line.split()[1], 16) for line in lines if line.startswith("SigBlk:"))
    return bool(mask >> (number - 1) & 1)


def test_one_that_is_just_ending_is_succeeded(ours):
    """It held the port, and took a connection, but did not answer any more."""
    port = free_port()
    listener = socket.create_server(("127.0.0.1", port))

    def end():
        peer = listener.accept()[0]
        listener.close()
        peer.close()
    ending = threading.Thread(target=end)
    ending.start()
    try:
        result = run_epmd(ours, "-daemon", "-port", str(port), *visible(ours))
        assert (result.returncode, result.stderr) == (0, "")
        if machine.has("keeper"):
            worker, = (pid for pid in holders(port) if os.getsid(pid) != pid)
            assert not blocks(worker, signal.SIGHUP), "the attempt that failed left no trace"
            reload = run_epmd(ours, "-port", str(port), "-reload")
            assert reload.stdout == "Reloading\n", "it has its keeper"
    finally:
        ending.join()
        end_all(port)


def test_a_detached_daemon_obeys_kill(binary, detached):
    result = run_epmd(binary, "-port", str(detached.port), "-kill")
    assert result.stdout == "Killed\n"
    wait_for(lambda: not detached.holders())


@pytest.mark.parametrize("options, said", [((), ""), (("-d",), "already")])
def test_a_second_start_exits_with_success(binary, server, options, said):
    result = run_epmd(binary, "-port", str(server.port), *options)
    assert (result.returncode, result.stdout) == (0, "")
    assert said in result.stderr and bool(said) == bool(result.stderr)


@pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\0\0"])
@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "::"])
def test_a_port_held_by_no_epmd_is_an_error(ours, reply, host):
    machine.need_family(host)
    with Fake(reply, host) as other:
        result = run_epmd(ours, "-port", str(other.port))
        assert result.returncode == 1
        assert str(other.port) in result.stderr


def test_a_port_held_by_something_deaf_is_an_error(ours):
    with Fake(None, "0.0.0.0") as other:
        assert run_epmd(ours, "-port", str(other.port)).returncode == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_with_nodes_and_peers(ours, number):
    with Daemon(ours) as server, Node(server, b"alive") as node:
        os.kill(server.pid, number)
        assert server.wait() == 0
        assert node.sock.recv(1) == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_a_detached_daemon(ours, number):
    with Detached(ours) as daemon:
        leader = os.getsid(daemon.holders()[0])
        os.kill(leader if leader in daemon.holders() else daemon.holders()[0], number)
        wait_for(lambda: not daemon.holders())


def test_a_hangup_of_the_terminal_does_not_end_a_detached_daemon(binary, detached):
    """It has no terminal, so nothing but its own session could send it one."""
    for pid in detached.holders():
        with open(f"/proc/{pid}/stat") as stat:
            assert stat.read().rpartition(")")[2].split()[4] == "0"


def test_it_can_be_started_again_on_the_same_port_at_once(binary):
    with Daemon(binary) as first:
        nodes = [Node(first, b"n%d" % number) for number in range(5)]
        first.stop()
        with Daemon(binary, port=first.port) as second:
            assert exchange(second, NAMES) == names_reply(second)
        for node in nodes:
            node.close()


LOG_INSTEAD = ("mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3"
               " && ln -s \"$1\" /dev/log && shift && exec \"$@\"")
SO_FAR = b"what was sent so far has been collected"


class Syslog:
    """Collects the datagrams that are sent to /dev/log in a mount namespace of its own."""

    def __init__(self, folder):
        self.path = str(folder / "log")
        self.messages = []
        self._caught_up = threading.Event()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    @property
    def wrapper(self):
        return (*machine.APART, "sh", "-c", LOG_INSTEAD, "sh", self.path)

    def _collect(self):
        while message := self._socket.recv(65536):
            if message == SO_FAR:
                self._caught_up.set()
            else:
                self.messages.append(message.decode(errors="replace"))

    def _send(self, datagram):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(datagram, self.path)

    def read(self):
        """All messages that have been sent by now."""
        self._caught_up.clear()
        self._send(SO_FAR)
        assert self._caught_up.wait(PATIENCE_S)
        return self.messages

    def wait(self, pattern):
        return wait_for(lambda: [text for text in self.messages if re.search(pattern, text)],
                        what=f"{pattern!r} in {self.messages}")

    def close(self):
        self._send(b"")
        self._thread.join()
        self._socket.close()


@pytest.fixture
def syslog(tmp_path):
    machine.need("device files")
    with contextlib.closing(Syslog(tmp_path)) as log:
        yield log


def test_a_detached_daemon_logs_to_syslog(binary, syslog):
    with Detached(binary, wrapper=syslog.wrapper) as daemon:
        with Node(daemon, b"taken"):
            assert Node(daemon, b"taken").result == 1
            text, = syslog.wait(r"\btaken\b")
        assert re.fullmatch(r"<\d+>[A-Z][a-z]{2} [ \d]\d [\d:]{8} epmd(\[\d+\])?: .*taken.*", text)


def test_what_it_listens_on_is_in_syslog(ours, syslog):
    with Detached(ours, wrapper=syslog.wrapper) as daemon:
        for address in r"0\.0\.0\.0", "::":
            syslog.wait(rf"epmd\[\d+\]: listening on {address} port {daemon.port}$")


def test_the_foreground_does_not_log_to_syslog(binary, syslog):
    with Daemon(binary, wrapper=syslog.wrapper) as server:
        with Node(server, b"taken"):
            assert Node(server, b"taken").result == 1
        server.wait_log("taken")
    assert syslog.read() == []
