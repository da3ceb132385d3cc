# SPDX-License-Identifier: Apache-2.0
"""The state cannot be written for a while: what that costs, and what it must not cost.

Always true here: the worker's limit on the size of files is where the state ends, so
that the next record does not fit, as when the machine's memory is full. What the worker
logs goes to a file that is shorter than that.
"""

import contextlib
import os
import pathlib
import resource
import subprocess

import pytest

from harness import wait_for
from restart.passing import Watcher, content_of
from wire.protocol import Node, exchange, found, port2, registered, settle, state, wait_registered


START = 4096  # of the first records


@pytest.fixture
def keeper(ours):
    with Watcher(ours) as watcher:
        watcher.listen()
        watcher.start()
        watcher.take_until(lambda: watcher.held["s"], "the state")
        yield watcher


@contextlib.contextmanager
def full(watcher):
    """While the block runs the state cannot grow."""
    pid, no_limit = watcher.worker.pid, resource.RLIM_INFINITY
    end = max(START, os.fstat(watcher.held["s"][0]).st_size)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (end, no_limit))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (no_limit, no_limit))


def assert_kept(server, *nodes):
    assert registered(server) == [node.name for node in nodes[::-1]]
    for node in nodes:
        assert exchange(server, port2(node.name)) == found(node.name)
        assert state(node.sock) == "open"


def test_a_departure_that_is_not_written_costs_the_next_holder_nothing(keeper):
    server = keeper.worker
    first = Node(server, b"a")
    keeper.take_nodes(1)
    with full(keeper):
        first.close()
        wait_registered(server)
    with Node(server, b"a") as second:
        assert second.result == 0
        keeper.take_nodes(2)
        server = keeper.restart()
        assert_kept(server, second)
        assert "damaged" not in server.log()


def test_a_departure_that_is_not_written_is_made_up_for(keeper):
    """Its name is free after a restart, and its creation goes on."""
    server = keeper.worker
    first = Node(server, b"a")
    creation = first.creation
    keeper.take_nodes(1)
    with full(keeper):
        first.close()
        wait_registered(server)
    server = keeper.restart()
    assert registered(server) == []
    with Node(server, b"a") as second:
        assert second.creation == creation + 1


def test_a_registration_that_is_not_written_is_made_up_for(keeper):
    """Told to be registered while the state is full; there is room again before the crash."""
    server = keeper.worker
    with full(keeper):
        early = Node(server, b"early")
        assert early.result == 0
        server.wait_log("cannot write the registrations' state")
    with early, Node(server, b"late") as late:
        keeper.take_nodes(2)
        assert_kept(keeper.restart(), early, late)


def test_the_registrations_before_and_after_a_full_state_are_kept(keeper):
    server = keeper.worker
    with Node(server, b"before") as before:
        with full(keeper), Node(server, b"meanwhile"):
            pass
        wait_registered(server, b"before")
        with Node(server, b"after") as after:
            keeper.take_until(lambda: len(keeper.held["n"]) >= 2, "two connections")
            assert_kept(keeper.restart(), before, after)


def test_what_is_not_written_is_not_handed_over(keeper):
    """A connection without its record would be closed as nobody's."""
    server = keeper.worker
    with full(keeper), Node(server, b"a") as node:
        assert node.result == 0
        server.wait_log("cannot write the registrations' state")
        settle(server)
        keeper.take_all()
        assert keeper.held["n"] == []


@pytest.mark.needs("cc")
def test_a_registration_that_fails_leaves_no_departure(ours, tmp_path):
    """Its connection cannot be watched: nothing has happened that a replay should know of."""
    library, switch = tmp_path / "no_watch.so", tmp_path / "switch"
    source = pathlib.Path(__file__).with_name("no_watch.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    switch.write_bytes(b"\0")
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    with Watcher(ours, env={"LD_PRELOAD": str(library), "NO_WATCH": str(switch),
                            "ASAN_OPTIONS": sanitizer}) as watcher:
        watcher.listen()
        server = watcher.start()
        watcher.take_until(lambda: watcher.held["s"], "the state")
        switch.write_bytes(b"\1")
        with Node(server, b"unlucky") as failed:
            assert failed.reply == b""
        switch.write_bytes(b"\0")
        assert b"unlucky" not in content_of(watcher.held["s"][0])
        with Node(server, b"unlucky") as node:
            watcher.take_nodes(1)
            server = watcher.restart()
            assert_kept(server, node)
            assert "damaged" not in server.log()
