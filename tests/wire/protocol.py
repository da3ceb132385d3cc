# SPDX-License-Identifier: Apache-2.0
"""The epmd protocol as a client sees it: frames, connections, registrations.

Nothing here interprets beyond the protocol's tables: what comes back is bytes,
and every wait has a time limit.
"""

import contextlib
import socket
import struct

from harness import PATIENCE_S, wait_for



def frame(body):
    return struct.pack(">H", len(body)) + body


NAMES = frame(b"n")
DUMP = frame(b"d")
KILL = frame(b"k")
RELOAD = frame(b"r")


def stop(name):
    return frame(b"s" + name)


def port2(name):
    return frame(b"z" + name)


def fields(name, port=4711, kind=77, protocol=0, highest=6, lowest=5, extra=b"",
           name_length=None, extra_length=None):
    """Port, type, protocol, versions, name and extra, as ALIVE2_REQ and PORT2_RESP carry them."""
    name_length = len(name) if name_length is None else name_length
    extra_length = len(extra) if extra_length is None else extra_length
    return (struct.pack(">HBBHHH", port, kind, protocol, highest, lowest, name_length)
            + name + struct.pack(">H", extra_length) + extra)


def alive2(name, tail=b"", **values):
    return frame(b"x" + fields(name, **values) + tail)


def found(name, **values):
    """The reply to a lookup of a node that is registered with these values."""
    return b"w\0" + fields(name, **values)


NOT_FOUND = b"w\1"


def connect(port, host="127.0.0.1", source=None, receive_buffer=None):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    sock.settimeout(PATIENCE_S)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source:
        sock.bind((source, 0))
    sock.connect((host, port))
    return sock


def send(sock, data):
    """Send what the daemon still takes: it may close before it has read all."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        sock.sendall(data)


def begin(port, host="127.0.0.1"):
    """Connect and send the first byte of a request: of the silent, ours hears a second later."""
    sock = connect(port, host)
    send(sock, b"\0")
    return sock


def read_all(sock):
    """Everything until the daemon closes or resets; TimeoutError when it does neither."""
    received = []
    with contextlib.suppress(ConnectionResetError):
        while data := sock.recv(65536):
            received.append(data)
    return b"".join(received)


def read_exactly(sock, count):
    received = b""
    while len(received) < count and (data := sock.recv(count - len(received))):
        received += data
    return received


def exchange(server, request, **where):
    """One request on a connection of its own, and all that comes back."""
    with connect(server.port, **where) as sock:
        send(sock, request)
        return read_all(sock)


def reset(sock):
    """Close with RST: no FIN, nothing that is still queued is sent."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def state(sock):
    """'closed', 'open' or the bytes that lie there, without waiting."""
    sock.setblocking(False)
    try:
        return sock.recv(65536) or "closed"
    except BlockingIOError:
        return "open"
    except ConnectionResetError:
        return "closed"
    finally:
        sock.settimeout(PATIENCE_S)


class Node:
    """A registration and the connection that holds it."""

    def __init__(self, server, name, host="127.0.0.1", **values):
        self.name = name
        self.sock = connect(server.port, host)
        send(self.sock, alive2(name, **values))
        self.reply = read_exactly(self.sock, 6 if values.get("highest", 6) >= 6 else 4)

    @property
    def result(self):
        return self.reply[1]

    @property
    def creation(self):
        return int.from_bytes(self.reply[2:], "big")

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def names_reply(server, *nodes):
    """The NAMES reply that lists these (name, port) pairs, in this order."""
    lines = [b"name %s at port %d\n" % node for node in nodes]
    return struct.pack(">I", server.port) + b"".join(lines)


def registered(server):
    """The names that NAMES lists, in its order."""
    lines = exchange(server, NAMES)[4:].splitlines()
    return [line[len(b"name "):line.rindex(b" at port ")] for line in lines]


def wait_registered(server, *expected):
    """Wait until exactly these names, in any order, are registered."""
    wait_for(lambda: sorted(registered(server)) == sorted(expected),
             what=f"exactly {expected} registered")


def settle(server):
    """Return when the daemon has handled all that was sent to it before, but for listings."""
    for _ in range(2):
        exchange(server, frame(b""))
