# SPDX-License-Identifier: Apache-2.0
"""What a worker does with an inherited state that is not what it wrote.

Each time three nodes are registered, the worker is killed and the next one finds
their connections, but other bytes than those of the state.
"""

import os
import pathlib
import random
import re
import struct
import subprocess

import pytest

from harness import wait_for
from machine import COMPILER
from restart.keeping import Kept
from restart.passing import Watcher, content_of, memory_file
from wire.protocol import NAMES, NOT_FOUND, RELOAD, Node, exchange, found, port2, registered, state

NAMES_OF = [b"first", b"second", b"third"]
N_FLIPS = 25
HEADER_SIZE, FRAME_SIZE = 32, 16


class Inheritance:
    """Three nodes whose worker has gone, and the state that it left."""

    def __init__(self, watcher):
        self.watcher = watcher
        watcher.start()
        self.nodes = [Node(watcher.worker, name, extra=b"extra") for name in NAMES_OF]
        self.before = exchange(watcher.worker, NAMES)
        watcher.take_nodes(3)
        watcher.kill()
        self.state, = watcher.held["s"]
        self.content = content_of(self.state)

    def serve(self, content, state_too=True):
        """The worker that finds these bytes."""
        held = self.watcher.held
        states = [memory_file(content)] if state_too else []
        return self.watcher.start([*held["l"], *states, *held["n"]])

    def records(self):
        """The offsets of the records, in the order in which they were written."""
        at, = struct.unpack_from(">Q", self.content, 16)
        while at < len(self.content):
            yield at
            at += FRAME_SIZE + struct.unpack_from(">I", self.content, at)[0]

    def survivors(self, worker):
        """The names that are left; each with all that it said, and its connection."""
        left = registered(worker)
        for node in self.nodes:
            if node.name in left:
                assert exchange(worker, port2(node.name)) == found(node.name, extra=b"extra")
                assert state(node.sock) == "open"
            else:
                assert exchange(worker, port2(node.name)) == NOT_FOUND
                assert node.sock.recv(1) == b"", "its node is to notice, and to come back"
        return left


@pytest.fixture
def inheritance(ours):
    with Watcher(ours) as watcher:
        left = Inheritance(watcher)
        yield left
        for node in left.nodes:
            node.close()


def serves(worker):
    """It is a working epmd, which can be inherited from again."""
    with Node(worker, b"new") as node:
        assert node.result == 0
        assert exchange(worker, port2(b"new")) == found(b"new")
    wait_for(lambda: b"new" not in registered(worker))


def test_the_whole_state(inheritance):
    worker = inheritance.serve(inheritance.content)
    assert exchange(worker, NAMES) == inheritance.before
    assert inheritance.survivors(worker) == NAMES_OF[::-1]
    worker.wait_log("restored 3 registrations; 0 nodes have left")
    serves(worker)


@pytest.mark.parametrize("version", [0, 2, 0xFFFFFFFF])
def test_another_version_is_recognised(inheritance, version):
    content = bytearray(inheritance.content)
    struct.pack_into(">I", content, 8, version)
    worker = inheritance.serve(content)
    assert inheritance.survivors(worker) == []
    worker.wait_log(f"of version {version}, which this epmd does not know; it is dropped")
    serves(worker)


@pytest.mark.parametrize("content", [b"", b"e", b"epmdstat", b"\0" * 4096, b"\xff" * 100000,
                                     b"not a state of ours" * 1000],
                         ids=["empty", "byte", "magic", "zeros", "ones", "foreign"])
def test_what_is_no_state_is_dropped(inheritance, content):
    worker = inheritance.serve(content)
    assert inheritance.survivors(worker) == []
    worker.wait_log("the inherited state cannot be read: .*; it is dropped")
    serves(worker)


def test_no_state_at_all(inheritance):
    worker = inheritance.serve(None, state_too=False)
    assert inheritance.survivors(worker) == []
    worker.wait_log("3 connections were inherited without the state")
    serves(worker)


def test_a_header_that_points_nowhere_is_dropped(inheritance):
    """Its check is about the bytes, so damage to the offset alone is found."""
    content = bytearray(inheritance.content)
    content[20] ^= 1
    worker = inheritance.serve(content)
    assert inheritance.survivors(worker) == []
    worker.wait_log("cannot be read")
    serves(worker)


def test_each_truncation_keeps_the_whole_records(inheritance):
    """In the middle of each record, and between two."""
    starts = [*inheritance.records(), len(inheritance.content)]
    for whole, (at, end) in enumerate(zip(starts, starts[1:])):
        for length in (at, at + 1, at + FRAME_SIZE, end - 1):
            with Watcher(inheritance.watcher.binary) as watcher:
                own = Inheritance(watcher)
                assert len(own.content) == len(inheritance.content)
                worker = own.serve(own.content[:length])
                assert own.survivors(worker) == NAMES_OF[:whole][::-1]
                if length > at:
                    worker.wait_log(rf" {length - at} bytes are none; they are dropped")


def test_a_damaged_body_costs_one_registration(inheritance):
    at = list(inheritance.records())[1]
    content = bytearray(inheritance.content)
    content[at + FRAME_SIZE + 30] ^= 0x10
    worker = inheritance.serve(content)
    assert inheritance.survivors(worker) == [b"third", b"first"]
    worker.wait_log("1 records are damaged, 0 found no room, 0 bytes are none; they are dropped")
    serves(worker)


@pytest.mark.asked("long")
def test_flipped_bits_never_make_it_lie(ours):
    """Anywhere: what is served is what was registered, and the log says what is not."""
    flips = random.Random(4369)
    for _ in range(N_FLIPS):
        with Watcher(ours) as watcher:
            own = Inheritance(watcher)
            content = bytearray(own.content)
            places = [*range(HEADER_SIZE), *range(next(own.records()), len(content))]
            at = flips.choice(places)
            content[at] ^= 1 << flips.randrange(8)
            worker = own.serve(content)
            if own.survivors(worker) != NAMES_OF[::-1]:
                assert re.search("dropped", worker.log()), worker.log()
            for node in own.nodes:
                node.close()


def test_connections_of_nobody_are_closed(inheritance):
    """The descriptors of another service, or of a record that was lost."""
    with Watcher(inheritance.watcher.binary) as other:
        stranger = Inheritance(other)
        held = inheritance.watcher.held
        worker = inheritance.watcher.start(
            [*held["l"], inheritance.state, *other.held["n"], *held["n"]])
        assert inheritance.survivors(worker) == NAMES_OF[::-1]
        assert [node.sock.recv(1) for node in stranger.nodes] == [b""] * 3


def test_the_order_of_descriptors_does_not_matter(inheritance):
    held = inheritance.watcher.held
    worker = inheritance.watcher.start([*held["n"][::-1], inheritance.state, *held["l"]])
    assert exchange(worker, NAMES) == inheritance.before
    assert inheritance.survivors(worker) == NAMES_OF[::-1]


@pytest.mark.needs(COMPILER[0])
def test_without_numbers_of_sockets_nothing_is_kept(ours, tmp_path):
    """Rather than that one node's name lives and ends with another one's connection."""
    library = tmp_path / "no_cookie.so"
    source = pathlib.Path(__file__).with_name("no_cookie.c")
    subprocess.run([*COMPILER, "-shared", "-fPIC", "-o", library, source], check=True)
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    with Kept(ours, env={"LD_PRELOAD": str(library), "ASAN_OPTIONS": sanitizer}) as server:
        server.wait_log("does not number its sockets .*: registrations end with this process")
        with Node(server, b"a") as node:
            assert node.result == 0
            assert exchange(server, RELOAD).startswith(b"NO: ")
            server.kill_worker()
            assert registered(server) == []
