# SPDX-License-Identifier: Apache-2.0
"""Nodes written in C, on erl_interface, use the daemon.

Always true here: the C node is compiled from cnode.c against the installed
libei; erl_call is the installed one.
"""

import json
import os
import socket
import subprocess

import pytest

from cli.hosts import PORT, two_hosts
from clients.beam import HOST_ADDRESS, Site
from harness import OURS
from machine import need

pytestmark = pytest.mark.theirs_asked("clients", "stocks")

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cnode.c")


@pytest.fixture(scope="module")
def cnode(ask_otp, tmp_path_factory):
    """The path of the compiled C node."""
    need("cc")
    libei = ask_otp("code:lib_dir(erl_interface)")
    need(os.path.join(libei, "include", "ei.h"))
    path = str(tmp_path_factory.mktemp("cnode") / "cnode")
    subprocess.run(["cc", "-pthread", "-o", path, SOURCE, f"-I{libei}/include",
                    f"-L{libei}/lib", "-lei"], check=True)
    return path


def test_calls_a_node(site, cnode):
    with site.node("-name", "a@127.0.0.1") as a:
        with site.program(cnode, "c@127.0.0.1", "call", "a@127.0.0.1") as c:
            c.expect("^published")
            c.expect("^called a@127.0.0.1")
            site.await_names("a", "c")
            assert a.ask("nodes(hidden)") == "['c@127.0.0.1']"
        site.await_names("a")


def test_is_called_by_a_node(site, cnode):
    with site.node("-name", "a@127.0.0.1") as a:
        with site.program(cnode, "c@127.0.0.1", "serve") as c:
            c.expect("^published")
            port = site.await_names("a", "c")["c"]
            assert a.ask('erl_epmd:port_please("c", {127,0,0,1})').startswith(f"{{port,{port},")
            assert a.ask("{any, 'c@127.0.0.1'} ! hello") == "hello"
            c.expect("^received hello from a@127.0.0.1")
        site.await_names("a")


def test_duplicate_of_a_node_is_refused(site, cnode):
    with site.node("-name", "a@127.0.0.1") as a:
        ports = site.await_names("a")
        refused = site.run(cnode, "a@127.0.0.1", "serve")
        assert refused.returncode == 1
        assert "cnode: publish: error" in refused.stdout
        assert site.names() == ports
        assert a.ask("node()") == a.name


@pytest.mark.needs("network namespaces", "mount namespaces")
def test_survives_the_doctor(binary, cnode, tmp_path):
    """It ends with a connection that ends before the handshake does: the doctor makes none."""
    with two_hosts() as (here, there), there.epmd(binary):
        with there.namespace.entered():
            program = Site(PORT, str(tmp_path)).program(cnode, "c@10.9.9.2", "serve")
        with program as c:
            c.expect("^published")
            for host in there, here:
                found = host.check("c@there")
                assert "not connected to, as many C and Java" in found["by"]["node"]["found"]
                many = json.loads(host.run(os.path.abspath(OURS), "-check", "-json", "-hosts",
                                           "there").stdout)
                assert "1 registered, not connected to" in many["findings"][0]["found"]
            there.check()
            listed = json.loads(here.run(os.path.abspath(OURS), "-names", "-json", "-host",
                                         "there").stdout)
            node, = listed["nodes"]
            with here.namespace.entered():
                socket.create_connection(("10.9.9.2", node["port"])).close()
            c.expect("^cnode: accept: error")  # so that it had survived until now


@pytest.mark.parametrize("binary", ["ours"], indirect=True)
def test_leaves_and_returns_at_once(site, cnode):
    """Stock may refuse a name whose old connection's end it has not read."""
    with site.program(cnode, "c@127.0.0.1", "return", "1000") as c:
        c.expect("^returned 1000")
        site.await_names("c")


def test_erl_call(site, ask_otp):
    program = os.path.join(ask_otp('os:getenv("BINDIR")'), "erl_call")
    need(program, "an address of this host's name")  # which it looks up at its start
    with site.node("-sname", "a") as a:
        for where in ("-sname", "a"), ("-address", f"{HOST_ADDRESS}:{site.names()['a']}"):
            called = site.run(program, *where, "-a", "erlang node")
            assert called.stdout == a.name
