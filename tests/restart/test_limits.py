# SPDX-License-Identifier: Apache-2.0
"""How much survives: with a keeper, all that the limit of descriptors lets in."""

from restart.keeping import Kept
from wire.protocol import NAMES, Node, exchange, state


def test_it_holds_as_much_as_the_hard_limit_allows(ours):
    """Whatever the soft one is: here more than it, and not the power of two that fits."""
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
