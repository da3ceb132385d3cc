# SPDX-License-Identifier: Apache-2.0
"""Lists of names that are cut short, and very long ones."""

import json
import subprocess

import pytest

from cli.servers import Fake, Reset
from harness import PATIENCE_S, run_epmd

HEAD = b"\0\0\x11\x11"
LIST = HEAD + b"name a at port 1\nname b at port 2\n"
CUT = "epmd: the answer of the local epmd was cut short\n"
FORMS = [[], ["-l"], ["-json"]]


def names(binary, port, *options):
    result = run_epmd(binary, "-port", str(port), "-names", *options)
    return result.returncode, result.stdout, result.stderr


class Old:
    """What knows no INFO_REQ, as stock: it closes without a byte."""

    def _answer(self, peer):
        request = peer.recv(100)
        reply, self._reply = self._reply, b"" if request[2:] == b"i" else self._reply
        super()._answer(Read(peer, request))
        self._reply = reply


class Read:
    """A connection of which the request has been read."""

    def __init__(self, peer, request):
        self._peer, self._request = peer, request

    def recv(self, _):
        return self._request

    def __getattr__(self, name):
        return getattr(self._peer, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._peer.close()


class OldFake(Old, Fake):
    pass


class OldReset(Old, Reset):
    pass


@pytest.mark.parametrize("options", FORMS, ids=" ".join)
@pytest.mark.parametrize("reply", [LIST[:-1], LIST[:-10]])
def test_a_last_line_without_its_end_is_an_error(ours, options, reply):
    with OldFake(reply) as fake:
        code, _, errors = names(ours, fake.port, *options)
        assert (code, errors) == (1, CUT)
        code, _, errors = names(ours, fake.port, "-host", "127.0.0.1", *options)
        assert (code, errors) == (1, f"epmd: -host 127.0.0.1, 127.0.0.1 port {fake.port}: "
                                  "its answer was cut short\n")


@pytest.mark.parametrize("options", FORMS, ids=" ".join)
def test_a_reset_is_an_error(ours, options):
    """Also where it comes between two lines."""
    with OldReset(LIST) as fake:
        assert names(ours, fake.port, *options)[::2] == (1, CUT)
        assert names(ours, fake.port, "-host", "127.0.0.1", *options)[0] == 1


def test_what_has_come_is_shown(ours):
    with OldFake(LIST[:-1]) as fake:
        assert names(ours, fake.port)[1] == (
            "epmd: up and running on port 4369 with data:\nname a at port 1\nname b at port 2")


@pytest.mark.parametrize("server, code", [(Fake, 0), (Reset, 1)])
def test_a_dump_that_is_reset_is_an_error(ours, server, code):
    with server(HEAD + b"active name     <a> at port 1, fd = 5\n\0") as fake:
        assert run_epmd(ours, "-port", str(fake.port), "-dump").returncode == code


def test_an_answer_in_words_may_be_reset(ours):
    """All of it has come."""
    with Reset(b"OK") as fake:
        result = run_epmd(ours, "-port", str(fake.port), "-kill")
        assert (result.returncode, result.stdout) == (0, "Killed\n")


# ---- long lists ----

LINE = b"name " + b"n" * 1000 + b" at port 12345\n"
MANY = 70000  # lines: more than 64 MiB


def test_a_list_of_more_than_64_mib(optimised):
    with Fake(HEAD + LINE * MANY) as fake:
        result = subprocess.run([optimised, "-port", str(fake.port), "-names"], capture_output=True,
                                check=False)
        assert (result.returncode, result.stderr) == (0, b"")
        assert result.stdout.count(LINE) == MANY
        assert run_epmd(optimised, "-port", str(fake.port), "-started").returncode == 0


@pytest.mark.asked("long")
def test_twenty_thousand_nodes(ours):
    """In all forms, in the order in which they came."""
    count = 20000
    lines = b"".join(b"name node%d at port %d\n" % (each, 1 + each) for each in range(count))
    with Fake(HEAD + lines) as fake:
        code, output, errors = names(ours, fake.port)
        assert (code, errors) == (0, "")
        assert output.encode().endswith(b"with data:\n" + lines)
    with Scripted(HEAD + lines) as fake:
        code, output, _ = names(ours, fake.port, "-l")
        rows = output.splitlines()[2:]
        assert (code, len(rows)) == (0, count)
        assert rows[-1].split()[:2] == ["node19999", "20000"]
        code, output, _ = names(ours, fake.port, "-json")
        assert (code, len(json.loads(output)["nodes"])) == (0, count)


class Scripted(Fake):
    """Lists names, and tells nothing else: closes without a byte."""

    def _answer(self, peer):
        with peer:
            if peer.recv(2000)[2:3] == b"n":
                peer.sendall(self._reply)


# ---- pipelines ----

@pytest.mark.parametrize("pipeline, code, output", [
    ('"$0" -port "$1" -names | grep -q "^name node7 "', 0, ""),
    ('"$0" -port "$1" -names | head -n 1', 0, "epmd: up and running on port 4369 with data:\n"),
    ('set -o pipefail; "$0" -port "$1" -names | head -n 1 >/dev/null', 141, ""),
    ('"$0" -port "$1" -names | awk \'$1 == "name" { n++ } END { print n }\'', 0, "200000\n"),
    ('"$0" -port "$1" -names >/dev/null', 0, ""),
    ('"$0" -port "$1" -names <&-', 0, None),
])
def test_names_in_pipelines(ours, pipeline, code, output):
    """A reader that has seen enough ends it by SIGPIPE, in silence, as it ends cat(1)."""
    lines = b"".join(b"name node%d at port 7\n" % each for each in range(200000))
    with Fake(HEAD + lines) as fake:
        result = subprocess.run(["bash", "-c", pipeline, ours, str(fake.port)],
                                capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert (result.returncode, result.stderr) == (code, "")
    assert output is None or result.stdout == output


@pytest.mark.parametrize("words, answers", [
    ("-names", Fake), ("-dump", Fake),
    ("-names -l", Scripted), ("-names -json", Scripted)])  # which look each one up
def test_a_pipeline_ends_with_its_reader(ours, words, answers):
    """In every form: what found its line is right, and nothing complains that it was enough.

    The names are long, so that few lookups make more than a pipe holds.
    """
    lines = b"".join(b"name node%d%s at port 7\n" % (each, b"a" * 200) for each in range(1000))
    pipeline = f'"$0" -port "$1" {words} | grep -q node7; echo "${{PIPESTATUS[@]}}"'
    with answers(HEAD + lines) as fake:
        result = subprocess.run(["bash", "-c", pipeline, ours, str(fake.port)],
                                capture_output=True, text=True, check=False, timeout=40)
    assert (result.stdout, result.stderr) == ("141 0\n", "")
