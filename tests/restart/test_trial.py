# SPDX-License-Identifier: Apache-2.0
"""A new program on trial: ten seconds of service, then the keeper becomes it, too."""

import contextlib
import os
import signal
import time

import pytest

from harness import wait_for
from machine import COMPILER
from restart.keeping import gone, view
from restart.test_reload import compiled, install, request, runs
from restart.trial import OnTrial
from wire.protocol import Node, exchange, found, port2, registered, state

pytestmark = pytest.mark.needs(COMPILER[0])

RENEWED = "renewed: going on as the program at "

# Says that it serves, as a program of another version does, and then only waits.
OTHER_VERSION = """
    for (int fd = 3; fd < 100; fd++) {
        int type; socklen_t len = sizeof type;
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET)
            send(fd, "READY=1\\n", 8, 0);
    }
    for (;;) pause();
"""


# Works until a file is there, and then becomes the real program.
SLOW = """
    while (access("{go}", F_OK) != 0) {{ for (volatile int i = 0; i < 1000; i++); }}
    execv("{real}", argv);
    return 1;
"""


# Becomes the real program, or ends at once where a file is there.
BREAKABLE = """
    if (access("{broken}", F_OK) == 0) return 3;
    execv("{real}", argv);
    return 1;
"""


@pytest.fixture
def trial(ours, tmp_path):
    with OnTrial(ours, tmp_path) as daemon:
        yield daemon


def reload(trial, ours):
    """Put a new file in the place of the program, and let it serve; the file's number."""
    worker = trial.worker()
    install(trial, ours)
    request(trial, ours)
    trial.after(worker)
    number = os.stat(trial.binary).st_ino
    assert runs(trial.worker()) == number
    return number


def succeed(trial):
    """Let the trial succeed."""
    before = trial.log().count(RENEWED)
    for _ in range(4):
        trial.forward(11)  # in vain where the keeper has not heard yet that it serves
        with contextlib.suppress(TimeoutError):
            return wait_for(lambda: trial.log().count(RENEWED) > before, 3, "a renewed keeper")
    raise AssertionError(trial.log())


def last(trial, ours):
    """Put a new program in the place of the old one, and let its trial succeed."""
    number = reload(trial, ours)
    succeed(trial)
    assert runs(trial.pid) == number
    return number


def test_death_after_nine_seconds_brings_the_old_program_back(trial, ours):
    with Node(trial, b"a") as node:
        before = view(trial, b"a")
        old = runs(trial.worker())
        # A second death of the old one would be followed by a pause.
        trial.kill_worker(signal.SIGUSR1)
        begun = time.monotonic()
        reload(trial, ours)
        trial.forward(9 - (time.monotonic() - begun))
        trial.kill_worker(signal.SIGUSR1)
        trial.wait_log("the new .* does not work; going on with the old one")
        assert set(trial.pauses()) == {0}
        assert runs(trial.worker()) == runs(trial.pid) == old
        assert view(trial, b"a") == before
        assert state(node.sock) == "open"


def test_of_two_new_programs_neither_is_what_the_keeper_falls_back_to(trial, ours):
    """The first was replaced before it had proved itself."""
    with Node(trial, b"a") as node:
        old = runs(trial.worker())
        for _ in range(2):
            worker = trial.worker()
            install(trial, ours)
            os.kill(trial.pid, signal.SIGHUP)
            trial.after(worker)
        trial.kill_worker()
        trial.wait_log("the new .* does not work; going on with the old one")
        assert trial.pauses() == [0, 0, 100], "two reloads, and a kill"
        assert runs(trial.worker()) == old
        assert state(node.sock) == "open"


def test_what_has_lasted_is_kept_and_the_keeper_becomes_it(trial, ours):
    with Node(trial, b"a", extra=b"e") as a, Node(trial, b"gone") as gone, \
            Node(trial, b"b", kind=72) as b:
        gone.close()
        wait_for(lambda: registered(trial) == [b"b", b"a"])
        before = view(trial, b"a", b"b")
        new = last(trial, ours)
        trial.kill_worker()
        assert runs(trial.worker()) == new
        assert view(trial, b"a", b"b") == before
        assert "does not work" not in trial.log()
        assert [state(node.sock) for node in (a, b)] == ["open", "open"]
        for pid in trial.pid, trial.worker():
            with open(f"/proc/{pid}/comm", encoding="ascii") as name:
                assert name.read() == "epmd\n"


def test_a_renewed_keeper_is_a_keeper_as_any(trial, ours):
    """It renews itself again, drops what hangs up, reloads by signal, and ends all."""
    with Node(trial, b"a") as a, Node(trial, b"b") as b:
        last(trial, ours)
        last(trial, ours)
        held = len(os.listdir(f"/proc/{trial.pid}/fd"))
        b.close()
        wait_for(lambda: len(os.listdir(f"/proc/{trial.pid}/fd")) == held - 1,
                 what="one descriptor less")
        worker = trial.worker()
        install(trial, ours)
        os.kill(trial.pid, signal.SIGHUP)
        trial.after(worker)
        assert exchange(trial, port2(b"a")) == found(b"a")
        os.kill(trial.pid, signal.SIGTERM)
        assert trial.wait() == 0
        assert a.sock.recv(1) == b""


def test_a_keeper_that_cannot_become_it_goes_on(trial, ours):
    with Node(trial, b"a") as node:
        old = runs(trial.pid)
        reload(trial, ours)
        os.chmod(trial.binary, 0)
        trial.forward(11)
        trial.wait_log("cannot become the new .*: Permission denied; staying the old one")
        os.chmod(trial.binary, 0o755)
        trial.kill_worker()
        assert runs(trial.pid) == old
        assert exchange(trial, port2(b"a")) == found(b"a")
        assert state(node.sock) == "open"


def test_a_program_that_cannot_renew_a_keeper_only_replaces_the_worker(trial, ours, tmp_path):
    """As the versions before this one, which an upgrade may go back to."""
    with Node(trial, b"a") as node:
        old = runs(trial.pid)
        install(trial, compiled(tmp_path, OTHER_VERSION))
        request(trial, ours)
        wait_for(lambda: runs(trial.worker()) == os.stat(trial.binary).st_ino)
        trial.forward(11)
        install(trial, ours)
        os.kill(trial.pid, signal.SIGHUP)
        trial.end_worker()
        assert runs(trial.pid) == old
        trial.wait_log("restored 1 registration")
        assert state(node.sock) == "open"


def test_a_program_that_starts_no_more_is_replaced_by_a_signal(trial, ours, tmp_path):
    """There is no worker that could take the signal, and none will serve before."""
    broken, real = tmp_path / "broken", os.path.abspath(ours)
    with Node(trial, b"a") as node:
        worker = trial.worker()
        install(trial, compiled(tmp_path, BREAKABLE.format(broken=broken, real=real)))
        request(trial, ours)
        trial.after(worker)
        succeed(trial)
        broken.touch()
        trial.end_worker()
        trial.wait_log("the worker ended: exit code 3")
        install(trial, ours)
        os.kill(trial.pid, signal.SIGHUP)
        wait_for(lambda: runs(trial.worker()) == os.stat(trial.binary).st_ino,
                 what="the program on disk")
        assert exchange(trial, port2(b"a")) == found(b"a")
        assert state(node.sock) == "open"


def test_a_worker_that_gets_little_of_a_processor_is_given_its_time(trial, ours, tmp_path):
    """What counts is that it works, not how long that takes."""
    with Node(trial, b"a") as node:
        go, real = tmp_path / "go", os.path.abspath(ours)
        install(trial, compiled(tmp_path, SLOW.format(go=go, real=real)))
        request(trial, ours)
        wait_for(lambda: runs(trial.worker()) == os.stat(trial.binary).st_ino)
        for _ in range(8):
            used = cpu_ticks(trial.worker())
            wait_for(lambda: cpu_ticks(trial.worker()) > used, what="a worker that works")
            trial.forward(2)
        go.touch()
        trial.wait_log("restored 1 registration")
        assert exchange(trial, port2(b"a")) == found(b"a")
        assert "hangs" not in trial.log() and state(node.sock) == "open"


def cpu_ticks(pid):
    """The processor time of a process, in hundredths of a second."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return sum(map(int, stat.read().rpartition(")")[2].split()[11:13]))


def test_a_keeper_that_was_stopped_spares_a_healthy_worker(trial):
    """Longer than the watchdog: what the worker has said meanwhile is heard first."""
    with Node(trial, b"a") as node:
        worker = trial.worker()
        for _ in range(2):
            os.kill(trial.pid, signal.SIGSTOP)
            trial.forward(45)
            os.kill(trial.pid, signal.SIGCONT)
            assert exchange(trial, port2(b"a")) == found(b"a")
            trial.forward(0)
        os.kill(trial.pid, signal.SIGHUP)  # what is said of it comes after the rest
        trial.wait_log("reloading")
        assert "hangs" not in trial.log() and state(node.sock) == "open"
        assert worker


def test_a_hung_worker_is_killed_when_its_time_is_over(trial):
    with Node(trial, b"a") as node:
        worker = trial.worker()
        os.kill(worker, signal.SIGSTOP)
        trial.forward(30)
        trial.wait_log("the worker hangs; killing it")
        trial.after(worker)
        assert exchange(trial, port2(b"a")) == found(b"a")
        assert state(node.sock) == "open"


def test_a_renewed_keeper_watches_its_worker_from_the_start(trial, ours):
    with Node(trial, b"a") as node:
        last(trial, ours)
        worker = trial.worker()
        os.kill(worker, signal.SIGSTOP)
        for _ in range(4):
            trial.forward(30)  # in vain where the keeper is late, and gives it more time
            with contextlib.suppress(TimeoutError):
                trial.wait_log("the worker hangs; killing it", 3)
                break
        trial.after(worker)
        assert exchange(trial, port2(b"a")) == found(b"a")
        assert state(node.sock) == "open"


def test_a_worker_that_served_for_long_is_started_again_at_once(trial):
    for _ in range(3):
        trial.kill_worker(signal.SIGUSR1)
    trial.forward(11)
    trial.kill_worker(signal.SIGUSR1)
    assert trial.pauses() == [0, 20, 40, 0]


def test_an_end_is_the_end_of_a_trial(trial, ours):
    """A keeper that became the new program would know nothing of the end."""
    reload(trial, ours)
    os.kill(trial.worker(), signal.SIGSTOP)
    os.kill(trial.pid, signal.SIGTERM)
    await_taken(trial.pid)
    trial.forward(11)
    assert trial.wait() == 0
    assert RENEWED not in trial.log()


def test_a_worker_that_does_not_end_when_asked_is_killed(trial):
    worker = trial.worker()
    os.kill(worker, signal.SIGSTOP)
    os.kill(trial.pid, signal.SIGTERM)
    await_taken(trial.pid)
    trial.forward(4)
    assert trial.wait() == 0
    assert gone(worker)
    assert "the worker hangs; killing it" in trial.log()


def await_taken(pid):
    """Return when a process has taken all signals that it was sent."""
    wait_for(lambda: not (status_bits(pid, "SigPnd") | status_bits(pid, "ShdPnd")),
             what="the signal taken")


def status_bits(pid, name):
    """A mask of signals in /proc/PID/status."""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1], 16) for line in lines if line.startswith(name))


def test_the_end_of_a_log_does_not_end_the_keeper(trial):
    ignored = status_bits(trial.pid, "SigIgn")
    for number in signal.SIGPIPE, signal.SIGXFSZ:
        assert ignored >> (number - 1) & 1
