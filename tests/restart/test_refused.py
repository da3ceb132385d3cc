# SPDX-License-Identifier: Apache-2.0
"""A keeper that lacks room for a while: what is offered to it, and how much at a time.

Always true here: the keeper is the test's, and confirms or refuses each message at once.
"""

import os

import pytest

from restart.passing import Watcher
from wire.protocol import Node, registered, state

N_LATER = 7


class Confirming(Watcher):
    """A keeper that takes up to so many connections with one message."""

    def __init__(self, binary):
        super().__init__(binary, env={"EPMD_CONFIRMS": str(os.getpid())})
        self.takes = 252
        self.offered = []  # how many connections each message brought

    def take(self, wait=0):
        n_words, n_nodes = len(self.words), len(self.held["n"])
        if not super().take(wait):
            return False
        number = next((word[8:] for word in self.words[n_words:] if word.startswith("CONFIRM=")),
                      None)
        n_offered = len(self.held["n"]) - n_nodes
        if n_offered:
            self.offered.append(n_offered)
        if number and n_offered > self.takes:
            for _ in range(n_offered):
                os.close(self.held["n"].pop())
            self.channel.send(f"REFUSED={number}\nERRNO=24\nREASON=no room\n".encode())
        elif number:
            self.channel.send(f"CONFIRMED={number}\n".encode())
        return True


@pytest.fixture
def keeper(ours):
    with Confirming(ours) as watcher:
        watcher.listen()
        watcher.start()
        watcher.take_until(lambda: watcher.held["s"], "the state")
        yield watcher


def refused(keeper, name):
    """A node whose registration this keeper refuses, as its worker knows by now."""
    keeper.takes = 0
    node = Node(keeper.worker, name)
    assert node.result == 0
    keeper.take_until(lambda: " registrations (no room)" in keeper.worker.log(), "a refusal")
    return node


def register(keeper, count):
    return [Node(keeper.worker, b"n%d" % number) for number in range(count)]


def test_what_was_refused_is_offered_in_batches_that_grow(keeper):
    """The keeper takes all of a message or nothing, and may have room for some."""
    with Node(keeper.worker, b"first"):
        keeper.take_nodes(1)
        nodes = [refused(keeper, b"refused"), *register(keeper, N_LATER)]
        keeper.takes, keeper.offered = 252, []
    keeper.take_nodes(1 + len(nodes))
    assert keeper.offered == [1, 2, 4, 1]
    assert "does not take more than 1 registrations" in keeper.worker.log()
    assert registered(keeper.restart()) == [node.name for node in nodes[::-1]]
    assert {state(node.sock) for node in nodes} == {"open"}


def test_while_it_refuses_no_more_is_offered(keeper):
    with refused(keeper, b"refused"):
        nodes = register(keeper, N_LATER)
        assert {node.result for node in nodes} == {0}
        keeper.take_all()
        assert keeper.offered == [1]
