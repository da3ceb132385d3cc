# SPDX-License-Identifier: Apache-2.0
"""A start that fails although a worker serves already: the keeper has yet to become a daemon.

Always true here: the command fails, and no process of it is left.
"""

import os
import signal
import subprocess

import pytest

from cli.servers import end_all, started_for
from cli.test_daemon import syslog  # noqa: F401 (a fixture)
from harness import clean_env, free_port, run_epmd, wait_for
from restart.keeping import gone

WITHOUT_GROUPS = ("setpriv", "--bounding-set=-setgid", "--")
KEEPS = pytest.mark.parametrize("mode", ["-keeper", "-daemon"])


@pytest.fixture
def port():
    port = free_port()
    yield port
    end_all(port)


def fails(port, log, command, reason):
    """Run a start that has to fail for this reason, and to leave nothing."""
    result = run_epmd(*log.wrapper, *command)
    assert result.returncode == 1, result
    if "-daemon" in command:
        log.wait(reason)
    else:
        assert reason in result.stderr
    wait_for(lambda: not started_for(port), what="the end of all that was started")
    assert "the worker hangs" not in result.stderr + "".join(log.messages), "it was not told to end"


@KEEPS
def test_a_pid_file_that_cannot_be_written(ours, port, syslog, tmp_path, mode):
    path = str(tmp_path / "none" / "epmd.pid")
    fails(port, syslog, [ours, "-port", str(port), mode, "-pid_file", path],
          f"-pid_file {path}: cannot be written: No such file or directory")


@KEEPS
@pytest.mark.needs("another user", "setpriv")
def test_a_user_that_cannot_be_become(ours, port, syslog, mode):
    """Root without the capability that setgroups(2) wants."""
    fails(port, syslog, [*WITHOUT_GROUPS, ours, "-port", str(port), mode, "-user", "nobody"],
          "-user nobody: only root can become another user")


@pytest.mark.parametrize("keeper", [(), ("-no_keeper",)], ids=["keeper", "single"])
@pytest.mark.needs("strace")
def test_a_starter_that_has_ended(ours, port, syslog, tmp_path, keeper):
    """The daemon that it left behind is stopped until the starter has been killed."""
    trace = tmp_path / "trace"
    command = [*syslog.wrapper, "strace", "-D", "-f", "-o", str(trace), "-e", "trace=setsid",
               "-e", "inject=setsid:signal=SIGSTOP", ours, "-daemon", "-port", str(port), *keeper]
    starter = subprocess.Popen(command, env=clean_env(), stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: trace.exists() and "stopped by SIGSTOP" in trace.read_text(),
                 what="the daemon stopped")
        daemon = int(trace.read_text().split()[0])
        assert daemon != starter.pid
    finally:
        starter.kill()
        starter.wait()
    os.kill(daemon, signal.SIGCONT)
    syslog.wait("the process that started this has ended")
    wait_for(lambda: gone(daemon) and not started_for(port), what="the end of all that was started")
    assert "the worker hangs" not in "".join(syslog.messages), "it was not told to end"
