# SPDX-License-Identifier: Apache-2.0
"""The keeper: what survives the worker, and what ends both."""

import errno
import os
import re
import resource
import signal
import socket

import pytest

from harness import Daemon, free_port, run_epmd, wait_for
from machine import strerror
from restart.keeping import Kept, ask, departed, gone, settled, view
from wire.protocol import (DUMP, KILL, NOT_FOUND, RELOAD, Node, alive2, exchange, found,
                           port2, read_all, registered, reset, state)

WILD = [
    (b"plain", {}),
    (b"hidden", {"port": 1, "kind": 72}),
    (b"old", {"port": 65535, "highest": 5, "lowest": 1}),
    ("é€💩".encode(), {"kind": 110, "protocol": 7, "extra": bytes(range(256))}),
    ("💩".encode() * 255, {"extra": b"\0" * 1020}),
]
CRASHES = [signal.SIGKILL, signal.SIGABRT, signal.SIGSYS]


@pytest.fixture
def wild(kept):
    """Registrations of every kind."""
    nodes = [Node(kept, name, **values) for name, values in WILD]
    yield nodes
    for node in nodes:
        node.close()


@pytest.mark.parametrize("number", CRASHES, ids=lambda number: number.name)
def test_all_of_a_registration_survives(kept, wild, number):
    names = [name for name, _ in WILD]
    before = view(kept, *names)
    kept.after(kept.end_worker(number))
    assert view(kept, *names) == before
    assert registered(kept) == names[::-1]
    for name, values in WILD:
        assert exchange(kept, port2(name)) == found(name, **values)
    assert [state(node.sock) for node in wild] == ["open"] * len(wild)
    kept.wait_log(rf"the worker ended: signal {int(number)} \(.+\)")


def test_a_starter_that_ignores_the_end_of_children_changes_nothing(ours):
    """A keeper that ignored it, too, would never hear of its worker's end."""
    with Kept(ours, wrapper=("env", "--ignore-signal=CHLD", "--")) as kept, Node(kept, b"a") as node:
        kept.kill_worker()
        assert exchange(kept, port2(b"a")) == found(b"a")
        assert state(node.sock) == "open"


def test_creations_survive_live_and_departed(kept):
    creations = {}
    for name in b"a", b"b", b"c":
        creations[name] = settled(kept, name)
    with Node(kept, b"live") as live:
        for _ in range(3):
            kept.kill_worker()
        assert departed(kept) == [b"a", b"b", b"c"]
        assert state(live.sock) == "open"
    wait_for(lambda: departed(kept)[-1] == b"live")
    for name, creation in (*creations.items(), (b"live", live.creation)):
        assert settled(kept, name) == creation + 1
        kept.kill_worker()
        assert settled(kept, name) == creation + 2


def test_a_thousand_departed_names_survive_in_their_order(kept):
    names = [b"n%d" % i for i in range(1010)]
    for name in names:
        Node(kept, name).close()
        wait_for(lambda: registered(kept) == [])
    before = exchange(kept, DUMP)
    kept.kill_worker()
    assert departed(kept) == names[-1000:]
    assert exchange(kept, DUMP) == before


def test_the_end_of_a_registration_is_still_noticed(kept, wild):
    kept.kill_worker()
    for node, end in zip(wild, (Node.close, lambda node: reset(node.sock),
                                lambda node: node.sock.sendall(b"x"))):
        end(node)
        wait_for(lambda: exchange(kept, port2(node.name)) == NOT_FOUND)
        assert settled(kept, node.name) != node.creation
    assert state(wild[2].sock) == "closed"
    wait_for(lambda: registered(kept) == [name for name, _ in WILD[:2:-1]])


@pytest.mark.parametrize("end", [Node.close, lambda node: reset(node.sock)], ids=["fin", "rst"])
def test_who_dies_in_the_gap_is_gone(kept, end):
    with Node(kept, b"stays") as stays, Node(kept, b"dies") as dies:
        with kept.gap():
            end(dies)
        assert registered(kept) == [b"stays"]
        assert state(stays.sock) == "open"
        assert settled(kept, b"dies") == dies.creation + 1


def test_what_was_handed_over_before_the_end_is_kept(kept):
    """The keeper finds the messages and the end at once: it takes all of them first."""
    os.kill(kept.pid, signal.SIGSTOP)
    nodes = [Node(kept, b"n%d" % number) for number in range(5)]
    worker = kept.end_worker()
    wait_for(lambda: gone(worker), what="the end of the worker")
    os.kill(kept.pid, signal.SIGCONT)
    kept.after(worker)
    assert registered(kept) == [node.name for node in nodes[::-1]]
    assert {state(node.sock) for node in nodes} == {"open"}


def test_a_keeper_that_says_nothing_is_waited_for_once(ours, tmp_path):
    """Each of these waits holds every request up."""
    trace = tmp_path / "trace"
    with Kept(ours, "-no_sandbox", "all", env={"ASAN_OPTIONS": "detect_leaks=0"}, wrapper=(
            "strace", "-D", "-ff", "-o", str(trace), "-e", "trace=poll")) as kept:
        worker = kept.worker()
        os.kill(kept.pid, signal.SIGSTOP)
        replies = {exchange(kept, RELOAD) for _ in range(5)}
        os.kill(kept.pid, signal.SIGCONT)
        assert replies == {b"NO: the keeper does not answer"}
        of_worker = trace.with_suffix(f".{worker}")
        waits = wait_for(lambda: len(found := waited(of_worker)) == 5 and found, what="its waits")
        assert waits[0] > 900, "a busy machine's keeper is slow"
        assert waits[1:] == [0] * 4
        wait_for(lambda: exchange(kept, RELOAD) == b"OK", what="an answer of the keeper")
        kept.after(worker)


def waited(trace):
    """The milliseconds of each poll(2) in which nothing came."""
    return [int(ms) for ms in re.findall(r"poll\(.*, (\d+)\) += 0 \(Timeout\)", trace.read_text())]


def test_connections_made_in_the_gap_are_answered(kept):
    with Node(kept, b"a"):
        with kept.gap():
            waiting = [ask(kept, port2(b"a")) for _ in range(50)]
            newcomer = ask(kept, alive2(b"b", port=4712))
        assert [read_all(sock) for sock in waiting] == [found(b"a")] * 50
        assert newcomer.recv(6)[:2] == b"v\0"
        assert registered(kept) == [b"b", b"a"]


def test_whether_it_keeps(ours):
    """-daemon keeps, the foreground does not, -no_keeper never does."""
    for options, children in (["-daemon"], 1), (["-daemon", "-no_keeper"], 0):
        port = str(free_port())
        assert run_epmd(ours, "-port", port, *options).returncode == 0
        try:
            server, = (pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                       if leads(pid, ["-port", port]))
            workers = children_of(server)
            assert len(workers) == children
            for worker in workers:
                survives(int(port), worker)
        finally:
            assert run_epmd(ours, "-port", port, "-kill").returncode == 0
    with Daemon(ours) as single:
        assert children_of(single.pid) == []


def survives(port, worker):
    """A registration outlives this worker, whose keeper is a daemon."""
    server = Daemon("epmd", port=port)  # only a port, it runs already
    with Node(server, b"a") as node:
        os.kill(worker, signal.SIGKILL)
        assert exchange(server, port2(b"a")) == found(b"a")
        assert state(node.sock) == "open"
    wait_for(lambda: registered(server) == [])


@pytest.mark.asked("long")
def test_a_hung_worker_is_replaced(kept):
    with Node(kept, b"a") as node:
        worker = kept.worker()
        os.kill(worker, signal.SIGSTOP)
        with ask(kept, port2(b"a")) as waiting:
            assert read_all(waiting) == found(b"a")
        assert kept.worker() != worker
        kept.wait_log("the worker hangs; killing it")
        assert state(node.sock) == "open"


def leads(pid, words):
    """Whether a process was started with these words and leads its session."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as line:
            return (os.getsid(pid) == pid
                    and line.read().decode(errors="replace").split("\0")[1:3] == words)
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize("whom", ["keeper", "worker"])
def test_a_signal_to_either_ends_both_and_all_registrations(kept, whom, number):
    with Node(kept, b"a") as node:
        worker = kept.worker()
        os.kill(kept.pid if whom == "keeper" else worker, number)
        assert kept.wait() == 0
        assert gone(worker)
        assert node.sock.recv(1) == b""
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", kept.port)) != 0


def test_a_signal_that_is_there_before_the_worker_serves_ends_both(kept):
    """Whenever it comes: the worker may not have a handler yet."""
    for _ in range(3):
        kept.kill_worker()
    pid = kept.end_worker()
    os.kill(wait_for(lambda: kept.worker() != pid and kept.worker()), signal.SIGTERM)
    assert kept.wait() == 0


def test_a_signal_between_two_workers_ends_all(kept):
    with Node(kept, b"a") as node:
        for _ in range(6):
            kept.kill_worker()
        kept.end_worker()
        kept.wait_log("starting the worker again in 640 ms")
        os.kill(kept.pid, signal.SIGTERM)
        assert kept.wait() == 0
        assert node.sock.recv(1) == b""


def test_a_worker_that_cannot_be_started_is_tried_again(kept):
    """For want of a descriptor, say."""
    with Node(kept, b"a") as node:
        kept.kill_worker()  # by then it holds what it was sent
        before = resource.prlimit(kept.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(kept.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        worker = kept.end_worker()
        kept.wait_log(f"cannot start the worker: {strerror(errno.EMFILE)}")
        kept.wait_log("starting the worker again in 2000 ms")
        resource.prlimit(kept.pid, resource.RLIMIT_NOFILE, before)
        kept.after(worker)
        assert exchange(kept, port2(b"a")) == found(b"a")
        assert state(node.sock) == "open"


@pytest.mark.parametrize("options", [(), ("-keeper",)])
def test_it_starts_with_no_standard_streams(ours, options):
    """No connection gets their numbers, to which a library may write."""
    with Daemon(ours, *options, wrapper=("sh", "-c", 'exec "$0" "$@" 0<&- 1>&- 2>&-')) as daemon:
        with Node(daemon, b"a"):
            for pid in (daemon.pid, *children_of(daemon.pid)):
                for number in range(3):
                    assert os.readlink(f"/proc/{pid}/fd/{number}") == "/dev/null"


def test_kill_request_ends_both_and_all_registrations(ours):
    with Kept(ours, "-relaxed_command_check") as kept, Node(kept, b"a") as node:
        worker = kept.worker()
        assert exchange(kept, KILL) == b"OK"
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", kept.port)) != 0
        assert kept.wait() == 0
        assert gone(worker)
        assert node.sock.recv(1) == b""


def test_killing_the_keeper_leaves_a_working_epmd(kept):
    with Node(kept, b"a") as node:
        worker = kept.worker()
        os.kill(kept.pid, signal.SIGKILL)
        try:
            kept.wait()
            kept.wait_log("the keeper has gone .*: from now on registrations end with this process")
            assert exchange(kept, port2(b"a")) == found(b"a")
            with Node(kept, b"b") as late:
                assert late.result == 0
                assert registered(kept) == [b"b", b"a"]
            wait_for(lambda: registered(kept) == [b"a"])
            reload = run_epmd(kept.binary, "-port", str(kept.port), "-reload")
            assert reload.returncode == 1, "there is nobody to take over"
            assert state(node.sock) == "open"
            assert not gone(worker)
        finally:
            os.kill(worker, signal.SIGTERM)
        assert node.sock.recv(1) == b""
        wait_for(lambda: gone(worker))


def test_after_a_kill_there_is_time_to_kill_the_keeper(kept):
    """A script may end all by kill -9: it would miss a worker that is started meanwhile."""
    for _ in range(5):
        kept.kill_worker()
    assert kept.pauses() == [100, 100, 100, 100, 160]
    assert len(re.findall(r"the worker ended: signal 9 \(Killed\)", kept.log())) == 5


def test_pauses_grow_and_end_at_two_seconds(kept):
    """Eight deaths in a row; each is explained."""
    with Node(kept, b"a") as node:
        for _ in range(8):
            kept.kill_worker(signal.SIGUSR1)
        assert state(node.sock) == "open"
    assert kept.pauses() == [0, 20, 40, 80, 160, 320, 640, 1280]
    assert len(re.findall(r"the worker ended: signal 10 \(User defined .*\)", kept.log())) == 8
    pid = kept.end_worker()
    kept.wait_log("again in 2000 ms")
    kept.after(pid)


@pytest.mark.needs("process namespaces")
def test_it_reaps_as_the_first_process_of_a_container(ours):
    """An orphan that ends does not remain; a signal from outside ends all."""
    inside = 'sh -c "sleep 0.05 & exec true"; exec "$@"'
    wrapper = ("unshare", "--pid", "--fork", "--kill-child", "--", "sh", "-c", inside, "sh")
    with Daemon(ours, "-keeper", wrapper=wrapper) as container:
        keeper = child_of(container.pid)
        with Node(container, b"a") as node:
            wait_for(lambda: len(children_of(keeper)) == 1, what="the worker alone")
            os.kill(child_of(keeper), signal.SIGKILL)
            container.wait_log("the worker ended")
            assert exchange(container, port2(b"a")) == found(b"a")
            wait_for(lambda: len(children_of(keeper)) == 1, what="the worker alone")
            os.kill(keeper, signal.SIGTERM)
            assert container.wait() == 0
            assert node.sock.recv(1) == b""


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        return [int(child) for child in children.read().split()]


def child_of(pid):
    return wait_for(lambda: children_of(pid), what=f"a child of {pid}")[0]
