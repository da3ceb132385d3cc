# SPDX-License-Identifier: Apache-2.0
"""One case for each intended difference of the command line, seen on stock and on ours."""

import contextlib
import os
import pathlib
import re
import signal
import tempfile

import pytest

import machine
from cli.servers import Detached, Fake, end_all, started_for
from cli.test_daemon import Syslog
from harness import Daemon, StartError, free_port, listening, run_epmd, wait_for
from wire import namespaces
from wire.differences import CLI
from wire.protocol import Node

CASES = {}


def case(name, *arguments):
    def keep(function):
        CASES[name] = lambda binary: function(binary, *arguments)
        return function
    return keep


@pytest.mark.parametrize("name", CLI)
def test_stock_and_ours_differ_as_intended(binary, name):
    assert CASES[name](binary) == CLI[name].of(binary)


def verdict(result):
    """A short name for how a daemon's start ended."""
    if result.returncode == 0 and not result.stderr:
        return "0 in silence"
    if result.returncode == 1 and "epmd" in result.stderr:
        return "1 with the reason"
    return result


@case("a port that something else holds")
@case("-daemon with a port that something else holds", "-daemon")
def _(binary, *options):
    with Fake(b"220 mail\r\n", "0.0.0.0") as other:
        result = run_epmd(binary, "-port", str(other.port), *options)
        wait_for(lambda: not started_for(other.port), what="the end of a detached child")
        return verdict(result)


@case("-daemon with an address that cannot be bound")
def _(binary):
    """192.0.2.0/24 belongs to nobody."""
    port = free_port()
    result = run_epmd(binary, "-port", str(port), "-daemon", "-address", "192.0.2.1")
    assert "192.0.2.1" in result.stderr or not result.stderr
    end_all(port)
    return verdict(result)


@case("-port 12abc", "-port", "12abc")
@case("-port 65536", "-port", "65536")
@case("-packet_timeout abc beside a command", "-packet_timeout", "abc")
@case("-delay_accept abc beside a command", "-delay_accept", "abc")
@case("-delay_write abc beside a command", "-delay_write", "abc")
def _(binary, *options):
    return taken(run_epmd(binary, "-port", str(free_port()), *options, "-names"))


@case("-packet_timeout -1", "-packet_timeout", "-1")
def _(binary, *options):
    daemon = Daemon(binary, *options)
    try:
        with daemon:
            return "taken"
    except StartError:
        assert daemon.exit_code() == 1 and daemon.log().startswith("usage: epmd")
        return "usage"


@case("ERL_EPMD_PORT=abc")
def _(binary):
    return taken(run_epmd(binary, "-names", env={"ERL_EPMD_PORT": "abc"}))


@case("-port NO after the command")
def _(binary):
    return taken(run_epmd(binary, "-names", "-port", str(free_port())))


@case("a line in syslog")
def _(binary):
    machine.need("mount namespaces", "device files")
    with tempfile.TemporaryDirectory() as folder, \
            contextlib.closing(Syslog(pathlib.Path(folder))) as syslog, \
            Detached(binary, wrapper=syslog.wrapper) as daemon, Node(daemon, b"taken"):
        assert Node(daemon, b"taken").result == 1
        text, = syslog.wait(r"\btaken\b")
    twice = re.search(r" epmd(\[\d+\])?: epmd: ", text)
    return "its name twice" if twice else "its name once"


def taken(result):
    assert result.returncode == 1
    if result.stderr.startswith("usage: epmd"):
        return "usage"
    if result.stderr.startswith("epmd: ERL_EPMD_") and result.stderr.count("\n") == 1:
        return "one line"
    assert result.stderr == "epmd: Cannot connect to local epmd\n"
    return "taken"


@case("SIGTERM", signal.SIGTERM)
@case("SIGINT", signal.SIGINT)
def _(binary, number):
    with Daemon(binary) as server:
        os.kill(server.pid, number)
        return server.wait()


@contextlib.contextmanager
def host(*lines):
    """A host of its own with 10.9.9.1 on a cable, changed by lines of the ip command."""
    machine.need("network namespaces")
    with namespaces.Namespace() as namespace:
        namespace.ip("link set lo up", "link add cable type veth peer name end",
                     "addr add 10.9.9.1/24 dev cable", "link set end up", "link set cable up",
                     *lines)
        yield namespace


def bound(binary, namespace, addresses):
    """Where it listens when these addresses are named."""
    try:
        with Daemon(binary, addresses=addresses, namespace=namespace) as server:
            return [address for address, _ in listening(server.pid)]
    except StartError:
        return "ended"


@case("an address named twice", "10.9.9.1", "10.9.9.1")
@case("0.0.0.0 named", "0.0.0.0")
@case(":: named", "::")
@case("0.0.0.0 and :: named", "0.0.0.0", "::")
def _(binary, *addresses):
    with host() as namespace:
        return bound(binary, namespace, addresses)


@case("::1 named on a host without IPv6")
def _(binary):
    with host() as namespace:
        namespace.run("sysctl", "-w", "net.ipv6.conf.all.disable_ipv6=1")
        return bound(binary, namespace, ["::1"])


@case("127.0.0.1 named on a host without IPv4")
def _(binary):
    with host("addr del 127.0.0.1/8 dev lo") as namespace:
        return bound(binary, namespace, ["127.0.0.1"])
