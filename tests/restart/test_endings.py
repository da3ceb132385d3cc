# SPDX-License-Identifier: Apache-2.0
"""An end that was asked for, and what comes while it is under way.

Always true here: -delay_write holds a reply up for longer than any test takes, so that
the daemon goes on ending until something else lets it end.
"""

import os
import signal

import pytest

from harness import Daemon, free_port
from restart.keeping import ask
from restart.passing import Watcher
from wire.protocol import KILL, alive2, begin, port2, registered, send, settle

LONG_S = "3600"

pytestmark = pytest.mark.keeps_nothing


@pytest.fixture
def manager(ours, tmp_path):
    with Watcher(ours, str(tmp_path / "notify"), "-relaxed_command_check", "-delay_write", LONG_S,
                 "-d", "-d") as watcher:
        yield watcher


@pytest.mark.needs("keeper")  # or what keeps registrations at all
def test_a_signal_after_a_kill_ends_all_registrations_too(manager):
    """The kill's own reply is held up: the signal is not to wait for it, nor to save a node."""
    server = manager.start()
    with ask(server, alive2(b"a")) as node, ask(server, KILL):
        manager.take_nodes(1)
        server.wait_log("because of a KILL_REQ")
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait() == 0
        assert node.recv(1) == b""
        assert 'unregistered "a"' in server.log()
        manager.take_all()
        manager.options = ()
        assert registered(manager.start()) == []


def by_request(server, half):
    send(half, b"\1r")


def by_signal(server, half):
    os.kill(server.pid, signal.SIGHUP)


@pytest.mark.parametrize("reload", [by_request, by_signal])
def test_an_end_is_not_turned_into_a_reload(manager, reload):
    """It ends with what says that it was asked to."""
    server = manager.start()
    with begin(server.port) as half, ask(server, port2(b"none")):
        server.wait_log(r"PORT2_REQ|PORT_PLEASE2_REQ")
        os.kill(server.pid, signal.SIGTERM)
        server.wait_log("ending, because of signal 15")
        reload(server, half)
        assert server.wait() == 0


def test_without_a_successor_a_hangup_ends_it(ours):
    """As it ends any program whose terminal has gone."""
    with Daemon(ours, "-no_keeper", port=free_port()) as daemon:
        settle(daemon)
        os.kill(daemon.pid, signal.SIGHUP)
        assert daemon.wait() == -signal.SIGHUP
