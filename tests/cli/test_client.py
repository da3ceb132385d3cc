# SPDX-License-Identifier: Apache-2.0
"""What -names, -dump, -started, -kill and -stop print, and how they exit."""

import re
import subprocess

import pytest

import machine
from cli.servers import Fake
from harness import Daemon, free_port, run_epmd
from wire.protocol import Node, frame, registered, wait_registered

COMMANDS = [("-names",), ("-dump",), ("-started",), ("-kill",), ("-stop", "x")]
IDS = [command[0] for command in COMMANDS]
REQUESTS = dict(zip(IDS, map(frame, (b"n", b"d", b"n", b"k", b"sx"))))


def ask(binary, port, *command, **how):
    """Run a command; (exit code, stdout, stderr)."""
    result = run_epmd(binary, "-port", str(port), *command, **how)
    return result.returncode, result.stdout, result.stderr


def running(port):
    return f"epmd: up and running on port {port} with data:\n"


def test_names_of_a_running_daemon(binary, server):
    assert ask(binary, server.port, "-names") == (0, running(server.port), "")
    with Node(server, b"one", port=1), Node(server, "zw\u00f6".encode(), port=2):
        lines = "name zw\u00f6 at port 2\nname one at port 1\n"
        assert ask(binary, server.port, "-names") == (0, running(server.port) + lines, "")


def test_dump_of_a_running_daemon(binary, server):
    assert ask(binary, server.port, "-dump") == (0, running(server.port), "")
    with Node(server, b"left", port=1):
        pass
    wait_registered(server)
    with Node(server, b"here", port=2):
        code, output, errors = ask(binary, server.port, "-dump")
    assert (code, errors) == (0, "")
    assert re.sub(r"fd = \d+", "fd = #", output) == running(server.port) + (
        "active name     <here> at port 2, fd = #\n\0"
        "old/unused name <left>, port = 1, fd = # \n\0")


def test_names_longer_than_any_buffer_are_complete(binary, server):
    names = ["%03d" % number + "n" * 250 for number in range(200)]
    nodes = [Node(server, name.encode(), port=1) for name in names]
    lines = "".join(f"name {name} at port 1\n" for name in reversed(names))
    assert ask(binary, server.port, "-names") == (0, running(server.port) + lines, "")
    assert len(nodes) == 200


@pytest.mark.parametrize("lines", [0, 1000], ids=["short", "longer-than-any-buffer"])
@pytest.mark.parametrize("command", ["-names", "-dump", "-help", "-version"])
def test_output_that_cannot_be_written(ours, command, lines):
    reply = b"\0\0\x11\x11" + b"name x at port 1\n" * lines
    with Fake(reply) as server, open("/dev/full", "wb") as full:
        result = subprocess.run([ours, "-port", str(server.port), command], stdout=full,
                                stderr=subprocess.PIPE, check=False, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("epmd: standard output: ")
    assert result.stderr.count("\n") == 1


def test_started_is_silent(binary, server):
    assert ask(binary, server.port, "-started") == (0, "", "")


@pytest.mark.parametrize("command", COMMANDS, ids=IDS)
def test_nothing_listens(binary, command):
    reason = "" if command[0] == "-started" else "epmd: Cannot connect to local epmd\n"
    assert ask(binary, free_port(), *command) == (1, "", reason)


def test_kill_of_an_idle_daemon(binary, server):
    assert ask(binary, server.port, "-kill") == (0, "Killed\n", "")
    assert server.wait() == 0


def test_kill_is_refused_with_living_nodes(binary, server):
    with Node(server, b"alive"):
        assert ask(binary, server.port, "-kill") == (
            1, "Killing not allowed - living nodes in database.\n", "")
        assert registered(server) == ["alive".encode()]


def test_stop_is_refused_unless_relaxed(binary, server):
    with Node(server, b"alive"):
        assert ask(binary, server.port, "-stop", "alive") == (
            1, "epmd: local epmd responded with <>\n", "")
        assert registered(server) == [b"alive"]


def test_relaxed_stop_and_kill(binary):
    with Daemon(binary, "-relaxed_command_check") as server:
        with Node(server, b"goes"), Node(server, b"alive"):
            assert ask(binary, server.port, "-stop", "goes") == (0, "STOPPED\n", "")
            assert registered(server) == [b"alive"]
            assert ask(binary, server.port, "-stop", "goes") == (0, "NOEXIST\n", "")
            assert ask(binary, server.port, "-kill") == (0, "Killed\n", "")
            assert server.wait() == 0


@pytest.mark.parametrize("command", COMMANDS, ids=IDS)
def test_the_request_on_the_wire(binary, command):
    with Fake(b"") as fake:
        ask(binary, fake.port, *command)
        assert fake.requests == [REQUESTS[command[0]]]


@pytest.mark.parametrize("reply", [b"", b"ab"])
@pytest.mark.parametrize("command, output", [
    ("-names", "epmd: no response from local epmd\n"),
    ("-dump", "epmd: no response from local epmd\n"), ("-started", "")])
def test_a_server_that_closes_without_an_answer(binary, command, output, reply):
    with Fake(reply) as fake:
        assert ask(binary, fake.port, command) == (1, output, "")


@pytest.mark.parametrize("reply, command, code, output", [
    (b"", ("-kill",), 1, "epmd: local epmd responded with <>\n"),
    (b"NO", ("-kill",), 1, "Killing not allowed - living nodes in database.\n"),
    (b"OK", ("-kill",), 0, "Killed\n"),
    (b"", ("-stop", "x"), 1, "epmd: local epmd responded with <>\n"),
    (b"STOPPED", ("-stop", "x"), 0, "STOPPED\n"),
    (b"NOEXIST", ("-stop", "x"), 0, "NOEXIST\n"),
    (b"\0\0\0\1", ("-names",), 0, "epmd: up and running on port 1 with data:\n"),
    (b"\0\0\0\1", ("-started",), 0, ""),
    (b"\0\0\0\1name a at port 1\n", ("-dump",), 0,
     "epmd: up and running on port 1 with data:\nname a at port 1\n"),
])
def test_other_replies(binary, reply, command, code, output):
    with Fake(reply) as fake:
        assert ask(binary, fake.port, *command) == (code, output, "")


@pytest.mark.needs("IPv6")
def test_ipv6_loopback_is_asked_first(binary):
    with Fake(b"\0\0\0\6", "::1") as six, Fake(b"\0\0\0\4", "127.0.0.1", six.port) as four:
        assert ask(binary, six.port, "-names") == (0, running(6), "")
        assert (len(six.requests), four.requests) == (1, [])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_either_loopback_is_enough(binary, host):
    machine.need_family(host)
    with Fake(b"\0\0\0\7", host) as fake:
        assert ask(binary, fake.port, "-names") == (0, running(7), "")


@pytest.mark.parametrize("command", ["-names", "-kill"])
def test_a_server_that_never_answers_is_given_up(ours, command):
    with Fake(None) as fake:
        code, output, errors = ask(ours, fake.port, command)
        assert code == 1 and "epmd" in output + errors


def test_the_environment_names_the_port(binary, server):
    env = {"ERL_EPMD_PORT": str(server.port)}
    result = run_epmd(binary, "-names", env=env)
    assert (result.returncode, result.stdout) == (0, running(server.port))


def test_the_port_option_wins_over_the_environment(binary, server):
    env = {"ERL_EPMD_PORT": str(free_port())}
    assert ask(binary, server.port, "-names", env=env) == (0, running(server.port), "")


def test_the_command_may_stand_anywhere(ours):
    with Daemon(ours) as server, Node(server, b"x", port=1):
        result = run_epmd(ours, "-names", "-port", str(server.port))
        assert result.stdout == running(server.port) + "name x at port 1\n"
        result = run_epmd(ours, "-stop", "x", "-port", str(server.port))
        assert result.stdout == "epmd: local epmd responded with <>\n"


@pytest.mark.parametrize("options", [("-d",), ("-debug",), ("-relaxed_command_check",),
                                     ("-packet_timeout", "5"), ("-address", "127.0.0.1")])
def test_daemon_options_do_not_disturb_a_command(binary, server, options):
    code, output, _ = ask(binary, server.port, *options, "-names")
    assert (code, output) == (0, running(server.port))
