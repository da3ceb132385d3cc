# SPDX-License-Identifier: Apache-2.0
"""erl starts the daemon by itself.

Always true here: nothing listens before, the binary is started as a path that
belongs to the test alone, and that path is how its processes are found again.
"""

import os

import pytest

from clients.beam import pids_of

pytestmark = [pytest.mark.needs("/proc/self"), pytest.mark.theirs_asked("clients", "stocks")]


def starts_the_daemon(site, **erl):
    with site.node("-sname", "a", **erl) as a:
        assert a.output == f"= {a.name}\n"
        site.await_names("a")
        started = pids_of(site.epmd)
        assert started
        with site.node("-sname", "b", **erl) as b:
            assert b.output == f"= {b.name}\n"
            site.await_names("a", "b")
            assert a.ping(b) == "pong"
            assert pids_of(site.epmd) == started
    site.await_names()


def test_named_on_the_command_line(unserved):
    starts_the_daemon(unserved, start_epmd=True, erl=("erl", "-epmd", f"{unserved.epmd} -daemon"))


def test_in_the_bin_directory_of_the_release(unserved, release):
    unserved.env |= release
    erlexec = os.path.join(release["BINDIR"], "erlexec")
    starts_the_daemon(unserved, start_epmd=True, erl=(erlexec,))
