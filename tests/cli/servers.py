# SPDX-License-Identifier: Apache-2.0
"""What a command may find at the other end: servers that are no epmd, and daemons that detached.

Everything started here is ended by process id when its context ends.
"""

import contextlib
import os
import signal
import socket
import struct
import threading

from harness import free_port, listeners, run_epmd, visible, wait_for


class Fake:
    """Answers every connection with the same bytes and closes; reply=None never answers."""

    def __init__(self, reply, host="127.0.0.1", port=None):
        self.port = port or free_port()
        self.requests = []
        self.n_accepted = 0
        self._reply = reply
        self._held = []
        self._listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((host, self.port))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                peer = self._listener.accept()[0]
                self._held.append(peer)
                self.n_accepted += 1
                if self._reply is not None:
                    self._answer(peer)

    def _answer(self, peer):
        with contextlib.suppress(OSError), peer:
            self.requests.append(peer.recv(100))
            peer.sendall(self._reply)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for peer in self._held:
            peer.close()


class Reset(Fake):
    """Sends its reply, and resets the connection."""

    def _answer(self, peer):
        with contextlib.suppress(OSError), peer:
            self.requests.append(peer.recv(100))
            peer.sendall(self._reply)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def holders(port):
    """The ids of the processes that hold a listening socket on a port in this namespace."""
    inodes = {f"socket:[{inode}]" for _, bound, inode in listeners() if bound == port}
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
            if inodes & descriptors(pid)]


def descriptors(pid):
    """What a process's descriptors are."""
    found = set()
    with contextlib.suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found.add(os.readlink(f"/proc/{pid}/fd/{number}"))
    return found


def is_here(pid):
    """Whether a process is in this network, as far as that can be asked."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/thread-self/ns/net")
    except PermissionError:
        return True


def started_for(port):
    """The processes of this network that were told a port, which is this test's alone there."""
    told = f"-port\0{port}\0".encode()
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as words:
            if told in words.read() and is_here(pid):
                found.append(int(pid))
    return found


def end_all(port):
    """End what was started for a port, also a child that has yet to try and bind it."""
    def ended():
        for pid in started_for(port):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        return not started_for(port)
    wait_for(ended, what=f"the end of all that was started for port {port}")


class Detached:
    """`epmd -daemon` with these options; it listens when the context has begun."""

    def __init__(self, binary, *options, env=None, wrapper=()):
        self.port = free_port()
        self._command = [*wrapper, binary, "-daemon", "-port", str(self.port), *visible(binary),
                         *options]
        self._env = env
        self.result = None

    def holders(self):
        return holders(self.port)

    def __enter__(self):
        self.result = run_epmd(self._command[0], *self._command[1:], env=self._env)
        assert self.result.returncode == 0, self.result
        wait_for(self.holders, what="the detached daemon listening")
        return self

    def __exit__(self, *_):
        end_all(self.port)
