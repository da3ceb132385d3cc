# SPDX-License-Identifier: Apache-2.0
"""Which addresses are bound for which list, on hosts with and without either family.

A daemon that starts at all listens on what is expected and on nothing else.
"""

import contextlib
import socket

import pytest

from harness import Daemon, StartError, listening, run_epmd, wait_for
from cli.families import without_family
import machine
from wire import namespaces

ANY4, ANY6, LO4, LO6 = "0.0.0.0", "::", "127.0.0.1", "::1"
ENDED = "ended"


def addresses_of(daemon):
    return [address for address, _ in listening(daemon.pid)]


def bound(binary, option=None, env=None, namespace=None, reachable=True, expected=None,
          wrapper=()):
    """The addresses that it listens on, or ENDED and its last words."""
    options = [] if option is None else ["-address", option]
    daemon = Daemon(binary, *options, env=env, namespace=namespace, wrapper=wrapper)
    try:
        daemon.start(reachable)
        if not reachable:  # then it cannot be asked whether it has opened the last one
            with contextlib.suppress(TimeoutError):
                wait_for(lambda: addresses_of(daemon) == expected)
        return addresses_of(daemon)
    except StartError:
        return (ENDED, daemon.exit_code(), daemon.log())
    finally:
        daemon.stop()


LISTS = [
    (None, [ANY4, ANY6]), ("", [ANY4, ANY6]), (", ,", [ANY4, ANY6]), (" ", [ANY4, ANY6]),
    ("127.0.0.1", [LO4, LO6]), ("::1", [LO4, LO6]), ("127.0.0.1,::1", [LO4, LO6]),
    ("::1 127.0.0.1", [LO4, LO6]), ("127.0.0.2", [LO4, "127.0.0.2", LO6]),
    (" ,127.0.0.2,, ", [LO4, "127.0.0.2", LO6]),
    ("127.0.0.3 127.0.0.2", [LO4, "127.0.0.2", "127.0.0.3", LO6]),
]


@pytest.mark.needs("IPv6")
@pytest.mark.parametrize("text, expected", LISTS)
def test_address_option_and_environment(binary, text, expected):
    assert bound(binary, text) == expected
    if text is not None:
        assert bound(binary, env={"ERL_EPMD_ADDRESS": text}) == expected


@pytest.mark.needs("IPv6")
def test_the_address_option_wins_over_the_environment(binary):
    env = {"ERL_EPMD_ADDRESS": "127.0.0.2"}
    assert bound(binary, "127.0.0.3", env) == [LO4, "127.0.0.3", LO6]


@pytest.mark.needs("IPv6")
@pytest.mark.parametrize("text, expected", [
    ("127.0.0.2,127.0.0.2", [LO4, "127.0.0.2", LO6]), ("127.0.0.1 127.0.0.1", [LO4, LO6]),
    ("::1,::1,0:0::1", [LO4, LO6])])
def test_an_address_named_twice_is_bound_once(ours, text, expected):
    assert bound(ours, text) == expected


def test_each_address_listened_on_is_logged(ours):
    with Daemon(ours, addresses=["127.0.0.2"]) as server:
        for address, port in listening(server.pid):
            server.wait_log(rf"(?m)listening on {address} port {port}$")


def test_an_address_that_is_not_ours_is_fatal(binary):
    end, code, words = bound(binary, "192.0.2.1")
    assert (end, code) == (ENDED, 1) and "192.0.2.1" in words


@contextlib.contextmanager
def host(loopback_up=True, without=None):
    machine.need("network namespaces")
    with namespaces.Namespace() as namespace:
        namespace.ip("link add cable type veth peer name end", "addr add 10.9.9.1/24 dev cable",
                     "addr add fd99::1/64 dev cable nodad", "link set end up",
                     "link set cable up", *(["link set lo up"] if loopback_up else []))
        if without == "ipv6":
            namespace.run("sysctl", "-w", "net.ipv6.conf.all.disable_ipv6=1")
        if without == "ipv4":
            namespace.ip("addr del 127.0.0.1/8 dev lo", "addr del 10.9.9.1/24 dev cable")
        yield namespace


@pytest.fixture(scope="module")
def hosts():
    with contextlib.ExitStack() as stack:
        yield {"both": stack.enter_context(host()),
               "no ipv6": stack.enter_context(host(without="ipv6")),
               "no ipv4": stack.enter_context(host(without="ipv4")),
               "lo down": stack.enter_context(host(loopback_up=False))}


BOTH_KINDS = [
    ("both", None, [ANY4, ANY6]),
    ("both", "10.9.9.1", ["10.9.9.1", LO4, LO6]),
    ("both", "fd99::1", [LO4, LO6, "fd99::1"]),
    ("both", "10.9.9.1 fd99::1", ["10.9.9.1", LO4, LO6, "fd99::1"]),
    ("no ipv6", None, [ANY4, ANY6]),
    ("no ipv6", "127.0.0.1", [LO4]),
    ("no ipv6", "10.9.9.1", ["10.9.9.1", LO4]),
    ("no ipv4", None, [ANY4, ANY6]),
    ("no ipv4", "::1", [LO6]),
    ("no ipv4", "fd99::1", [LO6, "fd99::1"]),
    ("lo down", None, [ANY4, ANY6]),
    ("lo down", "10.9.9.1", ["10.9.9.1"]),
    ("lo down", "fd99::1", ["fd99::1"]),
    ("lo down", "10.9.9.1,fd99::1", ["10.9.9.1", "fd99::1"]),
]
OURS_ONLY = [
    ("both", "0.0.0.0", [ANY4, LO6]), ("both", "::", [LO4, ANY6]),
    ("both", "0.0.0.0,::", [ANY4, ANY6]), ("both", ":: 0.0.0.0", [ANY4, ANY6]),
    ("both", "0.0.0.0,127.0.0.1,::1", [ANY4, LO6]), ("both", "::,::1,127.0.0.1", [LO4, ANY6]),
    ("no ipv6", "0.0.0.0", [ANY4]), ("no ipv6", "0.0.0.0,127.0.0.1", [ANY4]),
    ("no ipv4", "::", [ANY6]), ("no ipv4", "::,::1", [ANY6]),
    ("lo down", "0.0.0.0", [ANY4]), ("lo down", "::", [ANY6]),
    ("no ipv6", "::", [LO4, ANY6]), ("no ipv6", "0.0.0.0,::", [ANY4, ANY6]),
    ("no ipv6", "0.0.0.0 ::1", [ANY4]), ("no ipv6", "127.0.0.1,0.0.0.0,::1", [ANY4]),
    ("no ipv4", "0.0.0.0", [ANY4, LO6]), ("no ipv4", ":: 127.0.0.1", [ANY6]),
]
# Stock of OTP 29 ends at these.
LOOPBACKS = [
    ("no ipv6", "::1", [LO4]), ("no ipv6", "127.0.0.1,::1", [LO4]),
    ("no ipv6", "::1 127.0.0.1", [LO4]), ("no ipv6", "10.9.9.1,::1", ["10.9.9.1", LO4]),
    ("no ipv6", "::1,127.0.0.1,10.9.9.1", ["10.9.9.1", LO4]),
    ("no ipv4", "127.0.0.1", [LO6]), ("no ipv4", "127.0.0.1,::1", [LO6]),
    ("no ipv4", "::1 127.0.0.1", [LO6]), ("no ipv4", "127.0.0.1 fd99::1", [LO6, "fd99::1"]),
    ("lo down", "127.0.0.1,10.9.9.1", ["10.9.9.1"]), ("lo down", "10.9.9.1,::1", ["10.9.9.1"]),
]
FATAL = [
    ("both", "10.9.9.7"), ("both", "10.9.9.1,10.9.9.7"), ("no ipv6", "fd99::1"),
    ("no ipv6", "10.9.9.1,fd99::1"), ("no ipv4", "10.9.9.1"),
]
# Each of these ends a host's own loopback lists: it is left out, and nothing is left.
NOTHING_LEFT = [("lo down", "127.0.0.1"), ("lo down", "127.0.0.1,::1")]


@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("where, text, expected", BOTH_KINDS)
def test_address_lists_on_every_host(binary, hosts, where, text, expected):
    assert bound(binary, text, namespace=hosts[where], reachable=where != "lo down",
                 expected=expected) == expected


@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("where, text, expected", OURS_ONLY)
def test_wildcards_cover_their_loopback(ours, hosts, where, text, expected):
    assert bound(ours, text, namespace=hosts[where], reachable=where != "lo down",
                 expected=expected) == expected


def fatal(binary, namespace, text):
    end, code, words = bound(binary, text, namespace=namespace)
    assert (end, code) == (ENDED, 1) and text.split(",")[-1] in words


@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("where, text", FATAL)
def test_a_named_address_that_cannot_be_bound_is_fatal(binary, hosts, where, text):
    fatal(binary, hosts[where], text)


@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("how", ["option", "environment"])
@pytest.mark.parametrize("where, text, expected", LOOPBACKS)
def test_no_loopback_is_fatal_where_its_family_is_missing(ours, hosts, where, text, expected, how):
    words = {"option": text} if how == "option" else {"env": {"ERL_EPMD_ADDRESS": text}}
    assert bound(ours, **words, namespace=hosts[where], reachable=where != "lo down",
                 expected=expected) == expected


@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("where, text", NOTHING_LEFT)
def test_nothing_left_to_listen_on_is_fatal(ours, hosts, where, text):
    end, code, words = bound(ours, text, namespace=hosts[where])
    assert (end, code) == (ENDED, 1)
    for address in text.split(","):
        assert f"cannot listen on {address} port" in words
    assert words.endswith("there is no address to listen on\n")


@pytest.mark.parametrize("text, expected", [
    (None, [ANY4]), ("127.0.0.1,::1", [LO4]), ("::1", [LO4]), ("127.0.0.2", [LO4, "127.0.0.2"])])
def test_a_kernel_without_ipv6(ours, text, expected):
    """Where it is there but off, only bind(2) fails; here socket(2) does."""
    assert bound(ours, text, wrapper=without_family(socket.AF_INET6)) == expected


def test_a_wildcard_of_a_family_that_the_kernel_lacks_is_fatal(ours):
    end, code, words = bound(ours, "0.0.0.0,::", wrapper=without_family(socket.AF_INET6))
    assert (end, code) == (ENDED, 1) and "cannot listen on :: port" in words


@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("text", [None, "127.0.0.1", "127.0.0.1,::1"])
def test_a_port_that_is_not_permitted_is_fatal(binary, hosts, text):
    """The host has the family: nothing may be left out for that."""
    options = [] if text is None else ["-address", text]
    with hosts["both"].entered():
        result = run_epmd("setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-all", binary,
                          "-port", "80", *options)
    assert result.returncode == 1 and "ermission denied" in result.stderr


@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("where", ["no ipv6", "no ipv4"])
def test_an_own_loopback_that_cannot_be_bound_is_logged(ours, hosts, where):
    missing = {"no ipv6": LO6, "no ipv4": LO4}[where]
    other = {"no ipv6": LO4, "no ipv4": LO6}[where]
    with Daemon(ours, addresses=[other], namespace=hosts[where]) as server:
        server.wait_log(missing.replace(".", r"\."))


@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("where", ["both", "no ipv6", "no ipv4"])
def test_commands_find_the_daemon_on_every_host(binary, hosts, where):
    with Daemon(binary, namespace=hosts[where]) as server, hosts[where].entered():
        result = run_epmd(binary, "-port", str(server.port), "-names")
        assert result.stdout == f"epmd: up and running on port {server.port} with data:\n"
        assert run_epmd(binary, "-port", str(server.port)).returncode == 0
        assert run_epmd(binary, "-port", str(server.port), "-kill").stdout == "Killed\n"
        assert server.wait() == 0
