# SPDX-License-Identifier: Apache-2.0
"""The state cannot be written for a while: what that costs, and what it must not cost.

Always true here: the kernel refuses in the worker what a file of the test's says, as
where the machine's memory is full.
"""

import contextlib
import os
import pathlib
import subprocess

import pytest

from machine import COMPILER
from restart.passing import Watcher, content_of
from wire.protocol import Node, exchange, found, port2, registered, settle, state, wait_registered

pytestmark = pytest.mark.needs(COMPILER[0])


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("refuse") / "refuse.so"
    source = pathlib.Path(__file__).with_name("refuse.c")
    # Of either C library: the program that starts the worker, which may have another, loads it, too.
    subprocess.run([*COMPILER, "-shared", "-fPIC", "-nostdlib", "-o", path, source], check=True)
    return str(path)


class Refusing(Watcher):
    """A watcher whose worker the kernel refuses something while the test says so."""

    def __init__(self, binary, library, path):
        self._path = path
        path.write_bytes(bytes(2))
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        super().__init__(binary, env={"LD_PRELOAD": library, "REFUSE": str(path),
                                      "ASAN_OPTIONS": sanitizer})

    @contextlib.contextmanager
    def refusing(self, what):
        """While the block runs: to watch (0), or to write (1)."""
        self._set(what, 1)
        try:
            yield
        finally:
            self._set(what, 0)

    def _set(self, what, value):
        with open(self._path, "r+b") as file:
            file.seek(what)
            file.write(bytes([value]))


@pytest.fixture
def keeper(ours, library, tmp_path):
    with Refusing(ours, library, tmp_path / "refused") as watcher:
        watcher.listen()
        watcher.start()
        watcher.take_until(lambda: watcher.held["s"], "the state")
        yield watcher


def full(watcher):
    """While the block runs the state cannot be written."""
    return watcher.refusing(1)


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


def test_a_registration_that_fails_leaves_no_departure(keeper):
    """Its connection cannot be watched: nothing has happened that a replay should know of."""
    server = keeper.worker
    with keeper.refusing(0), Node(server, b"unlucky") as failed:
        assert failed.reply == b""
    assert b"unlucky" not in content_of(keeper.held["s"][0])
    with Node(server, b"unlucky") as node:
        keeper.take_nodes(1)
        server = keeper.restart()
        assert_kept(server, node)
        assert "damaged" not in server.log()
