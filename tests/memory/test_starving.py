# SPDX-License-Identifier: Apache-2.0
"""Memory runs out, for a while, at any of the places where HTTP needs some.

Requests may be lost meanwhile. Registrations are not, and afterwards all is as before.
"""

import contextlib
import os
import pathlib
import subprocess

import pytest

from memory.test_memory import EPMD, pytestmark  # noqa: F401, the same reasons to skip
from harness import wait_for
from metrics.observed import Observed, request
from wire.protocol import Node, connect, exchange, found, port2, read_all, send, state

SOURCE = pathlib.Path(__file__).with_name("starve.c")


@pytest.fixture(scope="module")
def starve(tmp_path_factory):
    library = tmp_path_factory.mktemp("starve") / "starve.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    return library


def try_all(daemon):
    """Ask for everything; how many were answered."""
    answered = 0
    with contextlib.suppress(OSError), daemon.connect() as sock, connect(daemon.port) as asking:
        send(sock, request("/metrics"))
        send(asking, port2(b"held"))
        sock.settimeout(0.3)
        answered += read_all(asking) == found(b"held")
        answered += read_all(sock).startswith(b"HTTP/1.1 200 ")
    return answered


def test_it_outlives_a_shortage(starve, tmp_path):
    file = tmp_path / "starve"
    new = tmp_path / "new"
    with Observed(EPMD, "-no_sandbox", "seccomp",
                  env={"LD_PRELOAD": str(starve), "STARVE": str(file)}) as daemon, \
            Node(daemon, b"held") as node:
        answered = []
        for size in range(1, 6000, 50):
            new.write_text(str(size))
            os.replace(new, file)
            answered.append(sum(try_all(daemon) for _ in range(2)))
            file.unlink()
            wait_for(lambda: try_all(daemon) == 2, what="an answer to all")
        assert daemon.exit_code() is None
        assert min(answered) < 4, "no allocation has failed"
        assert state(node.sock) == "open"
        assert exchange(daemon, port2(b"held")) == found(b"held")
