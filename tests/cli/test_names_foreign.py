# SPDX-License-Identifier: Apache-2.0
"""-names with options, when anything may answer: nothing of it crashes or reaches a terminal raw."""

import contextlib
import errno
import os
import re
import subprocess

import pytest

from cli.names import ask, parsed, read_table
from cli.servers import Fake
from harness import clean_env
from machine import strerror


class Scripted(Fake):
    """Answers each request by its tag; nothing where there is no answer, not even a close."""

    def __init__(self, **replies):
        self._replies = replies
        super().__init__(b"")

    def _answer(self, peer):
        request = peer.recv(2000)
        self.requests.append(request)
        reply = self._replies.get(request[2:3].decode("latin1"))
        if reply is not None:
            with contextlib.suppress(OSError), peer:
                peer.sendall(reply)


LIST = b"\0\0\x11\x11name a at port 1\nname b at port 2\n"
HOSTILE = {
    "garbage": {"i": b"\0\1\2", "n": b"\x1b[2J\n\x1b]0;x\x07\nname \x1b[1m\xff at port 1\n", "z": b"?"},
    "another version": {"i": b"i\2", "n": LIST, "z": b"w\1"},
    "cut": {"i": b"i\1\1\0\x41", "n": LIST, "z": b"w\0\1"},
    "too many nodes": {"i": b"i\1\1\0\x41" + b"\xff" * 65, "n": LIST, "z": b"w\0" + b"\xff" * 3000},
    "no lookups": {"i": b"", "n": LIST, "z": b""},
    "long lines": {"i": b"", "n": b"\0\0\0\1" + b"n" * 100000, "z": b""},
    "a short list": {"i": b"", "n": b"\0\0\0\1name a at po", "z": b""},
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("options", [["-l"], ["-json"], ["-host", "127.0.0.1"],
                                     ["-l", "-host", "127.0.0.1"]], ids=" ".join)
def test_no_answer_reaches_the_terminal_as_it_is(ours, what, options):
    with Scripted(**HOSTILE[what]) as fake:
        code, output, errors = ask(ours, fake.port, *options)
        assert code in (0, 1)
        assert not re.search(r"[\0-\x09\x0b-\x1f\x7f-\x9f\ufffd]", output + errors)


def test_a_name_that_is_no_utf8_is_shown_in_hexadecimal(ours):
    with Scripted(i=b"", n=b"\0\0\0\1name \xff\x1b at port 1\n", z=b"w\1") as fake:
        assert parsed(ours, fake.port)["nodes"][0]["name"] == r"\xff\x1b"
        assert read_table(ask(ours, fake.port, "-l")[1], 1)[0]["NAME"] == r"\xff\x1b"


def inventory(n, since=0):
    """A reply to INFO_REQ with so many nodes called a."""
    fields = (0).to_bytes(16, "big") + b"\0\0" + b"\0\1M\0\0\6\0\5\0\1a\0\0"
    body = since.to_bytes(8, "big", signed=True) + b"\0\0\0\4" + fields
    daemon = b"\0\1" + bytes(14) + n.to_bytes(4, "big") + bytes(4) + bytes(8) + bytes(2)
    return (b"i\1" + b"\1" + len(daemon).to_bytes(2, "big") + daemon
            + n * (b"\2" + len(body).to_bytes(2, "big") + body))


def memory_for(command, **environment):
    """The most memory that a command has had, in KiB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=clean_env(environment))
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return usage.ru_maxrss


def test_json_takes_little_more_memory_than_the_reply(ours):
    """Whoever answers decides how many nodes there are."""
    with Scripted(i=inventory(100000)) as fake:
        used = [memory_for([ours, "-port", str(fake.port), "-names", form],
                           ASAN_OPTIONS="quarantine_size_mb=1") for form in ("-l", "-json")]
        assert used[1] < 1.5 * used[0], used


@pytest.mark.parametrize("since, shown", [
    (0, "1970-01-01"), (-1000, "1969-12-31"), (2**63 - 1, None), (-2**63, None),
    (253402300799999, "9999-12-31"), (253402300800000, None)])
def test_times_that_are_none_are_not_known(ours, since, shown):
    with Scripted(i=inventory(1, since)) as fake:
        told = parsed(ours, fake.port, env={"TZ": "UTC"})["nodes"][0]["since"]
        row, = read_table(ask(ours, fake.port, "-l", env={"TZ": "UTC"})[1], 1)
        assert (told or "")[:10] == (shown or "")
        assert row["SINCE"][:10] == (shown or "-")


def test_lookups_that_are_never_answered_do_not_take_long(ours):
    """Three seconds for the first; the others are not tried."""
    lines = b"".join(b"name n%d at port 1\n" % number for number in range(1000))
    with Scripted(i=b"", n=b"\0\0\0\1" + lines) as fake:
        code, output, errors = ask(ours, fake.port, "-l")
        assert code == 0
        assert errors == ("epmd: of 1000 nodes only name and port are known: "
                          f"{strerror(errno.ETIMEDOUT)}\n")
        rows = read_table(output, 1)
        assert len(rows) == 1000 and rows[7]["TYPE"] == "-"
        assert sum(request[2:3] == b"z" for request in fake.requests) == 1


def test_a_node_that_leaves_in_between_stays_in_the_list(ours):
    with Scripted(i=b"", n=LIST, z=b"w\1") as fake:
        rows = read_table(ask(ours, fake.port, "-l")[1], 0x1111)
        assert [(row["NAME"], row["PORT"], row["TYPE"]) for row in rows] == [
            ("a", "1", "-"), ("b", "2", "-")]


def test_the_epmd_that_answers_is_asked_on(ours):
    """Where nothing listens on ::1, only the first request tries it."""
    with Scripted(i=b"", n=LIST, z=b"w\1") as fake:
        ask(ours, fake.port, "-l")
        assert [request[2:] for request in fake.requests] == [b"i", b"n", b"za", b"zb"]
