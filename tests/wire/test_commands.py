# SPDX-License-Identifier: Apache-2.0
"""KILL_REQ and STOP_REQ, which only this host may send."""

import pytest

from harness import Daemon
from wire.protocol import (KILL, NAMES, Node, connect, exchange, frame, names_reply, registered,
                           stop, wait_registered)


@pytest.fixture
def relaxed(binary):
    with Daemon(binary, "-relaxed_command_check") as daemon:
        yield daemon


@pytest.mark.parametrize("request_", [KILL, frame(b"k and more")])
def test_kill_ends_an_idle_daemon(server, request_):
    assert exchange(server, request_) == b"OK"
    assert server.wait() == 0


def test_kill_is_refused_while_a_node_lives(server):
    with Node(server, b"alive"):
        assert exchange(server, KILL) == b"NO"
        assert registered(server) == [b"alive"]
    wait_registered(server)
    assert exchange(server, KILL) == b"OK"
    assert server.wait() == 0


def test_kill_does_not_count_other_connections(server):
    with connect(server.port), connect(server.port):
        assert exchange(server, KILL) == b"OK"
        assert server.wait() == 0


def test_relaxed_kill_ends_a_daemon_with_nodes(relaxed):
    with Node(relaxed, b"alive") as node:
        assert exchange(relaxed, KILL) == b"OK"
        assert relaxed.wait() == 0
        assert node.sock.recv(1) == b""


def test_stop_is_not_answered_unless_relaxed(server):
    with Node(server, b"alive"):
        for name in b"alive", b"unknown", b"":
            assert exchange(server, stop(name)) == b""
        assert registered(server) == [b"alive"]


@pytest.mark.parametrize("suffix", [b"", b"\0"])
def test_relaxed_stop_unregisters_and_closes(relaxed, suffix):
    with Node(relaxed, b"stays", port=1), Node(relaxed, b"goes") as node:
        assert exchange(relaxed, stop(b"goes" + suffix)) == b"STOPPED"
        assert node.sock.recv(1) == b""
        assert exchange(relaxed, NAMES) == names_reply(relaxed, (b"stays", 1))
        with Node(relaxed, b"goes") as again:
            assert again.creation == node.creation + 1


def test_relaxed_stop_of_an_unknown_name_stops_nothing(relaxed):
    with Node(relaxed, b"stays"):
        assert exchange(relaxed, stop(b"stay")).startswith(b"NOEXIST")
        assert registered(relaxed) == [b"stays"]


@pytest.mark.parametrize("name", [b"\xff", b"\0a", b"n" * 256, b"n" * 3056])
def test_relaxed_stop_of_no_possible_name_stops_nothing(relaxed, name):
    with Node(relaxed, b"stays"):
        assert exchange(relaxed, stop(name)).startswith(b"NOEXIST")
        assert registered(relaxed) == [b"stays"]


def test_relaxed_stop_of_no_name_closes(relaxed):
    assert exchange(relaxed, stop(b"")) == b""


def test_the_environment_relaxes_whatever_its_value(binary):
    for value in "1", "false", "":
        with Daemon(binary, env={"ERL_EPMD_RELAXED_COMMAND_CHECK": value}) as server:
            with Node(server, b"alive"):
                assert exchange(server, stop(b"alive")) == b"STOPPED"
                wait_registered(server)
