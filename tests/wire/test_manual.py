# SPDX-License-Identifier: Apache-2.0
"""The exchanges in epmd-protocol(7), EXAMPLES, played to stock and to ours."""

import contextlib
import os
import re

from harness import ROOT, Daemon
from wire.protocol import connect, exchange, read_exactly, send

PORT_OF_THE_MANUAL = (4369).to_bytes(4, "big")


def exchanges():
    """Each request and its reply, as bytes."""
    with open(os.path.join(ROOT, "man", "epmd-protocol.7"), encoding="utf-8") as page:
        examples = page.read().split("\n.Sh EXAMPLES\n")[1].split("\n.Sh ")[0]
    blocks = re.findall(r"(?ms)^> ([0-9a-f\s]+)^< ([0-9a-f\s]+)^\.Ed", examples)
    assert len(blocks) == examples.count("\n.Bd ") > 4
    return [tuple(bytes.fromhex(half) for half in block) for block in blocks]


def test_the_examples_of_the_manual_are_true(binary):
    (register, registered), *others = exchanges()
    with Daemon(binary) as server, contextlib.closing(connect(server.port)) as node:
        send(node, register)
        reply = read_exactly(node, len(registered))
        assert reply[:2] == registered[:2] and len(reply) == len(registered)  # then: the creation
        for request, expected in others:
            if expected.startswith(PORT_OF_THE_MANUAL):
                expected = server.port.to_bytes(4, "big") + expected[4:]
            assert exchange(server, request) == expected, request
