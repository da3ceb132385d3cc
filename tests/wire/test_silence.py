# SPDX-License-Identifier: Apache-2.0
"""Peers that say nothing: the kernel keeps them to itself for a second (TCP_DEFER_ACCEPT)."""

import pytest

import machine
from harness import Daemon, free_port
from wire.protocol import begin, connect, exchange, port2

pytestmark = pytest.mark.needs("Linux")


@pytest.fixture(params=["own socket", "inherited socket"])
def server(request, ours):
    if request.param == "own socket":
        with Daemon(ours, "-d", "-d") as daemon:
            yield daemon
        return
    machine.need("systemd-socket-activate")
    port = free_port()
    activate = ("systemd-socket-activate", "-l", f"127.0.0.1:{port}")
    with Daemon(ours, "-d", "-d", "-systemd", port=port, wrapper=activate) as daemon:
        exchange(daemon, port2(b"none"))  # which starts it
        yield daemon


def test_the_silent_are_heard_of_later(server):
    with connect(server.port) as silent, begin(server.port) as slow:
        said = [f"127.0.0.1 port {sock.getsockname()[1]} connected" for sock in (slow, silent)]
        server.wait_log(said[1])
        assert said == sorted(said, key=server.log().index)
