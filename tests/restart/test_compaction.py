# SPDX-License-Identifier: Apache-2.0
"""The state is a file in memory to which every change is appended: what is out of date goes."""

import os

from machine import need_descriptors
from restart.passing import Watcher
from wire.protocol import Node, exchange, found, port2, registered, settle

EXTRA = b"e" * 1020
LAPS = 6000  # of 1.1 KB
BARE_LAPS = 12000  # of 0.13 KB
MIB = 1 << 20


def test_nodes_that_come_and_go_do_not_make_the_state_grow(each_of_ours):
    """Neither in what a restart would have to read, nor in the memory that it takes."""
    need_descriptors(16384)  # the watcher keeps those of nodes that have left
    with Watcher(each_of_ours) as watcher, Node(watcher_started(watcher), b"stays", extra=EXTRA) as stays:
        watcher.take_nodes(1)
        for number in range(LAPS):
            Node(watcher.worker, b"guest%d" % (number % 10), extra=EXTRA).close()
            if number % 100 == 0:
                watcher.take_all()
        settle(watcher.worker)
        watcher.take_all()
        state = os.fstat(watcher.held["s"][0])
        assert LAPS * len(EXTRA) > 5 * MIB
        assert state.st_blocks * 512 < 3 * MIB
        server = watcher.restart()
        assert registered(server) == [stays.name]
        assert exchange(server, port2(b"stays")) == found(b"stays", extra=EXTRA)


def test_names_that_are_forgotten_do_not_make_the_state_grow(each_of_ours):
    """Each is another one, without an extra field: only the last of them are known."""
    need_descriptors(16384)  # the watcher keeps those of nodes that have left
    with Watcher(each_of_ours) as watcher, Node(watcher_started(watcher), b"stays") as stays:
        for number in range(BARE_LAPS):
            Node(watcher.worker, b"guest%05d" % number).close()
            if number % 100 == 0:
                watcher.take_all()
        settle(watcher.worker)
        watcher.take_all()
        assert os.fstat(watcher.held["s"][0]).st_blocks * 512 < MIB
        assert registered(watcher.worker) == [stays.name]


def watcher_started(watcher):
    watcher.listen()
    return watcher.start()


def test_who_registers_after_a_restart_without_nodes_survives_the_next_one(kept):
    """The first record goes where the state begins, though the file does not reach there."""
    kept.kill_worker()
    with Node(kept, b"a", extra=EXTRA) as node:
        kept.kill_worker()
        assert registered(kept) == [node.name]
        assert "dropped" not in kept.log()
