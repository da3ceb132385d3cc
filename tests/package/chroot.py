# SPDX-License-Identifier: Apache-2.0
"""A Debian without an init: packages are installed and removed in it.

Always true here: each starts from the same cached tree, and what changes is in memory;
its network, with port 4369, and its processes are its own; all of it ends with it.
"""

import contextlib
import fcntl
import glob
import os
import shutil
import subprocess

from harness import network_of, wait_for
from restart import machine

DEBS = machine.TREE + ".debs"
# What the package depends on and the tree does not have; and what it stands beside.
PACKAGES = ["libevent-core-2.1-7", "libsodium23", "erlang-base"]
NEEDED = ["debootstrap", "unshare", "nsenter", "ip", "dpkg-buildpackage", "lintian"]

# In namespaces of its own, as their first process: it waits for orphans.
BOOT = """
ip link set lo up
mount -t tmpfs tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
mount -t proc proc "$2/root/proc"
mount --rbind /dev "$2/root/dev"
echo "127.0.0.1 localhost $(hostname)" >"$2/root/etc/hosts"
exec chroot "$2/root" sh -c 'touch /run/up; while :; do sleep 1000; done'
"""


def debs():
    """The packages as files, by name, fetched when they are missing."""
    with open(DEBS + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(DEBS):
            partial = DEBS + ".partial"
            shutil.rmtree(partial, ignore_errors=True)
            os.mkdir(partial)
            fetched = subprocess.run(["apt-get", "download", *PACKAGES], cwd=partial,
                                     capture_output=True, text=True, check=False)
            if fetched.returncode != 0:
                machine.pytest.skip(f"packages cannot be fetched: {fetched.stderr[-300:]}")
            os.rename(partial, DEBS)
    return {name: glob.glob(f"{DEBS}/{name}_*.deb")[0] for name in PACKAGES}


class Chroot:
    """A tree of its own to install into; `directory` has to be empty."""

    port = 4369

    def __init__(self, directory):
        self.directory = str(directory)
        self.process = None
        self.pid = None

    def start(self):
        self.process = subprocess.Popen(
            ["unshare", "--net", "--pid", "--fork", "--mount", "--kill-child", "--", "sh", "-ec",
             BOOT, "sh", machine.TREE, self.directory],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = wait_for(self._first, what="the first process")
        wait_for(lambda: os.path.exists(self.path("/run/up")), what="the tree")

    def _first(self):
        assert self.process.poll() is None, "the tree cannot be set up"
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children",
                  encoding="ascii") as children:
            return next(map(int, children.read().split()), None)

    def path(self, inside):
        """Where a file of it is seen from here."""
        return f"/proc/{self.pid}/root{inside}"

    def network(self):
        return network_of(self.pid)

    def run(self, *command):
        """Run a command in it to its end; its CompletedProcess, errors in stdout."""
        return subprocess.run(
            ["nsenter", "-t", str(self.pid), "-m", "-n", "-p", "-r", "-w", "env", "-i",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "DEBIAN_FRONTEND=noninteractive",
             "LC_ALL=C.UTF-8", *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=60, check=False)

    def do(self, *command):
        """Run a command that has to succeed; what it printed."""
        result = self.run(*command)
        assert result.returncode == 0, f"{command}: {result.stdout}"
        return result.stdout.strip()

    def install(self, *files):
        """As `apt install ./FILE ...` does it, without a network."""
        names = []
        for file in files:
            names.append(f"/tmp/{os.path.basename(file)}")
            shutil.copy(file, self.path(names[-1]))
        return self.do("apt-get", "install", "-y", "--no-install-recommends", "--allow-downgrades",
                       "--reinstall", "-o", "Dpkg::Options::=--force-unsafe-io", *names)

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.kill()  # and so the first process, and all the others
        self.process.wait()
        with contextlib.suppress(TypeError):
            wait_for(lambda: not os.path.exists(f"/proc/{self.pid}"), what="the end of the tree")
