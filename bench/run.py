# SPDX-License-Identifier: Apache-2.0
"""Measure ours, stock and the floor in one run; print one table, write the plots.

    run.py --epmd PATH --bin-dir DIR [--rows NAME,...] [--quick]

DIR holds the compiled `load` and `floor`.  Stock is $EPMD_STOCK, or
/usr/bin/epmd where it is installed.  Exits 1 when a row misses its figure.
"""

import argparse
import os
import pathlib
import platform
import sys
import time
from types import SimpleNamespace

import contestants
import hardship
import life
import report
from rows import Bench, Failed, Row

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
MOST_NODES = 50_000
SPARE_DESCRIPTORS = 2000  # what a server keeps for lookups, and for itself

FULL = SimpleNamespace(
    rounds=8, slice_ms=200, in_flight=[1, 32, 256], sizes=[0, 1, 100, 900, 10_000, MOST_NODES],
    stock_nodes=900, registrations=450, cycle_nodes=1000, laps=20, names_sizes=[10, 1000, 10_000],
    burst=5000, memory_nodes=10_000, idle_s=10, command_rounds=15, repeats=300)
QUICK = SimpleNamespace(**{**vars(FULL), "rounds": 3, "slice_ms": 60, "laps": 8, "idle_s": 2,
                           "command_rounds": 5, "repeats": 100})

ROWS = {
    "known": Bench.known, "unknown": Bench.unknown, "growth": Bench.growth,
    "register": Bench.register, "cycle": Bench.cycle, "names": Bench.names,
    "burst": Bench.burst, "memory": Bench.memory, "idle": life.idle, "commands": life.commands,
    "restart": hardship.restart_memory, "listings": hardship.under_listings,
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epmd", required=True, type=os.path.abspath)
    parser.add_argument("--bin-dir", required=True, type=os.path.abspath)
    parser.add_argument("--rows", default=",".join(ROWS), help=f"any of {', '.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help="short and rough, and no plots")
    chosen = parser.parse_args()
    chosen.rows = chosen.rows.split(",")
    for name in chosen.rows:
        if name not in ROWS:
            parser.error(f"no row is called {name}; there are {', '.join(ROWS)}")
    return chosen


def stock():
    path = os.environ.get("EPMD_STOCK", "/usr/bin/epmd")
    return path if os.access(path, os.X_OK) else None


def fit(options, descriptors):
    """No more nodes than one process may have descriptors."""
    most = min(MOST_NODES, (descriptors - SPARE_DESCRIPTORS) // 1000 * 1000)
    options.sizes = [nodes for nodes in options.sizes if nodes < most] + [most]
    if most < MOST_NODES:
        print(f"a process may have {descriptors:,} descriptors here: "
              f"{most:,} nodes, not {MOST_NODES:,}")


def machine():
    with open("/proc/cpuinfo") as cpus:
        models = [line.split(":")[1].strip() for line in cpus if line.startswith("model name")]
    return f"{os.cpu_count()} x {(models or [platform.machine()])[0]}, Linux {platform.release()}"


def main():
    chosen = arguments()
    options = QUICK if chosen.quick else FULL
    began = time.monotonic()
    print(f"{machine()}; {options.rounds} rounds of {options.slice_ms} ms; "
          f"servers on CPU {contestants.SERVER_CPU}, generator on CPU {contestants.GENERATOR_CPU}")
    fit(options, contestants.raise_descriptor_limit(MOST_NODES + SPARE_DESCRIPTORS))
    bench = Bench(chosen.epmd, stock(), chosen.bin_dir, options)
    rows = []
    for name in chosen.rows:
        print(f"measuring {name}", file=sys.stderr)
        try:
            for row in ROWS[name](bench):
                rows.append(row)
        except Failed as failure:
            rows.append(Row(name, "could not be measured", "", met=False, note=str(failure)))
    print(report.table(rows))
    if not chosen.quick:
        for path in report.plots(rows, DOCS):
            print(f"plot: {path}")
    missed = [f"{row.name}, {row.case}" for row in rows if row.verdict() is False]
    print(f"missed: {'; '.join(missed) or 'none'}")
    print(f"on a shared CPU: {sum(row.disturbed() for row in rows)} of {len(rows)} rows; "
          f"{time.monotonic() - began:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
