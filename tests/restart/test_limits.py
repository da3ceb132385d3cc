# SPDX-License-Identifier: Apache-2.0
"""How much survives: with a keeper, all that the limit of descriptors lets in."""

import contextlib
import resource

import pytest

from machine import need_descriptors
from restart.keeping import Kept
from wire.protocol import NAMES, Node, exchange, found, port2, state


def test_it_holds_as_much_as_the_hard_limit_allows(ours):
    """Whatever the soft one is: here more than it, and not the power of two that fits."""
    need_descriptors(1000)
    wrapper = ("prlimit", "--nofile=256:1000", "--")
    with Kept(ours, wrapper=wrapper) as kept:
        nodes = [Node(kept, b"n%d" % i) for i in range(850)]
        before = exchange(kept, NAMES)
        assert all(node.result == 0 for node in nodes)
        for _ in range(2):
            kept.kill_worker()
            assert exchange(kept, NAMES) == before
        assert [state(node.sock) for node in nodes] == ["open"] * 850
        for node in nodes:
            node.close()


@pytest.mark.asked("long")
def test_all_that_this_machine_allows_recover(ours):
    """Up to 20,000, or as many as the hard limit of descriptors leaves room for.

    How soon, figures.py measures.
    """
    need_descriptors(2000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    nodes = []
    try:
        with Kept(ours) as kept:
            for i in range(min(20000, hard - 1024 - 100)):
                nodes.append(Node(kept, b"n%d" % i))
            assert {node.result for node in nodes} == {0}
            before = exchange(kept, NAMES)
            kept.end_worker()
            assert exchange(kept, port2(b"n0")) == found(b"n0")
            assert exchange(kept, NAMES) == before
            assert {state(node.sock) for node in nodes} == {"open"}
    finally:
        for node in nodes:
            node.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_state_that_may_grow_no_more_ends_no_process(ours):
    """The kernel sends SIGXFSZ for it, which would end the worker."""
    wrapper = ("prlimit", "--fsize=65536", "--")
    with Kept(ours, wrapper=wrapper) as kept, contextlib.ExitStack() as stack:
        worker = kept.worker()
        nodes = [stack.enter_context(Node(kept, b"n%d" % i, extra=b"e" * 1000)) for i in range(100)]
        assert all(node.result == 0 for node in nodes)
        assert kept.worker() == worker
        assert exchange(kept, port2(b"n99")) == found(b"n99", extra=b"e" * 1000)
        assert "would not survive a restart" in kept.log()
