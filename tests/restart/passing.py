# SPDX-License-Identifier: Apache-2.0
"""A watcher made of Python: it passes descriptors to a worker, and holds what it is sent.

Always true here: it is either a keeper (its end of a socket pair is passed) or a
service manager ($NOTIFY_SOCKET); it reads only when it is told to, and closes all
that it holds in the end.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile

from harness import Daemon, clean_env, free_port, wait_for

# Becomes the worker, in the same process: LISTEN_PID has to name it.
LAUNCHER = """
import fcntl, os, signal, sys
for ignored_by_python in signal.SIGPIPE, signal.SIGXFSZ:
    signal.signal(ignored_by_python, signal.SIG_DFL)
numbers = [int(number) for number in sys.argv[1].split(",") if number]
beyond = 3 + len(numbers)
for i, number in enumerate(numbers):
    numbers[i] = fcntl.fcntl(number, fcntl.F_DUPFD, beyond)
    os.close(number)
for place, number in enumerate(numbers, 3):
    os.dup2(number, place)
os.closerange(beyond, 1 << 16)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


class Worker(Daemon):
    """A daemon that finds these descriptors passed to it."""

    def __init__(self, binary, passed, *options, **how):
        self.passed = [os.dup(fd) for fd in passed]
        numbers = ",".join(map(str, self.passed))
        super().__init__(binary, *options, **how,
                         wrapper=(sys.executable, "-ISc", LAUNCHER, numbers))

    def _spawn(self):
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self.command(), env=clean_env(self.env), pass_fds=self.passed,
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        for fd in self.passed:
            os.close(fd)


class Watcher:
    """Starts workers one after the other; what one stored is passed to the next."""

    def __init__(self, binary, path=None, *options, env=None):
        self.binary, self.options, self.port = binary, options, free_port()
        self.env = env or {}
        self.held = {"l": [], "n": [], "s": []}
        self.words = []
        self.worker = None
        self.is_manager = path is not None
        self.channel = None
        if self.is_manager:
            self.channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.channel.bind(path)
            self.env["NOTIFY_SOCKET"] = path
            self.listen()

    def listen(self, address="127.0.0.1"):
        """A listening socket of ours, as a .socket unit makes it."""
        with socket.create_server((address, self.port)) as listener:
            self.held["l"].append(listener.detach())

    def start(self, passed=None, env=None, **how):
        """Start a worker with what is held, or with other descriptors."""
        passed = list(passed if passed is not None else self.descriptors())
        env = {**self.env, "EPMD_KEEPER": str(os.getpid()), **(env or {})}
        options = self.options
        if self.is_manager:
            options = ("-systemd", *options)
        else:
            self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            passed.insert(0, theirs.fileno())
        env["LISTEN_FDS"] = str(len(passed))
        if self.is_manager:
            del env["EPMD_KEEPER"]
        self.worker = Worker(self.binary, passed, *options, env=env, port=self.port)
        self.worker.start(**how)
        if not self.is_manager:
            theirs.close()
        return self.worker

    def descriptors(self):
        return [fd for kind in "lsn" for fd in self.held[kind]]

    def take(self, wait=0):
        """Take one message; False where there is none."""
        self.channel.settimeout(wait)
        try:
            data, fds, _, _ = socket.recv_fds(self.channel, 4096, 253)
        except (BlockingIOError, TimeoutError, ConnectionResetError):
            return False
        words = data.decode().splitlines()
        self.words += words
        kind = next((word[7:] for word in words if word.startswith("FDNAME=")), None)
        for fd in fds:
            self.held[kind].append(fd)
        return bool(data)

    def take_all(self):
        """Take what there is."""
        while self.take():
            pass

    def take_until(self, condition, what):
        """Take messages until a condition holds."""
        def taken():
            self.take_all()
            return condition()
        wait_for(taken, what=what)

    def take_nodes(self, count):
        self.take_until(lambda: len(self.held["n"]) == count, f"{count} stored connections")

    def kill(self):
        """Kill the worker."""
        os.kill(self.worker.pid, signal.SIGKILL)
        self.worker.wait()
        self.take_all()

    def restart(self, **how):
        self.kill()
        return self.start(**how)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.worker:
            self.worker.stop()
        if self.channel:
            self.channel.close()
        for fds in self.held.values():
            for fd in fds:
                with contextlib.suppress(OSError):
                    os.close(fd)


def memory_file(content):
    """A file in memory with these bytes."""
    fd = os.memfd_create("state")
    os.pwrite(fd, content, 0)
    return fd


def content_of(fd):
    return os.pread(fd, os.fstat(fd).st_size, 0)
