# SPDX-License-Identifier: Apache-2.0
"""Where the commands of the documents are run: a host, a host with systemd, one with RabbitMQ.

Always true here: network, processes and names are the place's own, what is written is
gone with it, and `epmd` of /usr/local/bin is the binary under test.
"""

import contextlib
import os
import subprocess
import tempfile

from clients import guest
from harness import OPTIMISED, ROOT, clean_env
from machine import APART, need
from restart import machine

# This machine, with a root directory in which nothing that is written lasts.
HOST = """
set -e
mount -t tmpfs none "$1"
cover() {
    mkdir -p "$1/upper$2" "$1/work$2"
    mount -t overlay none -o "lowerdir=$2,upperdir=$1/upper$2,workdir=$1/work$2" "$2"
}
cover "$1" "$2"
cover "$1" /usr/local
cover "$1" /etc
mount -t tmpfs none /opt
mount -t proc proc /proc
ip link set lo up
hostname here
echo '127.0.0.1 localhost here' >/etc/hosts
install -m 755 "$3" /usr/local/bin/epmd
mkdir "$1/home"
export HOME="$1/home"
cd "$2"
exec bash
"""

# The binary, units and sources as the documents take them to be.
MACHINE = """
mkdir -p /opt/src/dist/systemd /usr/local/bin
cp /opt/units/* /opt/src/dist/systemd
cp /opt/epmd /usr/local/bin/epmd
cd /opt/src
"""


class Shell:
    """A shell that runs one command after the other, and keeps its state in between."""

    def __init__(self, *command, **how):
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", **how)
        self._number = 0

    def run(self, command):
        """(exit status, what was printed): the command's, and that of what still runs behind it."""
        self._number += 1
        mark = f"@{os.getpid()}.{self._number}@"
        self._process.stdin.write(f"{{\n{command}\n}} </dev/null\nprintf '\\n{mark} %d\\n' $?\n")
        self._process.stdin.flush()
        printed = []
        for line in self._process.stdout:
            if line.startswith(mark):
                return int(line.split()[1]), "".join(printed)
            printed.append(line)
        raise AssertionError(f"the shell has ended in {command}: {''.join(printed)}")

    def close(self):
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def host():
    need("root", "network namespaces", "process namespaces", "overlays", "bash", "erl", OPTIMISED)
    with tempfile.TemporaryDirectory(prefix="epmd-documents-") as own, contextlib.closing(Shell(
            *APART, "unshare", "--net", "--uts", "--pid", "--fork", "--kill-child",
            "bash", "-c", HOST, "bash", own, ROOT, OPTIMISED, env=clean_env())) as shell:
        yield shell


@contextlib.contextmanager
def systemd():
    machine.require()
    need(OPTIMISED)
    booted = machine.Machine(OPTIMISED)
    try:
        booted.boot()
        with contextlib.closing(Shell(
                "nsenter", "-t", str(booted.pid), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w",
                "bash")) as shell:
            assert shell.run(MACHINE)[0] == 0
            yield shell
    finally:
        booted.halt()


@contextlib.contextmanager
def rabbitmq():
    guest.require()
    need(OPTIMISED)
    with guest.Guest(OPTIMISED) as system, contextlib.closing(Shell(*system.entry(), "bash")) as shell:
        yield shell
