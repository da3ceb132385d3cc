# SPDX-License-Identifier: Apache-2.0
"""An Elixir release, which has an epmd of its own, and what its operator does about that.

Always true here: the release is made by `mix release`, and started by its own script.
"""

import os
import shutil
import subprocess

import pytest

from clients.beam import HOST, end_all, pids_of, site_at
from harness import free_port
from machine import need

pytestmark = pytest.mark.asked("clients")

NAME = "demo"


@pytest.fixture(scope="module")
def built(ask_otp, tmp_path_factory):
    """A release with nothing in it but what every one has."""
    need("mix")
    place = str(tmp_path_factory.mktemp("release"))
    with site_at(free_port()) as builder:
        builder.env["MIX_ENV"] = "prod"
        for command, folder in (["mix", "new", NAME], ""), (["mix", "release"], NAME):
            subprocess.run(command, cwd=os.path.join(place, folder), env=builder.env, check=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return os.path.join(place, NAME, "_build", "prod", "rel", NAME)


class Release:
    """A copy of the release beside an epmd."""

    def __init__(self, built, site):
        self._site = site
        root = os.path.join(site.home, "release")
        shutil.copytree(built, root, symlinks=True)
        erts, = (entry for entry in os.listdir(root) if entry.startswith("erts-"))
        self.script = os.path.join(root, "bin", NAME)
        self.epmd = os.path.join(root, erts, "bin", "epmd")

    def start(self):
        return self._site.program(self.script, "start")

    def node(self):
        """The name of the running node, which another one asks for."""
        return self._site.run(self.script, "rpc", "IO.puts(node())").stdout.strip()


@pytest.fixture
def release(built, site):
    return Release(built, site)


def test_steps_aside_where_an_epmd_runs(site, release):
    with release.start():
        site.await_names(NAME)
        assert release.node() == f"{NAME}@{HOST}"
        assert not pids_of(release.epmd)
    site.await_names()


def test_starts_none_where_it_is_told_so(site, release):
    os.remove(release.epmd)
    site.env["ELIXIR_ERL_OPTIONS"] = "-start_epmd false"
    with release.start():
        site.await_names(NAME)
        assert release.node() == f"{NAME}@{HOST}"


def test_a_link_in_the_place_of_its_own(built, unserved):
    release = Release(built, unserved)
    os.remove(release.epmd)
    os.symlink(unserved.epmd, release.epmd)
    try:
        with release.start():
            unserved.await_names(NAME)
            assert release.node() == f"{NAME}@{HOST}"
            assert pids_of(release.epmd)
        unserved.await_names()
    finally:
        end_all(release.epmd)
