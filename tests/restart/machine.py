# SPDX-License-Identifier: Apache-2.0
"""A machine with a real systemd: a container that boots from a cached tree.

Always true here: every boot starts from the same tree (what a boot changes is in
memory), the network is the container's own, and the container is gone in the end.
"""

import contextlib
import fcntl
import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from harness import PATIENCE_S, ROOT, network_of, wait_for
from machine import cannot, lacks, need, outer_network, probe

TREE = "/var/tmp/epmd-test-tree"
PACKAGES = "systemd,systemd-sysv,dbus,iproute2,erlang-base"
UNITS = os.path.join(ROOT, "dist", "systemd")
DEV = os.path.join(ROOT, "dev")
HIERARCHIES = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"]
NEEDED = ["debootstrap", "systemd-nspawn", "nsenter", "ldd"]


def require():
    """The calling test needs such a machine."""
    need("a real systemd")


@probe("a real systemd")
def _why_none_boots():
    """Tries it: whether one boots depends on the kernel, and on what this host permits."""
    for thing in "root", *NEEDED:
        if reason := lacks(thing):
            return f"{thing}: {reason}"
    tree()
    tried = Machine()
    try:
        tried.boot()
    except (AssertionError, OSError, TimeoutError) as error:
        return f"none boots in a container: {str(error).strip().splitlines()[-1]}"
    finally:
        tried.halt()
    return None


def tree():
    """The tree to boot from, made when it is missing."""
    return made_tree(TREE, "debootstrap", PACKAGES, "no tree to boot from")


def made_tree(path, tool, packages, failed):
    """A Debian with these packages, made when it is missing; skips where it cannot be."""
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(path):
            partial = path + ".partial"
            shutil.rmtree(partial, ignore_errors=True)
            with outer_network():
                made = subprocess.run(
                    [tool, "--variant=minbase", f"--include={packages}", suite(), partial],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    text=True, check=False)
            if made.returncode != 0:
                cannot(f"{failed}: {made.stdout[-300:]}")
            os.rename(partial, path)
    return path


def suite():
    """This system's own, so that its libraries fit the tree's."""
    with open("/etc/os-release", encoding="utf-8") as release:
        found = re.search(r"^VERSION_CODENAME=(\w+)", release.read(), re.M)
    if not found:
        cannot("this is no Debian that names its suite")
    return found.group(1)


def libraries(binary, root=TREE):
    """What the binary needs and the tree may lack."""
    listing = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
    return [path for path in re.findall(r"(/\S+)", listing)
            if not os.path.exists(root + path)]


def layer_mounts(layer):
    return [f"--overlay=+/{part}:{layer}/{part}::/{part}" for part in ("etc", "usr")] + [
        f"--bind={layer}/journal:/var/log/journal"]


def resolved(path):
    """The path with no link in its directory: what lies over /usr would hide /lib's."""
    directory, name = os.path.split(path)
    return os.path.join(os.path.realpath(directory), name)


class Machine:
    """A booted container; in it are the binary, with what it needs, our units and dev, in /opt.

    layer is a directory whose etc and usr lie over the tree's; its journal is left in it.
    """

    port = 4369
    _numbers = itertools.count()

    def __init__(self, binary=None, layer=None):
        self.binary = binary and os.path.abspath(binary)
        self._mounts = layer_mounts(layer) if layer else []
        self.process = None
        self.pid = None
        self._output = tempfile.TemporaryFile()
        self._cgroups = []
        self._since = 0

    def boot(self):
        binds = []
        if self.binary:
            binds += [f"--bind-ro={self.binary}:/opt/epmd", f"--bind-ro={UNITS}:/opt/units",
                      f"--bind-ro={DEV}:/opt/dev"]
            binds += [f"--bind-ro={path}:{resolved(path)}" for path in libraries(self.binary)]
        own = f"epmdtest.{os.getpid()}.{next(self._numbers)}"  # others may boot the tree, too
        for hierarchy in HIERARCHIES:
            if os.path.isdir(hierarchy):
                self._cgroups.append(os.path.join(hierarchy, own))
                os.makedirs(self._cgroups[-1], exist_ok=True)
        joins = "".join(f"echo $$ > {group}/cgroup.procs; " for group in self._cgroups)
        self.process = subprocess.Popen(
            ["sh", "-c", joins + 'exec "$@"', "sh", "systemd-nspawn", "-q", "-D", TREE, f"--machine={own}",
             "--volatile=overlay", "--register=no", "--keep-unit", "--private-network",
             "--console=pipe", *binds, *self._mounts, "-b"],
            stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output)
        self.pid = wait_for(self._systemd, what="the container's systemd")
        wait_for(lambda: self.run("systemctl", "is-system-running", "--wait").stdout.strip()
                 in ("running", "degraded"), what="a booted container")
        self.run("ip", "link", "set", "lo", "up")

    def _systemd(self):
        assert self.process.poll() is None, f"systemd-nspawn has ended: {self.output()}"
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children",
                  encoding="ascii") as children:
            for child in children.read().split():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError), \
                        open(f"/proc/{child}/comm", encoding="ascii") as comm:
                    if comm.read() == "systemd\n":
                        return int(child)
        return None

    def run(self, *command):
        """Run a command in it to its end; its CompletedProcess, errors in stdout."""
        return subprocess.run(
            ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w",
             *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=PATIENCE_S, check=False)

    def do(self, *command):
        """Run a command that has to succeed; what it printed."""
        result = self.run(*command)
        assert result.returncode == 0, f"{command}: {result.stdout}\n{self.log()}"
        return result.stdout.strip()

    def path(self, path):
        """Where this host sees a file of it."""
        return f"/proc/{self.pid}/root{path}"

    def network(self):
        """A context in which this thread's sockets and programs are in its network."""
        return network_of(self.pid)

    def show(self, property_, unit="epmd.service"):
        return self.do("systemctl", "show", "--value", "-p", property_, unit)

    def main_pid(self):
        return int(self.show("MainPID"))

    def log(self):
        """What was logged for the unit since forget()."""
        return self.run("journalctl", "-o", "cat", "-u", "epmd.service",
                        f"--since=@{self._since}").stdout

    def output(self):
        """What the container has told this host."""
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode(errors="replace")

    def power_off(self):
        """End all services in their order; return when it is off."""
        self.do("systemctl", "--no-block", "poweroff")
        self.process.wait(PATIENCE_S)

    def forget(self):
        """Log from here on."""
        self._since = time.time()

    def halt(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            if self.pid:
                os.kill(self.pid, signal.SIGKILL)
            else:
                self.process.kill()
            self.process.wait()
        for group in self._cgroups:
            for directory, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(directory)
