# SPDX-License-Identifier: Apache-2.0
"""The rows about hard times: a restart with a large registry, lookups under attack."""

import contextlib
import os
import signal
import time

import attacks
import siege
from contestants import await_answer
from rows import Row

GROUPS = "/sys/fs/cgroup/memory"
LARGE_NODES = 15_000
LARGE_NAME = "\U0001f600".encode() * 249  # and a number
ATTACK_S = 8
MOST_MS = {"p99": 50, "max": 250}


# ---- memory of a restart ----

@contextlib.contextmanager
def memory_group():
    """A group whose memory the kernel counts, page cache and sockets included."""
    folder = f"{GROUPS}/epmd-bench-{os.getpid()}"
    os.mkdir(folder)
    try:
        yield folder
    finally:
        while os.path.exists(folder):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
            time.sleep(0.05)


def _number(folder, name):
    with open(f"{folder}/memory.{name}", encoding="ascii") as file:
        return int(file.read())


def _restart(epmd):
    """End the worker; return when another one has answered."""
    keeper, worker = epmd.processes()
    os.kill(worker, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while worker in epmd.processes() or len(epmd.processes()) < 2:
        if time.monotonic() > deadline:
            raise RuntimeError(f"no new worker of {keeper}")
        time.sleep(0.005)
    await_answer(epmd.port)


def restart_memory(bench):
    """The most that the kernel has counted during a restart, and how much that is more."""
    case = f"{LARGE_NODES:,} nodes of 2 KB"
    peak = Row("restart, peak memory", case, "MB")
    times = Row("restart, peak memory", case, "x before it", "<= 1.2")
    if not os.access(GROUPS, os.W_OK):
        times.note = f"no memory is counted here: {GROUPS} cannot be written"
        yield times
        return
    with memory_group() as folder, \
            siege.Besieged("ours", "sh", "-c", f'echo $$ >{folder}/cgroup.procs; exec "$@"', "sh",
                           bench.ours, "-keeper", nodes=0, descriptors=20_000) as epmd:
        _restart(epmd)  # the pages of the programs and libraries are there from now on
        target = attacks.Target(epmd.port, time.monotonic() + 120)
        held = [target.register(LARGE_NAME + b"%05d" % number, attacks.EXTRA)
                for number in range(LARGE_NODES)]
        before = _number(folder, "usage_in_bytes")
        with open(f"{folder}/memory.max_usage_in_bytes", "w", encoding="ascii") as file:
            file.write("0")
        _restart(epmd)
        most = _number(folder, "max_usage_in_bytes")
        attacks.close(*held)
    peak.add("ours", most / 1e6)
    peak.note = f"{before / 1e6:.1f} MB before"
    times.add("ours", most / before)
    times.met = most <= 1.2 * before and all(held)
    yield from (peak, times)


# ---- lookups under attack ----

def under_listings(bench):
    """Attackers on one CPU ask for listings and leave; the epmd and a client on the other."""
    attack = {f"{attack.__name__} {number}": attack for number in range(2)
              for attack in (attacks.listings_for_the_dead, attacks.listings_reset)}
    for nodes in (900, LARGE_NODES):
        quantiles = {name: Row("lookup, listings for the dead", f"{nodes:,} nodes, {name}", "ms",
                               f"<= {limit}") for name, limit in MOST_MS.items()}
        after = Row("lookup, listings for the dead", f"{nodes:,} nodes, max 0.1 s after", "ms")
        for kind in bench.kinds():
            if bench.bearable(kind, nodes) != nodes:
                continue
            path = bench.ours if kind == "ours" else bench.stock
            descriptors = 20_000 if kind == "ours" else 1024
            with siege.Besieged(kind, path, descriptors=descriptors) as epmd:
                target = attacks.Target(epmd.port, time.monotonic() + 120)
                held = [target.register(b"other%d" % number) for number in range(nodes)]
                seen = siege.besiege(epmd, attack, ATTACK_S, lists=False)
                attacks.close(*held)
            quantiles["p99"].add(kind, seen.quantile(seen.lookups_us, 0.99) / 1000)
            quantiles["max"].add(kind, max(seen.lookups_us) / 1000)
            if seen.after_us:
                after.add(kind, max(seen.after_us) / 1000)
            if seen.wrong:
                quantiles["max"].note += f"{kind}: {len(seen.wrong)} wrong answers "
        for name, row in quantiles.items():
            row.met = row.median("ours") <= MOST_MS[name]
        yield from (*quantiles.values(), after)
