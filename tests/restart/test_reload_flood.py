# SPDX-License-Identifier: Apache-2.0
"""RELOAD_REQ in a loop: any peer of this host may ask for it, so it must cost nobody anything."""

import contextlib
import os
import re
import signal
import time

import machine
from harness import OURS, clean_env, wait_for
from metrics.observed import ObservedKept, name_of
from restart.keeping import Kept
from wire.order import stopped
from wire.protocol import (RELOAD, Node, begin, connect, exchange, found, port2, read_all, send,
                           state)

WINDOW_S = 10
HOLD_UP_MS = 50


def test_one_request_in_ten_seconds_is_obeyed(kept):
    """A signal comes from the operator, and is obeyed at any time."""
    with Node(kept, b"a") as node:
        worker = kept.worker()
        assert exchange(kept, RELOAD) == b"OK"
        kept.after(worker)
        assert exchange(kept, RELOAD).startswith(b"NO: ")
        kept.wait_log(r"refused RELOAD_REQ from ")
        worker = kept.worker()
        os.kill(kept.pid, signal.SIGHUP)
        kept.after(worker)
        assert exchange(kept, port2(b"a")) == found(b"a")
        assert state(node.sock) == "open"


def test_requests_in_a_loop_restart_it_once_and_do_not_fill_the_log(kept):
    began = time.monotonic()
    for _ in range(60):
        exchange(kept, RELOAD)
    assert exchange(kept, port2(b"none")) == b"w\1"
    windows = 1 + (time.monotonic() - began) // WINDOW_S
    assert kept.log().count("a new process takes over") <= windows
    kept.stop()
    lines = len(kept.log().splitlines())
    assert lines < 60 * windows  # each window's bound on refusals, twice: a new process has its own


def test_what_is_complete_is_answered(kept):
    """By the old worker or the next one: lookups that have come, and those that wait."""
    with Node(kept, b"a"), contextlib.ExitStack() as stack:
        early = [stack.enter_context(connect(kept.port)) for _ in range(10)]
        for sock in early:
            send(sock, port2(b"a")[:2])
        exchange(kept, port2(b"none"))  # by now the worker has read these
        worker = kept.worker()
        with stopped(worker):
            for sock in early[:5]:
                send(sock, port2(b"a")[2:])
            os.kill(worker, signal.SIGHUP)
            for sock in early[5:]:
                send(sock, port2(b"a")[2:])
            late = [stack.enter_context(connect(kept.port)) for _ in range(10)]
            for sock in late:
                send(sock, port2(b"a"))
        assert [read_all(sock) for sock in (*early, *late)] == [found(b"a")] * 20
        kept.after(worker)


def test_what_is_half_sent_holds_nothing_up(tmp_path):
    """Once it is told to reload, the worker waits for nothing longer but the keeper's word."""
    machine.need("strace")
    trace = tmp_path / "trace"
    tracer = ("strace", "-ff", "-o", str(trace), "-e",
              "trace=epoll_wait,epoll_pwait,epoll_pwait2,poll,ppoll,recvfrom,read")
    env = clean_env({"ASAN_OPTIONS": "detect_leaks=0"})
    with Kept(OURS, "-no_sandbox", "all", wrapper=tracer, env=env) as traced:
        keeper = wait_for(lambda: _child(traced.pid), what="the keeper")
        worker = wait_for(lambda: _child(keeper), what="the worker")
        with begin(traced.port):
            exchange(traced, port2(b"none"))
            assert exchange(traced, RELOAD) == b"OK"
            wait_for(lambda: _child(keeper) not in (None, worker), what="the next worker")
            assert exchange(traced, port2(b"none")) == b"w\1"
        calls = trace.with_suffix(f".{worker}").read_text().splitlines()
        asked = next(number for number, call in enumerate(calls) if r'"\0\1r"' in call)
        timeouts = [int(found[1]) for call in calls[asked:] if not re.match(r"poll\(.* = 1 ", call)
                    and (found := re.match(r"(?:epoll_p?wait2?|poll)\(.*, (-?\d+)\)", call))]
        assert all(0 <= timeout <= HOLD_UP_MS for timeout in timeouts), timeouts
        os.kill(keeper, signal.SIGTERM)
        traced.wait()


def _child(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        return next(map(int, children.read().split()), None)


def test_counters_outlive_a_reload(ours):
    with ObservedKept(ours) as observed:
        for _ in range(7):
            exchange(observed, port2(b"none"))
        before = observed.series()
        worker = observed.worker()
        os.kill(observed.pid, signal.SIGHUP)
        observed.after(worker)
        after = observed.series()
        counters = [key for key in before if name_of(key).endswith("_total")
                    and not name_of(key).startswith("process_")]  # which start anew with each
        assert counters
        fallen = {key: (before[key], after[key]) for key in counters if after[key] < before[key]}
        assert fallen == {}
