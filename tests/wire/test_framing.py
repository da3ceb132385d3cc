# SPDX-License-Identifier: Apache-2.0
"""How requests are cut into segments, cut off, or overfilled."""

import socket
import select
import time

import pytest

from harness import Daemon
from wire.protocol import (DUMP, NAMES, NOT_FOUND, Node, alive2, connect, exchange, found, frame,
                           names_reply, port2, read_all, read_exactly, registered, reset, send,
                           settle, state, stop, wait_registered)

REQUESTS = {"alive2": alive2(b"cut", extra=b"ex"), "port2": port2(b"held"), "names": NAMES,
            "dump": DUMP, "kill": frame(b"k"), "stop": stop(b"held")}


@pytest.fixture(params=["close", "half close", "reset"])
def leave(request):
    return request.param


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_no_prefix_of_a_request_does_anything(server, request_, leave):
    with Node(server, b"held"):
        for length in range(len(request_)):
            sock = connect(server.port)
            send(sock, request_[:length])
            if leave == "half close":
                sock.shutdown(socket.SHUT_WR)
                assert read_all(sock) == b""
            (reset if leave == "reset" else socket.socket.close)(sock)
        settle(server)
        assert registered(server) == [b"held"]


def test_replies_reach_a_client_that_has_half_closed(server):
    with Node(server, b"held"):
        for request, reply in ((NAMES, names_reply(server, (b"held", 4711))),
                               (port2(b"held"), found(b"held")), (port2(b"no"), NOT_FOUND)):
            with connect(server.port) as sock:
                send(sock, request)
                sock.shutdown(socket.SHUT_WR)
                assert read_all(sock) == reply


def test_a_half_closed_registration_ends(server):
    with connect(server.port) as sock:
        send(sock, alive2(b"half"))
        sock.shutdown(socket.SHUT_WR)
        assert read_exactly(sock, 100)[:2] == b"v\0"
        wait_registered(server)


def send_pieces(server, request, cuts):
    """Send a request cut at these places, each piece on its own; the connection."""
    sock = connect(server.port)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for start, end in zip([0, *cuts], [*cuts, len(request)]):
        send(sock, request[start:end])
        settle(server)
    return sock


def fragmentations(length):
    yield from ([cut] for cut in range(1, length))
    yield list(range(1, length))
    yield list(range(2, length, 2))
    yield list(range(1, length, 3))


@pytest.mark.parametrize("request_, reply", [(port2(b"held"), found(b"held")),
                                             (port2(b"absent"), NOT_FOUND)])
def test_a_lookup_may_come_in_pieces(server, request_, reply):
    with Node(server, b"held"):
        for cuts in fragmentations(len(request_)):
            with send_pieces(server, request_, cuts) as sock:
                assert read_all(sock) == reply


def test_names_and_dump_may_come_in_pieces(shared):
    for request in NAMES, DUMP:
        for cuts in fragmentations(len(request)):
            with send_pieces(shared, request, cuts) as sock:
                assert read_all(sock)[:4] == names_reply(shared)


def test_a_registration_may_come_in_pieces(server):
    request = alive2(b"bits", extra=b"ex")
    for cuts in fragmentations(len(request)):
        with send_pieces(server, request, cuts) as sock:
            assert read_exactly(sock, 6)[:2] == b"v\0"
            assert exchange(server, port2(b"bits")) == found(b"bits", extra=b"ex")
        wait_registered(server)


@pytest.mark.parametrize("request_", [NAMES, DUMP, port2(b"a"), alive2(b"over"), stop(b"a")])
@pytest.mark.parametrize("surplus", [b"x", NAMES, b"\0" * 5000])
def test_more_than_was_announced_in_one_piece_closes(shared, request_, surplus):
    assert exchange(shared, request_ + surplus) == b""
    assert registered(shared) == []


@pytest.mark.parametrize("cut", [2, 3])
@pytest.mark.parametrize("surplus", [b"x", NAMES])
def test_more_than_was_announced_after_the_length_is_left_unread(shared, cut, surplus):
    for request, reply in (NAMES, names_reply(shared)), (port2(b"no"), NOT_FOUND):
        with send_pieces(shared, request + surplus, [min(cut, len(request) - 1)]) as sock:
            assert read_all(sock) == reply


@pytest.mark.parametrize("surplus", [b"x", NAMES])
def test_a_byte_right_after_a_registration_ends_it(shared, surplus):
    request = alive2(b"eager")
    with send_pieces(shared, request + surplus, [2]) as sock:
        assert read_all(sock)[:2] == b"v\0"
    wait_registered(shared)


def seconds_until_closed(server, first=b"", more=b""):
    """How long a connection lives that sends something at first and a byte more every 100 ms.

    It is closed without a reply; that it is closed too late only a reply can tell.
    """
    started = time.monotonic()
    with connect(server.port) as sock:
        send(sock, first)
        for number in range(len(more)):
            if select.select([sock], [], [], 0.1)[0]:
                break
            send(sock, more[number:number + 1])
        assert read_all(sock) == b""
    return time.monotonic() - started


@pytest.mark.parametrize("first", [b"", b"\0", b"\1\0z", alive2(b"late")[:-1]],
                         ids=["nothing", "half a length", "half a lookup", "half a registration"])
def test_an_unfinished_request_times_out(binary, first):
    with Daemon(binary, "-packet_timeout", "1") as server:
        with Node(server, b"stays") as node:
            assert seconds_until_closed(server, first) > 0.9
            assert state(node.sock) == "open"
            assert registered(server) == [b"stays"]


def test_trickling_bytes_do_not_extend_the_timeout(ours):
    with Daemon(ours, "-packet_timeout", "2") as server:
        assert seconds_until_closed(server, b"\1\0z", b"a" * 255) > 1.9


def test_a_registration_outlives_the_timeout(ours):
    with Daemon(ours, "-packet_timeout", "1") as server, Node(server, b"stays") as node:
        seconds_until_closed(server)
        seconds_until_closed(server)
        assert state(node.sock) == "open"
        assert registered(server) == [b"stays"]
