# SPDX-License-Identifier: Apache-2.0
"""A Debian without an init: packages are installed and removed in it.

Always true here: each starts from the same cached tree, and what changes is in memory;
its network, with port 4369, and its processes are its own; all of it ends with it.
"""

import fcntl
import glob
import hashlib
import os
import re
import shutil
import stat
import subprocess
import tempfile

from harness import network_of, wait_for
from machine import APART, cannot, outer_network
from restart import machine

DEBS = machine.TREE + ".debs"
NEEDED = ["root", "network namespaces", "process namespaces", "mount namespaces", "debootstrap",
          "nsenter", "dpkg-buildpackage", "lintian"]

# What every package's installation changes.
CHANGED_BY_ANY = ("/var/lib/dpkg", "/var/lib/apt", "/var/cache", "/var/log", "/proc", "/dev",
                  "/run", "/tmp", "/sys", "/root")
BACKUPS = ("/etc/passwd-", "/etc/shadow-", "/etc/group-", "/etc/gshadow-")

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


def entry(path):
    """What a file is, whose, and its contents."""
    about = os.lstat(path)
    what = (stat.filemode(about.st_mode), about.st_uid, about.st_gid)
    if stat.S_ISLNK(about.st_mode):
        return *what, os.readlink(path)
    if stat.S_ISREG(about.st_mode):
        with open(path, "rb") as file:
            return *what, hashlib.sha256(file.read()).hexdigest()
    return what


def debs(*names):
    """These packages as files, fetched where they are missing."""
    os.makedirs(DEBS, exist_ok=True)
    with open(f"{DEBS}/lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [name for name in names if not glob.glob(f"{DEBS}/{name}_*.deb")]
        if missing:
            with tempfile.TemporaryDirectory(dir=DEBS) as partial:
                with outer_network():
                    done = subprocess.run(["apt-get", "download", *missing], cwd=partial,
                                          capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    cannot(f"packages cannot be fetched: {done.stderr[-300:]}")
                for path in glob.glob(f"{partial}/*.deb"):
                    shutil.move(path, DEBS)
    return [glob.glob(f"{DEBS}/{name}_*.deb")[0] for name in names]


class Chroot:
    """A tree of its own to install into; `directory` has to be empty."""

    port = 4369

    def __init__(self, directory, tree=machine.TREE):
        self.directory = str(directory)
        self.tree = tree
        self.process = None
        self.pid = None

    def start(self):
        self.process = subprocess.Popen(
            [*APART, "unshare", "--net", "--pid", "--fork", "--kill-child", "--", "sh", "-ec",
             BOOT, "sh", self.tree, self.directory],
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

    def run(self, *command, limit_s=300):
        """Run a command in it to its end; its CompletedProcess, errors in stdout."""
        return subprocess.run(
            ["nsenter", "-t", str(self.pid), "-m", "-n", "-p", "-r", "-w", "env", "-i",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "DEBIAN_FRONTEND=noninteractive",
             "LC_ALL=C.UTF-8", *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=limit_s, check=False)

    def do(self, *command):
        """Run a command that has to succeed; what it printed."""
        result = self.run(*command)
        assert result.returncode == 0, f"{command}: {result.stdout}"
        return result.stdout.strip()

    def _put(self, word):
        """The word, or where the file of this name is in here from now on."""
        if not word.endswith(".deb"):
            return word
        inside = f"/tmp/{os.path.basename(word)}"
        shutil.copy(word, self.path(inside))
        return inside

    def install(self, *files):
        """What `apt install ./FILE ...` prints; without a network."""
        said = self.do("apt-get", "install", "-y", "--no-install-recommends",
                       "-o", "Acquire::Retries=0", *map(self._put, files))
        assert "warning" not in said, said
        return said

    def needs(self, package):
        """The packages that apt would fetch for this one."""
        listed = self.do("apt-get", "install", "-y", "-qq", "--no-install-recommends",
                         "--print-uris", self._put(package))
        return re.findall(r"^'http\S+ ([^_]+)_", listed, re.M)

    def dpkg(self, *words, fails=False):
        """What dpkg prints, which is to succeed, or to fail."""
        result = self.run("dpkg", *map(self._put, words))
        assert (result.returncode != 0) == fails, result.stdout
        assert "dpkg-divert: warning" not in result.stdout, result.stdout
        return result.stdout

    def files(self):
        """Every file that only our package may have changed, as entry() describes it."""
        root, seen = self.path(""), {}
        for at, directories, names in os.walk(root + "/"):
            inside = at[len(root):].rstrip("/")
            directories[:] = [name for name in directories
                              if f"{inside}/{name}" not in CHANGED_BY_ANY]
            for name in directories + names:
                if f"{inside}/{name}" not in BACKUPS:
                    seen[f"{inside}/{name}"] = entry(f"{root}{inside}/{name}")
        return seen

    def verify(self):
        """Assert that dpkg finds each file of ours and of Erlang's as it was unpacked."""
        installed = self.run("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n",
                             "epmd", "erlang-base").stdout
        for package in re.findall(r"^(\S+) installed$", installed, re.M):
            assert self.do("dpkg", "--verify", package) == "", package

    def ours(self, *programs):
        """Assert that each of these is our epmd; stock's knows no -version."""
        for program in programs:
            assert re.match(r"epmd \d+\.", self.do(program, "-version")), program

    def daemons(self):
        """The programs that the processes called epmd run."""
        return self.run("sh", "-c", "for p in $(pgrep -x epmd); do readlink /proc/$p/exe; done"
                        ).stdout.split()

    def serving(self):
        """What the worker calls its version; it is younger than its keeper."""
        return self.run("sh", "-c", "/proc/$(pgrep -n -x epmd)/exe -version").stdout.strip()

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.kill()  # and so the first process, and all the others
        self.process.wait()
