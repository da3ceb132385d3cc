# SPDX-License-Identifier: Apache-2.0
"""A worker that dies between two steps of one request."""

import os

from harness import wait_for
from restart.keeping import Kept, ask
from wire.protocol import alive2, registered, state


def test_a_registration_whose_reply_was_never_sent_is_answered(ours):
    """-delay_write makes the instant between the two a second long."""
    with Kept(ours, "-delay_write", "1") as kept:
        with ask(kept, alive2(b"a")) as sock:
            wait_for(lambda: held_by_keeper(kept) >= 1, what="the connection at the keeper")
            kept.end_worker()
            reply = sock.recv(6)
            assert reply[:2] == b"v\0" and len(reply) == 6
            assert registered(kept) == [b"a"]
            assert state(sock) == "open"


def held_by_keeper(kept):
    """How many TCP connections the keeper holds."""
    inodes = {os.readlink(f"/proc/{kept.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{kept.pid}/fd")}
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [row.split() for row in table.readlines()[1:]]
    return sum(row[3] == "01" and f"socket:[{row[9]}]" in inodes for row in rows)
