# SPDX-License-Identifier: Apache-2.0
"""A journal made of Python, for daemons in a mount namespace of their own.

Always true here: the socket is where systemd-journald has its own, but only for what
runs under `wrapper`; it is read only when the test does.
"""

import os
import socket

from harness import wait_for
from machine import APART, need

# The place of the socket; "$1" holds it.
INSTEAD = ('mount -t tmpfs none /run && mkdir -p /run/systemd/journal && '
           'mount --bind "$1" /run/systemd/journal && shift && ')
# As a service manager tells it whose standard error is a stream to the journal.
STREAM = 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) && export JOURNAL_STREAM && '
BECOME = 'exec "$@"'
SIZE = 1 << 16


class Journal:
    """Holds what is sent to it; entries are dicts of text."""

    def __init__(self, folder):
        need("mount namespaces")
        self._folder = str(folder)
        os.chmod(folder, 0o755)  # as journald has its own, and the socket
        self.entries = []
        self._socket = None
        self.listen()

    def listen(self):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(os.path.join(self._folder, "socket"))
        os.chmod(os.path.join(self._folder, "socket"), 0o666)
        self._socket.setblocking(False)

    def vanish(self):
        """Nobody listens any more, until listen()."""
        self._socket.close()
        os.unlink(os.path.join(self._folder, "socket"))

    @property
    def wrapper(self):
        return (*APART, "sh", "-c", INSTEAD + BECOME, "sh", self._folder)

    @property
    def service(self):
        """As a service, whose standard error leads here as well."""
        return (*APART, "sh", "-c", INSTEAD + STREAM + BECOME, "sh", self._folder)

    def read(self):
        """Take what has been sent."""
        try:
            while True:
                self.entries.append(parse(self._socket.recv(SIZE)))
        except BlockingIOError:
            return self.entries

    def having(self, **fields):
        return [entry for entry in self.read()
                if all(entry.get(key) == value for key, value in fields.items())]

    def wait(self, text):
        """Wait for a message that contains this; the first such entry."""
        return wait_for(lambda: [entry for entry in self.read() if text in entry["MESSAGE"]],
                        what=f"{text!r} in {self.entries}")[0]

    def close(self):
        self._socket.close()


def parse(datagram):
    """The fields of an entry, as https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ has them."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        key, is_text, value = line.partition(b"=")
        if not is_text:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8:8 + length], rest[8 + length:]
            assert rest[:1] == b"\n", datagram
            rest = rest[1:]
        assert key.decode() not in fields, datagram
        fields[key.decode()] = value.decode()
        datagram = rest
    return fields
