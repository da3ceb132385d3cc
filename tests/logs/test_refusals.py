# SPDX-License-Identifier: Apache-2.0
"""Each kind of refusal, provoked for real: one warning, with peer, name, request and reason.

The daemon is on 10.9.9.1 and its loopback; another host is 10.9.9.2, at the other end of a
cable. It logs to a journal of the test's, which shows the fields of a line apart.
"""

import contextlib
import os
import pathlib
import re
import resource

import pytest

from harness import OPTIMISED, ROOT, Daemon
from machine import cannot, need_descriptors
from wire.protocol import (DUMP, KILL, NAMES, RELOAD, Node, alive2, begin, connect, frame, port2,
                           read_all, read_exactly, send, stop)

pytestmark = pytest.mark.needs("network namespaces")

HERE, THERE, OURS_THERE = "127.0.0.1", "10.9.9.2", "10.9.9.1"
FEW = ("prlimit", "--nofile=64:64")
LONG = "n" * 256


class Case:
    """What is asked of a daemon with these options, and what the line says of it."""

    def __init__(self, reason, text, request, asked=None, name=None, *, remote=False, before=None,
                 before_there=False, options=(), limits=(), binary=None):
        self.reason, self.text = reason, text
        self.request, self.asked, self.name = request, asked, name
        self.remote = remote
        self.before, self.before_there = before, before_there
        self.options, self.limits, self.binary = options, limits, binary

    @property
    def peer(self):
        return THERE if self.remote else HERE

    def __repr__(self):
        return self.reason


def holding(name):
    """A node has that name."""
    def hold(server, held):
        return held.enter_context(Node(server, name)).sock.getsockname()
    return hold


def no_memory(server, held):
    """There is no more than it has: a list of the names is longer than what malloc has left."""
    need_descriptors(500)
    for number in range(200):
        held.enter_context(Node(server, b"%03d" % number + "\U0001f600".encode() * 250))
    with open(f"/proc/{server.pid}/statm", encoding="ascii") as sizes:
        size = int(sizes.read().split()[0]) * resource.getpagesize()
    resource.prlimit(server.pid, resource.RLIMIT_AS, (size, size))


def full(server, held):
    """As many nodes as there may be: one more was refused."""
    number = 0
    while held.enter_context(Node(server, b"n%d" % number)).result == 0:
        number += 1


def no_room(server, held):
    """Slow peers have what nodes leave, but for the places that are this host's alone."""
    full(server, held)
    for _ in range(4):
        held.enter_context(begin(server.port))


def two_slow(server, held):
    for _ in range(2):
        held.enter_context(begin(server.port, OURS_THERE))


def registered_there(server, held):
    sock = held.enter_context(connect(server.port, OURS_THERE))
    send(sock, alive2(b"first"))
    assert read_exactly(sock, 6)[1] == 0


ALIVE = "ALIVE2_REQ"
LOOKUP = "PORT_PLEASE2_REQ"
CASES = [
    Case("frame_empty", "the request is empty", b"\0\0"),
    Case("frame_too_long", "its length is beyond that of any request", b"GET / HTTP/1.1\r\n\r\n"),
    Case("frame_overrun", "more bytes came than the request announced", NAMES + b"x"),
    Case("tag_unknown", "no such request", frame(b"?")),
    Case("truncated", "shorter than its own fields say",
         alive2(b"sam", name_length=3, extra_length=9), ALIVE, "sam"),
    Case("name_empty", "the name is empty", port2(b""), LOOKUP, ""),
    Case("name_has_nul", "contains a NUL", alive2(b"s\0m"), ALIVE, "s\\x00m"),
    Case("name_not_utf8", "not valid UTF-8", alive2(b"s\xff\nm"), ALIVE, "s\\xff\\x0am"),
    Case("name_too_long", "longer than 255", alive2(LONG.encode()), ALIVE, LONG),
    Case("extra_too_long", "extra field is longer", alive2(b"sam", extra=b"e" * 1021), ALIVE, "sam"),
    Case("not_local", "only peers on this host", DUMP, "DUMP_REQ", remote=True),
    Case("nothing_allowed", "it may ask nothing", port2(b"sam"), remote=True,
         options=("-allow_lookup", "none", "-allow_names", "none")),
    Case("lookup_not_allowed", "lookups are not allowed", port2(b"sam"), LOOKUP, "sam", remote=True,
         options=("-allow_lookup", "none")),
    Case("names_not_allowed", "names are not listed", NAMES, "NAMES_REQ", remote=True,
         options=("-allow_names", "none")),
    Case("register_not_allowed", "registrations are not allowed", alive2(b"sam"), ALIVE, "sam",
         remote=True),
    Case("not_relaxed", "without -relaxed_command_check", stop(b"sam"), "STOP_REQ", "sam"),
    Case("nodes_alive", "nodes are registered", KILL, "KILL_REQ", before=holding(b"sam")),
    Case("no_successor", "no keeper and no service manager", RELOAD, "RELOAD_REQ"),
    Case("name_taken", "the name is taken by the node of ", alive2(b"sam"), ALIVE, "sam",
         before=holding(b"sam")),
    Case("registry_full", "no descriptor is left for one more node", alive2(b"sam"), ALIVE, "sam",
         limits=FEW, before=full),
    Case("host_full", "as many nodes as one may have", alive2(b"sam"), ALIVE, "sam", remote=True,
         options=("-allow_register", "any", "-max_nodes_per_host", "1"), before=registered_there,
         before_there=True),
    Case("kept_for_local", "kept for nodes of this host", alive2(b"sam"), ALIVE, "sam", remote=True,
         options=("-allow_register", "any", "-reserve_local", "100")),
    Case("no_memory", "out of memory", NAMES, "NAMES_REQ", before=no_memory, binary=OPTIMISED),
    Case("no_room", "no descriptor is left for peers from elsewhere", port2(b"sam"), remote=True,
         limits=FEW, before=no_room),
    Case("too_many", "too many unfinished connections", port2(b"sam"), remote=True,
         options=("-max_per_host", "2"), before=two_slow, before_there=True),
]


def prepare(case, server, hosts, held):
    """Bring about what the refusal needs; the holder's address and port, if there is one."""
    if case.before:
        with hosts[case.before_there].entered():
            return case.before(server, held)
    return None


def provoke(case, server, hosts):
    """Ask; the asker's port."""
    with hosts[case.remote].entered(), \
            connect(server.port, OURS_THERE if case.remote else HERE) as sock:
        port = sock.getsockname()[1]
        send(sock, case.request)
        read_all(sock)
    return port


@contextlib.contextmanager
def logging_to(journal, case, binary, hosts):
    """A daemon; its end is in the journal after the block."""
    server = Daemon(case.binary or binary, "-log", "journal", *case.options, namespace=hosts[0],
                    wrapper=(*journal.wrapper, *case.limits))
    try:
        yield server.start(reachable=False)
    finally:
        server.stop()
    journal.wait("ending, because of signal 15")


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_a_refusal_is_one_line(ours, hosts, journal, case):
    if case.binary and not os.access(case.binary, os.X_OK):
        cannot(f"there is no {case.binary}: a sanitizer does not do without memory")
    with logging_to(journal, case, ours, hosts) as server, contextlib.ExitStack() as held:
        holder = prepare(case, server, hosts, held)
        before = len(journal.read())
        port = provoke(case, server, hosts)
    entry, = (entry for entry in journal.entries[before:] if entry["PRIORITY"] < "6")
    assert (entry["EPMD_PEER"], entry["EPMD_PEER_PORT"]) == (case.peer, str(port))
    assert entry["PRIORITY"] == "4"
    assert entry["SYSLOG_IDENTIFIER"] == "epmd"
    assert entry["EPMD_REASON"] == case.reason
    assert entry.get("EPMD_REQUEST") == case.asked
    assert entry.get("EPMD_NAME") == case.name
    message = entry["MESSAGE"]
    assert "\n" not in message
    assert f"{case.peer} port {port}" in message and case.text in message
    assert case.asked is None or message.startswith(f"refused {case.asked} ")
    assert case.name is None or f'"{case.name}"' in message
    if case.reason == "name_taken":
        assert (entry["EPMD_HOLDER"], entry["EPMD_HOLDER_PORT"]) == (holder[0], str(holder[1]))
        assert "%s port %d" % holder in message
    else:
        assert "EPMD_HOLDER" not in entry


def test_no_kind_of_refusal_is_left_out():
    header = pathlib.Path(ROOT, "src", "core", "refusal.h").read_text(encoding="utf-8")
    kinds = re.findall(r"^    REFUSAL_(\w+),", header, re.M)
    elsewhere = {"NO_PROGRAM", "NOT_ALL_KEPT", "RELOADED_LATELY"}  # tests/restart: of a reload
    assert [kind.lower() for kind in kinds if kind not in {"NONE", "COUNT"} | elsewhere] == \
        [case.reason for case in CASES]
