# SPDX-License-Identifier: Apache-2.0
"""Run -names with options, and read what it prints."""

import contextlib
import json
import re
import unicodedata

from harness import run_epmd
from wire.protocol import Node

COLUMNS = ["NAME", "PORT", "TYPE", "VERSIONS", "CREATION", "PEER", "SINCE", "USER"]
NODES = [  # name, as it is shown, fields
    (b"normal", "normal", {"port": 1, "kind": 77, "highest": 6, "lowest": 5}),
    ("zw\u00f6 at port 7".encode(), "zw\u00f6 at port 7", {"port": 65535, "kind": 72}),
    ("\u65e5\u672c\u8a9e".encode(), "\u65e5\u672c\u8a9e",
     {"port": 2, "kind": 110, "highest": 65535, "lowest": 0}),
    (b'\x1b[31m"\x7f\\', r'\x1b[31m\x22\x7f\x5c', {"kind": 0, "extra": b"\0\xff\x1b"}),
    ("e\u0301\u200b".encode(), "e\u0301\u200b", {"protocol": 255, "extra": b"x" * 1020}),
]
TYPES = {77: "normal", 72: "hidden"}


def ask(binary, port, *command, **how):
    """Run -names; (exit code, stdout, stderr)."""
    result = run_epmd(binary, "-port", str(port), "-names", *command, **how)
    return result.returncode, result.stdout, result.stderr


def width(text):
    """The columns of a terminal that a text takes."""
    return sum(0 if unicodedata.category(character) in ("Mn", "Cf") else
               2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def cut(line, start, end):
    """What stands in these columns of a terminal."""
    taken, found = 0, ""
    for character in line:
        if start <= taken < end:
            found += character
        taken += width(character)
    return found


def read_table(output, port):
    """The rows as dicts. Each column is where its title is."""
    first, header, *lines = output.splitlines()
    assert first == f"epmd: up and running on port {port} with data:"
    assert header.split() == COLUMNS
    assert all(line == line.rstrip() for line in lines)
    numbers = "PORT", "CREATION"
    edges = [header.index(title) + (len(title) if title in numbers else 0) for title in COLUMNS]
    rows = []
    for line in lines:
        starts = [start_of(line, edge, title in numbers) for edge, title in zip(edges, COLUMNS)]
        ends = starts[1:] + [width(line)]
        rows.append({title: cut(line, start, end).strip()
                     for title, start, end in zip(COLUMNS, starts, ends)})
    return rows


def start_of(line, edge, is_number):
    """Where a cell begins: a number ends at its column's edge."""
    if not is_number:
        return edge
    number = re.search(r"\S*$", cut(line, 0, edge)).group()
    return edge - len(number)


def table(binary, port, *options, **how):
    code, output, errors = ask(binary, port, "-l", *options, **how)
    assert (code, errors) == (0, "")
    return read_table(output, port)


def parsed(binary, port, *options, **how):
    code, output, errors = ask(binary, port, "-json", *options, **how)
    assert (code, errors) == (0, "")
    assert not re.search(r"[^\n -~]", output)
    return json.loads(output)


@contextlib.contextmanager
def registered_nodes(server, host="127.0.0.1"):
    """All of NODES, newest first: (shown name, name, fields, Node)."""
    with contextlib.ExitStack() as held:
        found = [(shown, name, fields, held.enter_context(Node(server, name, host, **fields)))
                 for name, shown, fields in NODES]
        yield found[::-1]


def own_end(node):
    address, port = node.sock.getsockname()[:2]
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
