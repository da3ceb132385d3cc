# SPDX-License-Identifier: Apache-2.0
"""The doctor knows which node has answered: each way in which that is another one has its cure."""

import pytest

from cli.hosts import ADDRESS, failed, host, two_hosts
from machine import need

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


def other_name(found, own, *parts):
    """A node answers, and says that it is another than the one that was asked for."""
    step = failed(found, "handshake", "other_name")
    assert f'it calls itself "{own}"' in step["found"]
    for part in parts:
        assert part in step["cure"], step


def test_an_address_where_the_node_has_a_name(patient, binary):
    need("erl")
    with patient.epmd(binary), patient.node("-name", "b@h1.example.org"):
        other_name(patient.check("b@127.0.0.1"), "b@h1.example.org",
                   "an IP address is not the name", 'connect to "b@h1.example.org"',
                   'start that node with -name "b@127.0.0.1"')


def test_a_name_where_the_node_has_an_address(patient, binary):
    need("erl")
    with patient.epmd(binary), patient.node("-name", f"b@{ADDRESS}"):
        other_name(patient.check("b@host.example"), f"b@{ADDRESS}",
                   "an IP address is not the name", f'connect to "b@{ADDRESS}"')


def test_a_short_name_where_the_node_has_a_long_one(patient, binary):
    need("erl")
    with patient.epmd(binary), patient.node("-name", "b@host.example"):
        other_name(patient.check("b@host"), "b@host.example", "started with -name",
                   "nodes with short names do not connect", 'start that node with -sname "b@host"')


def test_a_long_name_where_the_node_has_a_short_one(patient, binary):
    need("erl")
    with patient.epmd(binary), patient.node("-sname", "b@host"):
        other_name(patient.check("b@host.example"), "b@host", "started with -sname",
                   'connect to "b@host"', 'start that node with -name "b@host.example"')


def test_upper_and_lower_case(patient, binary):
    need("erl")
    with patient.epmd(binary), patient.node("-name", "b@Host.example"):
        other_name(patient.check("b@host.example"), "b@Host.example", "upper from lower case",
                   'connect to "b@Host.example"')


def test_a_hosts_file_that_leads_to_this_host(patient, binary):
    need("erl")
    patient.resolves(f"{ADDRESS} host host.example other.example\n")
    with patient.epmd(binary), patient.node("-name", "b@host.example"):
        other_name(patient.check("b@other.example"), "b@host.example",
                   '"other.example" leads to this host, whose nodes have "host.example"',
                   "correct its address in DNS or in /etc/hosts of this host")


def test_another_machines_node_of_the_same_name(couple, binary):
    need("erl")
    here, there = couple
    here.resolves("10.9.9.2 wanted.example\n")
    with there.epmd(binary), there.node("-name", "b@there.example"):
        other_name(here.check("b@wanted.example"), "b@there.example",
                   '"wanted.example" leads to a host whose nodes have "there.example"',
                   "another host's node of the same name has answered", "/etc/hosts")
