# SPDX-License-Identifier: Apache-2.0
"""Words on the command line and in the environment that are right, and ones that are not."""

import re

import pytest

from harness import Daemon, free_port, listening, run_epmd
from wire.protocol import NAMES, Node, exchange, registered, stop

BAD_FOR_BOTH = [("-bogus",), ("names",), ("-port",), ("-address",), ("-packet_timeout",),
                ("-delay_accept",), ("-delay_write",), ("-stop",), ("-port", "abc"), ("-port", ""),
                ("-port", "0"), ("-packet_timeout", "abc"), ("-packet_timeout", "0"),
                ("-packet_timeout", ""), ("-delay_write", "abc"), ("-delay_accept", "abc")]
NOT_A_PORT = ["-1", "65536", "99999999999", "18446744073709551617", "12abc", "0x50", "80 ", "4369.0"]
NOT_SECONDS = ["-1", "99999999999", "18446744073709551617", "12abc", "1.5", "0x1"]


def refused(binary, *args, env=None):
    """The usage error that this command line ends with."""
    result = run_epmd(binary, *args, env=env)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("usage: epmd")
    return result.stderr


@pytest.mark.parametrize("args", BAD_FOR_BOTH, ids=" ".join)
def test_bad_words_get_the_usage(binary, args):
    refused(binary, *args)


@pytest.mark.parametrize("args", [args for args in BAD_FOR_BOTH if args[-1]], ids=" ".join)
def test_the_last_line_names_the_bad_word(ours, args):
    last = refused(ours, *args).splitlines()[-1]
    assert last.startswith("epmd: ") and args[-1] in last


@pytest.mark.parametrize("value", ["0", "abc", "", *NOT_A_PORT])
def test_a_port_that_is_none_is_refused(ours, value):
    for command in (), ("-names",), ("-daemon",):
        assert value in refused(ours, "-port", value, *command).splitlines()[-1]


def misconfigured(binary, *args, env=None):
    """The one line that a mistake ends with which a unit or a profile has made."""
    result = run_epmd(binary, *args, env=env)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("epmd: ") and result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize("value", ["0", "abc", "", "1\n2", *NOT_A_PORT])
def test_a_port_in_the_environment_that_is_none_is_named_in_one_line(ours, value):
    for command in ("-names",), ("-daemon",), ():
        words = misconfigured(ours, *command, env={"ERL_EPMD_PORT": value})
        assert f'ERL_EPMD_PORT "{value}"'.replace("\n", "?") in words


@pytest.mark.parametrize("name, value", [
    ("ERL_EPMD_ADDRESS", "localhost"), ("ERL_EPMD_ALLOW_LOOKUP", "10.0.0.0/33"),
    ("ERL_EPMD_ALLOW_NAMES", "all"), ("ERL_EPMD_ALLOW_REGISTER", "any,x"),
    ("ERL_EPMD_METRICS", "http")])
def test_what_else_is_wrong_in_the_environment_is_named_in_one_line(ours, name, value):
    for command in ("-daemon",), ():
        assert name in misconfigured(ours, *command, env={name: value})
    result = run_epmd(ours, "-port", str(free_port()), "-names", env={name: value})
    assert result.stderr == "epmd: Cannot connect to local epmd\n"


@pytest.mark.parametrize("words", [("-port", "abc"), ("-packet_timeout", "0"), ("-bogus",),
                                   ("-address", "localhost"), ("-address",), ("-daemon",)])
def test_with_systemd_a_mistake_is_one_line(ours, words):
    for line in ("-systemd", *words), (*words, "-systemd"):
        if line != ("-address", "-systemd"):  # there -systemd is the address
            assert words[0] in misconfigured(ours, *line)


def test_a_good_port_option_wins_over_a_bad_environment(binary, server):
    result = run_epmd(binary, "-port", str(server.port), "-started", env={"ERL_EPMD_PORT": "x"})
    assert result.returncode == 0


@pytest.mark.parametrize("option", ["-packet_timeout", "-delay_accept", "-delay_write"])
@pytest.mark.parametrize("value", NOT_SECONDS)
def test_seconds_that_are_none_are_refused(ours, option, value):
    assert value in refused(ours, option, value).splitlines()[-1]


@pytest.mark.parametrize("words", [
    ("-address", "nonsense"), ("-address", "127.0.0.1,256.0.0.1"), ("-daemon", "-systemd"),
    ("-relaxed_command_check", "-packet_timeout", "1")], ids=" ".join)
def test_what_is_the_daemons_is_not_looked_at_beside_a_command(binary, server, words):
    for command, output in (("-started", ""), ("-kill", "Killed\n")):
        result = run_epmd(binary, "-port", str(server.port), *words, command)
        assert (result.returncode, result.stdout, result.stderr) == (0, output, "")


@pytest.mark.parametrize("words", [
    ("-packet_timeout", "abc"), ("-delay_write", "-1"), ("-max_per_host", "0"), ("-log", "x"),
    ("-allow_names", "10.0.0.0/33"), ("-metrics", "http"), ("-no_sandbox", "x"),
    ("-keeper", "-no_keeper")], ids=" ".join)
def test_nor_are_the_options_that_stock_lacks_or_checks(ours, words):
    with Daemon(ours) as server:
        for line in (*words, "-names"), ("-names", *words):
            result = run_epmd(ours, "-port", str(server.port), *line)
            assert result.stdout == f"epmd: up and running on port {server.port} with data:\n"


@pytest.mark.parametrize("value", ["abc", "1.2.3", "::g", "1.2.3.4.5", "127.0.0.1,xyz",
                                   "127.0.0.1/8", "localhost", "[::1]"])
def test_a_bad_address_ends_the_daemon_with_the_reason(binary, value):
    for how in ({"args": ("-address", value)}, {"env": {"ERL_EPMD_ADDRESS": value}}):
        result = run_epmd(binary, "-port", str(free_port()), *how.get("args", ()),
                          env=how.get("env"))
        assert (result.returncode, result.stdout) == (1, "")
        assert value.split(",")[-1] in result.stderr


@pytest.mark.parametrize("port", ["1024", "65535"])
def test_the_ends_of_the_port_range_are_ports(binary, port):
    """Nothing is bound: a command only has to get as far as connecting."""
    result = run_epmd(binary, "-port", port, "-names")
    assert not result.stderr.startswith("usage")


@pytest.mark.parametrize("value", ["1", "no", ""])
def test_relaxed_by_the_environment_whatever_its_value(binary, value):
    with Daemon(binary, env={"ERL_EPMD_RELAXED_COMMAND_CHECK": value}) as server:
        with Node(server, b"goes"):
            assert exchange(server, stop(b"goes")) == b"STOPPED"


def test_the_daemons_port_from_the_environment(binary):
    port = free_port()
    with Daemon(binary, env={"ERL_EPMD_PORT": str(free_port())}, port=port) as server:
        assert {listened for _, listened in listening(server.pid)} == {port}


@pytest.mark.parametrize("dashes", ["-", "--"])
def test_one_dash_or_two(ours, dashes):
    options = [dashes + "relaxed_command_check", dashes + "packet_timeout", "9", dashes + "d"]
    with Daemon(ours, *options, dashes + "address", "127.0.0.1") as server:
        result = run_epmd(ours, dashes + "port", str(server.port), dashes + "names")
        assert result.returncode == 0
        with Node(server, b"goes"):
            assert exchange(server, stop(b"goes")) == b"STOPPED"
        result = run_epmd(ours, dashes + "port", str(server.port), dashes + "kill")
        assert (result.returncode, result.stdout) == (0, "Killed\n")


@pytest.mark.parametrize("word", ["-help", "--help", "-h", "--h"])
def test_help_is_output_and_no_error(ours, word):
    result = run_epmd(ours, word)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("usage: epmd")
    for option in ("-address", "-port", "-daemon", "-relaxed_command_check", "-systemd", "-names",
                   "-packet_timeout", "-delay_accept", "-delay_write", "-dump", "-started",
                   "-kill", "-stop", "-version"):
        assert option in result.stdout


@pytest.mark.parametrize("word", ["-version", "--version"])
def test_version(ours, word):
    result = run_epmd(ours, word)
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"epmd \d+\.\d+\.\d+\n", result.stdout)


def test_a_log_line_has_its_date(binary):
    with Daemon(binary, "-d") as server:
        registered(server)
        server.wait_log(r"(?m)^epmd: (Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d "
                        r"\d\d:\d\d:\d\d \d{4}: .*NAMES")


def test_each_d_tells_more(ours):
    def told(*options):
        with Daemon(ours, *options) as server:
            with Node(server, b"told"):
                exchange(server, NAMES)
            server.wait_log("listening on")
            exchange(server, NAMES)
        return len(server.log().splitlines())
    lines = [told(*["-d"] * count) for count in range(4)]
    assert lines == sorted(set(lines))
