# SPDX-License-Identifier: Apache-2.0
"""Completion in real shells, and that it, the manual and -help know the same options."""

import os
import re

import pytest

from harness import OURS, ROOT, Daemon, run_epmd
from package import shells
from wire.protocol import Node

LAYERS = {"core", "dumpable", "privileges", "seccomp", "all"}


@pytest.fixture(params=["bash", "zsh", "fish"])
def offered(request, tmp_path):
    """What a shell offers for the last of these words behind `epmd`."""
    if request.param == "zsh":
        zsh = shells.Zsh(tmp_path)
        yield zsh.offered
        zsh.stop()
    else:
        yield getattr(shells, request.param)


@pytest.fixture(scope="module")
def help_options(ours):
    """Each option that -help names, and the word for its value."""
    text = run_epmd(ours, "-help").stdout
    lines = re.findall(r"^  (-\w+)(?:, (-\w+))?(?: (\S+))? ", text, re.M)
    assert len(lines) > 20
    return {name: value for *names, value in lines for name in names if name}


def manual():
    with open(os.path.join(ROOT, "man", "epmd.1"), encoding="utf-8") as page:
        return page.read()


def test_every_option_is_offered(offered, help_options):
    assert offered("-") == set(help_options)


def test_options_are_offered_by_their_first_letters(offered, help_options):
    few = {name for name in help_options if name.startswith("-de")}
    assert len(few) >= 3 and offered("-de") == few
    assert offered("-keeper", "-de") == few


def test_the_manual_describes_every_option(help_options):
    described = set()
    for line in re.findall(r"^\.It (Fl .*)", manual(), re.M):
        described |= {f"-{name}" for name in re.findall(r"Fl (\w+)", line)}
    assert described == set(help_options)


def test_the_synopsis_has_every_option(help_options):
    synopsis = manual().partition(".Sh SYNOPSIS")[2].partition(".Sh")[0]
    named = {f"-{name}" for name in re.findall(r"(?:Fl|\|) (\w+)", synopsis)}
    other_names = {"-debug", "-h"}  # of -d and -help
    assert named | other_names == set(help_options)


@pytest.mark.parametrize("option, words", [
    ("-allow_lookup", {"any", "local", "private", "none"}),
    ("-allow_names", {"any", "local", "private", "none"}),
    ("-allow_register", {"any", "local", "none"}),
    ("-no_sandbox", LAYERS),
])
def test_lists_are_completed_word_by_word(offered, option, words):
    assert offered(option, "") == words
    more = {word.rpartition(",")[2] for word in offered(option, f"{min(words)},")}
    assert more - {min(words)} == words - {min(words)}


def test_a_value_is_not_taken_for_an_option(offered, help_options):
    assert not offered("-address", "") & set(help_options)
    assert "4369" in offered("-port", "4")
    assert "root" in offered("-user", "roo")
    assert any(word.rstrip("/").endswith("bin") for word in offered("-pid_file", "/usr/bi"))


def test_stop_offers_the_registered_names(offered, tmp_path):
    marker = tmp_path / "executed"
    hostile = f"$(touch {marker})"
    with Daemon(OURS) as daemon, Node(daemon, b"alpha"), Node(daemon, b"alps"), \
            Node(daemon, hostile.encode()):
        port = ("-port", str(daemon.port))
        assert offered(*port, "-stop", "al") == {"alpha", "alps"}
        assert len(offered(*port, "-stop", "")) == 3
    assert offered(*port, "-stop", "") == set()
    assert not marker.exists()


def test_names_cannot_command_the_terminal(offered):
    """A completion shows what it offers; stock epmd tells names as they were sent."""
    with Daemon(OURS) as daemon, Node(daemon, b"evil\x1b]0;x\x07\xc2\x9b2J"), Node(daemon, b"evident"):
        words = "".join(offered("-port", str(daemon.port), "-stop", "evi"))
        assert "evident" in words
        assert not re.search("[\x00-\x1f\x7f-\x9f]", words)
