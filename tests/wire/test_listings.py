# SPDX-License-Identifier: Apache-2.0
"""Listings are dear, lookups are cheap: what is served before what, and what not at all."""

import contextlib
import subprocess
from types import SimpleNamespace

import pytest

import machine
from harness import PATIENCE_S, Daemon, clean_env, free_port, wait_for
from wire.order import ask, early, half_closed, now, served, stamped, stopped, turns_at_last
from wire.protocol import (DUMP, KILL, NAMES, NOT_FOUND, Node, alive2, exchange, found, frame,
                           port2, read_all, reset, settle)

INFO = frame(b"i")
LISTINGS = {"NAMES": NAMES, "DUMP": DUMP, "INFO": INFO}
ASKERS = 40

pytestmark = pytest.mark.needs("Linux")


@pytest.fixture(autouse=True, scope="module")
def stamps():
    with stamped():
        yield


@pytest.fixture
def some_nodes(ours):
    with Daemon(ours) as server, contextlib.ExitStack() as held:
        for number in range(20):
            held.enter_context(Node(server, b"held%d" % number))
        yield server


@pytest.mark.parametrize("listing", LISTINGS)
def test_lookups_and_registrations_go_before_listings(some_nodes, listing):
    server = some_nodes
    with contextlib.ExitStack() as stack:
        with stopped(server.pid):
            lists = [stack.enter_context(ask(server, LISTINGS[listing])) for _ in range(ASKERS)]
            lookup = stack.enter_context(ask(server, port2(b"held7")))
            node = stack.enter_context(ask(server, alive2(b"new")))
            resumed = now()
        at_lookup, reply = served(lookup)
        assert reply == found(b"held7")
        at_node, reply = served(node)
        assert reply[:2] == b"v\0"
        at_lists = [served(sock)[0] for sock in lists]
        assert not early(at_lists, resumed, max(at_lookup, at_node))


@pytest.mark.parametrize("listing", LISTINGS)
def test_one_making_serves_all_that_wait(some_nodes, listing):
    """A registration before each: asked one by one, no two replies would be the same."""
    server = some_nodes
    with contextlib.ExitStack() as stack:
        with stopped(server.pid):
            lists = []
            for number in range(ASKERS):
                stack.enter_context(ask(server, alive2(b"change%d" % number)))
                lists.append(stack.enter_context(ask(server, LISTINGS[listing])))
            resumed = now()
        replies = {read_all(sock) for sock in lists}
        assert len(replies) <= 2 + turns_at_last(resumed, now())


def test_an_asker_that_has_sent_its_end_is_answered(binary):
    """Its other half is open: netcat, and whoever pipes a request, asks like that."""
    with Daemon(binary) as server, Node(server, b"held"):
        for request in NAMES, DUMP, port2(b"held"), port2(b"none"):
            with half_closed(server, request) as sock:
                assert read_all(sock) == exchange(server, request) != b""


@pytest.mark.parametrize("listing", LISTINGS)
def test_an_asker_that_has_sent_its_end_is_answered_last(some_nodes, listing):
    server = some_nodes
    with contextlib.ExitStack() as stack:
        with stopped(server.pid):
            ended = [stack.enter_context(half_closed(server, LISTINGS[listing]))
                     for _ in range(10)]
            open_ = [stack.enter_context(ask(server, LISTINGS[listing])) for _ in range(10)]
            resumed = now()
        at_ended = [served(sock)[0] for sock in ended]
        assert not early(at_ended, resumed, max(served(sock)[0] for sock in open_))


@pytest.fixture
def traced(ours, tmp_path):
    """A daemon whose system calls are written down, and the file."""
    machine.need("strace")
    port, trace = free_port(), tmp_path / "trace"
    process = subprocess.Popen(
        ["strace", "-o", trace, "-e", "trace=write,writev,sendto,sendmsg",
         ours, "-port", str(port), "-no_sandbox", "all"],
        env=clean_env({"ASAN_OPTIONS": "detect_leaks=0"}), stderr=subprocess.DEVNULL)
    server = SimpleNamespace(port=port)
    wait_for(lambda: _answers(server), what="its start")
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
        server.pid = int(children.read())
    yield server, trace
    wait_for(lambda: exchange(server, KILL) == b"OK", what="the departure of all nodes")
    assert process.wait(PATIENCE_S) == 0


def _answers(server):
    with contextlib.suppress(ConnectionRefusedError):
        return exchange(server, port2(b"none")) == NOT_FOUND
    return False


@pytest.mark.parametrize("listing", LISTINGS)
def test_for_an_asker_that_has_reset_nothing_is_sent(traced, listing):
    server, trace = traced
    with contextlib.ExitStack() as held:
        with stopped(server.pid):
            for number in range(ASKERS):
                held.enter_context(ask(server, alive2(b"change%d" % number)))
                reset(ask(server, LISTINGS[listing]))
        settle(server)
    calls = trace.read_text().splitlines()
    assert [call for call in calls if "EPIPE" in call or "ECONNRESET" in call] == []
