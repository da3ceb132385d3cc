# SPDX-License-Identifier: Apache-2.0
"""A Debian system with RabbitMQ and ejabberd, in namespaces of its own.

Debian's packages start their services, and a stock epmd on port 4369, where they are
installed; so they are in a tree of their own, which is cached. Always true here: a
guest's changes to the tree are in memory, its network is its own, `epmd` is the
binary under test wherever it looks, and its processes end with it.
"""

import os
import re
import subprocess
import tempfile

from harness import PATIENCE_S, network_of
from machine import APART, need, need_asked
from restart.machine import libraries, made_tree

TREE = "/var/tmp/epmd-test-clients"
PACKAGES = "rabbitmq-server,ejabberd,iproute2,procps"
HOST = "guest"
# Not a loopback one: registrations and lookups take different ways, as on real hosts.
ADDRESS = "10.9.8.1"

SETUP = """
set -e
mount -t tmpfs guest "$1"
mkdir "$1/changes" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=$2,upperdir=$1/changes,workdir=$1/work" guest "$1/root"
cd "$1/root"
mount -t proc proc proc
for file in $4; do
    mkdir -p ".${file%/*}"
    touch ".$file"
    mount --bind "$file" ".$file"
done
for place in usr/bin/epmd usr/lib/erlang/erts-*/bin/epmd; do
    mount --bind "$3" "$(readlink -f "$place")"
done
hostname "$5"
echo "127.0.0.1 localhost
$6 $5" >etc/hosts
ip link set lo up
ip address add "$6" dev lo
exec chroot . sh -c 'echo ready; exec cat'
"""


def require():
    """Skip where there can be no guest."""
    need_asked("clients")
    need("network namespaces", "mount namespaces")
    if not os.path.isdir(TREE):
        need("mmdebstrap")


def tree():
    """The tree that guests see, made when it is missing."""
    return made_tree(TREE, "mmdebstrap", PACKAGES, "RabbitMQ and ejabberd are not installed")


class Guest:
    """A running guest; gone, with all that runs in it, when its block ends."""

    def __init__(self, binary):
        self._place = tempfile.mkdtemp(prefix="epmd-guest-")
        binary = os.path.abspath(binary)
        self._holder = subprocess.Popen(
            [*APART, "unshare", "--net", "--uts", "--pid", "--fork", "--kill-child",
             "sh", "-c", SETUP, "sh", self._place, tree(), binary,
             " ".join(libraries(binary, TREE)), HOST, ADDRESS],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self._holder.stdout.readline() != b"ready\n":
            error = self._holder.communicate()[1].decode()
            os.rmdir(self._place)
            raise RuntimeError(error)
        with open(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children",
                  encoding="ascii") as children:
            self._init = children.read().split()[0]

    def entered(self):
        """A context in which this thread's sockets and programs are in the guest's network."""
        return network_of(self._holder.pid)

    def entry(self, **variables):
        """What a command follows to be run in it."""
        settings = [f"{name}={value}" for name, value in variables.items()]
        return ["nsenter", "-t", self._init, "-m", "-u", "-n", "-p", "-r", "-w", "env", "-i",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", *settings]

    def run(self, *command, timeout=2 * PATIENCE_S, **variables):
        """Run a command in it to its end; its CompletedProcess, errors in stdout."""
        return subprocess.run(
            [*self.entry(**variables), *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=timeout, check=False)

    def do(self, *command, **how):
        """Run a command that has to succeed; what it printed."""
        result = self.run(*command, **how)
        assert result.returncode == 0, f"{command}: {result.stdout}"
        return result.stdout

    def names(self):
        """What `epmd -names` says in it: {name: port}."""
        listed = re.findall(r"^name (\S+) at port (\d+)$", self.do("epmd", "-names"), re.M)
        return {name: int(port) for name, port in listed}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._holder.communicate()
        os.rmdir(self._place)
