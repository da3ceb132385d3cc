# SPDX-License-Identifier: Apache-2.0
"""A worker that dies between two steps of one request."""

import os
import signal

from harness import wait_for
from restart.keeping import Kept, ask
from wire.protocol import alive2, state


def test_a_registration_whose_reply_was_never_sent_is_answered(ours):
    """-delay_write makes the instant between the two long, but not for the next worker."""
    with Kept(ours, "-delay_write", "60") as kept:
        with ask(kept, alive2(b"a")) as sock:
            wait_for(lambda: holds(kept.pid, sock), what="the connection at the keeper")
            worker = kept.worker()
            os.kill(worker, signal.SIGSTOP)
            assert state(sock) == "open", "the reply has been sent, there is nothing to make up for"
            os.kill(worker, signal.SIGKILL)
            reply = sock.recv(6)
            assert reply[:2] == b"v\0" and len(reply) == 6
            kept.wait_log("restored 1 registration")
            assert state(sock) == "open"


def holds(pid, sock):
    """Whether a process holds the other end of an IPv4 connection."""
    port = f":{sock.getsockname()[1]:04X}"
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
        inodes = {row.split()[9] for row in table if row.split()[2].endswith(port)}
    links = (os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))
    return any(link == f"socket:[{inode}]" for link in links for inode in inodes)
