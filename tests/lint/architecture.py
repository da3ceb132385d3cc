# SPDX-License-Identifier: Apache-2.0
"""Checks that ARCHITECTURE.md tells of what stands in src.

Each function that it names, as `name()`, is defined there, and each path exists, from the top
or from src. The table of modules has all of them, and no other. In a list of calls,
each function is named in the body of the one that it stands under, but where the line says
`hook` or `event`: those come in through a pointer.
"""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).parents[2]
SRC = TOP / "src"
DOCUMENT = TOP / "ARCHITECTURE.md"

ROOMS = {"options", "core", "metrics", "system", "system/linux", "daemon", "client", "doctor"}

DEFINITION = re.compile(r"^[A-Za-z_][\w *]*?\b(\w+)\([^;{}]*\)\s*\{.*?^\}", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"(?<![\w/.])((?:[\w-]+/)+(?:[\w-]+\.\w+)?|[\w-]+\.(?:c|h|md|py))(?![\w/])")
CALL = re.compile(r"^ {4}( *)(\w+)\(\)\s*(.*)$")


def bodies():
    """The bodies of each function's definitions, of which there may be one a file."""
    found = {}
    for path in sorted(SRC.rglob("*.[ch]")):
        for match in DEFINITION.finditer(path.read_text()):
            found.setdefault(match[1], []).append(match[0].split("{", 1)[1])
    return found


def unknown_names(number, line, defined):
    for name in re.findall(r"\b(\w+)\(\)", line):
        if name not in defined:
            yield f"{number}: no function {name}() is defined in src"
    for path in PATH.findall(line):
        if not (TOP / path).exists() and not (SRC / path).exists():
            yield f"{number}: there is no {path}"


def wrong_calls(lines, defined):
    """Lists of calls: `above` has the indentation and the name of each line that is open."""
    above = []
    for number, line in enumerate(lines, 1):
        call = CALL.match(line)
        if not call:
            above = []
            continue
        depth, name, remark = len(call[1]), call[2], call[3]
        above = [open_line for open_line in above if open_line[0] < depth]
        caller = above[-1][1] if above else None
        passed = remark.startswith(("hook", "event"))
        if caller and not passed and not any(re.search(rf"\b{name}\b", body)
                                             for body in defined.get(caller, [])):
            yield f"{number}: {caller}() does not call {name}()"
        above.append((depth, name))


def modules_told(lines):
    """What the table of modules names: each room with those of its rows."""
    told, room = {}, None
    for line in lines:
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 5:
            room = None
            continue
        room = cells[1].split(":")[0] or room
        if room in ROOMS:
            told.setdefault(room, set()).update(re.findall(r"`([\w-]+)`", cells[2]))
    return told


def wrong_tables(lines):
    told = modules_told(lines)
    for room in sorted(ROOMS):
        stands = {path.stem for path in (SRC / room).glob("*.[ch]")}
        for module in sorted(stands - told.get(room, set())):
            yield f" the table does not tell of {room}/{module}"
        for module in sorted(told.get(room, set()) - stands):
            yield f" the table tells of {room}/{module}, which is not there"


def complaints(lines):
    defined = bodies()
    for number, line in enumerate(lines, 1):
        yield from unknown_names(number, line, defined)
    yield from wrong_calls(lines, defined)
    yield from wrong_tables(lines)


def main():
    found = [f"{DOCUMENT.name}:{text}" for text in complaints(DOCUMENT.read_text().splitlines())]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
