# SPDX-License-Identifier: Apache-2.0
"""Many hosts for -hosts: epmds on the addresses of 127.0.0.0/8, and a DNS server.

Always true here: an address is this process's alone, as its port is, and all ends with its
context.
"""

import contextlib
import os
import random
import socket
import struct
import subprocess
import threading

from cli.servers import Fake
from harness import PATIENCE_S, clean_env, run_epmd
from machine import open_terminal

A, SRV, AAAA = 1, 33, 28
NO_SUCH_NAME, TRUNCATED = 3, 0x200
EMPTY = b"\0\0\x11\x11"


def names(*nodes):
    """A reply to NAMES of an epmd with these (name, port)."""
    return EMPTY + b"".join(b"name %s at port %d\n" % (name.encode(), port) for name, port in nodes)


def addresses(count):
    """So many addresses of this host that no other test is likely to take, in order."""
    block = random.SystemRandom().randrange(1, 255)
    return [f"127.{block}.{number // 250}.{number % 250 + 1}" for number in range(count)]


def ask(binary, port, hosts, *options, **how):
    """Run -names -hosts; (exit code, stdout, stderr)."""
    wrapper = how.pop("wrapper", ())
    command = [*wrapper, binary, "-port", str(port), "-names", "-hosts", hosts, *options]
    result = run_epmd(*command, **how)
    return result.returncode, result.stdout, result.stderr


def rows(output):
    """The lines as lists of words, without titles and summary; and the summary."""
    titles, *lines, summary = output.splitlines()
    assert titles.split()[:3] == ["HOST", "NAME", "PORT"]
    assert summary.startswith("epmd: ")
    return [line.split() for line in lines], summary.removeprefix("epmd: ")


def shown_on_a_terminal(command):
    """What a command writes to standard error, which is a terminal, and to standard output."""
    leader, terminal = open_terminal()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal,
                          env=clean_env()) as process:
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # the other end closes
            while chunk := os.read(leader, 1000):
                shown += chunk
        output = process.stdout.read()
    os.close(leader)
    return shown, output


class Together:
    """Epmds on many addresses that answer only when all of them have been asked."""

    def __init__(self, hosts, port, reply=EMPTY):
        self.all_asked = threading.Barrier(len(hosts))
        self._hosts, self._port, self._reply = hosts, port, reply

    def _server(self, host):
        together = self

        class One(Fake):
            def _answer(self, peer):
                with contextlib.suppress(OSError, threading.BrokenBarrierError), peer:
                    peer.recv(100)
                    together.all_asked.wait(PATIENCE_S)
                    peer.sendall(together._reply)
        return One(b"", host, self._port)

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for host in self._hosts:
                stack.enter_context(self._server(host))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.all_asked.abort()
        self._stack.close()


# ---- DNS ----

def label(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".") if part) + b"\0"


def srv(target, port, priority=0, weight=0):
    return SRV, struct.pack(">HHH", priority, weight, port) + label(target)


def a(address):
    return A, socket.inet_aton(address)


def aaaa(address):
    return AAAA, socket.inet_pton(socket.AF_INET6, address)


class NameServer:
    """Answers over UDP and TCP on port 53 of an address; `zone` maps names to records.

    With `together` it answers nothing until so many different names have been asked for.
    """

    def __init__(self, zone, address="127.0.0.1", together=0):
        self._zone = zone
        self._together, self._asked, self._held = together, set(), []
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((address, 53))
        self._tcp = socket.create_server((address, 53))
        self.n_tcp = 0
        self._threads = [threading.Thread(target=serve, daemon=True)
                         for serve in (self._serve_udp, self._serve_tcp)]
        for thread in self._threads:
            thread.start()

    def _reply(self, query, limit):
        name, kind, question = self._read(query)
        records = self._zone.get(name)
        found = [record for record in records or () if record[0] == kind]
        body = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", record[0], 1, 0, len(record[1]))
                        + record[1] for record in found)
        flags = 0x8180 | (NO_SUCH_NAME if records is None else 0)
        if 12 + len(question) + len(body) > limit:
            found, body, flags = [], b"", flags | TRUNCATED
        return query[:2] + struct.pack(">HHHHH", flags, 1, len(found), 0, 0) + question + body

    @staticmethod
    def _read(query):
        at, parts = 12, []
        while query[at]:
            parts.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind, = struct.unpack_from(">H", query, at + 1)
        return ".".join(parts).lower(), kind, query[12:at + 5]

    def _serve_udp(self):
        with contextlib.suppress(OSError):
            while True:
                query, peer = self._udp.recvfrom(2000)
                if not query:
                    return  # shut down
                self._asked.add(self._read(query)[0])
                self._held.append((query, peer))
                if len(self._asked) >= self._together:
                    for query, peer in self._held:
                        self._udp.sendto(self._reply(query, 512), peer)
                    self._held = []

    def _serve_tcp(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._tcp.accept()
                self.n_tcp += 1
                with peer:
                    length, = struct.unpack(">H", peer.recv(2, socket.MSG_WAITALL))
                    reply = self._reply(peer.recv(length, socket.MSG_WAITALL), 65535)
                    peer.sendall(struct.pack(">H", len(reply)) + reply)
                    peer.recv(1)  # the other closes first

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self._udp, self._tcp:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()
