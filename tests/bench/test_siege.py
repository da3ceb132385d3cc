# SPDX-License-Identifier: Apache-2.0
"""A short siege: every attack does what it is to do, and none costs a registration."""

import os
import sys
import time

import pytest

from harness import ROOT
from machine import free_port, need_descriptors

sys.path.insert(0, os.path.join(ROOT, "bench"))

import attacks  # noqa: E402
import siege  # noqa: E402

SECONDS = 3
DESCRIPTORS = 1024

pytestmark = pytest.mark.needs("Linux")


@pytest.mark.parametrize("options", [[], ["-keeper"]], ids=["one process", "keeper"])
def test_all_attacks_at_once_cost_no_registration(optimised, options):
    need_descriptors(DESCRIPTORS)
    names = [siege.node_name(number) for number in range(siege.NODES)]
    chosen = attacks.all_of_them(names, fill_count=300)
    cpus = os.sched_getaffinity(0)
    try:
        with siege.Besieged("ours", optimised, *options, port=free_port(),
                            descriptors=DESCRIPTORS) as epmd:
            seen = siege.besiege(epmd, chosen, SECONDS)
            assert seen.wrong == []
            assert len(seen.lookups_us) > 0 and seen.after_us
            assert epmd.lost() == 0
    finally:
        os.sched_setaffinity(0, cpus)


@pytest.mark.parametrize("attack", attacks.all_of_them([b"held"], 50))
def test_each_attack_ends_when_it_is_to(optimised, attack):
    need_descriptors(siege.DESCRIPTORS)
    cpus = os.sched_getaffinity(0)
    try:
        with siege.Besieged("ours", optimised, port=free_port(), nodes=1) as epmd:
            target = attacks.Target(epmd.port, time.monotonic() + 0.3)
            attacks.all_of_them([siege.node_name(0)], 50)[attack](target)
            assert not target.goes_on()
            assert epmd.runs()
            client = siege.Client(epmd.port, epmd.pid, 0, time.monotonic() + 10, 0)
            client.look_up(0)
    finally:
        os.sched_setaffinity(0, cpus)
