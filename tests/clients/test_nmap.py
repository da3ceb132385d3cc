# SPDX-License-Identifier: Apache-2.0
"""nmap recognises the daemon, and lists its names.

Always true here: both daemons are on port 4369, each in a network of its own, because
nmap knows an epmd by that port.
"""

import contextlib
import functools
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from harness import Daemon
from machine import need
from wire import namespaces
from wire.protocol import Node

pytestmark = pytest.mark.asked("clients")

NODES = {"bilbo": 37899, "frodo": 40001, "日本": 40002}


@functools.cache
def scan(binary):
    """The port as nmap describes it, when NODES are registered: an XML element."""
    with namespaces.Namespace() as host, contextlib.ExitStack() as held:
        host.ip("link set lo up")
        epmd = held.enter_context(Daemon(binary, port=4369, namespace=host))
        with host.entered():
            for name, port in NODES.items():
                held.enter_context(Node(epmd, name.encode(), port=port))
            report = subprocess.run(
                ["nmap", "-sV", "-p", "4369", "--script", "epmd-info", "-oX", "-", "127.0.0.1"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
        return ElementTree.fromstring(report).find("host/ports/port")


@pytest.fixture(autouse=True)
def nmap():
    need("nmap")
    need("network namespaces")


@pytest.mark.needs("network namespaces")
def test_service_is_recognised_and_names_are_listed(ours):
    port = scan(ours)
    assert port.find("state").get("state") == "open"
    service = port.find("service")
    assert (service.get("name"), service.get("product")) == ("epmd", "Erlang Port Mapper Daemon")
    said = port.find("script[@id='epmd-info']")
    assert said.find("elem[@key='epmd_port']").text == "4369"
    listed = said.findall("table[@key='nodes']/elem")
    assert [int(node.text) for node in listed] == list(reversed(NODES.values()))


@pytest.mark.needs("network namespaces")
def test_description_is_that_of_stock(ours, stock):
    assert ElementTree.tostring(scan(ours)) == ElementTree.tostring(scan(stock))
