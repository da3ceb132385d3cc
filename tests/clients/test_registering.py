# SPDX-License-Identifier: Apache-2.0
"""Which nodes register, with which port, and what they do where no epmd runs: the table of epmd(1).

Run with the nodes of OTP 25, 27 and 29 by `./dev test stocks`.
"""

import re

import pytest

import machine
from clients.beam import HOST, pids_of
from harness import Daemon, free_port
from wire.protocol import exchange, port2

pytestmark = pytest.mark.asked("clients")

INET6 = ("-proto_dist", "inet6_tcp")
NORMAL = 77
PORT = "a free port"


@pytest.fixture(scope="module")
def otp(ask_otp):
    return int(ask_otp("erlang:system_info(otp_release)"))


def words(options):
    """These options with a port for PORT; skips where the host has no family for them."""
    if INET6[1] in options:
        machine.need("IPv6")
    return [str(free_port()) if word == PORT else word for word in options]


def port_and_type(server, name):
    """What a lookup of a registered node says, and what NAMES says of its port."""
    reply = exchange(server, port2(name.encode()))
    assert reply[:2] == b"w\0", reply
    return int.from_bytes(reply[2:4], "big"), reply[4]


@pytest.mark.parametrize("options", [(), ("-hidden",), INET6], ids=["plain", "hidden", "inet6"])
def test_a_named_node_registers_with_the_port_that_it_listens_on(site, options):
    with site.node("-sname", "a", *words(options)) as a:
        port = site.await_names("a")["a"]
        assert port_and_type(site.server, "a") == (port, NORMAL)
        assert a.ask("erl_epmd:names({127,0,0,1})") == f'{{ok,[{{"a",{port}}}]}}'


def test_the_port_of_erl_epmd_port(site):
    port = free_port()
    with site.node("-sname", "a", "-erl_epmd_port", str(port)):
        assert site.await_names("a") == {"a": port}
        assert port_and_type(site.server, "a") == (port, NORMAL)


def test_the_port_of_the_kernel_parameter(site, otp):
    """Nodes of OTP 25 and 26 do not know it, and listen where they like."""
    port = free_port()
    with site.node("-sname", "a", "-kernel", "erl_epmd_node_listen_port", str(port)):
        registered = site.await_names("a")["a"]
        assert (registered == port) == (otp >= 27)


def test_two_nodes_of_known_ports_ping_each_other(site):
    """Each asks no epmd for the other's port, which is its own, and both are registered."""
    port = free_port()
    with site.node("-name", "a@127.0.0.1", "-erl_epmd_port", str(port),
                   "-kernel", "inet_dist_use_interface", "{127,0,0,1}") as a:
        with site.node("-name", "b@127.0.0.2", "-erl_epmd_port", str(port),
                       "-kernel", "inet_dist_use_interface", "{127,0,0,2}") as b:
            assert site.await_names("a", "b") == {"a": port, "b": port}
            assert a.ping(b) == "pong"


@pytest.mark.parametrize("options", [("-sname", "a", "-dist_listen", "false"), ()],
                         ids=["dist_listen", "no name"])
def test_these_do_not_register(site, options):
    with site.node("-sname", "b") as b, site.node(*options) as a:
        ports = site.await_names("b")
        if options:
            assert a.ask(f"net_adm:ping({b.name})") == "pong"
        assert site.names() == ports


def test_a_node_of_a_dynamic_name_is_given_one_and_is_not_registered(site):
    with site.node("-sname", "b") as b, site.node("-sname", "undefined") as a:
        assert a.name == "nonode@nohost"
        assert a.ask(f"net_kernel:connect_node({b.name})") == "true"
        assert re.fullmatch(rf"'?[^@]+@{HOST}'?", a.ask("node()"))
        assert list(site.names()) == ["b"]


def test_without_an_epmd_a_node_that_may_not_start_one_ends(unserved):
    result = unserved.run("erl", "-start_epmd", "false", "-noinput", "-sname", "a")
    assert result.returncode == 1
    assert "econnrefused" in result.stdout


@pytest.mark.parametrize("options", [
    ("-sname", "a", "-erl_epmd_port", PORT), ("-sname", "a", "-dist_listen", "false"),
    ("-sname", "undefined")], ids=["erl_epmd_port", "dist_listen", "undefined"])
def test_without_an_epmd_these_run_and_never_register(unserved, binary, options):
    """Two seconds are those after which a node that has lost its epmd tries again."""
    with unserved.node(*words(options)) as a:
        with Daemon(binary, port=unserved.port):
            assert a.ask("timer:sleep(2500)") == "ok"
            assert unserved.names() == {}


@pytest.mark.parametrize("options", [(), ("-erl_epmd_port", PORT), ("-hidden",), INET6],
                         ids=["plain", "erl_epmd_port", "hidden", "inet6"])
def test_nodes_register_again_when_their_epmd_returns(site, binary, options):
    with site.node("-sname", "a", *words(options)):
        ports = site.await_names("a")
        site.server.stop()
        with Daemon(binary, port=site.port):
            assert site.await_names("a") == ports


def test_a_node_starts_the_epmd_of_its_command_once(unserved):
    """-epmd CMD: what a second node starts finds the port taken, and ends."""
    command = ("erl", "-epmd", f"{unserved.epmd} -daemon")
    with unserved.node("-sname", "a", erl=command, start_epmd=True):
        unserved.await_names("a")
        first = pids_of(unserved.epmd)
        with unserved.node("-sname", "b", erl=command, start_epmd=True):
            unserved.await_names("a", "b")
            assert pids_of(unserved.epmd) == first


@pytest.mark.parametrize("options", [
    ("-sname", "a", "-dist_listen", "false"), ("-sname", "undefined"),
    ("-sname", "a", "-erl_epmd_port", PORT)], ids=["dist_listen", "undefined", "erl_epmd_port"])
def test_these_start_an_epmd_as_well(unserved, options):
    command = ("erl", "-epmd", f"{unserved.epmd} -daemon")
    with unserved.node(*words(options), erl=command, start_epmd=True):
        unserved.await_names(*["a"] * ("-erl_epmd_port" in options))


def test_a_node_without_a_name_starts_none(unserved):
    command = ("erl", "-epmd", f"{unserved.epmd} -daemon")
    with unserved.node(erl=command, start_epmd=True):
        assert unserved.names() is None and not pids_of(unserved.epmd)


def test_an_epmd_that_cannot_be_started_is_no_reason_to_wait(unserved):
    result = unserved.run("erl", "-epmd", "/nonexistent", "-noinput", "-sname", "a")
    assert result.returncode == 1
