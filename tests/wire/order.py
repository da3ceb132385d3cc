# SPDX-License-Identifier: Apache-2.0
"""What a daemon serves first of all that waits for it.

It is stopped while the requests are sent. In which order it replied is told by the
kernel's time stamps on the replies. They are compared with each other; and with the moment
from which it went on, for a listing waits for cheaper requests, but not for ever.
"""

import contextlib
import os
import signal
import socket
import struct
import time

from harness import wait_for
from wire.protocol import connect, send

SO_TIMESTAMPNS = getattr(socket, "SO_TIMESTAMPNS", 35)
TIMESPEC = struct.Struct("=qq")
# Of src/daemon: connection_turn_at_last, and TURN_PEERS_MAX.
LISTING_WAITS_NS, PEERS_A_TURN = 50 * 10**6, 32


@contextlib.contextmanager
def stopped(pid):
    """What is sent meanwhile waits, all of it, for the daemon."""
    def stands():
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] in "Tt"
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(stands, what="SIGSTOP's effect")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def stamped():
    """From when the kernel stamps what it receives: a while after a socket first asks for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener, \
            socket.create_connection(listener.getsockname()) as sender, \
            listener.accept()[0] as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

        def has_stamp():
            sender.send(b"x")
            return receiver.recvmsg(1, 256)[1]
        wait_for(has_stamp, what="a time stamp")
        yield


def ask(server, request):
    """A connection on which a request is under way, and whose reply will be stamped."""
    sock = connect(server.port)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    send(sock, request)
    return sock


def half_closed(server, request):
    sock = ask(server, request)
    sock.shutdown(socket.SHUT_WR)
    return sock


def turns_at_last(resumed, moment):
    """How often listings had waited for so long by then that cheaper requests had to wait.

    Never, unless this machine let the daemon stand still.
    """
    return (moment - resumed) // LISTING_WAITS_NS


def early(stamps, resumed, moment):
    """Whether more of these listings were served before a moment than their rule says.

    One at least may have been: the daemon may have begun with it.
    """
    most = 1 + PEERS_A_TURN * turns_at_last(resumed, moment)
    return sum(stamp < moment for stamp in stamps) > most


def now():
    """In ns, as served() says it."""
    return time.time_ns()


def served(sock):
    """When the first bytes of the reply were sent, in ns, and the bytes."""
    data, control, _, _ = sock.recvmsg(65536, 256)
    assert data, "no reply"
    seconds, nanoseconds = next(TIMESPEC.unpack(value) for _, kind, value in control
                                if kind == SO_TIMESTAMPNS)
    return seconds * 10**9 + nanoseconds, data
