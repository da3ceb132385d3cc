# SPDX-License-Identifier: Apache-2.0
"""The pages that people read, and the commands in them.

Always true here: a fenced block says what it is by its language. `sh` is a script, a
command a line. `console` is a terminal: a command stands after `$ `, or `# ` where it is
root's, goes on after `> `, and is followed by what it prints.
"""

import pathlib
import re
from typing import NamedTuple

from harness import ROOT

PAGES = ["README.md", "SECURITY.md", *sorted(
    str(path.relative_to(ROOT)) for path in pathlib.Path(ROOT, "docs").glob("*.md"))]
COMMANDS = "sh", "console"
OTHERS = "text", "ini", "yaml", "zone", "nft", "dockerfile"
FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.M)


class Command(NamedTuple):
    text: str
    shown: list  # the lines that the page has it print

    @property
    def bare(self):
        """Without the remark at its end."""
        return re.sub(r"\s{2,}# .*", "", self.text)


def blocks(page):
    """(language, text) of each fenced block."""
    return FENCE.findall(pathlib.Path(ROOT, page).read_text(encoding="utf-8"))


def commands(language, text):
    """The commands of a block."""
    if language == "sh":
        return [Command(line, []) for line in text.splitlines()]
    found = []
    for line in text.splitlines():
        if line.startswith(("$ ", "# ")):
            found.append(Command(line[2:], []))
        elif line.startswith("> "):
            found[-1] = Command(f"{found[-1].text}\n{line[2:]}", [])
        else:
            found[-1].shown.append(line)
    return found


def scripts(page):
    """The commands of each block that has any, in order."""
    return [commands(language, text) for language, text in blocks(page) if language in COMMANDS]


def shows(expected, output):
    """Whether the lines are in the output, in their order; numbers may be others."""
    patterns = [re.sub(r"(\\\s|\s)+", r"\\s+", re.sub(r"\d+", r"\\d+", re.escape(line)))
                for line in expected]
    lines = iter(output.splitlines())
    return all(any(re.fullmatch(pattern, line.rstrip()) for line in lines)
               for pattern in patterns)
