# SPDX-License-Identifier: Apache-2.0
"""-pid_file: which process to signal, for scripts."""

import os
import signal
import subprocess

import pytest

from harness import Daemon, clean_env, run_epmd, wait_for
from machine import free_port, need
from restart.keeping import Kept, gone
from wire.protocol import NAMES, exchange

pytestmark = pytest.mark.keeps_nothing


@pytest.fixture
def path(tmp_path):
    tmp_path.chmod(0o755)
    return tmp_path / "epmd.pid"


def content(path):
    return path.read_text() if path.exists() else None


def test_without_a_keeper_it_is_the_process_itself(ours, path):
    with Daemon(ours, "-no_keeper", "-no_sandbox", "all", "-pid_file", str(path)) as daemon:
        wait_for(lambda: content(path) == f"{daemon.pid}\n", what="the file")
        assert path.stat().st_mode & 0o777 == 0o644
        os.kill(daemon.pid, signal.SIGTERM)
        assert daemon.wait() == 0
    assert content(path) is None


@pytest.mark.needs("keeper")
def test_with_a_keeper_it_is_the_keeper(ours, path):
    with Kept(ours, "-pid_file", str(path)) as daemon:
        wait_for(lambda: content(path) == f"{daemon.pid}\n", what="the file")
        daemon.kill_worker()
        assert content(path) == f"{daemon.pid}\n"
        assert run_epmd(ours, "-port", str(daemon.port), "-reload").returncode == 0
        exchange(daemon, NAMES)
        assert content(path) == f"{daemon.pid}\n"
        os.kill(daemon.pid, signal.SIGTERM)
        assert daemon.wait() == 0
    assert content(path) is None


def detached(binary, port, *options):
    return run_epmd(binary, "-port", str(port), "-daemon", *options)


def end_of(pid):
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: gone(pid), what="the end of the daemon")


def test_it_is_there_when_the_command_returns(ours, path):
    assert detached(ours, free_port(), "-pid_file", str(path)).returncode == 0
    end_of(int(content(path)))
    assert content(path) is None


def test_a_start_beside_another_epmd_leaves_it(ours, path):
    with Daemon(ours, "-pid_file", str(path)) as daemon:
        wait_for(lambda: content(path), what="the file")
        assert detached(ours, daemon.port, "-pid_file", str(path)).returncode == 0
        assert content(path) == f"{daemon.pid}\n"


def test_what_is_left_is_replaced_and_a_link_is_not_followed(ours, path, tmp_path):
    other = tmp_path / "other"
    other.write_text("mine")
    path.symlink_to(other)
    (tmp_path / "epmd.pid.new").write_text("left by a start that was cut short")
    with Daemon(ours, "-pid_file", str(path)) as daemon:
        wait_for(lambda: content(path) == f"{daemon.pid}\n", what="the file")
        assert other.read_text() == "mine"
        assert not path.is_symlink()


def test_the_file_of_another_process_stays(ours, path):
    with Daemon(ours, "-no_sandbox", "all", "-pid_file", str(path)) as daemon:
        wait_for(lambda: content(path), what="the file")
        path.write_text("1\n")
        os.kill(daemon.pid, signal.SIGTERM)
        assert daemon.wait() == 0
    assert content(path) == "1\n"


def test_it_is_written_before_the_user_changes(ours, path):
    """Into a directory that is root's; so it stays, and the next start replaces it."""
    need("another user")
    for _ in range(2):
        port = free_port()
        assert detached(ours, port, "-pid_file", str(path), "-user", "nobody").returncode == 0
        pid = int(content(path))
        assert os.stat(f"/proc/{pid}/task").st_uid != 0 or not gone(pid)
        end_of(pid)
        assert content(path) == f"{pid}\n"


def test_a_file_that_cannot_be_written_is_an_error(ours, tmp_path):
    path = tmp_path / "none" / "epmd.pid"
    done = run_epmd(ours, "-port", str(free_port()), "-pid_file", str(path))
    assert done.returncode == 1
    assert f"-pid_file {path}: cannot be written: No such file or directory" in done.stderr


def test_a_path_has_to_be_absolute(ours):
    done = run_epmd(ours, "-pid_file", "epmd.pid", "-daemon")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        'epmd: -pid_file "epmd.pid": not an absolute path, which begins with /')


def test_commands_do_not_touch_it(ours, path):
    path.write_text("1\n")
    done = subprocess.run([ours, "-port", str(free_port()), "-pid_file", str(path), "-names"],
                          env=clean_env(), capture_output=True, check=False)
    assert done.returncode == 1 and content(path) == "1\n"
