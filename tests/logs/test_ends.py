# SPDX-License-Identifier: Apache-2.0
"""Why a connection or a registration has ended, and who asked for the daemon's end.

Each end is brought about for real, and has to be one line, with peer, name and reason.
"""

import contextlib
import os
import pathlib
import re
import signal

import pytest

from harness import ROOT, Daemon
from restart.keeping import Kept
from restart.passing import Watcher
from wire.protocol import (KILL, NAMES, Node, begin, connect, exchange, frame, port2, read_all,
                           reset, send, stop)

pytestmark = pytest.mark.needs("network namespaces")

VERBOSE = ("-log", "journal", "-d", "-d")
FEW = ("prlimit", "--nofile=64:64")


def silent(server):
    """A peer that says nothing, and its port."""
    sock = connect(server.port)
    return sock, sock.getsockname()[1]


def answered(server):
    with connect(server.port) as sock:
        send(sock, port2(b"none"))
        read_all(sock)
        return sock.getsockname()[1]


def refused(server):
    with connect(server.port) as sock:
        send(sock, frame(b"?"))
        read_all(sock)
        return sock.getsockname()[1]


def hung_up(server):
    sock, port = silent(server)
    sock.close()
    return port


def broken(server):
    sock = begin(server.port)
    port = sock.getsockname()[1]
    exchange(server, NAMES)  # by now it has been accepted
    reset(sock)
    return port


def expired(server):
    sock, port = silent(server)
    assert read_all(sock) == b""
    return port


ENDS = [
    (answered, "the peer has its answer", ()),
    (refused, "what it asked was refused", ()),
    (hung_up, "the peer closed it", ()),
    (broken, "it broke, or the peer reset it", ()),
    (expired, "did not finish in time (-packet_timeout)", ("-packet_timeout", "1")),
]


@pytest.mark.parametrize("end, text, options", ENDS, ids=lambda value: getattr(
    value, "__name__", ""))
def test_a_connection_ends_for_a_reason(ours, journal, end, text, options):
    with Daemon(ours, *VERBOSE, *options, wrapper=journal.wrapper) as server:
        journal.read()
        port = end(server)
        journal.wait(f"closed the connection of 127.0.0.1 port {port}")
    entry, = (entry for entry in journal.having(EPMD_PEER_PORT=str(port))
              if entry["MESSAGE"].startswith("closed the connection"))
    assert (entry["EPMD_PEER"], entry["EPMD_REASON"]) == ("127.0.0.1", end.__name__)
    assert entry["MESSAGE"].endswith(text)
    assert entry["PRIORITY"] == "7"


def node_hangs_up(server, node):
    node.sock.close()


def node_resets(server, node):
    reset(node.sock)


def node_talks(server, node):
    send(node.sock, b"x")


def node_is_stopped(server, node):
    assert exchange(server, stop(node.name)) == b"STOPPED"


def daemon_ends(server, node):
    os.kill(server.pid, signal.SIGTERM)


@pytest.mark.parametrize("end, reason", [
    (node_hangs_up, "hung_up"), (node_resets, "broken"), (node_talks, "talked"),
    (node_is_stopped, "stopped"), (daemon_ends, "shutdown")], ids=lambda value: getattr(
        value, "__name__", value))
def test_a_registration_ends_for_a_reason(ours, journal, end, reason):
    with Daemon(ours, *VERBOSE, "-relaxed_command_check", wrapper=journal.wrapper) as server:
        journal.read()
        with Node(server, b"sam") as node:
            port = str(node.sock.getsockname()[1])
            end(server, node)
            entry = journal.wait('unregistered "sam" at port 4711')
    assert {key: value for key, value in entry.items() if key.startswith("EPMD_")} == {
        "EPMD_PEER": "127.0.0.1", "EPMD_PEER_PORT": port, "EPMD_NAME": "sam",
        "EPMD_REASON": reason}
    assert f"creation {node.creation}, with the connection of 127.0.0.1 port {port}, " \
        in entry["MESSAGE"]
    ends = [entry for entry in journal.having(EPMD_PEER_PORT=port) if "EPMD_REASON" in entry]
    assert ends == [entry]


def test_what_is_left_to_a_manager_is_not_unregistered(ours, tmp_path):
    with Watcher(ours, str(tmp_path / "notify"), "-d", "-d") as manager:
        server = manager.start()
        with Node(server, b"sam"):
            manager.take_nodes(1)
            os.kill(server.pid, signal.SIGTERM)
            assert server.wait() == 0
        assert "unregistered" not in server.log()
        assert "the keeper or the service manager goes on holding it" in server.log()


def test_what_ends_with_a_keeper_is_unregistered(ours):
    with Kept(ours, "-d", "-d") as server, Node(server, b"sam"):
        worker = server.worker()
        os.kill(worker, signal.SIGHUP)
        server.after(worker)
        assert "unregistered" not in server.log()
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait() == 0
        assert len(re.findall('unregistered "sam" .*: epmd ends', server.log())) == 1


def test_no_end_is_left_out():
    """But for one: tests/memory has allocations fail."""
    header = pathlib.Path(ROOT, "src", "daemon", "report.h").read_text(encoding="utf-8")
    kinds = {kind.lower() for kind in re.findall(r"^    REPORT_END_(\w+),", header, re.M)}
    tried = {end.__name__ for end, *_ in ENDS} | {"talked", "stopped", "evicted", "shutdown", "kept"}
    assert kinds == tried | {"no_memory"}


def test_who_gives_way_is_a_warning(ours, journal):
    """And its end has its reason."""
    with contextlib.ExitStack() as held, \
            Daemon(ours, *VERBOSE, wrapper=(*journal.wrapper, *FEW)) as server:
        ports = []
        while not journal.having(EPMD_REASON="evicted", PRIORITY="7"):
            sock = held.enter_context(begin(server.port))
            ports.append(sock.getsockname()[1])
            journal.wait(f"port {ports[-1]} connected")  # or its queue would be full
    warning, end = journal.having(EPMD_REASON="evicted")
    assert (warning["PRIORITY"], warning["EPMD_PEER_PORT"]) == ("4", str(ports[0]))
    assert warning["MESSAGE"] == ("descriptors run short: closing the unfinished connection of "
                                  f"127.0.0.1 port {ports[0]}")
    assert end["EPMD_PEER_PORT"] == str(ports[0])
    assert end["MESSAGE"].endswith(": others needed the room")


def test_who_ended_it_is_told(ours, journal):
    with Daemon(ours, "-log", "journal", wrapper=journal.wrapper) as server:
        with connect(server.port) as sock:
            port = str(sock.getsockname()[1])
            send(sock, KILL)
            assert read_all(sock) == b"OK"
        assert server.wait() == 0
    entry, = journal.having(EPMD_PEER_PORT=port)
    assert entry["MESSAGE"] == f"ending, because of a KILL_REQ from 127.0.0.1 port {port}"
    assert (entry["PRIORITY"], entry["EPMD_REQUEST"]) == ("6", "KILL_REQ")


def test_which_signal_reloads_is_told(ours):
    with Kept(ours) as server:
        worker = server.worker()
        os.kill(server.pid, signal.SIGHUP)
        server.after(worker)
        told = re.findall("reloading, .*", server.log())
        assert told == ["reloading, because of signal 1 (Hangup): a new process takes over"]


def test_the_rest_of_a_flood_has_its_reason(ours, journal):
    with Daemon(ours, "-log", "journal", wrapper=journal.wrapper) as server:
        for _ in range(25):
            exchange(server, frame(b"?"))
            journal.read()
    rest = journal.wait("refused requests 5 times more within 10 s: no such request")
    assert (rest["EPMD_REASON"], rest["PRIORITY"]) == ("tag_unknown", "4")
    assert len(journal.having(EPMD_REASON="tag_unknown")) == 21
