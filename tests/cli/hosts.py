# SPDX-License-Identifier: Apache-2.0
"""Hosts with a network, a name and an /etc/hosts of their own, and the doctor's visit there.

Always true here: a host ends with its context, port 4369 is its own, and no
name is looked up beyond its own /etc/hosts.
"""

import contextlib
import json
import os
import re
import subprocess
import tempfile

from clients.beam import Site
from cli.servers import Fake
from harness import OURS, PATIENCE_S, Daemon, clean_env
from machine import APART, OVER, need
from wire.namespaces import Namespace, pair
from wire.protocol import Node

PORT = 4369
# What a sanitizer has to say where /proc is missing.
SANITIZER_MISSES = re.compile(
    r"^==\d+==(WARNING: reading executable name failed|Can't open /proc/\d+/task"
    r"|LeakSanitizer has encountered|HINT:)")
ADDRESS = "10.9.9.1"
# Executes the rest where these files lie over those of the system.
INSIDE = OVER + """
hostname "$1"; over "$2" /etc/hosts; over "$3" /etc/resolv.conf
eval "$4"; shift 4; exec "$@"
"""


class Host:
    def __init__(self, namespace, folder, name="host"):
        self.namespace, self.folder, self.name = namespace, folder, name
        self.resolves(f"{ADDRESS} host host.example\n10.9.9.2 there there.example\n")

    def _write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def resolves(self, lines):
        """Make these all that /etc/hosts has, beside localhost."""
        self._hosts = self._write("hosts", "127.0.0.1 localhost\n" + lines)

    def run(self, *command, env=None, prepare=":", nameserver=None, **how):
        """Run a command on this host to its end; `prepare` is shell for its mount namespace."""
        servers = self._write("resolv.conf", f"nameserver {nameserver}\n" if nameserver else "")
        inside = [*APART, "unshare", "--uts", "sh", "-ec", INSIDE, "sh", self.name,
                  self._hosts, servers, prepare]
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
               "text": True, "errors": "replace", "timeout": PATIENCE_S, "check": False, **how}
        with self.namespace.entered():
            return subprocess.run([*inside, *command], env=clean_env(env), **how)

    def check(self, *words, command=(os.path.abspath(OURS),), **how):
        """What the doctor finds: its JSON, with the exit code and the steps by name in it."""
        result = self.run(*command, "-json", "-check", *words, **how)
        errors = [line for line in result.stderr.splitlines() if not SANITIZER_MISSES.search(line)]
        assert not errors, errors
        found = json.loads(result.stdout)
        found["exit"] = result.returncode
        found["by"] = {step["step"]: step for step in found["steps"]}
        return found

    def epmd(self, binary, *options, port=PORT, **how):
        return Daemon(binary, *options, port=port, namespace=self.namespace, **how)

    @contextlib.contextmanager
    def server(self, reply, address, port):
        """Something that answers all the same: bytes, or with None nothing."""
        with self.namespace.entered():
            fake = Fake(reply, host=address, port=port)
        with fake:
            yield fake

    @contextlib.contextmanager
    def node(self, *options, port=PORT):
        """An erl node on this host."""
        with tempfile.TemporaryDirectory() as home, contextlib.ExitStack() as stack:
            with self.namespace.entered():
                node = Site(port, home).node(*options)
            yield stack.enter_context(node)


@contextlib.contextmanager
def host():
    """One host with an address beside the loopback ones: 10.9.9.1."""
    need("network namespaces", "mount namespaces")
    with Namespace() as namespace, tempfile.TemporaryDirectory() as folder:
        namespace.ip("link set lo up", "link add eth0 type veth peer name cable",
                     f"addr add {ADDRESS}/24 dev eth0", "link set eth0 up", "link set cable up")
        yield Host(namespace, folder)


@contextlib.contextmanager
def two_hosts():
    """Two, joined by a cable: 10.9.9.1, fd99::1 and 10.9.9.2, fd99::2."""
    need("mount namespaces")
    with pair() as (here, there), tempfile.TemporaryDirectory() as folder:
        other = os.path.join(folder, "there")
        os.mkdir(other)
        yield Host(here, folder), Host(there, other, "there")


def failed(found, step, cause):
    """The step that failed first, and for that cause."""
    first = next(row for row in found["steps"] if row["status"] == "failed")
    assert (found["exit"], found["ok"], found["cause"]) == (1, False, cause), found
    assert (first["step"], first["cause"]) == (step, cause), found
    assert first["cure"], first
    return first


def swallow(namespace, port):
    """Let what is sent to 10.9.9.2 at this port vanish, as a firewall that drops does."""
    nobody = "10.9.9.77"
    namespace.ip(f"neigh replace {nobody} lladdr 02:00:00:00:00:77 dev cable",
                 f"route replace 10.9.9.2/32 via {nobody} dev cable table {port}",
                 f"rule add ipproto 6 dport {port} to 10.9.9.2 lookup {port}")


class At:
    """Where a registration is made, as wire.protocol's helpers want it."""

    def __init__(self, port):
        self.port = port


def register(on, name, at_port=PORT, **values):
    """A registration without a node, made on a host."""
    with on.namespace.entered():
        return Node(At(at_port), name, **values)
