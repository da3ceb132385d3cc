# SPDX-License-Identifier: Apache-2.0
"""The static binary needs nothing of the system but its kernel.

Always true here: it runs in a directory that holds it and what the test has put there.
"""

import os
import shutil
import subprocess

import pytest

from harness import free_port, run_epmd
from machine import need
from restart.keeping import Kept
from wire.protocol import NAMES, Node, exchange, names_reply, wait_registered

USER = "epmd:x:4369:4369::/:/none\n"


@pytest.fixture
def root(static, tmp_path):
    """An otherwise empty root directory with the binary in it."""
    need("another root directory")
    shutil.copy(static, tmp_path / "epmd")
    tmp_path.chmod(0o755)
    return tmp_path


class Rooted(Kept):
    """A daemon whose root directory is another one."""

    def __init__(self, root, *options):
        super().__init__("/epmd", *options, wrapper=["chroot", str(root)])


def test_needs_no_library(static):
    listing = subprocess.run(["ldd", static], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, check=False).stdout
    assert listing.strip() in ("statically linked", "not a dynamic executable")


def test_serves_and_survives_where_there_is_nothing_else(root):
    with Rooted(root) as epmd, Node(epmd, b"bilbo", port=37899) as node:
        assert os.listdir(root) == ["epmd"]
        assert node.result == 0
        epmd.kill_worker()
        assert exchange(epmd, NAMES) == names_reply(epmd, (b"bilbo", 37899))
        epmd.stop()
        assert epmd.exit_code() == 0


def test_reload_takes_what_is_on_disk(root):
    with Rooted(root) as epmd, Node(epmd, b"bilbo"):
        before = epmd.worker()
        newer = root / "newer"
        shutil.copy(root / "epmd", newer)
        newer.rename(root / "epmd")
        assert ask(root, epmd, "-reload") == (0, "Reloading\n")
        epmd.after(before)
        wait_registered(epmd, b"bilbo")
        assert os.stat(f"/proc/{epmd.worker()}/exe").st_ino == (root / "epmd").stat().st_ino


def ask(root, epmd, *command):
    done = run_epmd("chroot", str(root), "/epmd", "-port", str(epmd.port), *command)
    return done.returncode, done.stdout


def test_commands(root):
    with Rooted(root) as epmd, Node(epmd, b"bilbo", port=37899):
        assert ask(root, epmd, "-started") == (0, "")
        assert ask(root, epmd, "-names") == (
            0, f"epmd: up and running on port {epmd.port} with data:\nname bilbo at port 37899\n")
        assert ask(root, epmd, "-kill")[0] == 1
    assert ask(root, epmd, "-started") == (1, "")


def test_the_worker_is_in_its_sandbox(root):
    with Rooted(root) as epmd:
        with open(f"/proc/{epmd.worker()}/status", encoding="ascii") as status:
            assert "\nSeccomp:\t2\n" in status.read()
        assert "sandbox" not in epmd.log()


def test_becomes_a_user_of_the_password_file(root):
    """Whatever nsswitch.conf says: modules do not fit a program with a libc of its own."""
    (root / "etc").mkdir()
    (root / "etc" / "passwd").write_text(USER, encoding="ascii")
    (root / "etc" / "nsswitch.conf").write_text("passwd: systemd\n", encoding="ascii")
    with Rooted(root, "-user", "epmd") as epmd:
        with open(f"/proc/{epmd.worker()}/status", encoding="ascii") as status:
            assert "\nUid:\t4369\t4369\t4369\t4369\n" in status.read()


def test_user_that_the_password_file_does_not_have(root):
    done = run_epmd("chroot", str(root), "/epmd", "-user", "epmd")
    assert done.returncode == 1
    assert "-user epmd: there is no such user" in done.stderr


def test_user_that_this_system_does_not_have(static):
    """Here nsswitch.conf may name modules, and they are there to be loaded."""
    done = run_epmd(static, "-user", "no-such-user-here")
    assert done.returncode == 1
    assert "-user no-such-user-here: there is no such user" in done.stderr


def test_cannot_detach_without_dev_null(root):
    done = run_epmd("chroot", str(root), "/epmd", "-daemon", "-port", str(free_port()))
    assert done.returncode == 1
    assert "cannot become a daemon: No such file or directory" in done.stderr
