# SPDX-License-Identifier: Apache-2.0
"""README.md and docs/, followed literally: each of their commands is run, or has a reason why not.

`pytest -s tests/documents` prints the commands as they are run.
"""

import collections
import re

import pytest

from documents.cases import CASES, NOT_RUN
from documents.pages import COMMANDS, OTHERS, PAGES, blocks, scripts, shows
from harness import PATIENCE_S, wait_for


def key(script):
    """What a block is called by: its first line."""
    return script[0].bare.splitlines()[0]


@pytest.mark.parametrize("page", PAGES)
def test_a_block_says_what_it_is(page):
    assert {language for language, _ in blocks(page)} <= {*COMMANDS, *OTHERS}


@pytest.mark.parametrize("page", PAGES)
def test_each_block_is_run_or_has_a_reason(page):
    told = [name for case in CASES if case.page == page for name in case.blocks]
    told += [name for told_page, name in NOT_RUN if told_page == page]
    assert collections.Counter(told) == collections.Counter(map(key, scripts(page)))


def script_of(case):
    """The commands of the case's blocks; of blocks that begin alike, each one once."""
    left = scripts(case.page)
    for name in case.blocks:
        script = next(script for script in left if key(script) == name)
        left.remove(script)
        yield from script


def is_repeatable(command):
    """It only lists, so a node that is about to register may be waited for."""
    return re.search(r"epmd\b.* -names\b", command.text)


def follow(shell, case, command):
    """Run it as the page has it, or what stands in for it; it does what the page shows."""
    text = case.instead.get(command.bare, command.text)
    if text is None:
        return
    print(f"{case.page}: {text}")

    def run():
        status, output = shell.run(text)
        return status == 0 and shows(command.shown, output), f"{text}: {status}\n{output}"

    done, told = run()
    if not done and is_repeatable(command):
        wait_for(lambda: run()[0], what=f"what {case.page} shows for {told}")
    else:
        assert done, told


@pytest.mark.asked("clients")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.page} {case.blocks[0]}")
def test_the_commands_do_what_the_page_says(case):
    with case.place() as shell:
        status, output = shell.run(case.before)
        assert status == 0, output
        for command in script_of(case):
            follow(shell, case, command)
        for text, pattern in case.after:
            wait_for(lambda: re.search(pattern, shell.run(text)[1], re.M), timeout=PATIENCE_S,
                     what=f"{pattern} in {shell.run(text)}")
