# SPDX-License-Identifier: Apache-2.0
"""What a hostile process of this host does to an epmd, each attack as one function.

Every attack goes on until it is stopped, and survives whatever the epmd does to it: it
is closed, reset and refused all the time. None ends or signals any process. SECURITY.md
says what each of them is to achieve, and what has become of it.
"""

import contextlib
import itertools
import os
import random
import socket
import struct
import time

LINGER_NONE = struct.pack("ii", 1, 0)
HOLD_S = 0.5
LONG = "\U0001f600" * 250  # 1,000 bytes, and no more characters than a name may have
EXTRA = b"e" * 1020
NAMES, DUMP, INFO, RELOAD, KILL = (b"\0\1" + tag for tag in (b"n", b"d", b"i", b"r", b"k"))


def frame(body):
    return len(body).to_bytes(2, "big") + body


def alive(name, extra=b""):
    return frame(b"x\x12\x67M\0\0\6\0\5" + len(name).to_bytes(2, "big") + name
                 + len(extra).to_bytes(2, "big") + extra)


def port_please(name):
    return frame(b"z" + name)


class Target:
    """The epmd that is attacked, and the moment at which that ends."""

    def __init__(self, port, until):
        self.port, self.until = port, until

    def goes_on(self):
        return time.monotonic() < self.until

    def pause(self, seconds):
        time.sleep(max(0, min(seconds, self.until - time.monotonic())))

    def send(self, request, **how):
        """A connection on which a request is under way; None where it was not let in."""
        sock = socket.socket()
        try:
            sock.settimeout(5)
            if how.get("receive_buffer"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, how["receive_buffer"])
            sock.connect(("127.0.0.1", self.port))
            sock.sendall(request)
            return sock
        except OSError:
            sock.close()
            return None

    def register(self, name, extra=b""):
        """A connection that holds a name; None where it was refused."""
        sock = self.send(alive(name, extra))
        with contextlib.suppress(OSError):
            if sock and sock.recv(6)[1:2] == b"\0":
                return sock
        close(sock)
        return None


def close(*socks):
    for sock in socks:
        if sock:
            sock.close()


def reset(sock):
    if sock:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
        sock.close()


def own_name(what, number):
    return f"{what}-{os.getpid()}-{number}-".encode()


# ---- what makes a registry large ----

def fill(target, count):
    """Hold many large registrations."""
    held = []
    while target.goes_on() and len(held) < count:
        held.append(target.register(own_name("fill", len(held)) + LONG.encode()[:960], EXTRA))
        if held[-1] is None:
            held.pop()
            target.pause(HOLD_S)
    target.pause(3600)
    close(*held)


def fill_and_leave(target):
    """A crowd registers, large, and leaves at once: the store and the state have to follow."""
    for lap in itertools.count():
        if not target.goes_on():
            return
        crowd = [target.register(own_name("crowd", lap * 1000 + number), EXTRA)
                 for number in range(200)]
        target.pause(HOLD_S)
        close(*crowd)


# ---- what makes it work for nothing ----

def listings_for_the_dead(target):
    """A change, then the dearest questions, whose replies are not waited for."""
    for number in itertools.count():
        if not target.goes_on():
            return
        changed = target.send(alive(own_name("dead", number)))
        for request in NAMES, DUMP, INFO:
            close(target.send(request))
        close(changed)


def listings_reset(target):
    for number in itertools.count():
        if not target.goes_on():
            return
        changed = target.send(alive(own_name("reset", number)))
        for request in NAMES, DUMP, INFO:
            reset(target.send(request))
        close(changed)


def unread_listings(target):
    """Readers that do not read."""
    while target.goes_on():
        readers = [target.send(random.choice([NAMES, DUMP, INFO]), receive_buffer=4096)
                   for _ in range(40)]
        target.pause(2)
        close(*readers)


def reload_in_a_loop(target):
    """With half a request beside it, which a reload might wait for."""
    while target.goes_on():
        half = target.send(port_please(b"half")[:3])
        for _ in range(20):
            asker = target.send(RELOAD)
            with contextlib.suppress(OSError):
                if asker:
                    asker.recv(10)
            close(asker)
        close(half)
        target.pause(0.05)


def kill_in_a_loop(target):
    """Refused as long as a node is registered."""
    while target.goes_on():
        close(target.send(KILL))
        target.pause(0.01)


# ---- what takes places ----

def single_bytes(target):
    """More connections than there are places, each with one byte."""
    held = []
    while target.goes_on():
        held.append(target.send(b"\0"))
        if len(held) > 3000:
            close(*held[:1000])
            del held[:1000]
    close(*held)


def silence(target):
    held = []
    while target.goes_on():
        held.append(target.send(b""))
        if len(held) > 3000:
            close(*held[:1000])
            del held[:1000]
    close(*held)


def trickle(target):
    """A byte now and then, of a request that never ends."""
    held = []
    while target.goes_on():
        held = [sock for sock in held if sock and not _fails(sock.send, b"a")]
        while len(held) < 50 and target.goes_on():
            held.append(target.send(frame(b"z" * 1000)[:3]))
        target.pause(0.1)
    close(*held)


def _fails(call, *arguments):
    try:
        call(*arguments)
        return False
    except OSError:
        return True


# ---- what confuses ----

def taken_names(target, names):
    """Ask for a name that is held, and reset before the refusal; or keep the refusal open."""
    refused = []
    while target.goes_on():
        reset(target.send(alive(random.choice(names))))
        refused.append(target.send(alive(random.choice(names))))
        if len(refused) > 500:
            close(*refused)
            refused.clear()
    close(*refused)


def garbage(target):
    """Anything at all, tags that there are none of, lengths that lie."""
    while target.goes_on():
        request = random.choice([
            random.randbytes(random.randrange(1, 4000)), frame(b"?"), b"\0\0", b"\xff\xffx",
            frame(alive(b"x")[2:20]), frame(b"z" + b"\xff" * 300), frame(b"snobody")])
        close(target.send(request))


def resets_within_requests(target):
    while target.goes_on():
        request = random.choice([alive(own_name("cut", 0)), port_please(b"cut"), NAMES])
        reset(target.send(request[:random.randrange(1, len(request))]))


def all_of_them(names, fill_count):
    """Every attack, as (name, function of a Target)."""
    attacks = [fill_and_leave, listings_for_the_dead, listings_reset, unread_listings,
               reload_in_a_loop, kill_in_a_loop, single_bytes, silence, trickle, garbage,
               resets_within_requests]
    return {"fill": lambda target: fill(target, fill_count),
            "taken_names": lambda target: taken_names(target, names),
            **{attack.__name__: attack for attack in attacks}}
