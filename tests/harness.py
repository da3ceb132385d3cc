# SPDX-License-Identifier: Apache-2.0
"""Start, talk to and end epmd daemons.

Always true here: a Daemon listens on a port of its own when start() has
returned, is ended by its own process id, and leaves no process behind. A
sanitizer's report fails the test that provoked it, at stop().
"""

import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import time

import machine
from machine import free_port, set_network

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OURS = os.environ.get("EPMD", os.path.join(ROOT, "build", "epmd"))
# Built without sanitizers: with the system call filter, and as fast as it is.
OPTIMISED = os.environ.get("EPMD_OPTIMISED", os.path.join(ROOT, "build", "epmd"))
STOCK = os.environ.get("EPMD_STOCK", "/usr/bin/epmd")
if not os.access(STOCK, os.X_OK):
    STOCK = None

PATIENCE_S = 100  # with what only a hang can take; below pytest's own limit
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, TCP_LISTEN = 4, 20, 0x301, 10
SANITIZER = re.compile(r"(Sanitizer:|runtime error:).*")


def visible(binary):
    """The options with which a daemon lets this process see its descriptors in /proc."""
    hides = kind_of(binary) == "ours" and machine.may("CAP_SYS_PTRACE") is not None
    return ["-no_sandbox", "dumpable"] if hides else []


def kind_of(binary):
    """'stock' or 'ours': which set of intended differences holds for a binary."""
    return "stock" if STOCK and os.path.realpath(binary) == os.path.realpath(STOCK) else "ours"


def clean_env(extra=None):
    """This process's environment without anything that an epmd would obey."""
    obeyed = ("ERL_EPMD_", "LISTEN_", "NOTIFY_SOCKET", "WATCHDOG_", "JOURNAL_STREAM", "COLUMNS",
              "NO_COLOR")
    env = {key: value for key, value in os.environ.items() if not key.startswith(obeyed)}
    env.update(extra or {})
    return env


def wait_for(condition, timeout=PATIENCE_S, what="condition"):
    """Poll until condition() is true and return its value."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} not seen within {timeout} s")
        time.sleep(0.005)
    return value


@contextlib.contextmanager
def network_of(pid):
    """Sockets made and commands started by this thread meanwhile are in a process's network."""
    home, there = "/proc/thread-self/ns/net", f"/proc/{pid}/ns/net"
    if os.readlink(home) == os.readlink(there):
        yield  # needs no privilege
        return
    with open(home) as back, open(there) as inside:
        set_network(inside.fileno())
        try:
            yield
        finally:
            set_network(back.fileno())


def listeners():
    """(address, port, inode) of every listening TCP socket in this thread's network.

    Asked of the kernel by netlink: /proc/net/tcp also lists each connection
    that has ended lately, which takes longer than the test.
    """
    return [row for family in (socket.AF_INET, socket.AF_INET6) for row in _diagnose(family)]


def _diagnose(family):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        request = struct.pack("=BBxxI48x", family, socket.IPPROTO_TCP, 1 << TCP_LISTEN)
        kernel.send(struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY,
                                NLM_F_REQUEST_DUMP, 0, 0) + request)
        while True:
            data = kernel.recv(1 << 16)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                if kind != SOCK_DIAG_BY_FAMILY:
                    return
                yield _row(family, data[16:length])
                data = data[length:]


def _row(family, message):
    port, = struct.unpack_from(">H", message, 4)
    inode, = struct.unpack_from("=I", message, 68)
    size = 4 if family == socket.AF_INET else 16
    return socket.inet_ntop(family, message[8:8 + size]), port, str(inode)


def socket_inodes(pid):
    """The socket inodes that a process and its children hold."""
    found = set()
    with contextlib.suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{fd}")
                if target.startswith("socket:["):
                    found.add(target[8:-1])
        with open(f"/proc/{pid}/task/{pid}/children") as children:
            for child in children.read().split():
                found |= socket_inodes(child)
    return found


def listening(pid):
    """The sorted (address, port) pairs on which a process listens."""
    with network_of(pid):
        inodes = socket_inodes(pid)
        return sorted({(address, port) for address, port, inode in listeners() if inode in inodes})


class StartError(Exception):
    """A daemon ended, or stayed deaf, instead of listening."""


class Daemon:
    """One epmd daemon on a free port.

    wrapper is a command that executes the rest of its arguments in its own
    process (prlimit, say): pid must stay the daemon's. namespace is anything
    whose entered() puts the calling thread into a network namespace.
    """

    def __init__(self, binary, *options, env=None, port=None, addresses=None, wrapper=(),
                 namespace=None):
        self.binary = binary
        self.kind = kind_of(binary)
        self.options = options
        self.env = env
        self.wrapper = wrapper
        self._inside = namespace.entered if namespace else contextlib.nullcontext
        self.addresses = addresses
        self._fixed_port = port
        self.port = port or free_port()
        self._process = None
        self._log = None

    @property
    def pid(self):
        return self._process.pid

    def command(self):
        address = ["-address", ",".join(self.addresses)] if self.addresses else []
        return [*self.wrapper, self.binary, "-port", str(self.port), *address,
                *visible(self.binary), *self.options]

    def start(self, reachable=True):
        """Start in the foreground; return when a connection has been accepted.

        Where no route leads to it (reachable=False), when it listens.
        """
        for last in (False, False, True):
            self._spawn()
            try:
                ready = self._answers if reachable else self._listens
                wait_for(ready, what=f"{self.command()} listening")
                return self
            except (StartError, TimeoutError) as error:
                self.stop()
                # Another test may have bound the port since free_port() looked.
                if last or self._fixed_port or "in use" not in self.log():
                    raise StartError(f"{error}\n{self.log()}") from error
                self.port = free_port()

    def _spawn(self):
        self._log = tempfile.TemporaryFile()
        with self._inside():
            self._process = subprocess.Popen(
                self.command(), env=clean_env(self.env), stdin=subprocess.DEVNULL,
                stdout=self._log, stderr=self._log)

    def _listens(self):
        if self.exit_code() is not None:
            raise StartError(f"{self.command()} ended with {self.exit_code()}")
        with contextlib.suppress(FileNotFoundError):  # it ends just now
            return listening(self.pid)
        return []

    def _answers(self):
        with self._inside():
            return any(self._accepts(*address) for address in self._listens())

    @staticmethod
    def _accepts(address, port):
        """An empty frame is closed without a reply, and only by a daemon that runs."""
        with contextlib.suppress(OSError):
            with socket.create_connection((address, port), timeout=PATIENCE_S) as probe:
                probe.sendall(b"\0\0")
                return probe.recv(1) == b""
        return False

    def exit_code(self):
        """None while it runs."""
        return self._process.poll()

    def wait(self, timeout=PATIENCE_S):
        """Wait for its end; its exit code."""
        return self._process.wait(timeout)

    def stop(self):
        """End it; harmless when it has ended or was never started."""
        if self._process is None:
            return
        if self.exit_code() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self._process.kill()
                self.wait()
        report = SANITIZER.search(self.log())
        assert not report, self.log()

    def log(self):
        """What it has written to its standard streams so far."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace")

    def wait_log(self, pattern, timeout=PATIENCE_S):
        """Wait until a regular expression matches in its log; the match."""
        return wait_for(lambda: re.search(pattern, self.log()), timeout, f"{pattern!r} in the log")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def run_epmd(binary, *args, env=None, timeout=PATIENCE_S, **popen):
    """Run one epmd command to its end; its CompletedProcess, as text."""
    return subprocess.run(
        [binary, *args], env=clean_env(env), timeout=timeout, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        check=False, **popen)
