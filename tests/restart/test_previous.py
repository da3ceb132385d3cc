# SPDX-License-Identifier: Apache-2.0
"""The program before this one: what it wrote is read, and it reads what this one writes.

Nothing is kept of that program but its commit: it is built from this project's history.
"""

import os
import shutil
import signal
import subprocess

import pytest

from harness import ROOT
from machine import need
from restart.keeping import Kept, view
from restart.test_reload import install, runs
from wire.protocol import Node, settle, state

PREVIOUS = "41cee98b"  # the last one whose state had no note

pytestmark = [pytest.mark.asked("long"), pytest.mark.needs("Linux"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def previous(tmp_path_factory):
    """The path of that program."""
    need("meson", "git")
    known = subprocess.run(["git", "cat-file", "-e", PREVIOUS + "^{commit}"], cwd=ROOT,
                           capture_output=True, check=False)
    if known.returncode != 0:
        pytest.skip(f"{PREVIOUS} is not in this clone's history")
    source = tmp_path_factory.mktemp("previous")
    archive = subprocess.run(["git", "archive", PREVIOUS], cwd=ROOT, stdout=subprocess.PIPE,
                             check=True)
    subprocess.run(["tar", "-x", "-C", source], input=archive.stdout, check=True)
    for command in (["meson", "setup", "build", "--buildtype=debugoptimized", "-Db_lto=false"],
                    ["ninja", "-C", "build", "epmd"]):
        subprocess.run(command, cwd=source, check=True, stdout=subprocess.DEVNULL)
    return str(source / "build" / "epmd")


@pytest.mark.parametrize("starts_with", ["the previous one", "this one"])
def test_registrations_survive_an_upgrade_and_a_fall_back(ours, previous, tmp_path, starts_with):
    programs = [previous, ours] if starts_with == "the previous one" else [ours, previous]
    path = str(tmp_path / "epmd")
    shutil.copy(programs[0], path)
    with Kept(path) as daemon, \
            Node(daemon, b"a", extra=b"e") as a, Node(daemon, b"b", kind=72, highest=5) as b:
        with Node(daemon, b"gone") as gone:
            creation = gone.creation
        settle(daemon)
        before = view(daemon, b"a", b"b")
        for program in (programs[1], programs[0], programs[1]):
            worker = daemon.worker()
            install(daemon, program)
            os.kill(daemon.pid, signal.SIGHUP)  # not bounded, as requests are
            daemon.after(worker)
            assert runs(daemon.worker()) == os.stat(path).st_ino
            assert view(daemon, b"a", b"b") == before
            daemon.kill_worker()
            assert view(daemon, b"a", b"b") == before
        assert [state(node.sock) for node in (a, b)] == ["open", "open"]
        with Node(daemon, b"gone") as back:
            assert back.creation != creation, "the departed name is known"
