# SPDX-License-Identifier: Apache-2.0
"""Erlang nodes find each other through the daemon.

Always true here: the nodes are OTP's own, and what is asserted is what they
and epmd say, not what the daemon's code intends.
"""

import os
import signal

import pytest

from clients.beam import HOST
from harness import PATIENCE_S, Daemon
from machine import has

# That stock serves its nodes is looked at less often than that ours does.
pytestmark = pytest.mark.theirs_asked("clients", "stocks")

INET6 = ("-proto_dist", "inet6_tcp")


def long_name(name):
    return ("-name", f"{name}@127.0.0.1")


def short_name(name):
    return ("-sname", name)


def pinging_pair(site, first, second):
    with site.node(*first) as a, site.node(*second) as b:
        ports = site.await_names("a", "b")
        assert a.ping(b) == "pong"
        assert b.ask("nodes()") == f"[{a.name}]"
        assert ports["b"] == int(a.ask(f'element(2, erl_epmd:port_please("b", "{host_of(b)}"))'))


def host_of(node):
    return node.name.strip("'").split("@")[1]


@pytest.mark.parametrize("naming", [short_name, long_name])
def test_two_nodes_ping_each_other(site, naming):
    pinging_pair(site, naming("a"), naming("b"))


@pytest.mark.parametrize("naming", [short_name, lambda name: ("-name", f"{name}@::1")],
                         ids=["short_name", "long_name"])
def test_two_nodes_ping_each_other_over_ipv6(site, ipv6, naming):
    with (site.node(*INET6, *naming("a")) as a, site.node(*INET6, *naming("b")) as b):
        site.await_names("a", "b")
        assert a.ping(b) == "pong"
        assert b.ask("nodes()") == f"[{a.name}]"


def test_ipv4_and_ipv6_nodes_share_the_names(site, ipv6):
    with site.node("-sname", "a") as a, site.node(*INET6, "-sname", "b") as b:
        ports = site.await_names("a", "b")
        for node in a, b:
            assert node.ask("lists:sort(element(2, net_adm:names()))") == listed(ports)


def listed(ports):
    return "[" + ",".join(f'{{"{name}",{port}}}' for name, port in sorted(ports.items())) + "]"


def test_hidden_node_is_found(site):
    with site.node("-sname", "a") as a, site.node("-sname", "b", "-hidden") as b:
        site.await_names("a", "b")
        assert a.ping(b) == "pong"
        assert a.ask("nodes()") == "[]"
        assert a.ask("nodes(hidden)") == f"[{b.name}]"


def test_remote_shell(site):
    with site.node("-sname", "a") as a:
        shell = ("erl", "-start_epmd", "false", "-sname", "b", "-remsh", f"a@{HOST}")
        with site.program(*shell, tty=True) as remote:
            remote.expect(r"\(a@.*\)1> ")
            remote.send("{node(), 40 + 2}.")
            remote.expect(rf"\{{{a.name},42\}}")


def test_net_adm_names(site):
    with site.node("-sname", "a") as a, site.node("-sname", "b"):
        ports = site.await_names("a", "b")
        localhost = ["names(localhost)"] if has("localhost") else []
        for call in "names()", f"names('{HOST}')", "names('127.0.0.1')", *localhost:
            assert a.ask(f"lists:sort(element(2, net_adm:{call}))") == listed(ports)


def test_names_through_the_address_of_the_host_name(site):
    with site.node("-sname", "a") as a:
        ports = site.await_names("a")
        address = "element(2, inet:getaddr(element(2, inet:gethostname()), inet))"
        for call in "names()", f"names({address})":
            assert a.ask(f"erl_epmd:{call}") == f"{{ok,{listed(ports)}}}"


def test_port_please(site):
    with site.node("-sname", "a") as a:
        port = site.await_names("a")["a"]
        localhost = ["localhost"] if has("localhost") else []
        for host in f'"{HOST}"', "{127,0,0,1}", *localhost:
            assert a.ask(f'erl_epmd:port_please("a", {host})') == f"{{port,{port},6}}"
        assert a.ask('erl_epmd:port_please("nobody", {127,0,0,1})') == "noport"


def test_node_that_is_not_there(site):
    with site.node("-sname", "a") as a:
        assert a.ask(f"net_adm:ping(nobody@{HOST})") == "pang"


@pytest.mark.parametrize("name", ["ö", "日本", "🐘" * 20])
def test_name_beyond_ascii(site, name):
    """Node names are ASCII to OTP itself, but its epmd client passes any bytes on."""
    text = list(name.encode())
    with site.node() as client:
        assert client.ask("element(1, erl_epmd:start())") == "ok"
        assert client.ask(f"element(1, erl_epmd:register_node({text}, 4242))") == "ok"
        assert site.await_names(name) == {name: 4242}
        assert client.ask(f"erl_epmd:port_please({text}, {{127,0,0,1}})") == "{port,4242,6}"


def test_name_that_is_not_utf8(site):
    with site.node() as client:
        assert client.ask("element(1, erl_epmd:start())") == "ok"
        assert client.ask("erl_epmd:register_node([246], 4242)") == "{error,duplicate_name}"
        assert client.ask("erl_epmd:port_please([246], {127,0,0,1})") == "closed"
        assert site.names() == {}


def test_duplicate_is_refused_and_the_first_stays(site):
    with site.node("-sname", "a") as a, site.node("-sname", "b") as b:
        ports = site.await_names("a", "b")
        second = site.run("erl", "-start_epmd", "false", "-noinput", "-sname", "a")
        assert second.returncode == 1
        assert f"the name a@{HOST} seems to be in use" in second.stdout
        assert site.names() == ports
        assert b.ping(a) == "pong"


def test_killed_node_leaves_the_names(site):
    with site.node("-sname", "a") as a, site.node("-sname", "b"):
        site.await_names("a", "b")
        a.kill()
        site.await_names("b")


def test_node_that_leaves_by_itself(site):
    with site.node("-sname", "a") as a:
        a.send("init:stop().")
        a.process.wait(PATIENCE_S)
        site.await_names()


def test_creation_changes_with_each_incarnation(site):
    creations = []
    with site.node("-sname", "b") as b:
        for _ in range(3):
            with site.node("-sname", "a") as a:
                site.await_names("a", "b")
                creations.append(a.creation())
                assert b.ping(a) == "pong"
            site.await_names("b")
    assert len(set(creations)) == 3
    assert min(creations) >= 4


def test_node_returns_after_the_daemon_was_killed(site, binary):
    with site.node("-sname", "a") as a, site.node("-sname", "b") as b:
        ports = site.await_names("a", "b")
        os.kill(site.server.pid, signal.SIGKILL)
        site.server.wait()
        with Daemon(binary, port=site.port):
            assert site.await_names("a", "b") == ports
            assert a.ping(b) == "pong"
