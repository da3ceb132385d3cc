# SPDX-License-Identifier: Apache-2.0
"""The usual mistakes of users: for each, the doctor names the cause and exits with 1.

Where it makes a difference, stock epmd serves the patient as well.
"""

import re

import pytest

from cli.hosts import ADDRESS, PORT, failed, host, register, swallow, two_hosts
from harness import kind_of
from machine import has, need

pytestmark = [pytest.mark.needs("network namespaces", "mount namespaces"),
              pytest.mark.theirs_asked("long", "stocks")]


@pytest.fixture
def patient():
    with host() as one:
        yield one


@pytest.fixture
def couple():
    with two_hosts() as hosts:
        yield hosts


def test_epmd_does_not_run(patient):
    step = failed(patient.check("a"), "port", "not_running")
    assert "nothing listens on port 4369" in step["found"]
    assert "epmd -daemon" in step["cure"] and "systemctl start epmd.socket" in step["cure"]
    other = failed(patient.check("a", env={"ERL_EPMD_PORT": "5000"}), "port", "not_running")
    assert "epmd -daemon -port 5000" in other["cure"]


@pytest.mark.needs("owners")
def test_the_node_is_on_another_port(patient, binary):
    with patient.epmd(binary), patient.epmd(binary, port=5000), register(patient, b"a", 5000):
        step = failed(patient.check("a"), "name", "other_port")
        assert "port 5000" in step["found"] and "ERL_EPMD_PORT=5000" in step["cure"]


@pytest.mark.needs("owners")
def test_the_only_epmd_is_on_another_port(patient, binary):
    with patient.epmd(binary, port=5000), register(patient, b"a", 5000):
        step = failed(patient.check("a"), "port", "other_port")
        assert "the epmd on port 5000 of this host knows that name" in step["found"]


def test_only_the_user_looks_on_another_port(patient, binary):
    with patient.epmd(binary), register(patient, b"a"):
        found = patient.check("a", env={"ERL_EPMD_PORT": "5000"})
        step = failed(found, "port", "other_port")
        assert "the epmd on port 4369 of this host knows that name" in step["found"]


@pytest.mark.needs("owners")
def test_epmd_listens_on_loopback_only_and_the_name_is_long(patient, binary):
    with patient.epmd(binary, "-address", "127.0.0.1"), register(patient, b"a"):
        found = patient.check("a@host.example")
        step = failed(found, "lookup", "loopback_only")
        assert f"{ADDRESS} port 4369: refuses" in step["found"]
        assert "ERL_EPMD_ADDRESS" in step["cure"] and "ListenStream=" in step["cure"]
        assert "to this host alone" in found["by"]["exposed"]["found"]
        assert found["by"]["name"]["status"] == "ok"  # asked through loopback


def test_the_name_resolves_to_127_0_1_1(patient, binary):
    patient.resolves("127.0.1.1 host.example host\n")
    with patient.epmd(binary), register(patient, b"a"):
        step = failed(patient.check("a@host.example"), "host", "resolves_to_loopback")
        assert "127.0.1.1" in step["found"] and "127.0.1.1" in step["cure"]
        assert "/etc/hosts" in step["cure"]
        # Of the host's own name, which the user did not give, this is a warning.
        own = patient.check("a")["by"]["host"]
        assert (own["status"], own["cause"]) == ("warning", "resolves_to_loopback")


def test_a_firewall_drops_what_is_for_epmd(couple, binary):
    here, there = couple
    with there.epmd(binary), register(there, b"a"):
        swallow(here.namespace, PORT)
        step = failed(here.check("a@there"), "lookup", "firewall")
        assert "10.9.9.2 port 4369: does not answer at all" in step["found"]
        assert "TCP port 4369" in step["cure"]


def test_a_firewall_drops_what_is_for_the_node(couple, binary):
    here, there = couple
    with there.epmd(binary), there.server(None, "10.9.9.2", 9100), register(there, b"a", port=9100):
        swallow(here.namespace, 9100)
        found = here.check("a@there")
        step = failed(found, "node", "firewall")
        assert "10.9.9.2 port 9100: does not answer at all" in step["found"]
        assert "TCP port 9100" in step["cure"] and "inet_dist_listen_min" in step["cure"]
        assert found["by"]["name"]["status"] == "ok"


def test_the_node_is_stale(patient, binary):
    with patient.epmd(binary), register(patient, b"a", port=9100) as held:
        step = failed(patient.check("a@host.example"), "node", "stale")
        assert f"{ADDRESS} port 9100: refuses" in step["found"]
        assert "stale" in step["cure"] and "as root, free the name without ending" in step["cure"]
        command = re.search(r"ss -K [^:;,]*", step["cure"])[0].replace("; then", "").split()
        if kind_of(binary) == "stock":  # it does not tell which connection it is
            assert command[3:] == "ADDRESS dport = 4369 sport = PORT".split()
            here = held.sock.getsockname()
            command[3], command[-1] = here[0], str(here[1])
            command[2] = "src"
        patient.namespace.run(*command)
        failed(patient.check("a@host.example"), "name", "unknown_name")


def test_the_port_of_a_node_elsewhere_refuses(couple, binary):
    """From here a stale node looks like a firewall that refuses, as iptables' REJECT does."""
    here, there = couple
    with there.epmd(binary), register(there, b"a", port=9100):
        step = failed(here.check("a@there"), "node", "refused")
        assert "10.9.9.2 port 9100: refuses" in step["found"]
        for part in "may be stale", "other addresses", "inet6_tcp", "firewall", "the same check":
            assert part in step["cure"]


def test_a_firewall_for_one_family_and_a_node_of_that_family(couple, binary):
    """Nodes use the IPv4 address: that the IPv6 one refuses is as it should be."""
    here, there = couple
    here.resolves("10.9.9.2 there\nfd99::2 there\n")
    with there.epmd(binary), there.server(None, "10.9.9.2", 9100), register(there, b"a", port=9100):
        swallow(here.namespace, 9100)
        step = failed(here.check("a@there"), "node", "firewall")
        assert "fd99::2 port 9100: refuses" in step["found"]


def test_another_program_has_the_stale_nodes_port(patient, binary):
    with patient.epmd(binary), patient.server(b"SSH-2.0-x\x1b[31m\r\n", ADDRESS, 9100), \
            register(patient, b"a", port=9100):
        found = patient.check("a")
        step = failed(found, "handshake", "not_a_node")
        assert r'"SSH-2.0-x\x1b[31m\x0d\x0a"' in step["found"]
        assert found["by"]["node"]["status"] == "ok"


@pytest.mark.parametrize("reply, cause", [(b"", "not_a_node"), (None, "silent_node")])
def test_the_node_says_nothing(patient, ours, reply, cause):
    with patient.epmd(ours), patient.server(reply, ADDRESS, 9100), \
            register(patient, b"a", port=9100):
        failed(patient.check("a"), "handshake", cause)


@pytest.mark.needs("owners")
def test_the_node_listens_elsewhere(patient, binary):
    with patient.epmd(binary), patient.server(None, "127.0.0.1", 9100), \
            register(patient, b"a", port=9100):
        step = failed(patient.check("a"), "node", "other_address")
        assert "it listens on 127.0.0.1 port 9100" in step["found"]


def test_the_name_is_not_known(patient, binary):
    with patient.epmd(binary):
        assert "no node is" in failed(patient.check("rabbit"), "name", "unknown_name")["found"]
        with register(patient, b"Rabbit"), register(patient, b"rabbi"), register(patient, b"cow"):
            step = failed(patient.check("rabbit"), "name", "unknown_name")
            assert 'did you mean "Rabbit" or "rabbi"?' in step["found"]
            step = failed(patient.check("elephant"), "name", "unknown_name")
            assert '3 are: "cow", "rabbi", "Rabbit"' in step["found"]


def test_the_name_is_not_known_where_names_are_not_told(couple, ours):
    here, there = couple
    with there.epmd(ours, "-allow_names", "none"), register(there, b"a"):
        step = failed(here.check("b@there"), "name", "unknown_name")
        assert step["found"] == '"b" is not registered on port 4369 there'


def test_the_host_does_not_resolve(patient, ours):
    with patient.epmd(ours), register(patient, b"a"):
        step = failed(patient.check("a@nowhere.example"), "host", "unresolvable")
        assert '"nowhere.example" does not resolve' in step["found"]
        assert "/etc/hosts" in step["cure"]


def test_this_hosts_name_is_that_of_another(couple, binary):
    """Which has a node of the same name: nothing is well all the same."""
    need("erl")
    here, there = couple
    here.resolves("10.9.9.2 host.example host\n10.9.9.2 host.elsewhere\n")
    with here.epmd(binary), register(here, b"a"), register(here, b"b"), there.epmd(binary), \
            there.node("-sname", "a@host"):
        assert here.check("a@host.elsewhere")["by"]["host"]["status"] == "ok"
        # Names in /etc/hosts have no case; to musl they have.
        other_case = [["a@HOST"], ["a@Host.example"]] if has("glibc") else []
        for words in [], ["a"], ["a@host"], ["@host"], *other_case:
            step = failed(here.check(*words), "host", "resolves_elsewhere")
            assert "not an address of this host, whose name it is" in step["found"]
            assert f": this host has {ADDRESS}" in step["cure"]
        assert here.check("b")["by"]["name"]["cure"] == (
            "first let the name of this host lead here: see above")


def test_no_epmd_on_the_other_host(couple):
    here, _ = couple
    found = here.check("a@there")
    step = failed(found, "lookup", "refused")
    assert "10.9.9.2 port 4369: refuses" in step["found"]
    # What is not right here is no reason why nothing is found there.
    assert found["by"]["port"]["status"] == "warning"
    assert "ERL_EPMD_PORT" in step["cure"]


def test_loopback_only_on_the_other_host(couple, binary):
    here, there = couple
    with there.epmd(binary, "-address", "127.0.0.1"):
        step = failed(here.check("a@there"), "lookup", "refused")
        assert "loopback" in step["cure"] and "ListenStream=" in step["cure"]


def test_lookups_are_not_allowed(couple, ours):
    here, there = couple
    with there.epmd(ours, "-allow_lookup", "none", "-allow_names", "any"), register(there, b"a"):
        step = failed(here.check("a@there"), "lookup", "not_allowed")
        assert "closes without an answer" in step["found"] and "-allow_lookup" in step["cure"]


def test_the_other_host_cannot_be_reached(patient, ours):
    patient.resolves(f"{ADDRESS} host\n192.0.2.9 away\n")
    with patient.epmd(ours):
        failed(patient.check("a@away"), "lookup", "unreachable")


@pytest.mark.parametrize("reply, cause, part", [
    (None, "silent", "accepts, but says nothing"),
    (b"HTTP/1.0 400 Bad Request\r\n\r\n", "not_epmd", "answers, but not as an epmd")])
def test_something_else_holds_the_port_of_the_other_host(couple, reply, cause, part):
    here, there = couple
    with there.server(reply, "10.9.9.2", PORT):
        assert part in failed(here.check("a@there"), "lookup", cause)["found"]


def test_the_port_of_a_node_cannot_be_reached(couple, ours):
    here, there = couple
    here.namespace.ip("rule add ipproto 6 dport 9100 to 10.9.9.2 prohibit")
    with there.epmd(ours), register(there, b"a", port=9100):
        step = failed(here.check("a@there"), "node", "firewall")
        assert "10.9.9.2 port 9100: Permission denied" in step["found"]


def test_something_else_holds_the_port(patient):
    with patient.server(b"HTTP/1.0 400 Bad Request\r\n\r\n", "127.0.0.1", PORT):
        step = failed(patient.check("a"), "epmd", "not_epmd")
        assert "systemctl status epmd.service" in step["cure"]


def test_what_holds_the_port_is_silent(patient):
    with patient.server(None, "127.0.0.1", PORT):
        step = failed(patient.check("a"), "epmd", "silent")
        assert "systemctl status epmd.service" in step["cure"]


@pytest.mark.needs("owners")
def test_epmd_without_a_loopback_address(patient):
    with patient.server(b"\0\0\x11\x11", ADDRESS, PORT):
        step = failed(patient.check("a"), "port", "no_loopback")
        assert "127.0.0.1" in step["cure"]


def test_no_mistake_takes_longer_than_the_time_limit(couple, ours):
    """Eight addresses that swallow all that is sent to them."""
    here, _ = couple
    away = [f"10.9.9.{number}" for number in range(81, 89)]
    here.namespace.ip(*(f"neigh replace {address} lladdr 02:00:00:00:00:77 dev cable"
                        for address in away))
    here.resolves("".join(f"{address} away\n" for address in away))
    found = here.check("a@away")
    step = failed(found, "lookup", "firewall")
    assert step["found"].count("does not answer at all") == 3
    assert "10.9.9.88 port 4369: not tried, as the time was up" in step["found"]


@pytest.mark.parametrize("port, cause", [(b"\0\1\x11\x11", "not_epmd"), (b"\0\0\0\0", "not_epmd"),
                                         (b"\0\0\xff\xff", "unknown_name")])
def test_an_epmd_whose_port_is_none(patient, port, cause):
    """69,905 is no port, though its last two bytes are 4369."""
    with patient.server(port, "127.0.0.1", PORT):
        assert patient.check("a@localhost")["by"]["epmd"]["cause"] == (
            None if cause == "unknown_name" else cause)


def test_a_variable_that_is_no_port(patient, ours):
    """ERL_EPMD_PORT does not count where the option says which port it is."""
    with patient.epmd(ours, "-keeper"), patient.epmd(ours, port=5000):
        for value in "70536", "65536", "0x1388", "-5000", "5000 ", "":
            others = patient.check("-port", "4369", env={"ERL_EPMD_PORT": value})["by"]["others"]
            assert others["cause"] is None or "ERL_EPMD_PORT is" not in others["found"], value
