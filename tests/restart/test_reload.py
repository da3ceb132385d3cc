# SPDX-License-Identifier: Apache-2.0
"""-reload and SIGHUP: another program takes over, or does not work and is left.

Always true here: what is replaced is a copy of the binary under test, by rename,
as a package manager does it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest

from harness import Daemon, run_epmd, wait_for
from machine import COMPILER, need, need_descriptors
from restart.keeping import Kept, ask, view
from wire.protocol import (NAMES, RELOAD, Node, connect, exchange, found, port2, read_all,
                           registered, send, state)

BAD = {
    "garbage": (b"\x7fELF garbage", 0o755, "exit code"),
    "true": ("/bin/true", 0o755, "exit code 0"),
    "false": ("/bin/false", 0o755, "exit code 1"),
    "empty": (b"", 0o755, "exit code"),
}
WIDE = "\U0001f600".encode() * 250  # so that a listing is longer than the buffers


@pytest.fixture
def installed(ours, tmp_path):
    """A daemon whose binary can be replaced."""
    path = str(tmp_path / "epmd")
    shutil.copy(ours, path)
    with Kept(path) as daemon:
        yield daemon


def install(server, content, mode=0o755):
    """Put bytes, or a copy of a file, in the place of the binary."""
    fresh = server.binary + ".new"
    if isinstance(content, bytes):
        with open(fresh, "wb") as file:
            file.write(content)
    else:
        shutil.copy(content, fresh)
    os.chmod(fresh, mode)
    os.rename(fresh, server.binary)



def compiled(directory, body):
    """The path of a program with this main function."""
    need(COMPILER[0])
    path = str(directory / "program")
    subprocess.run([*COMPILER, "-x", "c", "-o", path, "-"], check=True, text=True,
                   input="#include <signal.h>\n#include <stdlib.h>\n#include <sys/socket.h>\n"
                         "#include <unistd.h>\n"
                         f"int main(int argc, char *argv[]) {{ (void)argc; (void)argv; {body} }}")
    return path


def runs(pid):
    """The inode of the program that a process runs; None where there is none."""
    with contextlib.suppress(FileNotFoundError):
        return os.stat(f"/proc/{pid}/exe").st_ino


def is_stopped(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "T"


def has_pending(pid, number):
    """Whether a process has yet to take a signal."""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        masks = [int(line.split()[1], 16) for line in lines
                 if line.startswith(("SigPnd:", "ShdPnd:"))]
    return any(mask >> (number - 1) & 1 for mask in masks)


def sighup(server, ours):
    os.kill(server.pid, signal.SIGHUP)


def request(server, ours):
    result = run_epmd(ours, "-port", str(server.port), "-reload")
    assert result.returncode == 0, result


@pytest.mark.parametrize("how,times", [(sighup, 3), (request, 1)])
def test_the_binary_on_disk_takes_over(installed, ours, how, times):
    with Node(installed, b"a", extra=b"e") as a, Node(installed, b"b", kind=72) as b:
        before = view(installed, b"a", b"b")
        for _ in range(times):
            worker = installed.worker()
            install(installed, ours)
            how(installed, ours)
            installed.after(worker)
            assert runs(installed.worker()) == os.stat(installed.binary).st_ino
            assert view(installed, b"a", b"b") == before
        assert [state(node.sock) for node in (a, b)] == ["open", "open"]
    assert "the worker ended" not in installed.log(), "to be replaced is no failure"


def test_signals_in_a_row_lead_to_the_last_binary(installed, ours):
    """Also those that come while no worker could take them."""
    with Node(installed, b"a") as node:
        for _ in range(20):
            install(installed, ours)
            os.kill(installed.pid, signal.SIGHUP)
        wait_for(lambda: runs(installed.worker()) == os.stat(installed.binary).st_ino,
                 what="the last binary")
        assert exchange(installed, port2(b"a")) == found(b"a")
        assert state(node.sock) == "open"
    assert "does not work" not in installed.log()


def test_a_signal_while_a_worker_starts_leads_to_the_last_binary(installed, ours, tmp_path):
    """It cannot take the signal yet: the keeper repeats it once the worker serves."""
    late = str(tmp_path / "late")
    shutil.copy(ours, late)
    with Node(installed, b"a") as node:
        install(installed, compiled(tmp_path, f'raise(SIGSTOP); execv("{late}", argv); abort();'))
        os.kill(installed.pid, signal.SIGHUP)
        wait_for(lambda: runs(installed.worker()) == os.stat(installed.binary).st_ino
                 and is_stopped(installed.worker()), what="a worker that does not serve yet")
        starting = installed.worker()
        install(installed, ours)
        os.kill(installed.pid, signal.SIGHUP)
        wait_for(lambda: not has_pending(installed.pid, signal.SIGHUP), what="it being taken")
        os.kill(starting, signal.SIGCONT)
        wait_for(lambda: runs(installed.worker()) == os.stat(installed.binary).st_ino,
                 what="the last binary")
        assert exchange(installed, port2(b"a")) == found(b"a")
        assert state(node.sock) == "open"


# Preloaded into a program, has it get SIGHUP when it ends.
LAST_HANGUP = """#include <signal.h>
__attribute__((destructor)) static void hang_up(void) { raise(SIGHUP); }
"""


def test_a_signal_to_a_worker_that_ends_for_a_reload_is_too_late(ours, tmp_path):
    """It neither ends it by that signal, which would count as a failure, nor is it needed."""
    need(COMPILER[0])
    library = str(tmp_path / "last_hangup.so")
    subprocess.run([*COMPILER, "-shared", "-fPIC", "-x", "c", "-o", library, "-"], check=True,
                   text=True, input=LAST_HANGUP)
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    with Kept(ours, env={"LD_PRELOAD": library, "ASAN_OPTIONS": sanitizer}) as kept, \
            Node(kept, b"a") as node:
        worker = kept.worker()
        request(kept, ours)
        kept.after(worker)
        assert "the worker ended" not in kept.log()
        assert exchange(kept, port2(b"a")) == found(b"a")
        assert state(node.sock) == "open"


def test_a_signal_to_a_worker_that_does_not_serve_yet_ends_both(installed, ours, tmp_path):
    """It has no handler: that it died of this signal says what was meant."""
    with Node(installed, b"a"):
        install(installed, compiled(tmp_path, "for (;;) pause();"))
        request(installed, ours)
        wait_for(lambda: runs(installed.worker()) == os.stat(installed.binary).st_ino,
                 what="the new program")
        os.kill(installed.worker(), signal.SIGTERM)
        wait_for(lambda: installed.exit_code() is not None or "the worker ended" in installed.log(),
                 what="an end, or going on")
        assert installed.exit_code() == 0


def test_a_reload_in_a_pause_takes_the_binary_on_disk(installed, ours):
    """A fixed program is not to wait for the broken one to serve."""
    with Node(installed, b"a"):
        with installed.gap():
            install(installed, ours)
            os.kill(installed.pid, signal.SIGHUP)
        wait_for(lambda: runs(installed.worker()) == os.stat(installed.binary).st_ino,
                 what="the binary on disk")
        assert exchange(installed, port2(b"a")) == found(b"a")


@pytest.mark.parametrize("what", BAD)
def test_a_bad_binary_is_left(installed, ours, what):
    content, mode, reason = BAD[what]
    with Node(installed, b"a") as node:
        image = runs(installed.worker())
        install(installed, content, mode)
        request(installed, ours)
        installed.wait_log(f"the new {installed.binary} does not work; going on with the old one")
        installed.wait_log(reason)
        assert exchange(installed, port2(b"a")) == found(b"a")
        assert runs(installed.worker()) == image
        install(installed, ours)
        sighup(installed, ours)
        wait_for(lambda: runs(installed.worker()) not in (None, image))
        assert exchange(installed, port2(b"a")) == found(b"a")
        assert state(node.sock) == "open"


@pytest.mark.parametrize("how", ["sighup", "request"])
@pytest.mark.parametrize("what, reason", [(None, "No such file"), (0o644, "Permission denied")],
                         ids=["missing", "not-executable"])
def test_a_binary_that_cannot_be_started_is_left(installed, ours, how, what, reason):
    """The keeper says so, and nothing is replaced."""
    with Node(installed, b"a") as node:
        worker = installed.worker()
        if what is None:
            os.unlink(installed.binary)
        else:
            install(installed, b"#!/bin/sh\n", what)
        if how == "sighup":
            sighup(installed, ours)
            installed.wait_log(f"not reloading: .*{reason}")
        else:
            result = run_epmd(ours, "-port", str(installed.port), "-reload")
            assert result.returncode == 1
            assert reason in result.stdout
        assert exchange(installed, port2(b"a")) == found(b"a")
        assert installed.worker() == worker
        assert state(node.sock) == "open"


def test_a_signal_to_reload_what_is_gone_is_refused(installed, ours):
    with Node(installed, b"a") as node:
        worker = installed.worker()
        os.unlink(installed.binary)
        os.kill(installed.pid, signal.SIGHUP)
        installed.wait_log("not reloading: .*: No such file or directory; put the new program")
        assert exchange(installed, port2(b"a")) == found(b"a")
        assert installed.worker() == worker and state(node.sock) == "open"


def test_nodes_are_kept_after_a_reload_that_was_refused(installed, ours):
    """That refusal says nothing of the keeper's room: later registrations survive a reload."""
    with Node(installed, b"a"):
        os.unlink(installed.binary)
        refused = run_epmd(ours, "-port", str(installed.port), "-reload")
        assert refused.returncode == 1 and "No such file" in refused.stdout
        install(installed, ours)
        with Node(installed, b"b") as later:
            result = run_epmd(ours, "-port", str(installed.port), "-reload")
            assert (result.returncode, result.stdout) == (0, "Reloading\n")
            assert exchange(installed, port2(b"b")) == found(b"b")
            assert state(later.sock) == "open"


@pytest.mark.parametrize("body, reason", [
    ("abort();", r"signal 6 \(Aborted\)"), ("return 75;", "exit code 75")])
def test_a_binary_that_never_serves_is_left(installed, ours, tmp_path, body, reason):
    """Whatever it ends with: 75 would ask for a reload only of one that has served."""
    with Node(installed, b"a") as node:
        install(installed, compiled(tmp_path, body))
        request(installed, ours)
        installed.wait_log(f"the worker ended: {reason}")
        installed.wait_log("does not work; going on with the old one")
        assert exchange(installed, port2(b"a")) == found(b"a")
        assert state(node.sock) == "open"


def test_a_binary_that_hangs_is_left(installed, ours, tmp_path):
    with Node(installed, b"a") as node:
        install(installed, compiled(tmp_path, "for (;;) pause();"))
        request(installed, ours)
        with ask(installed, NAMES) as waiting:
            installed.wait_log("the worker hangs; killing it")
            assert read_all(waiting).endswith(b"name a at port 4711\n")
        installed.wait_log("does not work; going on with the old one")
        assert state(node.sock) == "open"


def slow_reader(server):
    """A peer whose complete request has an answer that is longer than what its buffers take."""
    sock = connect(server.port, receive_buffer=4096)
    send(sock, NAMES)
    return sock


def test_a_complete_request_is_answered_before(kept):
    """While its answer is read, others are served; what is half sent is not waited for."""
    need_descriptors(7000)
    nodes = [Node(kept, b"%04d" % n + WIDE) for n in range(6000)]
    with slow_reader(kept) as slow, ask(kept, port2(b"a")[:3]) as half:
        worker = kept.worker()
        slow.recv(1)
        os.kill(kept.pid, signal.SIGHUP)
        kept.wait_log("reloading")
        assert exchange(kept, port2(nodes[0].name)) == found(nodes[0].name)
        moment = time.monotonic() + 0.6
        wait_for(lambda: time.monotonic() > moment, what="more than what an end is given")
        assert kept.worker() == worker
        assert read_all(slow).count(b"\n") == len(nodes)
        kept.after(worker)
        assert read_all(half) == b""
    for node in nodes:
        node.close()


def test_what_has_come_with_the_signal_is_answered(kept):
    """One connection a turn is taken: the last one's request is read after the first look."""
    with Node(kept, b"a"):
        worker = kept.worker()
        os.kill(worker, signal.SIGSTOP)
        waiting = [ask(kept, port2(b"a")), ask(kept, NAMES)]
        os.kill(worker, signal.SIGHUP)
        os.kill(worker, signal.SIGCONT)
        answers = [read_all(sock) for sock in waiting]
        assert answers == [found(b"a"), exchange(kept, NAMES)]
        kept.after(worker)


def test_no_lookup_is_lost_in_an_upgrade(installed, ours):
    """Ten upgrades while four clients ask without a pause."""
    with Node(installed, b"a") as node:
        stop, answers = threading.Event(), [[] for _ in range(4)]

        def client(mine):
            while not stop.is_set():
                mine.append(exchange(installed, port2(b"a")))

        threads = [threading.Thread(target=client, args=(mine,)) for mine in answers]
        with contextlib.ExitStack() as cleanup:
            for thread in threads:
                thread.start()
                cleanup.callback(thread.join)
            cleanup.callback(stop.set)
            for _ in range(10):
                worker, asked = installed.worker(), sum(map(len, answers))
                install(installed, ours)
                sighup(installed, ours)
                installed.after(worker)
                wait_for(lambda: sum(map(len, answers)) > asked + 20)
        assert {answer for mine in answers for answer in mine} == {found(b"a")}
        assert state(node.sock) == "open"


@pytest.mark.parametrize("options", [[], ["-no_keeper"]], ids=["foreground", "no_keeper"])
def test_without_a_successor_nothing_is_reloaded(ours, options):
    with Daemon(ours, *options) as single, Node(single, b"a"):
        result = run_epmd(ours, "-port", str(single.port), "-reload")
        assert result.returncode == 1
        assert registered(single) == [b"a"]
        assert exchange(single, RELOAD).startswith(b"NO: there is no keeper")
        assert "there is no keeper" in result.stdout
