# SPDX-License-Identifier: Apache-2.0
"""A reply that was cut is no reply: commands say so, and exit 1.

An epmd ends a reply that it cannot finish with a reset; one that knows no better, such
as stock, ends it in order, in the middle of a line.
"""

import contextlib
import fcntl
import struct
import termios

import pytest

from cli.names import ask
from cli.servers import Fake
from harness import run_epmd, wait_for
from wire.protocol import reset

LINES = b"\0\0\x11\x11name a at port 1\nname b at port 2\n"
FORMS = pytest.mark.parametrize("options", [
    [], ["-l"], ["-json"], ["-host", "127.0.0.1"], ["-l", "-host", "127.0.0.1"],
    ["-json", "-host", "127.0.0.1"]], ids=lambda options: " ".join(options) or "plain")


class Cutting(Fake):
    """Answers NAMES_REQ and DUMP_REQ with some bytes; then an end in order, or a reset."""

    def __init__(self, reply, ends_in_reset):
        self._ends_in_reset = ends_in_reset
        super().__init__(reply)

    def _answer(self, peer):
        with contextlib.suppress(OSError), peer:
            request = peer.recv(100)
            if request[2:3] not in (b"n", b"d"):
                return
            peer.sendall(self._reply)
            if self._ends_in_reset:
                wait_for(lambda: not unacknowledged(peer))  # a reset drops what is under way
                reset(peer)


def unacknowledged(peer):
    return struct.unpack("i", fcntl.ioctl(peer, termios.TIOCOUTQ, bytes(4)))[0]


@FORMS
@pytest.mark.parametrize("reply", [LINES, LINES[:4], LINES[:-3]],
                         ids=["between lines", "before the first", "within a line"])
def test_names_takes_a_reset_for_an_error(ours, options, reply):
    with Cutting(reply, ends_in_reset=True) as fake:
        code, _, errors = ask(ours, fake.port, *options)
        assert code == 1
        assert errors != ""


@FORMS
def test_names_takes_a_last_line_without_its_end_for_an_error(ours, options):
    with Cutting(LINES[:-3], ends_in_reset=False) as fake:
        code, _, errors = ask(ours, fake.port, *options)
        assert code == 1
        assert errors != ""


@FORMS
def test_names_that_are_whole_are_no_error(ours, options):
    with Cutting(LINES, ends_in_reset=False) as fake:
        assert ask(ours, fake.port, *options)[0] == 0


def test_dump_takes_a_reset_for_an_error(ours):
    with Cutting(LINES, ends_in_reset=True) as fake:
        result = run_epmd(ours, "-port", str(fake.port), "-dump")
        assert result.returncode == 1
        assert result.stderr != ""
