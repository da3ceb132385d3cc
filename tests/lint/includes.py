# SPDX-License-Identifier: Apache-2.0
"""Checks that includes point one way, and that core stays pure.

Each folder of src may include itself and what stands beside it here. Core, which is
what epmd is, and metrics may use nothing of the system beyond the headers listed.
"""
import pathlib
import re
import sys

SRC = pathlib.Path(__file__).parents[2] / "src"

MAY_INCLUDE = {
    "main": {"options", "daemon", "doctor", "client", "system", "core"},
    "daemon": {"options", "system", "metrics", "core"},
    "doctor": {"client", "options", "system", "core"},
    "client": {"options", "system", "core"},
    "options": {"system", "core"},
    "metrics": {"core"},
    "system": {"core"},
    "system/linux": {"system", "core"},
    "core": set(),
}

# Within daemon, calls go down: each file may include itself and these. What has to go up goes
# through hooks. A reader of connection.c reaches eight other files.
DAEMON = {
    "server": {"acceptor", "connections", "flood", "inheritance", "life", "report", "restore"},
    "life": {"acceptor", "connections", "idleness", "report"},
    "restore": {"connections", "inheritance", "listener"},
    "connections": {"connection", "listener", "report", "turn"},
    "turn": {"connection", "report", "unsent"},
    "connection": {"capacity", "report", "store", "unsent"},
    "idleness": {"store"},
    "store": {"handover", "state"},
    "handover": {"state", "watcher"},
    "capacity": set(),
    "report": {"flood"},
    "acceptor": {"agreement", "binding", "listener", "report"},
    "agreement": {"binding"},
    "inheritance": {"listener"},
    "lockdown": set(), "binding": set(), "listener": set(), "state": set(), "watcher": set(),
    "flood": set(), "unsent": set(),
}

# What holds for core holds for metrics: bytes in, bytes out.
PURE = {"core", "metrics"}

CORE_HEADERS = {
    "arpa/inet.h",  # the text forms of addresses
    "assert.h", "errno.h", "inttypes.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h",
    "string.h", "sodium/crypto_shorthash.h", "uthash.h", "utlist.h",
}


def room_of(path):
    """The folder that a path relative to src lies in, or its own name at the top."""
    return str(path.parent) if len(path.parts) > 1 else path.stem


def complaints(path):
    room = room_of(path.relative_to(SRC))
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not found:
            continue
        quoted, header = found[1] == '"', found[2]
        target = room_of(pathlib.Path(header))
        if quoted and target != room and target not in MAY_INCLUDE[room]:
            yield f"{path}:{number}: {room} may not include {header}"
        if quoted and room == target == "daemon" and header != "daemon/" + path.stem + ".h" and \
                pathlib.Path(header).stem not in DAEMON[path.stem]:
            yield f"{path}:{number}: calls go down, daemon/{path.stem} may not include {header}"
        if not quoted and room in PURE and header not in CORE_HEADERS:
            yield f"{path}:{number}: {room} is pure, it may not use <{header}>"


def main():
    found = [text for path in sorted(SRC.rglob("*.[ch]")) for text in complaints(path)]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
