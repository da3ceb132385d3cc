# SPDX-License-Identifier: Apache-2.0
"""What earlier versions have kept is read: samples/ has a state of each format.

A sample was written by the version that had the format first. Its connections are gone, so
all of its nodes have left, those that were registered then last. A departed name tells what
was known of its node, and comes back with the creation that follows.
"""

import os

import pytest

from restart.passing import Watcher, memory_file
from wire.protocol import DUMP, Node, exchange

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "samples")

# name, port, creation; as they were when the sample was taken, oldest departure first
NODES = {
    "state-1": [(b"left", 1001, 3454153480), ("zoë".encode(), 1002, 1360660625),
                (b"third", 2003, 866943994), (b"second", 2002, 4220431660),
                (b"first", 2001, 4173010421)],
}


def test_every_sample_is_tried():
    assert sorted(os.listdir(SAMPLES)) == sorted(NODES)


@pytest.mark.parametrize("sample", NODES)
def test_nothing_of_it_is_forgotten(ours, sample):
    with open(f"{SAMPLES}/{sample}", "rb") as file:
        content = file.read()
    with Watcher(ours) as watcher:
        worker = watcher.start([*watcher.held["l"], memory_file(content)])
        lines = exchange(worker, DUMP)[4:].split(b"\0")[:-1]
        told = [line.partition(b", fd")[0] for line in lines]
        assert told == [b"old/unused name <%s>, port = %d" % node[:2] for node in NODES[sample]]
        for name, _, creation in NODES[sample]:
            with Node(worker, name) as node:
                assert node.creation == creation + 1
