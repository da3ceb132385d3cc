# SPDX-License-Identifier: Apache-2.0
"""`./dev run`: what it says where the port is taken, and what to try first where it is not.

Always true here: it is a copy of `dev` in a folder of its own, where nothing can be
installed or built, and where there are no other programs than the test puts there.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

from cli.servers import Fake
from harness import ROOT, Daemon, clean_env, free_port, wait_for
from machine import APART
from wire.protocol import found, registered, wait_registered

TOOLS = ["awk", "bash", "cat", "dirname", "find", "head", "id", "mkdir", "od", "readlink", "sh", "touch"]
INSTALLED = {"dpkg-query": "printf installed", "apt-get": "false", "ninja": "true"}
MISSING = {"dpkg-query": "false", "apt-get": "echo apt-get was called", "ninja": "false"}


class Folder:
    def __init__(self, path, binary):
        self.path = path
        self._process = None
        (path / "bin").mkdir()
        (path / "build").mkdir()
        (path / "build" / "build.ninja").touch()
        shutil.copy(os.path.join(ROOT, "dev"), path)
        self.link(os.path.abspath(binary), "build/epmd")
        for tool in TOOLS:
            self.link(shutil.which(tool), f"bin/{tool}")

    def link(self, target, name):
        os.symlink(target, self.path / name)

    def programs(self, scripts):
        """Programs by name, each of which is a line of shell."""
        for name, line in scripts.items():
            script = self.path / "bin" / name
            script.write_text(f"#!/bin/sh\n{line}\n")
            script.chmod(0o755)

    def _how(self, port):
        return {"cwd": self.path, "stdin": subprocess.DEVNULL, "text": True,
                "env": clean_env({"PATH": str(self.path / "bin"), "ERL_EPMD_PORT": str(port)})}

    def run(self, *options, port=4369, wrapper=(), **how):
        """Run it to its end; (exit code, what it printed)."""
        done = subprocess.run([*wrapper, "./dev", "run", *options], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, **self._how(port), **how)
        return done.returncode, done.stdout

    def start(self, *options, port=4369):
        """Start it in the foreground; what it says before it becomes the daemon."""
        with open(self.path / "said", "w", encoding="utf-8") as said:
            self._process = subprocess.Popen(["./dev", "run", *options], stdout=said,
                                             stderr=subprocess.DEVNULL, **self._how(port))
        wait_for(lambda: os.path.samefile(f"/proc/{self._process.pid}/exe",
                                          self.path / "build" / "epmd"), what="epmd")
        return (self.path / "said").read_text(encoding="utf-8")

    def stop(self):
        if self._process:
            self._process.send_signal(signal.SIGINT)
            assert self._process.wait() == 0


@pytest.fixture
def folder(ours):
    """One that every user can find; pytest's own are for its user alone."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        made = Folder(pathlib.Path(path), ours)
        yield made
        made.stop()


class At:
    def __init__(self, port):
        self.port = port


def awaited(port):
    """What wire.protocol's helpers want, once something answers there."""
    def answers():
        try:
            return (registered(At(port)),)
        except OSError:
            return None
    wait_for(answers, what=f"an epmd at port {port}")
    return At(port)


@pytest.mark.parametrize("words", [[], ["-port", "{}"], ["--port", "{}"], ["-port={}"], ["--port={}"]])
def test_a_port_that_is_taken_is_seen_before_anything_else(folder, words):
    folder.programs(MISSING)
    with Fake(b"", "0.0.0.0") as other:
        code, said = folder.run("-d", *(word.format(other.port) for word in words),
                                port=4369 if words else other.port)
    assert code == 1
    first, second = said.splitlines()
    assert f"port {other.port} is taken by " in first
    assert f"process {os.getpid()}." in first
    assert "./dev run -d -port " in second


def test_stock_is_called_so_and_the_command_that_is_named_works(folder, stock):
    folder.programs(INSTALLED)
    with Daemon(stock) as other:
        code, said = folder.run("-address", "127.0.0.1 ::1", port=other.port)
        assert code == 1
        assert f"is taken by stock epmd of erlang-base, process {other.pid}." in said
        words = said.rpartition("./dev run ")[2].strip()
        assert words.startswith("-address '127.0.0.1 ::1' -port ")
        folder.start("-address", "127.0.0.1 ::1", *words.split()[-2:], port=other.port)
        assert registered(awaited(int(words.split()[-1]))) == []


@pytest.mark.needs("mount namespaces")
def test_a_socket_unit_is_named(folder):
    """As systemctl prints it; tests/restart asks a real one."""
    with Fake(b"", "0.0.0.0") as other:
        folder.programs({**MISSING, "systemctl": "echo '127.0.0.1:80 web.socket web.service'; "
                         f"echo '[::]:{other.port} epmd.socket epmd.service'"})
        booted = f'{shutil.which("mount")} -t tmpfs none /run; mkdir -p /run/systemd/system; "$@"'
        code, said = folder.run(port=other.port,
                                wrapper=(*APART, shutil.which("sh"), "-c", booted, "sh"))
    assert code == 1
    assert said.startswith(f"dev: port {other.port} is taken by systemd, for epmd.socket.\n")


@pytest.mark.needs("another user")
def test_who_may_not_see_the_holder_is_told_whose_it_is(folder):
    folder.programs(MISSING)
    with Fake(b"", "0.0.0.0") as other:
        code, said = folder.run(port=other.port, user=65534, group=65534, extra_groups=[])
    assert code == 1
    assert "is taken by a process that only its user (id 0) or root may look into." in said


@pytest.mark.needs("another user")
def test_without_root_and_sudo_the_command_for_an_administrator_is_named(folder):
    folder.programs(MISSING)
    code, said = folder.run(port=free_port(), user=65534, group=65534, extra_groups=[])
    assert code == 1
    assert "apt-get was called" not in said
    *_, why, command = said.splitlines()
    assert why == "dev: neither root nor sudo is here. An administrator has to run this:"
    assert command.startswith("     apt-get update -q && apt-get install -q -y "
                              "--no-install-recommends gcc libc6-dev make meson ")


def test_first_success_with_a_node(folder):
    folder.programs({**INSTALLED, "erl": "true"})
    port = free_port()
    said = folder.start(port=port)
    assert f"  ERL_EPMD_PORT={port} erl -sname demo " in said
    awaited(port)


def test_first_success_without_erlang(folder):
    """What it says is done word for word, in one terminal."""
    folder.programs(INSTALLED)
    port = free_port()
    lines = [line.removeprefix("dev:   ") for line in folder.start(f"--port={port}").splitlines()
             if line.startswith("dev:   ")]
    assert len(lines) == 3
    server = awaited(port)
    done = subprocess.run(["bash", "-ec", "\n".join(lines)], cwd=folder.path, text=True,
                          env=clean_env(), stdout=subprocess.PIPE, check=True)
    assert f"up and running on port {port} with data:\nname demo at port 4711\n" in done.stdout
    seen = done.stdout.partition("4711\n")[2]
    bytes_of = subprocess.run(["od", "-c"], input=found(b"demo"), stdout=subprocess.PIPE,
                              check=True).stdout.decode()
    assert seen == bytes_of
    wait_registered(server)
