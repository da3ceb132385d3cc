# SPDX-License-Identifier: Apache-2.0
"""Changing over from stock epmd on a host whose nodes go on running, and back.

Always true here: the old daemon is told to end, and the new one started, as
docs/migrating.md says.
"""

import os

import pytest

from clients.beam import end_all, pids_of, site_at
from harness import free_port

pytestmark = pytest.mark.asked("clients")


@pytest.fixture
def daemons(erl, ours, stock):
    """A site without a daemon, and the paths by which each of the two is started."""
    with site_at(free_port()) as site:
        paths = [os.path.join(site.home, kind) for kind in ("stock", "ours")]
        for path, binary in zip(paths, (stock, ours)):
            os.symlink(os.path.abspath(binary), path)
        yield site, *paths
        for path in paths:
            end_all(path)


def change_over(site, before, after):
    assert pids_of(before) and not pids_of(after)
    end_all(before)
    assert site.run(after, "-daemon").returncode == 0
    assert pids_of(after)


def test_nodes_that_run_register_again(daemons):
    site, stock, ours = daemons
    assert site.run(stock, "-daemon").returncode == 0
    with site.node("-sname", "a") as a, site.node("-sname", "b") as b:
        ports = site.await_names("a", "b")
        for before, after in (stock, ours), (ours, stock):
            change_over(site, before, after)
            assert site.await_names("a", "b") == ports
            with site.node("-sname", "new") as new:
                site.await_names("a", "b", "new")
                assert new.ping(a) == new.ping(b) == "pong"
            site.await_names("a", "b")


def test_the_one_that_comes_second_steps_aside(daemons):
    site, stock, ours = daemons
    assert site.run(ours, "-daemon").returncode == 0
    assert site.run(stock, "-daemon").returncode == 0
    with site.node("-sname", "a"):
        site.await_names("a")
        assert site.run(stock, "-names").stdout == site.run(ours, "-names").stdout
    assert pids_of(ours) and not pids_of(stock)


def test_a_stock_daemon_does_not_end_while_nodes_are_registered(daemons):
    site, stock, ours = daemons
    assert site.run(stock, "-daemon").returncode == 0
    with site.node("-sname", "a"):
        site.await_names("a")
        assert site.run(ours, "-kill").returncode == 1
        assert pids_of(stock)


def test_the_version_tells_which_program_it_is(daemons):
    site, stock, ours = daemons
    assert site.run(ours, "-version").stdout.startswith("epmd ")
    assert site.run(stock, "-version").returncode == 1
