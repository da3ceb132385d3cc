# SPDX-License-Identifier: Apache-2.0
"""The system refuses connections for a while: accepting pauses, and goes on; it does not spin."""

import os
import subprocess
import time
from types import SimpleNamespace

import pytest

import machine
from harness import PATIENCE_S, clean_env, free_port, wait_for
from wire.protocol import KILL, NOT_FOUND, Node, connect, exchange, port2, read_all, send, settle

REFUSALS = 40
PAUSE_S = 0.05
UNDER_STRACE = {"ASAN_OPTIONS": "detect_leaks=0"}  # which needs ptrace for itself


@pytest.fixture
def refused(ours, tmp_path):
    """Starts a daemon whose first accept(2) succeeds; the next ones fail in the kernel's stead."""
    machine.need("strace")
    started = []

    def start(error):
        port = free_port()
        trace = tmp_path / "trace"
        process = subprocess.Popen(
            ["strace", "-o", trace, "-e", "trace=accept,accept4",
             "-e", f"inject=accept,accept4:error={error}:when=2..{1 + REFUSALS}",
             ours, "-port", str(port), "-no_sandbox", "all"],
            env=clean_env(UNDER_STRACE), stderr=subprocess.PIPE)
        started.append((process, port))
        os.set_blocking(process.stderr.fileno(), False)
        log = []
        wait_for(lambda: b"listening on :: " in (log.append(process.stderr.read() or b"")
                                                 or b"".join(log)), what="its start")
        return port, trace

    yield start
    for process, port in started:
        assert exchange(SimpleNamespace(port=port), KILL) == b"OK"
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("error", ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"])
def test_accepting_pauses_and_goes_on(refused, error):
    """A busy machine makes the pauses longer, never shorter; each of the two sockets has its own."""
    port, trace = refused(error)

    server = SimpleNamespace(port=port)
    with Node(server, b"held") as node:
        assert node.result == 0
        began = time.monotonic()
        with connect(port) as sock:
            send(sock, port2(b"none"))
            assert read_all(sock) == NOT_FOUND
        assert time.monotonic() - began > REFUSALS / 2 * PAUSE_S / 2
    settle(server)
    calls = trace.read_text().splitlines()
    assert sum(f"-1 {error}" in call for call in calls) == REFUSALS
    assert len([call for call in calls if call.startswith("accept")]) < REFUSALS + 10
