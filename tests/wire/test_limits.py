# SPDX-License-Identifier: Apache-2.0
"""What is just allowed and what is just not: names, extra, frames, tags."""

import struct

import pytest

from wire.protocol import (NAMES, NOT_FOUND, Node, alive2, connect, exchange, found, frame,
                           names_reply, port2, read_exactly, registered, send, settle, state,
                           wait_registered)

CHARACTERS = ["a", "\u00e9", "\u20ac", "\U0001f600"]
BAD_UTF8 = {
    "lone continuation": b"\x80", "lone lead": b"a\xc3", "bad continuation": b"\xc3a",
    "overlong 2": b"\xc0\x80", "overlong 2 high": b"\xc1\xbf", "overlong 3": b"\xe0\x9f\xbf",
    "overlong 4": b"\xf0\x8f\xbf\xbf", "first surrogate": b"\xed\xa0\x80",
    "last surrogate": b"\xed\xbf\xbf", "above the last": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80", "ff": b"\xff", "cut 3": b"\xe2\x82", "cut 4": b"\xf0\x9f\x98",
}
EDGE_UTF8 = [b"\x01", b"\x7f", b"\xc2\x80", b"\xdf\xbf", b"\xe0\xa0\x80", b"\xed\x9f\xbf",
             b"\xee\x80\x80", b"\xef\xbf\xbf", b"\xf0\x90\x80\x80", b"\xf4\x8f\xbf\xbf"]


def refusal(server, request):
    """The reply to a registration that must be refused."""
    with connect(server.port) as sock:
        send(sock, request)
        return read_exactly(sock, 6)


@pytest.mark.parametrize("character", CHARACTERS)
@pytest.mark.parametrize("count", [1, 2, 254])
def test_names_of_every_width_are_found(shared, character, count):
    name = (character * count).encode()
    with Node(shared, name):
        assert exchange(shared, port2(name)) == found(name)
        assert exchange(shared, NAMES) == names_reply(shared, (name, 4711))
    wait_registered(shared)


@pytest.mark.parametrize("character", CHARACTERS)
def test_255_characters_register(shared, character):
    name = (character * 255).encode()
    with Node(shared, name) as node:
        assert node.result == 0
        assert exchange(shared, NAMES) == names_reply(shared, (name, 4711))
    wait_registered(shared)


@pytest.mark.parametrize("character", CHARACTERS)
def test_256_characters_are_refused(shared, character):
    name = (character * 256).encode()
    assert refusal(shared, alive2(name))[:2] == b"v\1"
    assert exchange(shared, port2(name)) == b""
    assert registered(shared) == []


@pytest.mark.parametrize("name", EDGE_UTF8)
def test_the_first_and_last_of_each_utf8_length_are_names(shared, name):
    with Node(shared, name) as node:
        assert node.result == 0
        assert exchange(shared, port2(name)) == found(name)
    wait_registered(shared)


@pytest.mark.parametrize("bad", BAD_UTF8.values(), ids=BAD_UTF8)
@pytest.mark.parametrize("prefix", [b"", b"ok\xc3\xa9"])
def test_invalid_utf8_is_refused(shared, bad, prefix):
    assert refusal(shared, alive2(prefix + bad))[:2] == b"v\1"
    assert exchange(shared, port2(prefix + bad)) == b""
    assert registered(shared) == []


@pytest.mark.parametrize("highest, length, start", [(5, 4, b"y\1"), (6, 6, b"v\1")])
def test_a_refusal_has_the_form_that_the_node_knows(shared, highest, length, start):
    with connect(shared.port) as sock:
        send(sock, alive2(b"\xff", highest=highest))
        assert read_exactly(sock, length)[:2] == start
        settle(shared)
        assert state(sock) in ("open", "closed")


@pytest.mark.parametrize("name", [b"\0", b"a\0", b"\0a", b"a\0b"])
def test_a_nul_in_a_registration_closes(shared, name):
    assert exchange(shared, alive2(name)) == b""
    assert registered(shared) == []


def test_an_empty_name_without_extra_closes(shared):
    assert exchange(shared, alive2(b"")) == b""


@pytest.mark.parametrize("length", [0, 1, 255, 256, 1019, 1020])
def test_extra_of_any_allowed_length_comes_back(shared, length):
    extra = bytes(number % 256 for number in range(length))
    with Node(shared, b"extra", extra=extra):
        assert exchange(shared, port2(b"extra")) == found(b"extra", extra=extra)
    wait_registered(shared)


@pytest.mark.parametrize("length", [1021, 1500])
def test_longer_extra_is_refused(shared, length):
    assert refusal(shared, alive2(b"extra", extra=b"e" * length))[:2] == b"v\1"
    assert registered(shared) == []


def test_the_largest_registration_is_accepted(shared):
    name, extra = ("\U0001f600" * 254).encode(), b"e" * 1020
    with Node(shared, name, extra=extra):
        assert exchange(shared, port2(name)) == found(name, extra=extra)
    wait_registered(shared)


@pytest.mark.parametrize("lengths", [
    {"name_length": 5}, {"name_length": 65535}, {"extra_length": 3}, {"extra_length": 65535},
    {"name_length": 7, "extra_length": 2}])
def test_lengths_beyond_the_frame_close(shared, lengths):
    assert exchange(shared, alive2(b"four", extra=b"", **lengths)) == b""
    assert registered(shared) == []


@pytest.mark.parametrize("length", range(1, len(alive2(b"a")) - 2))
def test_a_registration_frame_that_is_cut_short_closes(shared, length):
    assert exchange(shared, frame(alive2(b"a")[2:2 + length])) == b""
    assert registered(shared) == []


def test_one_trailing_nul_is_dropped_from_a_lookup(shared):
    with Node(shared, b"nul"):
        assert exchange(shared, port2(b"nul\0")) == found(b"nul")
    wait_registered(shared)
    assert exchange(shared, port2(b"nul\0")) == NOT_FOUND


@pytest.mark.parametrize("name", [b"", b"\0", b"a\0\0", b"a\0b", b"\0a", b"a\0b\0"])
def test_a_lookup_of_no_possible_name_closes(shared, name):
    assert exchange(shared, port2(name)) == b""


@pytest.mark.parametrize("length", [3058, 4096, 65535])
@pytest.mark.parametrize("tag", [b"n", b"z"])
def test_frames_that_are_too_long_close_at_once(shared, length, tag):
    assert exchange(shared, struct.pack(">H", length)) == b""
    assert exchange(shared, struct.pack(">H", length) + tag.ljust(length, b"a")) == b""


def test_the_longest_frame_is_read(shared):
    with connect(shared.port) as sock:
        send(sock, struct.pack(">H", 3057) + b"n" * 3056)
        settle(shared)
        assert state(sock) == "open"
        send(sock, b"n")
        assert read_exactly(sock, 100) == names_reply(shared)


def test_an_empty_frame_closes_at_once(shared):
    assert exchange(shared, frame(b"")) == b""


@pytest.mark.parametrize("text", [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\x02\0\1"])
def test_other_protocols_close_at_once(shared, text):
    assert exchange(shared, text) == b""


def test_an_unknown_tag_closes(shared):
    for tag in set(range(256)) - set(b"xzndksri"):
        assert exchange(shared, frame(bytes([tag]))) == b"", tag
        assert exchange(shared, frame(bytes([tag]) + b"name")) == b"", tag


def test_unequal_names_are_different_names(server):
    """No case folding, no normalisation, no prefix match."""
    names = [b"abc", b"ab", b"abcd", b"Abc", "\u00e9".encode(), "e\u0301".encode(), b"abc "]
    held = [Node(server, name, port=port) for port, name in enumerate(names)]
    assert [node.result for node in held] == [0] * len(names)
    for port, name in enumerate(names):
        assert exchange(server, port2(name)) == found(name, port=port)
