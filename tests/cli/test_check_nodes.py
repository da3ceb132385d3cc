# SPDX-License-Identifier: Apache-2.0
"""The doctor and nodes: all of a host's, those that it leaves alone, and what it leaves open."""

import os
import re
import shlex

import pytest

from cli.hosts import ADDRESS, host, register, two_hosts
from cli.test_check import STEPS, keeping, well
from clients.beam import COOKIE
from harness import OURS
from machine import need

pytestmark = [pytest.mark.needs("network namespaces", "mount namespaces"),
              pytest.mark.theirs_asked("long", "stocks")]


@pytest.fixture
def patient():
    with host() as one:
        yield one


@pytest.mark.parametrize("kind", [72, 104, 110])
@pytest.mark.needs("owners")
def test_a_c_or_java_node_is_left_alone(patient, ours, kind):
    with patient.epmd(ours, "-keeper"), patient.server(b"", ADDRESS, 9100) as node, \
            register(patient, b"c", port=9100, kind=kind):
        well(patient.check("c"), skipped=("handshake",))
        assert "something listens on port 9100; not connected to" in patient.check("c")["by"][
            "node"]["found"]
        assert node.requests == [] and node.n_accepted == 0


def test_a_c_node_of_another_host_is_left_alone(binary):
    with two_hosts() as (here, there), there.epmd(binary), \
            there.server(b"", "10.9.9.2", 9100) as node, \
            register(there, b"c", port=9100, kind=72):
        found = here.check("c@there")
        assert (found["exit"], found["by"]["node"]["status"]) == (0, "ok")
        assert "registered with port 9100; not connected to" in found["by"]["node"]["found"]
        assert found["by"]["handshake"]["status"] == "skipped"
        assert node.n_accepted == 0


def test_each_node_of_this_host(patient, binary):
    """One line each where no name is given, and a failure where one is stale."""
    need("erl")
    with patient.epmd(binary, *keeping(binary)), patient.node("-sname", "a@host"), \
            patient.server(b"", ADDRESS, 9100) as cnode, register(patient, b"c", port=9100, kind=72):
        found = patient.check()
        assert (found["exit"], found["cause"]) == (0, None), found
        nodes = [step["found"] for step in found["steps"] if step["step"] == "node"]
        assert len(nodes) == 2
        assert nodes[0].startswith('"c", port 9100: registered, not connected to')
        assert re.fullmatch(r'"a", port \d+: answers as "a@host"', nodes[1])
        assert [step["step"] for step in found["steps"]] == STEPS[:7] + ["node"] * 2
        assert cnode.n_accepted == 0
        lines = patient.run(os.path.abspath(OURS), "-check").stdout.splitlines()
        assert lines[-1].endswith("; not checked: cookies")
        with register(patient, b"gone", port=9101):
            found = patient.check()
            assert (found["exit"], found["cause"]) == (1, "stale")
            first = next(step for step in found["steps"] if step["step"] == "node")
            assert first["found"] == '"gone", port 9101: refuses'


def test_a_node_that_has_the_port_of_another(patient, binary):
    need("erl")
    with patient.epmd(binary), patient.node(
            "-sname", "a@host", "-kernel", "inet_dist_listen_min", "9100", "inet_dist_listen_max",
            "9100"), register(patient, b"b", port=9100):
        found = patient.check()
        assert (found["exit"], found["cause"]) == (1, "other_name")
        nodes = [step for step in found["steps"] if step["step"] == "node"]
        assert [step["status"] for step in nodes] == ["failed", "ok"]
        assert nodes[0]["found"] == '"b", port 9100: answers as "a@host"'
        step = patient.check("b")["by"]["handshake"]
        assert step["cause"] == "other_name" and "the registration is stale" in step["cure"]
        for cure in nodes[0]["cure"], step["cure"]:  # the name stays taken until it is freed
            assert "without ending epmd: ss -K " in cure


@pytest.mark.needs("owners")
def test_what_was_not_checked_and_how_it_can_be(patient, ours):
    """The commands of the last line do what they are said to do."""
    need("erl")
    need("erl_call")
    with patient.epmd(ours, "-keeper"), patient.node("-name", "a@host.example") as node:
        last = patient.run(os.path.abspath(ours), "-check", "a@host.example").stdout.splitlines()[-1]
        assert last.startswith("epmd: a@host.example: all is well; not checked: the cookie (")
        command = re.search(r"erl_call .* 'erlang node'", last)[0].replace("COOKIE", COOKIE)
        result = patient.run(*shlex.split(command))
        assert result.stdout == "'a@host.example'", (command, result)
        ping = re.search(r"net_adm:ping\('[^']*'\)", last)[0]
        assert node.ask(ping) == "pong"
