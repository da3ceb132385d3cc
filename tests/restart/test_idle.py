# SPDX-License-Identifier: Apache-2.0
"""-exit_when_idle: epmd ends when no node has been registered for so long.

Always true here: where seconds have to pass, a test waits for the end of a daemon, or moves
the daemon's clock.
"""

import contextlib
import os
import re
import signal

import pytest

from cli.servers import end_all, started_for
from harness import Daemon, free_port, run_epmd, visible, wait_for
from restart.keeping import Kept, ask, gone, settled
from restart.passing import Watcher
from restart.trial import OnTrial
from wire.order import stopped
from wire.protocol import (NAMES, Node, alive2, connect, exchange, found, port2, read_exactly,
                           registered, state)

IDLE_S = 3  # what has to happen before has this time, on a busy machine, too
IDLE = ("-exit_when_idle", str(IDLE_S))
NEEDLESS = 79  # the exit status after which a service manager does not start it again
LONG_S = 1000


def ended(daemon, seconds=IDLE_S, status=0):
    """Whether it ends, for this reason and with this status."""
    return daemon.wait() == status and bool(daemon.wait_log(
        fr"ending, because no node has been registered for {seconds} s \(-exit_when_idle\)"))


def let_the_time_pass(ours):
    """Return when it is over for all that were started before."""
    with Daemon(ours, *IDLE) as other:
        other.wait()


@pytest.mark.parametrize("options", [(), ("-keeper",), ("-no_keeper",)], ids=" ".join)
def test_it_ends_after_a_start_without_nodes(ours, options, tmp_path):
    file = tmp_path / "pid"
    daemon = Daemon(ours, *options, *IDLE, "-pid_file", str(file)).start()
    assert ended(daemon)
    assert not started_for(daemon.port), "neither keeper nor worker is left"
    assert "-keeper" not in options or not file.exists(), "else the sandbox may forbid it"


@pytest.mark.parametrize("options", [(), ("-no_keeper",)], ids=" ".join)
def test_it_ends_in_the_background(ours, options):
    """Where a node starts it, the environment says so. It may be over before it is looked at."""
    port = str(free_port())
    try:
        assert run_epmd(ours, "-daemon", "-port", port, *options,
                        env={"ERL_EPMD_EXIT_WHEN_IDLE": str(IDLE_S)}).returncode == 0
        wait_for(lambda: not started_for(port), what="the end of keeper and worker")
        assert run_epmd(ours, "-port", port, "-started").returncode == 1
    finally:
        end_all(port)


def test_neither_requests_nor_silent_peers_keep_it(ours):
    daemon = Daemon(ours, *IDLE).start()
    with connect(daemon.port), contextlib.suppress(OSError):
        while daemon.exit_code() is None:
            exchange(daemon, NAMES)
    assert ended(daemon)


def test_a_node_keeps_it_until_it_leaves(ours):
    """The other one starts later and has no node: its end tells that the time is over."""
    with Kept(ours, *IDLE) as daemon, Node(daemon, b"a") as node:
        with Daemon(ours, *IDLE) as other:
            assert ended(other)
        assert exchange(daemon, port2(b"a")) == found(b"a")
        node.close()
        assert ended(daemon)


def test_what_has_arrived_is_served_before_it_ends(ours):
    """More than one connection a wake-up, the registration the last: it goes on for the node."""
    with Daemon(ours, *IDLE) as daemon:
        with stopped(daemon.pid):
            waiting = [ask(daemon, NAMES) for _ in range(5)]
            node = ask(daemon, alive2(b"a"))
            let_the_time_pass(ours)
        assert read_exactly(node, 2) == b"v\0"
        assert exchange(daemon, port2(b"a")) == found(b"a")
        node.close()
        assert ended(daemon)
        for sock in waiting:
            sock.close()


def completes_a_registration(ours):
    """Whether the second half comes in time, the half second after the time is over."""
    request = alive2(b"a")
    with Daemon(ours, *IDLE) as daemon:
        node = ask(daemon, request[:9])
        exchange(daemon, NAMES)  # so that the half has been read
        with stopped(daemon.pid):
            let_the_time_pass(ours)
        with contextlib.suppress(OSError):
            for _ in range(20):  # so that it has seen the end of the time, and had nothing to do
                exchange(daemon, NAMES)
            node.sendall(request[9:])
            return read_exactly(node, 2) == b"v\0" and registered(daemon) == [b"a"]
    return False


def test_half_a_registration_is_waited_for(ours):
    assert any(completes_a_registration(ours) for _ in range(5)), "a busy machine may be late"


def test_the_port_is_free_while_the_keeper_is_stopped(ours):
    with Kept(ours, *IDLE) as daemon:
        worker = daemon.worker()
        with stopped(daemon.pid):
            wait_for(lambda: gone(worker), what="the end of the worker")
            with Daemon(ours, port=daemon.port) as next_one:
                assert registered(next_one) == []
        assert ended(daemon)


@pytest.fixture
def patient(ours, tmp_path):
    """Its clock is the test's."""
    with OnTrial(ours, tmp_path, "-exit_when_idle", str(LONG_S)) as daemon:
        yield daemon


def crash(daemon):
    daemon.end_worker(signal.SIGKILL)


def reload(daemon):
    """A keeper that renews itself because so much time has passed answers late: ask it again."""
    def reloads():
        logged = len(daemon.log())
        os.kill(daemon.pid, signal.SIGHUP)
        answer = wait_for(lambda: re.search("(not )?reloading", daemon.log()[logged:]),
                          what="an answer")
        return not answer[1]
    wait_for(reloads, what="a reload")


@pytest.fixture(params=[crash, reload])
def renew(request, patient):
    """Has another process take over, which then serves."""
    def renewed():
        pid = patient.worker()
        request.param(patient)
        patient.after(pid)
    renewed.no_more = lambda: request.param(patient)
    return renewed


def test_the_time_goes_on_in_the_next_process(patient, renew):
    for _ in range(3):
        patient.forward(0.3 * LONG_S)
        renew()
    patient.forward(0.3 * LONG_S)
    renew.no_more()
    assert ended(patient, LONG_S)


def test_a_node_that_came_in_between_starts_it_anew(patient, renew):
    patient.forward(0.9 * LONG_S)
    settled(patient, b"a")
    wait_for(lambda: registered(patient) == [])
    patient.forward(0.9 * LONG_S)
    renew()
    patient.forward(0.9 * LONG_S)
    renew.no_more()
    assert ended(patient, LONG_S)


def test_no_restart_ends_one_that_has_a_node(patient, renew):
    patient.forward(0.9 * LONG_S)
    with Node(patient, b"a") as node:
        for _ in range(2):
            patient.forward(2 * LONG_S)
            renew()
            assert exchange(patient, port2(b"a")) == found(b"a")
            assert state(node.sock) == "open"


def test_a_node_that_died_with_the_process_has_just_left(patient):
    node = Node(patient, b"a")
    patient.forward(2 * LONG_S)
    with patient.gap():
        node.close()
    assert registered(patient) == []
    patient.forward(0.9 * LONG_S)
    patient.kill_worker()
    patient.forward(0.2 * LONG_S)
    crash(patient)
    assert ended(patient, LONG_S)


@pytest.fixture
def manager(ours, tmp_path):
    with Watcher(ours, str(tmp_path / "notify"), *IDLE) as watcher:
        yield watcher


def test_under_a_service_manager_the_next_process_serves_what_comes_late(manager, ours):
    server = manager.start()
    manager.take_until(lambda: manager.held["s"], "the state")
    with stopped(server.pid):
        waiting = [ask(server, NAMES) for _ in range(5)]
        node = ask(server, alive2(b"a"))
        let_the_time_pass(ours)
    assert ended(server, status=NEEDLESS)
    server = manager.start()  # with the old state, in which the time is not over
    assert read_exactly(node, 2) == b"v\0"
    assert registered(server) == [b"a"]
    for sock in waiting:
        sock.close()
    node.close()
    assert ended(server, status=NEEDLESS)


def test_under_a_service_manager_half_a_registration_is_waited_for(manager, ours):
    request = alive2(b"a")
    server = manager.start()
    node = ask(server, request[:9])
    exchange(server, NAMES)
    with stopped(server.pid):
        node.sendall(request[9:])
        let_the_time_pass(ours)
    assert read_exactly(node, 2) == b"v\0"
    assert registered(server) == [b"a"], "it accepts again"
    node.close()
    assert ended(server, status=NEEDLESS)


def test_at_the_end_another_start_finds_the_port_free(ours):
    """Right away, as a node that starts just then needs it."""
    with Daemon(ours, *IDLE) as daemon:
        assert ended(daemon)
        result = run_epmd(ours, "-daemon", "-port", str(daemon.port), *IDLE, *visible(ours))
        assert (result.returncode, result.stderr) == (0, "")
        wait_for(lambda: not started_for(daemon.port), what="its end")
