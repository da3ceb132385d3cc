# SPDX-License-Identifier: Apache-2.0
"""Stock and ours under the same random history, compared after every step.

Each history starts two fresh daemons. Descriptor numbers are masked, creations
are checked by their rules, and the intended differences that a history can
reach are taken from the table. Without a setting the histories are always the
same ones; EPMD_TEST_HISTORIES=N runs N new ones.
"""

import os
import re
import socket

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from conftest import path_of
from harness import Daemon, wait_for
from wire.differences import WIRE
from wire.protocol import (DUMP, NAMES, alive2, connect, exchange, frame, port2, reset, send,
                           settle, state, stop)

HISTORIES = int(os.environ.get("EPMD_TEST_HISTORIES", "0"))
MOST_LINKS = 12
NAMES_OF_NODES = st.sampled_from([b"a", b"b", b"c", "\u00e9".encode(), b"n" * 254])
ANY_NAMES = NAMES_OF_NODES | st.sampled_from([b"", b"\xff", b"a\0", b"\0a", b"n" * 256, b"unknown"])

registrations = st.just(alive2(b"")) | st.builds(
    alive2, ANY_NAMES.filter(bool), tail=st.sampled_from([b"", b"t"]), port=st.integers(0, 65535),
    kind=st.sampled_from([72, 77]), highest=st.sampled_from([5, 6]),
    extra=st.sampled_from([b"", b"e", b"\0" * 1020, b"e" * 1021]))
good_registrations = st.builds(alive2, NAMES_OF_NODES, port=st.integers(0, 65535),
                               highest=st.sampled_from([5, 6]))
requests = st.one_of(
    good_registrations, registrations, st.builds(port2, ANY_NAMES), st.builds(stop, ANY_NAMES),
    st.sampled_from([NAMES, DUMP, frame(b""), frame(b"q"), frame(b"n" * 3057), b"\x0b\xf2n"]))


class Creations:
    """What one daemon has told about each name, and what it may tell next."""

    def __init__(self):
        self._counters = {}

    def told(self, name, value, long):
        counter, residue = self._counters.get(name, (None, None))
        counter = counter and counter + 1
        residue = None if residue is None else (residue + 1) % 3
        if long:
            assert value >= 4 and counter in (None, value), (name, value, counter)
            counter = value
        else:
            assert 1 <= value <= 3
        now = value % 3 if long else value - 1
        assert residue in (None, now), (name, value, residue)
        self._counters[name] = counter, now


class Link:
    """The same connection to both daemons."""

    def __init__(self, servers):
        self.socks = {kind: connect(server.port) for kind, server in servers.items()}
        self.request = b""
        self.rest = b""
        self.registered = False
        self.heard = dict.fromkeys(servers, b"")
        self.states = dict.fromkeys(servers, "open")

    def listen(self):
        for kind, sock in self.socks.items():
            while self.states[kind] == "open" and (seen := state(sock)) != "open":
                if seen == "closed":
                    self.states[kind] = "closed"
                else:
                    self.heard[kind] += seen


class History(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.servers = {kind: Daemon(path_of(kind), "-relaxed_command_check")
                        for kind in ("ours", "stock")}
        self.creations = {kind: Creations() for kind in self.servers}
        self.links = []
        for server in self.servers.values():
            server.start()

    def teardown(self):
        for link in self.links:
            self.drop(link)
        for server in self.servers.values():
            server.stop()

    def drop(self, link):
        for sock in link.socks.values():
            sock.close()

    def pick(self, number, wanted):
        """One of the links that are wanted, or None."""
        links = [link for link in self.links if wanted(link)]
        return links[number % len(links)] if links else None

    @precondition(lambda self: len(self.links) < MOST_LINKS)
    @rule()
    def connect(self):
        self.links.append(Link(self.servers))

    @precondition(lambda self: len(self.links) < MOST_LINKS)
    @rule(request=requests, surplus=st.sampled_from([b"", b"", b"", b"x"]))
    def ask(self, request, surplus):
        """A whole request at once, on a connection of its own."""
        self.connect()
        self.send(self.links[-1], request + surplus, request)

    @precondition(lambda self: len(self.links) < MOST_LINKS)
    @rule(request=good_registrations)
    def register(self, request):
        self.ask(request, b"")

    @rule(number=st.integers(0, 99), request=requests, cut=st.integers(1, 30))
    def begin(self, number, request, cut):
        link = self.pick(number, lambda link: not link.request)
        if link:
            link.rest = request[cut:]
            self.send(link, request[:cut], request)

    @rule(number=st.integers(0, 99), count=st.integers(1, 30))
    def go_on(self, number, count):
        link = self.pick(number, lambda link: link.rest)
        if link:
            part, link.rest = link.rest[:count], link.rest[count:]
            self.send(link, part, link.request)

    @rule(number=st.integers(0, 99), how=st.sampled_from(["close", "reset"]))
    def leave(self, number, how):
        link = self.pick(number, lambda link: True)
        if link:
            self.links.remove(link)
            for sock in link.socks.values():
                (reset if how == "reset" else socket.socket.close)(sock)

    @rule(number=st.integers(0, 99))
    def half_close(self, number):
        link = self.pick(number, lambda link: True)
        if link:
            for sock in link.socks.values():
                sock.shutdown(socket.SHUT_WR)
            self.both_close(link)

    @rule(number=st.integers(0, 99), data=st.sampled_from([b"?", NAMES]))
    def speak_when_registered(self, number, data):
        link = self.pick(number, lambda link: link.registered)
        if link:
            for sock in link.socks.values():
                send(sock, data)
            self.both_close(link)

    def both_close(self, link):
        def closed():
            link.listen()
            return set(link.states.values()) == {"closed"}
        wait_for(closed, what="the end of the connection on both")
        self.judge(link)

    def send(self, link, data, request):
        link.request = request
        for sock in link.socks.values():
            send(sock, data)
        self.judge(link)

    def judge(self, link):
        """Both have said the same on this connection, and what follows from it."""
        def agree():
            link.listen()
            said = {kind: self.reply(link, kind) for kind in self.servers}
            if said["ours"] == said["stock"]:
                return [said["ours"]]
            return None
        for server in self.servers.values():
            settle(server)
        try:
            reply, ended = wait_for(agree, what="the same on both")[0]
        except TimeoutError:
            raise AssertionError(f"{link.request!r}: {link.heard} {link.states}") from None
        if reply == "registered" and not link.registered:
            self.check_creations(link)
        link.registered = reply == "registered"
        if ended:
            self.drop(link)
            self.links.remove(link)

    def reply(self, link, kind):
        """What was heard, without what may differ, and whether it was the last."""
        heard, ended = link.heard[kind], link.states[kind] == "closed"
        if heard[:2] in (b"v\1", b"y\1"):
            return f"refused {heard[:1]!r} {len(heard)}", True
        if heard[:2] in (b"v\0", b"y\0") and link.request[2:3] == b"x":
            assert len(heard) == (6 if heard[:1] == b"v" else 4)
            return "registered", ended
        if heard == WIRE["STOP of an unknown name"].of(self.servers[kind].binary):
            return b"NOEXIST", ended
        return mask(heard, self.servers[kind]), ended

    def check_creations(self, link):
        length = int.from_bytes(link.request[11:13], "big")
        name = link.request[13:13 + length]
        for kind, heard in link.heard.items():
            value = int.from_bytes(heard[2:], "big")
            self.creations[kind].told(name, value, heard[:1] == b"v")

    @invariant()
    def both_know_the_same(self):
        def same(request):
            ours, stock = (mask(exchange(server, request), server)
                           for server in self.servers.values())
            return ours == stock
        for request in NAMES, DUMP:
            wait_for(lambda: same(request), what=f"the same reply to {request}")

    @invariant()
    def links_stay_silent(self):
        """A registration that was stopped has ended on both; nothing else has happened."""
        for link in list(self.links):
            before = dict(link.heard)

            def agree():
                link.listen()
                return len(set(link.states.values())) == 1
            wait_for(agree, what="the same state on both")
            assert link.heard == before
            if "closed" in link.states.values():
                assert link.registered
                self.drop(link)
                self.links.remove(link)


def mask(reply, server):
    """A reply without the daemon's own port and its descriptors' numbers."""
    port = server.port.to_bytes(4, "big")
    if reply.startswith(port):
        reply = b"PORT" + reply[4:]
    return re.sub(rb"fd = \d+", b"fd = #", reply)


if HISTORIES:
    asked_for = settings(max_examples=HISTORIES)
else:
    asked_for = settings(max_examples=10, derandomize=True, phases=[Phase.generate])
# Of the machine's own case: a class derived from it would not be asked.
History.TestCase.settings = settings(
    asked_for, stateful_step_count=40, deadline=None, database=None, report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck), print_blob=bool(HISTORIES))


class TestHistories(History.TestCase):
    pytestmark = [pytest.mark.more("long"), pytest.mark.timeout(0 if HISTORIES else 300)]
