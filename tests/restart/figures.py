#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What outliving costs: run by hand, prints a table.

    tests/restart/figures.py [BINARY]

Always true here: client and daemon share one machine and the loopback; a recovery is
the time from the worker's SIGKILL until a lookup is answered that waited meanwhile.
"""

import os
import resource
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness import OURS, Daemon  # noqa: E402
from restart.keeping import Kept  # noqa: E402
from wire.protocol import NAMES, Node, exchange, found, port2, state  # noqa: E402

SIZES = [1, 1000, 4000, 18000]
ROUNDS = 9
N_REGISTRATIONS = 3000
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(*pids):
    """User and system time of processes so far."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) * TICK_S
    return total


def recoveries(kept, count):
    """Seconds of each recovery, and how many registrations were lost."""
    nodes = [Node(kept, b"n%d" % i) for i in range(count)]
    refused = sum(node.reply[1:2] != b"\0" for node in nodes)
    before, times = exchange(kept, NAMES), []
    for _ in range(ROUNDS):
        start = time.monotonic()
        kept.end_worker()
        assert exchange(kept, port2(b"n0")) == found(b"n0")
        times.append(time.monotonic() - start - pause(kept))
        kept.after(None)
    lost = before.count(b"\n") - exchange(kept, NAMES).count(b"\n")
    lost += sum(state(node.sock) != "open" for node in nodes) - refused
    for node in nodes:
        node.close()
    return times, lost, refused


def pause(kept):
    """The keeper's last pause, in seconds: it is no part of the recovery."""
    return int(kept.log().rpartition("again in ")[2].split()[0]) / 1000


def registration(server, pids):
    """Microseconds for the client, and of the daemon's processor, for each registration."""
    nodes, used, start = [], cpu_s(*pids), time.monotonic()
    for i in range(N_REGISTRATIONS):
        nodes.append(Node(server, b"n%d" % i))
    elapsed, used = time.monotonic() - start, cpu_s(*pids) - used
    for node in nodes:
        node.close()
    return elapsed / N_REGISTRATIONS * 1e6, used / N_REGISTRATIONS * 1e6


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else OURS
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # First, and by turns: ports in TIME_WAIT make each connect(2) slower.
    rows = {"no keeper": [], "keeper": []}
    for _ in range(ROUNDS):
        for label, kind in ("no keeper", Daemon), ("keeper", Kept):
            with kind(binary) as server:
                pids = [server.pid, server.worker()] if kind is Kept else [server.pid]
                rows[label].append(registration(server, pids))
    print("registration   us, as the client sees it   us of the daemon's processor")
    for label, measured in rows.items():
        wall, used = (statistics.median(column) for column in zip(*measured))
        print(f"{label:12}   {wall:26.1f}   {used:28.1f}")
    print("\nnodes   recovery ms (median, max of %d)   lost   refused" % ROUNDS)
    for count in SIZES:
        with Kept(binary) as kept:
            times, lost, refused = recoveries(kept, count)
        print(f"{count:5}   {statistics.median(times) * 1e3:8.1f} {max(times) * 1e3:8.1f}"
              f"   {lost:18}   {refused:7}")


if __name__ == "__main__":
    main()
