# SPDX-License-Identifier: Apache-2.0
"""Network namespaces that end with the process that made them.

A namespace has no name and no file: a holder that waits for the end of its
standard input keeps it alive, so nothing is left behind however the tests end.
"""

import contextlib
import subprocess

import machine
from harness import network_of


class Namespace:
    def __init__(self):
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo ready; exec cat"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self._holder.stdout.readline() != b"ready\n":
            error = self._holder.communicate()[1].decode()
            raise PermissionError(error)

    @property
    def pid(self):
        return self._holder.pid

    def entered(self):
        """A context in which this thread's new sockets and commands are in the namespace."""
        return network_of(self.pid)

    def run(self, *command):
        with self.entered():
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)

    def ip(self, *lines):
        """Run lines of the ip command, one after the other."""
        for line in lines:
            self.run("ip", *line.split())

    def close(self):
        self._holder.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@contextlib.contextmanager
def pair():
    """Two namespaces, (here, there), joined by one cable: 10.9.9.1 and .2, fd99::1 and ::2."""
    machine.need("network namespaces")
    with Namespace() as here, Namespace() as there:
        here.ip("link set lo up", f"link add cable type veth peer name cable netns {there.pid}")
        there.ip("link set lo up")
        for number, end in (1, here), (2, there):
            end.ip(f"addr add 10.9.9.{number}/24 dev cable",
                   f"addr add fd99::{number}/64 dev cable nodad", "link set cable up")
        yield here, there
