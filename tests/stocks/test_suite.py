# SPDX-License-Identifier: Apache-2.0
"""OTP's own suite for epmd, epmd_SUITE of OTP 27, passes on ours: all of its cases.

The suite is unpacked from Debian's source package, and is no part of this project. Two of
its cases reach epmd from another host by ssh: here that is another network namespace.
Always true here: the only epmd that the suite can find is ours, each start of it is noted,
and while a case runs, what listens on the suite's port answers our own request.
"""

import os
import re
import shutil
import subprocess
import sys

import pytest

from harness import Daemon, clean_env
from stocks import trees
from wire import namespaces

pytestmark = [pytest.mark.asked("stocks"), pytest.mark.needs("network namespaces", *trees.NEEDED)]

CASES = 33
HERE = "10.9.9.1"
SOURCES = os.path.dirname(os.path.abspath(__file__))
RUN = """
true = os:putenv("PATH", os:getenv("EPMD_TEST_BIN") ++ ":/usr/bin:/bin"),
Epmd = os:getenv("EPMD_TEST_BIN") ++ "/epmd",
Epmd = os:find_executable("epmd"),
Result = ct:run_test([{dir, "suite"}, {suite, epmd_SUITE}, {auto_compile, false},
                      {multiply_timetraps, 10}, {logdir, "logs"}, {config, "config"}]),
io:format("result ~0p~n", [Result]),
halt().
"""
# Notes each start, and becomes the epmd under test. One case trickles its request for three
# seconds with a packet timeout of one: stock lets bytes extend it, which is a difference.
TRICKLES = "slow_get_port_nr"
EPMD = """#!/bin/sh
echo "$EPMD_TEST_CASE $*" >>"{starts}"
[ "$EPMD_TEST_CASE" != {trickles} ] || set -- "$@" -packet_timeout 20
exec "{ours}" "$@"
"""


def write(path, text):
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def place(ours, tmp_path):
    """Where the suite runs: compiled, with the epmd, the ssh and the hook that it is to find."""
    tree = trees.suite()
    for name in "bin", "suite", "logs":
        (tmp_path / name).mkdir()
    write(tmp_path / "bin" / "epmd",
          EPMD.format(starts=tmp_path / "starts", trickles=TRICKLES, ours=os.path.abspath(ours)))
    write(tmp_path / "bin" / "ssh",
          f'#!/bin/sh\nexec "{sys.executable}" -IS "{SOURCES}/ssh.py" "$@"\n')
    write(tmp_path / "config", '{ssh_proxy_host, "there"}.\n')
    shutil.copy(f"{tree}/suite/epmd_SUITE.erl", tmp_path / "suite")
    shutil.copy(f"{SOURCES}/ts_install_cth.erl", tmp_path / "suite")
    compiled = subprocess.run([f"{tree}/usr/lib/erlang/bin/erlc", "epmd_SUITE.erl",
                               "ts_install_cth.erl"], cwd=tmp_path / "suite", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert compiled.returncode == 0, compiled.stdout
    return tmp_path


def run(place, here, there, port):
    """What the suite prints; its own node is registered elsewhere, on this port."""
    env = clean_env({"EPMD_TEST_BIN": str(place / "bin"), "EPMD_TEST_THERE": str(there.pid),
                     "EPMD_TEST_NOTES": str(place / "notes"), "ERL_EPMD_PORT": str(port),
                     "HOME": str(place), "ERL_CRASH_DUMP_SECONDS": "0"})
    with here.entered():
        return subprocess.run(
            [f"{trees.suite()}/usr/lib/erlang/bin/erl", "-noinput", "-start_epmd", "false",
             "-name", f"ct@{HERE}", "-pa", "suite", "-eval", RUN],
            cwd=place, env=env, text=True, errors="replace", stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=3500, check=False).stdout


@pytest.mark.timeout(3600)
def test_every_case_passes_and_ran_ours(ours, place):
    with namespaces.pair() as (here, there), Daemon(ours, namespace=here) as own:
        said = run(place, here, there, own.port)
    notes = (place / "notes").read_text(encoding="utf-8").splitlines()
    assert f"result {{{CASES},0,{{0,0}}}}" in said, [notes, said[-1000:]]
    assert len(notes) == CASES
    # no_live_killing ends its epmd by itself.
    assert [line.split()[0] for line in notes if not line.endswith(" ours")] == [
        "no_live_killing"], notes
    starts = (place / "starts").read_text(encoding="utf-8").splitlines()
    assert len(starts) == CASES + 1  # names_stdout runs a command as well
    assert all(re.match(r"\w+ -packet_timeout 1 -port 2243( |$)", line) for line in starts)
