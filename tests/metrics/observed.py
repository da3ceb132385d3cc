# SPDX-License-Identifier: Apache-2.0
"""A daemon that is seen over HTTP, and what it answers there."""

import email
import re

from harness import Daemon, free_port, wait_for
from restart.keeping import Kept
from wire.protocol import connect, read_all, send

LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
ANY_LABEL = r'\w+="(?:[^"\\]|\\.)*"'
SERIES = re.compile(rf"^(\w+)(?:\{{({ANY_LABEL}(?:,{ANY_LABEL})*)\}})? (\S+)$")
UNESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


class Reply:
    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        line, _, fields = head.decode("latin-1").partition("\r\n")
        self.code = int(line.split()[1]) if line else None
        self.headers = email.message_from_string(fields)


def request(path, method="GET", fields=()):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *fields, "", ""]).encode()


def unescape(label):
    return re.sub(r"\\.", lambda pair: UNESCAPED[pair[0]], label)


def lines(text):
    """Each series of the text format, in order: name, labels, value."""
    for line in text.decode().split("\n"):
        if line and not line.startswith("#"):
            name, labels, value = SERIES.match(line).groups()
            labels = {key: unescape(escaped) for key, escaped in LABEL.findall(labels or "")}
            yield name, labels, float(value)


def series(text):
    """Each value of the text format, by name alone or by (name, first label's value)."""
    found = {}
    for name, labels, value in lines(text):
        key = (name, next(iter(labels.values()))) if labels else name
        assert key not in found, key
        found[key] = value
    return found


def name_of(key):
    """The name in a key of series()."""
    return key if isinstance(key, str) else key[0]


class _Seen:
    """What Daemon and Kept have in common here: -metrics is their last option."""

    def __init__(self, binary, *options, address=None, **how):
        self.metrics_port = free_port()
        self.metrics_host = address.strip("[]") if address else "127.0.0.1"
        where = f"{address}:{self.metrics_port}" if address else str(self.metrics_port)
        super().__init__(binary, *options, "-metrics", where, **how)

    def _listens(self):
        """Only where it is an epmd: a connection to the other socket tells nothing."""
        return [(host, port) for host, port in super()._listens() if port == self.port]

    def connect(self, **how):
        return connect(self.metrics_port, how.pop("host", self.metrics_host), **how)

    def ask(self, data, **how):
        """What the HTTP server makes of these bytes."""
        with self.connect(**how) as sock:
            send(sock, data)
            return Reply(read_all(sock))

    def get(self, path, **how):
        return self.ask(request(path), **how)

    def series(self, **how):
        return series(self.get("/metrics", **how).body)

    def wait_series(self, name, value):
        wait_for(lambda: self.series()[name] == value, what=f"{name} of {value}")


class Observed(_Seen, Daemon):
    pass


class ObservedKept(_Seen, Kept):
    pass
