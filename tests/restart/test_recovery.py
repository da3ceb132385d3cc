# SPDX-License-Identifier: Apache-2.0
"""A restart needs no more than what it replaces, and what it cannot carry it leaves.

The binary is the optimised one: a sanitizer brings its own malloc. Memory is counted
in two ways: what the kernel charges a group of processes, and the sum of a process's
allocations, which a preloaded library also bounds as a full machine does.
"""

import contextlib
import mmap
import os
import pathlib
import struct
import subprocess

import pytest

import machine
from harness import wait_for
from machine import COMPILER
from restart.keeping import Kept
from restart.passing import Watcher
from wire.protocol import Node, exchange, found, port2, registered, state

GROUPS = "/sys/fs/cgroup/memory"
MANY = 3000
DESCRIPTORS = 16384
EXTRA = b"e" * 1020
MIB = 1 << 20
AT_MOST = 1.2  # times the memory before a restart

pytestmark = pytest.mark.needs("Linux")


@pytest.fixture(autouse=True)
def descriptors():
    machine.need_descriptors(DESCRIPTORS)


def long_name(number):
    """1,004 bytes; with the extra field, a node of 2 KB."""
    return b"%04d" % number + ("\U0001f600" * 250).encode()


def register(stack, server, count, name=long_name, extra=EXTRA):
    return [stack.enter_context(Node(server, name(number), extra=extra))
            for number in range(count)]


# ---- the size of the state ----

def await_size(watcher, limit):
    """Wait until the state takes no more of the machine's memory than so many bytes."""
    def size():
        watcher.take_all()
        return os.fstat(watcher.held["s"][0]).st_blocks * 512
    wait_for(lambda: size() <= limit, what=f"no more than {limit} bytes, not {size()}")


def test_the_state_stays_near_the_size_of_what_it_holds(each_of_ours):
    """Also when all leave, and though the watcher holds it all the time."""
    with Watcher(each_of_ours) as watcher, contextlib.ExitStack() as stack:
        watcher.listen()
        server = watcher.start()
        nodes = []
        for number in range(MANY):
            nodes.append(stack.enter_context(Node(server, b"n%d" % number, extra=EXTRA)))
            watcher.take_all()
        for left in MANY, 100, 0:
            while len(nodes) > left:
                nodes.pop().close()
            wait_for(lambda: len(registered(server)) == left, what="their departure")
            await_size(watcher, 2 * left * (len(EXTRA) + 60) + MIB)


# ---- the memory of a restart ----

@contextlib.contextmanager
def memory_group():
    """A group of processes whose memory is counted: (wrapper, folder)."""
    folder = f"{GROUPS}/epmd-test-{os.getpid()}"
    try:
        os.mkdir(folder)
    except OSError as error:
        machine.cannot(f"no memory cgroup can be made in {GROUPS}: {error}")
    try:
        yield ("sh", "-c", f'echo $$ >{folder}/cgroup.procs; exec "$@"', "sh"), folder
    finally:
        wait_for(lambda: not os.path.getsize(f"{folder}/cgroup.procs") and _removed(folder),
                 what="the end of the group")


def _removed(folder):
    with contextlib.suppress(OSError):
        os.rmdir(folder)
    return not os.path.exists(folder)


def group_number(folder, name):
    with open(f"{folder}/memory.{name}", encoding="ascii") as file:
        return int(file.read())


def test_what_the_kernel_counts_at_a_restart_is_little_more_than_before(optimised):
    """Of what the nodes cost; what an epmd without any costs is no part of it."""
    with memory_group() as (wrapper, folder), Kept(optimised, wrapper=wrapper) as server, \
            contextlib.ExitStack() as stack:
        server.kill_worker()  # the pages of the programs and libraries are there from now on
        empty = group_number(folder, "usage_in_bytes")
        nodes = register(stack, server, MANY)
        before = group_number(folder, "usage_in_bytes") - empty
        with open(f"{folder}/memory.max_usage_in_bytes", "w", encoding="ascii") as file:
            file.write("0")
        server.kill_worker()
        assert exchange(server, port2(nodes[7].name)) == found(nodes[7].name, extra=EXTRA)
        peak = group_number(folder, "max_usage_in_bytes") - empty
        assert peak <= AT_MOST * before, f"{peak / before:.2f} times {before} bytes"


# ---- what it cannot carry ----

@pytest.fixture(scope="module")
def heavy(tmp_path_factory):
    """A library that bounds the sum of a process's allocations."""
    machine.need(COMPILER[0], "glibc")
    library = tmp_path_factory.mktemp("heavy") / "heavy.so"
    source = pathlib.Path(__file__).with_name("heavy.c")
    subprocess.run([*COMPILER, "-shared", "-fPIC", "-o", library, source], check=True)
    return str(library)


class Bound:
    """The limit and the sum, in a file that all the daemon's processes map."""

    def __init__(self, path):
        path.write_bytes(struct.pack("=qq", 1 << 40, 0))
        with open(path, "r+b") as file:
            self._shared = mmap.mmap(file.fileno(), 16)

    def sum(self):
        return struct.unpack_from("=q", self._shared, 8)[0]

    def set(self, limit):
        struct.pack_into("=q", self._shared, 0, limit)


def test_a_registry_that_is_too_large_is_shed_until_it_fits(optimised, heavy, tmp_path):
    """An epmd without some registrations beats no epmd; the longest extra fields go first."""
    bound = Bound(tmp_path / "bound")
    env = {"LD_PRELOAD": heavy, "HEAVY": str(tmp_path / "bound")}
    with Kept(optimised, env=env) as server, contextlib.ExitStack() as stack:
        small = register(stack, server, 20, name=lambda number: b"small%d" % number, extra=b"")
        light = bound.sum()
        large = register(stack, server, 400, name=lambda number: b"large%d" % number)
        bound.set(light + (bound.sum() - light) // 3)
        server.end_worker()
        wait_for(lambda: _answers(server), what="a worker that serves")
        left = registered(server)
        assert set(left) >= {node.name for node in small}
        assert 0 < len(left) < len(small) + len(large)
        for node in (*small, *large):
            if node.name in left:
                assert state(node.sock) == "open"
            else:
                assert node.sock.recv(1) == b"", "its node is to notice, and to come back"
        lost = len(small) + len(large) - len(left)
        server.wait_log(rf"\b{lost} registrations\b")
        bound.set(1 << 40)
        server.kill_worker()
        assert registered(server) == left


def _answers(server):
    with contextlib.suppress(OSError):
        return exchange(server, port2(b"none")) == b"w\1"
    return False
