# SPDX-License-Identifier: Apache-2.0
"""What the tests end by its port is what they started."""

import contextlib
import errno
import socket
import subprocess
import sys

import pytest

from cli.servers import end_all, started_for
from machine import FIRST_PORT, PORTS_EACH, free_port, outer_network

WAITING = "import sys; print(flush=True); sys.stdin.read()"


@contextlib.contextmanager
def process(*words, wrapper=()):
    """A process with these words at the end of its command line."""
    command = [*wrapper, sys.executable, "-c", WAITING, *words, "last"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout.readline() == b"\n"
        yield started
        started.stdin.close()


def test_a_process_is_found_by_its_port():
    port = free_port()
    with process("-port", str(port)) as told, process("-size", str(port)) as other:
        assert started_for(port) == [told.pid]
        end_all(port)
        assert told.wait() < 0 and other.poll() is None


@pytest.mark.needs("network namespaces")
def test_a_port_of_another_network_is_another_one():
    port = free_port()
    with process("-port", str(port), wrapper=["unshare", "--net"]) as elsewhere:
        assert started_for(port) == []
        end_all(port)
        assert elsewhere.poll() is None


def test_a_range_of_ports_is_one_process_s():
    """Also where each process has a network of its own."""
    port = free_port()
    with outer_network(), socket.socket() as second, pytest.raises(OSError) as raised:
        second.bind(("0.0.0.0", port - (port - FIRST_PORT) % PORTS_EACH))
    assert raised.value.errno == errno.EADDRINUSE
