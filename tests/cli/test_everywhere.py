# SPDX-License-Identifier: Apache-2.0
"""Each command of ours and of stock, to each daemon of ours and of stock.

Relaxed or not, with a node or without: what is printed, the exit status, and what has
become of the node and of the daemon.
"""

import contextlib
import re

import pytest

from conftest import path_of
from harness import Daemon, run_epmd
from wire.protocol import Node, registered, state, wait_registered

RUNNING = "epmd: up and running on port {port} with data:\n"
NAME = "name x at port 7\n"
LIVE = "active name     <x> at port 7, fd = #\n\0"
GONE = "old/unused name <left>, port = 9, fd = # \n\0"
REFUSED = "Killing not allowed - living nodes in database.\n"

COMMANDS = ["-names", "-dump", "-started", "-kill", "-stop"]


@pytest.fixture(params=["ours", "stock"], scope="module")
def client(request):
    return path_of(request.param)


def expected(command, has_node, relaxed):
    """The exit status and what is printed; whether the node, and the daemon, are still there."""
    if command == "-names":
        return (0, RUNNING + NAME * has_node), True, True
    if command == "-dump":
        return (0, RUNNING + LIVE * has_node + GONE), True, True
    if command == "-started":
        return (0, ""), True, True
    if command == "-kill":
        return ((1, REFUSED), True, True) if has_node and not relaxed else (
            (0, "Killed\n"), False, False)
    if not relaxed:
        return (1, "epmd: local epmd responded with <>\n"), True, True
    return (0, "STOPPED\n" if has_node else "NOEXIST\n"), False, True


@pytest.mark.parametrize("has_node", [True, False], ids=["node", "no-node"])
@pytest.mark.parametrize("relaxed", [True, False], ids=["relaxed", "strict"])
@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_to_each_daemon(client, binary, command, relaxed, has_node):
    (code, output), node_stays, daemon_stays = expected(command, has_node, relaxed)
    words = ["-stop", "x"] if command == "-stop" else [command]
    with Daemon(binary, *["-relaxed_command_check"] * relaxed) as server:
        with Node(server, b"left", port=9):
            pass
        wait_registered(server)
        with contextlib.ExitStack() as stack:
            node = stack.enter_context(Node(server, b"x", port=7)) if has_node else None
            result = run_epmd(client, "-port", str(server.port), *words)
            printed = re.sub(r"fd = \d+", "fd = #", result.stdout)
            assert (result.returncode, printed, result.stderr) == (
                code, output.format(port=server.port), "")
            if not daemon_stays:
                assert server.wait() == 0
                return
            assert registered(server) == [b"x"] * (has_node and node_stays)
            if node:
                assert state(node.sock) == ("open" if node_stays else "closed")
