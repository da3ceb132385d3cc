# SPDX-License-Identifier: Apache-2.0
"""ejabberd, as ejabberdctl starts, asks and ends it.

Always true here: no epmd runs before; the node starts the one that is in its path,
and ejabberdctl ends it when it is idle.
"""

import re

import pytest

from clients import guest

STARTED = re.compile(r"The node ejabberd@localhost is started with status: started\n"
                     r"ejabberd \S+ is running in that node")


@pytest.fixture
def system(binary):
    guest.require()
    with guest.Guest(binary) as running:
        running.do("install", "-d", "-o", "ejabberd", "/run/ejabberd")
        yield running


@pytest.mark.needs("network namespaces")
@pytest.mark.timeout(3600)
def test_ejabberdctl(system):
    assert system.run("epmd", "-started").returncode == 1
    assert system.run("ejabberdctl", "status").returncode == 3

    system.do("ejabberdctl", "start")
    system.do("ejabberdctl", "started")
    assert STARTED.search(system.do("ejabberdctl", "status"))
    assert system.names().keys() == {"ejabberd"}
    assert system.do("ejabberdctl", "ping") == "pong\n"

    second = system.run("ejabberdctl", "start")
    assert second.returncode == 4
    assert "is already running" in second.stdout
    assert system.names().keys() == {"ejabberd"}

    system.do("ejabberdctl", "stop")
    system.do("ejabberdctl", "stopped")
    assert system.run("epmd", "-started").returncode == 1
