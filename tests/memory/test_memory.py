# SPDX-License-Identifier: Apache-2.0
"""Every allocation fails once, one a run, in the daemon and in all of its libraries.

While it starts it may end, and says so. Afterwards one request at the most is lost, and
no registration. The filter of system calls is left out: libseccomp (2.5.4) loads an
incomplete one where its own memory runs out, and a process cannot undo that.
"""

import contextlib
import os
import pathlib
import subprocess
import tempfile

import pytest

from harness import OPTIMISED, PATIENCE_S, clean_env, free_port, wait_for
from wire.protocol import NAMES, alive2, connect, frame, port2, read_all, read_exactly, send

EPMD = OPTIMISED  # a sanitizer would bring its own malloc
SOURCE = pathlib.Path(__file__).with_name("fail_one.c")

pytestmark = pytest.mark.needs("cc", OPTIMISED, "glibc")


@pytest.fixture(scope="module")
def fail_one():
    with tempfile.TemporaryDirectory() as folder:
        library = f"{folder}/fail_one.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
        yield library


class Starved:
    """A daemon whose n-th allocation fails."""

    def __init__(self, library, fail_at, count_to="/dev/null"):
        self.port = free_port()
        self._log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [EPMD, "-port", str(self.port), "-relaxed_command_check",
             "-no_sandbox", "seccomp"], stdout=self._log,
            stderr=self._log, env=clean_env({"LD_PRELOAD": library, "FAIL_AT": str(fail_at),
                                             "COUNT_TO": str(count_to)}))

    def log(self):
        return os.pread(self._log.fileno(), 1 << 20, 0).decode()

    def serves(self):
        """True when it listens, False when it has ended."""
        wait_for(lambda: "listening on :: " in self.log() or self.process.poll() is not None,
                 what="its start")
        return self.process.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Script:
    """A life of requests. Each is made again if it failed, and counted."""

    def __init__(self, port):
        self.port = port
        self.n_lost = 0
        self.held = contextlib.ExitStack()

    def ask(self, request, right, pieces=1):
        """Send a request in so many pieces, until the right reply comes."""
        for _ in range(3):
            sock = self.held.enter_context(connect(self.port))
            with contextlib.suppress(ConnectionError):
                for number in range(pieces - 1):
                    send(sock, request[number:number + 1])
                send(sock, request[pieces - 1:])
                reply = read_exactly(sock, 2) if request[2:3] == b"x" else read_all(sock)
                if right(reply):
                    return
            self.n_lost += 1
        raise AssertionError(f"{request!r} is never answered, but {reply!r}")

    def run(self):
        for name in b"held", b"other", b"third":
            self.ask(alive2(name, extra=b"e" * 20), b"v\0".__eq__)
        self.ask(alive2(b"pieces"), b"v\0".__eq__, pieces=4)
        self.ask(port2(b"held"), lambda reply: reply[:2] == b"w\0")
        self.ask(port2(b"none"), b"w\1".__eq__, pieces=3)
        self.ask(NAMES, lambda reply: reply.count(b"name ") == 4)
        self.ask(frame(b"d"), lambda reply: reply.count(b"active name") == 4)
        self.ask(frame(b"i"), lambda reply: reply[:2] == b"i\1" and b"third" in reply)
        self.ask(frame(b"sother"), lambda reply: reply in (b"STOPPED", b"NOEXIST"))
        self.ask(NAMES, lambda reply: reply.count(b"name ") == 3 and b"held" in reply)
        self.ask(frame(b"k"), b"OK".__eq__)
        self.held.close()


def count_allocations(library, folder):
    count = folder / "count"
    with Starved(library, 0, count) as daemon:
        assert daemon.serves()
        Script(daemon.port).run()
        assert daemon.process.wait(PATIENCE_S) == 0
    return int(count.read_text())


def test_each_allocation_may_fail(fail_one, tmp_path):
    total = count_allocations(fail_one, tmp_path)
    n_served = 0
    for number in range(1, total + 1):
        with Starved(fail_one, number) as daemon:
            if not daemon.serves():
                assert daemon.process.returncode == 1, (number, daemon.process.returncode)
                assert "epmd: " in daemon.log(), f"{number}: it ends without a word"
                continue
            script = Script(daemon.port)
            try:
                script.run()
            except AssertionError as error:
                raise AssertionError(f"{number}: {error}\n{daemon.log()}") from error
            assert daemon.process.wait(PATIENCE_S) == 0, number
            assert script.n_lost <= 1, (number, daemon.log())
            assert script.n_lost == 0 or daemon.log().count("out of memory") == 1, (
                number, daemon.log())
            n_served += 1
    assert n_served > 20
