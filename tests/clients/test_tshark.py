# SPDX-License-Identifier: Apache-2.0
"""Wireshark's dissector finds nothing wrong in what clients and the daemon say.

Always true here: the daemon is on port 4369, by which the dissector knows it, in a
network of its own; and all of the conversation is in the capture before it is read.
"""

import contextlib
import signal
import subprocess

import pytest

from harness import Daemon, kind_of, wait_for
from machine import need
from restart.keeping import Kept
from wire import namespaces
from wire.protocol import (DUMP, KILL, NAMES, NOT_FOUND, RELOAD, Node, alive2, connect, exchange,
                           port2, read_exactly, send, stop)

pytestmark = pytest.mark.asked("clients")

REFUSED = [alive2(b"bilbo"), alive2(b"\xf6"), alive2(b"a" * 256), alive2(b"b", extra=b"." * 1021)]
LAST = b"the-last-one"
WRONG = "_ws.malformed || (epmd && _ws.expert)"

# What the dissector is to see: a tag, the result and the name, as far as there are any.
# Of DUMP, KILL, STOP, the replies to them and to NAMES, and ALIVE2_X_RESP it knows nothing.
SEEN = [
    ("120", "", "bilbo"),  # answered with ALIVE2_X_RESP
    ("120", "", "old"), ("121", "0", ""),
    ("120", "", "bilbo"), ("120", "", "\ufffd"), ("120", "", "a" * 256), ("120", "", "b"),
    ("122", "", "bilbo"), ("119", "0", "bilbo"),
    ("122", "", "old"), ("119", "0", "old"),
    ("122", "", "nobody"),  # answered with two bytes, which are too few for it
    ("110", "", ""),
    ("122", "", LAST.decode()),
]


@contextlib.contextmanager
def capture(path, last):
    """What goes over the loopback interface meanwhile, up to the first frame with `last`."""
    said = path + ".log"
    with open(said, "wb") as log, subprocess.Popen(
            ["dumpcap", "-q", "-i", "lo", "-w", path], stdin=subprocess.DEVNULL, stdout=log,
            stderr=log) as dumpcap:
        try:
            wait_for(lambda: contains(said, b"File: "), what="dumpcap capturing")
            yield
            wait_for(lambda: contains(path, last), what="the last frame in the capture")
        finally:
            dumpcap.send_signal(signal.SIGINT)


def contains(path, text):
    with open(path, "rb") as file:
        return text in file.read()


def refused(server, request):
    """Stock keeps such a connection open, so that there is no end to wait for."""
    with connect(server.port) as sock:
        send(sock, request)
        return read_exactly(sock, 6)[1] == 1


def converse(epmd):
    """Every request once, and what is answered differently."""
    with Node(epmd, b"bilbo") as new, Node(epmd, b"old", highest=5, extra=b"abc") as old:
        assert (new.result, old.result) == (0, 0)
        assert all(refused(epmd, request) for request in REFUSED)
        for name in b"bilbo", b"old":
            assert name in exchange(epmd, port2(name))
        assert exchange(epmd, port2(b"nobody")) == NOT_FOUND
        assert b"name bilbo at port" in exchange(epmd, NAMES)
        assert b"active name     <bilbo>" in exchange(epmd, DUMP)
        assert exchange(epmd, stop(b"old")) == b"STOPPED"
        assert exchange(epmd, stop(b"nobody")).startswith(b"NOEXIST")
        if epmd.kind == "ours":
            assert exchange(epmd, RELOAD) == b"OK"
        assert exchange(epmd, port2(LAST)) == NOT_FOUND
        assert exchange(epmd, KILL) == b"OK"


def dissect(path, display_filter):
    """(type, result, name) of each frame that the filter lets through."""
    fields = [word for field in ("type", "result", "name") for word in ("-e", f"epmd.{field}")]
    said = subprocess.run(["tshark", "-r", path, "-Y", display_filter, "-T", "fields", *fields],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    return [tuple(line.split("\t")) for line in said.splitlines()]


@pytest.fixture
def host():
    need("tshark")
    need("dumpcap")
    need("network namespaces")
    with namespaces.Namespace() as namespace:
        namespace.ip("link set lo up")
        yield namespace


@pytest.mark.needs("network namespaces")
def test_nothing_is_malformed(host, binary, tmp_path):
    path = str(tmp_path / "lo.pcapng")
    daemon = Kept if kind_of(binary) == "ours" else Daemon
    with daemon(binary, "-relaxed_command_check", port=4369, namespace=host) as epmd:
        with host.entered(), capture(path, LAST):
            converse(epmd)
        assert epmd.wait() == 0
    assert dissect(path, "epmd") == SEEN
    assert dissect(path, WRONG) == []


@pytest.mark.needs("network namespaces")
def test_what_is_malformed_would_be_found(host, ours, tmp_path):
    path = str(tmp_path / "lo.pcapng")
    with Daemon(ours, port=4369, namespace=host) as epmd, host.entered(), capture(path, LAST):
        assert exchange(epmd, alive2(LAST, name_length=255)) == b""
    assert dissect(path, WRONG)
