# SPDX-License-Identifier: Apache-2.0
"""The journal as a peer: slow, gone, or new; and the daemon in its sandbox."""

import pathlib
import pwd
import re

import pytest

from harness import Daemon
from wire.protocol import DUMP, NOT_FOUND, Node, connect, exchange, found, port2, read_all, send

pytestmark = pytest.mark.needs("mount namespaces")

MANY = 600  # more than the system's queue of a datagram socket takes
QUEUE = "/proc/sys/net/unix/max_dgram_qlen"


def look_up(server, count):
    for _ in range(count):
        assert exchange(server, port2(b"none")) == NOT_FOUND


def test_a_full_journal_stops_nobody(ours, journal):
    """What it does not take is dropped, and counted."""
    with open(QUEUE, encoding="ascii") as limit:
        assert int(limit.read()) < MANY, "the queue takes all of it"
    with Daemon(ours, "-log", "journal", "-d", wrapper=journal.wrapper) as server:
        journal.read()
        journal.entries.clear()
        look_up(server, MANY)
        n_taken = len(journal.read())
        assert n_taken < MANY
        journal.entries.clear()
        look_up(server, 1)
        told = journal.wait("lines were lost: they were not taken")
        assert told["PRIORITY"] == "4"
        assert int(re.match(r"\d+", told["MESSAGE"])[0]) + n_taken == MANY
        journal.wait("PORT_PLEASE2_REQ")
        assert [entry["PRIORITY"] for entry in journal.entries] == ["4", "7"]


def test_a_journal_that_is_started_anew_is_found(ours, journal):
    with Daemon(ours, "-log", "journal", "-d", wrapper=journal.wrapper) as server:
        journal.wait("listening on :: ")
        journal.vanish()
        look_up(server, 3)
        journal.listen()
        look_up(server, 1)
        journal.wait("3 lines were lost")
        journal.wait("PORT_PLEASE2_REQ")
        assert server.log() == ""


@pytest.mark.needs("another user")
def test_the_sandbox_lets_lines_through(journal, filtered):
    """All of them, as another user; to a journal that was started anew, too."""
    with Daemon(filtered, "-user", "nobody", "-d", wrapper=journal.service) as server:
        journal.wait("listening on :: ")
        status = pathlib.Path(f"/proc/{server.pid}/status").read_text(encoding="ascii")
        assert "\nSeccomp:\t2\n" in status
        assert f"\nUid:\t{pwd.getpwnam('nobody').pw_uid}\t" in status
        for _ in range(2):
            with Node(server, b"sam"):
                assert Node(server, b"sam").result == 1
                assert exchange(server, port2(b"sam")) == found(b"sam")
            assert journal.wait("taken by")["EPMD_NAME"] == "sam"
            journal.vanish()
            journal.listen()
            journal.entries.clear()
        assert server.log() == ""


@pytest.mark.parametrize("name, shown", [
    ("żółw🐢".encode(), "żółw🐢"), (b"a b", "a b"), (b'"\\', r"\x22\x5c"),
    (b"\nEPMD_REASON=no_room\nMESSAGE=", r"\x0aEPMD_REASON=no_room\x0aMESSAGE="),
    (b"\x1b[2J\x7f", r"\x1b[2J\x7f"), (b"\xff\xfe", r"\xff\xfe"), ("\x85".encode(), r"\xc2\x85")])
def test_names_are_escaped(ours, journal, name, shown):
    """A name cannot forge a field, nor move a terminal's cursor."""
    with Daemon(ours, "-log", "journal", "-d", wrapper=journal.wrapper) as server:
        exchange(server, port2(name))
        entry = journal.wait("PORT_PLEASE2_REQ")
    assert entry["EPMD_NAME"] == shown
    assert f'PORT_PLEASE2_REQ "{shown}" from ' in entry["MESSAGE"]
    assert entry.get("EPMD_REASON") in (None, "name_not_utf8")


def ask(server, request):
    """The asker's port, as the fields have it."""
    with connect(server.port) as sock:
        port = str(sock.getsockname()[1])
        send(sock, request)
        read_all(sock)
    return port


def test_what_is_served_has_fields(ours, journal):
    with Daemon(ours, "-log", "journal", "-d", wrapper=journal.wrapper) as server:
        with Node(server, b"sam") as node:
            own = str(node.sock.getsockname()[1])
            served = journal.wait("ALIVE2_REQ")
            port = ask(server, DUMP)
            dumped = journal.wait("DUMP_REQ")
    about = {key: value for key, value in served.items() if key.startswith("EPMD_")}
    assert about == {"EPMD_PEER": "127.0.0.1", "EPMD_PEER_PORT": own, "EPMD_REQUEST": "ALIVE2_REQ",
                     "EPMD_NAME": "sam"}
    about = {key: value for key, value in dumped.items() if key.startswith("EPMD_")}
    assert about == {"EPMD_PEER": "127.0.0.1", "EPMD_PEER_PORT": port, "EPMD_REQUEST": "DUMP_REQ"}
    assert {entry["SYSLOG_FACILITY"] for entry in journal.entries} == {"3"}


@pytest.mark.parametrize("count, line", [(2, "connected"), (2, "registered"), (3, "bytes from")])
def test_what_d_adds_is_of_the_least_severity(ours, journal, count, line):
    """The journal knows none below debug, however many -d there are."""
    with Daemon(ours, "-log", "journal", *["-d"] * count, wrapper=journal.wrapper) as server:
        journal.read()  # it has room for a few lines only
        with Node(server, b"sam"):
            assert journal.wait(line)["PRIORITY"] == "7"
