# SPDX-License-Identifier: Apache-2.0
"""Paths, methods, headers and sockets of the HTTP server; and that counters count."""

import contextlib
import os
import random
import re
import signal

import pytest

import machine
from cli.servers import Detached, Fake
from cli.test_sandbox import IS_ROOT, free_privileged_port, needs_root, status
from harness import free_port, listening, run_epmd, wait_for
from metrics.observed import Observed, ObservedKept, lines, request
from wire.protocol import (KILL, NAMES, Node, connect, exchange, found, frame, port2, read_all,
                           read_exactly, send, settle, wait_registered)

WIDE = "\U0001f600".encode() * 250  # so that a listing is longer than the buffers
STRANGE = ["<script>alert(1)</script>", "a&amp;b", "quo\"te's", "back\\slash", "new\nline",
           "\x01\x1b[31m\x7f\r\t", "\u202eright to left", "\u017c\u00f3\u0142w \U0001f600", "x" * 255,
           "\U0010ffff" * 255]
WAITS_ENDLESSLY = re.compile(rb"^epoll_p?wait\(.*, -1(, .*)?\) += [1-9]", re.M)
HAS_TIMED_OUT = re.compile(rb"^epoll_p?wait\(.*\) += 0", re.M)


# ---- paths and methods ----

@pytest.mark.parametrize("path, kind, part", [
    ("/", "text/html; charset=utf-8", b"<!DOCTYPE html>"),
    ("/metrics", "text/plain; version=0.0.4; charset=utf-8", b"\nepmd_nodes 0\n"),
    ("/healthz", "text/plain; charset=utf-8", b"ok\n"),
    ("/?x=1", "text/html; charset=utf-8", b"<!DOCTYPE html>"),
    ("/metrics?x=1#y", "text/plain; version=0.0.4; charset=utf-8", b"\nepmd_nodes 0\n"),
])
def test_each_path_has_its_answer(observed, path, kind, part):
    reply = observed.get(path)
    assert reply.code == 200
    assert reply.headers["Content-Type"] == kind
    assert int(reply.headers["Content-Length"]) == len(reply.body)
    assert part in reply.body
    assert reply.headers["Connection"] == "close"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert ("script" in reply.headers["Content-Security-Policy"]) == (path in ("/", "/?x=1"))


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz"])
def test_head_is_get_without_the_body(observed, path):
    reply = observed.ask(request(path, "HEAD"))
    assert (reply.code, reply.body) == (200, b"")
    assert reply.headers["Content-Type"] == observed.get(path).headers["Content-Type"]
    assert int(reply.headers["Content-Length"]) >= len(b"ok\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz"])
def test_other_methods_are_not_allowed(observed, method, path):
    reply = observed.ask(request(path, method))
    assert (reply.code, reply.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/metrics/", "//metrics", "/Metrics", "/favicon.ico", "/../",
                                  "/%2e%2e/etc/passwd", "/healthz%00", "*"])
def test_other_paths_are_not_found(observed, path):
    reply = observed.get(path)
    assert (reply.code, reply.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert len(reply.body) < 100


@pytest.mark.parametrize("data, code", [
    (b"\0\1n", None), (b"\r\n\r\n", 400), (b"GET\r\n\r\n", 400), (b"BREW / HTTP/1.1\r\n\r\n", 501),
    (b"\xff" * 100 + b"\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
    (request("/" + "a" * 10000), 400), (request("/", fields=["X: " + "a" * 10000]), 400),
    (request("/", fields=["X: a"] * 5000), 400),
    (request("/", "POST", ["Content-Length: 1"]) + b"x", 413),
    (request("/", "POST", ["Content-Length: 99999999999999999999"]), 413),
    (request("/", "POST", ["Content-Length: -1"]), 400),
    (request("/", "POST", ["Transfer-Encoding: chunked"]) + b"5\r\nhello\r\n0\r\n\r\n", 413),
])
def test_what_is_no_request_is_refused(observed, data, code):
    with observed.connect() as sock:
        send(sock, data)
        if code is None:
            sock.shutdown(1)
        assert read_all(sock).split()[1:2] == ([str(code).encode()] if code else [])
    assert observed.get("/healthz").body == b"ok\n"


def test_random_bytes_harm_nothing(observed):
    source = random.Random(4369)
    for _ in range(200):
        data = request("/metrics", fields=["A: b"])
        start = source.randrange(len(data))
        with observed.connect() as sock:
            send(sock, data[:start] + source.randbytes(source.randrange(1, 40)) + data[start:])
            sock.shutdown(1)
            read_all(sock)
    assert observed.get("/healthz").body == b"ok\n"


def test_a_connection_serves_one_request(observed):
    reply = observed.ask(request("/healthz", fields=["Connection: keep-alive"]) * 2)
    assert (reply.code, reply.body) == (200, b"ok\n")
    old = observed.ask(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert (old.headers.get_all("Connection"), old.body) == (["close"], b"ok\n")


def test_what_a_proxy_is_asked_is_not_found(ours):
    """And no such connection is kept until its deadline."""
    fields = "\r\nProxy-Connection: keep-alive\r\nHost: [::1\r\n\r\n"
    with Observed(ours, "-d", "-d") as daemon:
        for what in "GET http://a/x", "GET http://", "GET ?", "GET mailto:x", "OPTIONS *":
            assert daemon.ask(f"{what} HTTP/1.1{fields}".encode()).code == 404
        assert "did not finish in time" not in daemon.log()


def test_there_is_nothing_to_connect_to(observed):
    """libevent keeps such a connection, so that it falls to the deadline."""
    with observed.connect() as sock:
        send(sock, b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n" % observed.port)
        assert read_exactly(sock, len(b"HTTP/1.1 404")) == b"HTTP/1.1 404"


# ---- what is told ----

def change(daemon, act):
    """What has changed in the counters when the daemon has done that."""
    before = daemon.series()
    act()
    settle(daemon)
    after = daemon.series()
    return {key: after[key] - before[key] for key in after
            if after[key] != before.get(key) and "process_" not in str(key)}


def test_counters_count(observed):
    settled = 2  # connections, each with an empty frame

    def act():
        for _ in range(3):
            exchange(observed, port2(b"here"))
        exchange(observed, port2(b"nowhere"))
        exchange(observed, NAMES)
        exchange(observed, frame(b"?"))
        Node(observed, b"here").close()
    with Node(observed, b"here"):
        assert change(observed, act) == {
            ("epmd_requests_total", "PORT_PLEASE2_REQ"): 4,
            ("epmd_requests_total", "NAMES_REQ"): 1,
            "epmd_lookup_misses_total": 1,
            ("epmd_refusals_total", "tag_unknown"): 1,
            ("epmd_refusals_total", "name_taken"): 1,
            ("epmd_refusals_total", "frame_empty"): settled,
            "epmd_connections_accepted_total": 7 + settled,
        }


def test_nodes_come_and_go(observed):
    with Node(observed, b"first", port=1234):
        with Node(observed, b"second", port=65535):
            now = observed.series()
            assert now["epmd_nodes"] == now["epmd_connections"] == 2
            assert now["epmd_node_port", "first"] == 1234
            assert now["epmd_node_port", "second"] == 65535
            since = now["epmd_node_registered_timestamp_seconds", "first"]
            assert abs(since - now["process_start_time_seconds"]) < 60
        wait_registered(observed, b"first")
        now = observed.series()
        assert (now["epmd_nodes"], now["epmd_departed_names"]) == (1, 1)
        assert now["epmd_unregistrations_total"] == 1
        assert ("epmd_node_port", "second") not in now
        assert now["epmd_node_registered_timestamp_seconds", "first"] == since


def test_expired_and_evicted_connections_are_counted(ours):
    with Observed(ours, "-packet_timeout", "1", wrapper=("prlimit", "--nofile=64:64")) as daemon:
        most = int(daemon.series()["epmd_connections_max"])
        silent = [connect(daemon.port) for _ in range(most + 3)]
        daemon.wait_series("epmd_connections_expired_total", most)
        assert daemon.series()["epmd_connections_evicted_total"] == 3
        for sock in silent:
            sock.close()


def test_strange_names_are_told_as_they_are(observed):
    nodes = [Node(observed, name.encode()) for name in STRANGE]
    assert [node.result for node in nodes] == [0] * len(nodes)
    told = {key[1] for key in observed.series() if key[0] == "epmd_node_port"}
    assert told == set(STRANGE)
    info = {labels["name"]: labels for name, labels, _ in lines(observed.get("/metrics").body)
            if name == "epmd_node_info"}
    assert list(info) == STRANGE  # the oldest is first
    assert {tuple(labels.items())[1:] for labels in info.values()} == {
        (("type", "normal"), ("lowest_version", "5"), ("highest_version", "6"), ("peer", "127.0.0.1"))}
    for node in nodes:
        node.close()


def test_the_watcher_is_told(ours, observed):
    assert observed.series()["epmd_watcher", "none"] == 1
    with ObservedKept(ours) as kept, Node(kept, b"held"):
        kept.wait_series("epmd_stored_registrations", 1)  # once the keeper has confirmed it
        now = kept.series()
        assert (now["epmd_watcher", "keeper"], now["epmd_watcher", "none"]) == (1, 0)


# ---- where it listens ----

def test_it_is_off_by_default(ours):
    with ObservedKept(ours) as seen:
        assert ("127.0.0.1", seen.metrics_port) in listening(seen.pid)
    with Detached(ours) as daemon:
        assert {port for pid in daemon.holders() for _, port in listening(pid)} == {daemon.port}


@pytest.mark.parametrize("address, expected", [
    (None, "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("127.0.0.3", "127.0.0.3"),
    ("0.0.0.0", "0.0.0.0"), ("[::1]", "::1"), ("[::]", "::")])
def test_it_listens_where_it_is_told(ours, address, expected):
    machine.need_family(expected)
    with Observed(ours, address=address) as daemon:
        port = daemon.metrics_port
        assert [row for row in listening(daemon.pid) if row[1] == port] == [(expected, port)]
        assert daemon.get("/healthz").body == b"ok\n"
        daemon.wait_log(f"metrics on {expected} port {port}\n")


def test_the_environment_turns_it_on(ours):
    port = free_port()
    with Detached(ours, env={"ERL_EPMD_METRICS": str(port)}) as daemon:
        with connect(port) as sock:
            send(sock, request("/healthz"))
            assert read_all(sock).endswith(b"ok\n")
        assert run_epmd(ours, "-port", str(daemon.port), "-names",
                        env={"ERL_EPMD_METRICS": "bad"}).returncode == 0


@pytest.mark.parametrize("options", [(), ("-daemon",), ("-keeper",)])
@pytest.mark.parametrize("address, reason", [
    ("127.0.0.1", "Address already in use"), ("192.0.2.1", "Cannot assign requested address")])
def test_a_socket_that_cannot_be_had_is_an_error(ours, options, address, reason):
    with Fake(b"") as taken:
        result = run_epmd(ours, "-port", str(free_port()), "-metrics", f"{address}:{taken.port}",
                          *options)
        assert (result.returncode, result.stdout) == (1, "")
        line, = [line for line in result.stderr.splitlines() if "cannot listen" in line]
        assert line.endswith(f"-metrics: cannot listen on {address} port {taken.port}: {reason}")


def test_beside_a_running_daemon_it_is_not_needed(observed, ours):
    result = run_epmd(ours, "-port", str(observed.port), "-metrics", str(observed.metrics_port))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_what_follows_a_request_does_not_reset_its_reply(observed):
    """Unread, it would: the connection ends as if nothing had followed."""
    os.kill(observed.pid, signal.SIGSTOP)
    with observed.connect() as sock:
        send(sock, request("/healthz") + b"x" * 40000)
        os.kill(observed.pid, signal.SIGCONT)
        assert read_exactly(sock, 1 << 20).endswith(b"ok\n")  # which raises what read_all() hides


# ---- restarts ----

def test_it_outlives_the_worker(ours):
    """Who connects while there is no worker is answered by the next one."""
    with ObservedKept(ours) as daemon, Node(daemon, b"kept"):
        since = daemon.series()["epmd_node_registered_timestamp_seconds", "kept"]
        with daemon.gap():
            waiting = daemon.connect()
            send(waiting, request("/metrics"))
        with waiting:
            assert b'\nepmd_node_port{name="kept"} 4711\n' in read_all(waiting)
        assert abs(daemon.series()["epmd_node_registered_timestamp_seconds", "kept"] - since) <= 1
        for _ in range(3):
            daemon.kill_worker()
            assert daemon.get("/healthz").body == b"ok\n"


def test_what_a_reload_has_passed_on_is_counted_once(ours):
    """A crash after it starts from nothing, not once more from what the reload told."""
    with ObservedKept(ours) as daemon:
        for _ in range(20):
            exchange(daemon, port2(b"none"))
        worker = daemon.worker()
        assert run_epmd(ours, "-port", str(daemon.port), "-reload").returncode == 0
        daemon.after(worker)
        assert daemon.series()["epmd_lookup_misses_total"] == 20
        daemon.kill_worker()
        assert daemon.series()["epmd_lookup_misses_total"] == 0


def test_health_tells_of_a_reload(ours):
    machine.need_descriptors(7000)
    with ObservedKept(ours) as daemon, contextlib.ExitStack() as held:
        for number in range(6000):
            held.enter_context(Node(daemon, b"%04d" % number + WIDE))
        slow = held.enter_context(connect(daemon.port, receive_buffer=4096))
        send(slow, NAMES)  # whose answer the reload waits for
        slow.recv(1)
        worker = daemon.worker()
        os.kill(worker, signal.SIGHUP)
        replies = []
        wait_for(lambda: replies.append(daemon.get("/healthz")) or replies[-1].code == 503,
                 what="the reload")
        assert replies[-1].body == b"a successor takes over\n"
        read_all(slow)
        daemon.after(worker)
        wait_for(lambda: daemon.get("/healthz").code == 200, what="the successor")
        assert {reply.code for reply in replies} <= {200, 503}


@pytest.mark.parametrize("kind", [Observed, ObservedKept])
def test_kill_frees_the_port(ours, kind):
    with kind(ours, "-relaxed_command_check") as daemon:
        port = daemon.metrics_port
        assert exchange(daemon, KILL) == b"OK"
        with Fake(b"", port=port):
            assert daemon.wait() == 0


# ---- the locked worker ----

LOCKED = [(), ("-user", "nobody")] if IS_ROOT else [()]


@pytest.mark.parametrize("options", LOCKED, ids=" ".join)
def test_the_sandbox_lets_it_serve(filtered, options):
    with ObservedKept(filtered, *options) as daemon, Node(daemon, b"held"):
        for _ in range(2):
            assert status(daemon.worker())["Seccomp"] == "2"
            assert daemon.series()["epmd_node_port", "held"] == 4711
            assert daemon.series()["process_cpu_seconds_total"] > 0
            assert b"<main" in daemon.get("/").body
            assert exchange(daemon, port2(b"held")) == found(b"held")
            daemon.kill_worker()


@needs_root
def test_the_user_keeps_a_port_that_it_could_not_bind(filtered):
    daemon = ObservedKept(filtered, "-user", "nobody")
    daemon.metrics_port = free_privileged_port()
    daemon.options = (*daemon.options[:-1], str(daemon.metrics_port))
    with daemon:
        assert daemon.get("/healthz").code == 200
        daemon.kill_worker()
        assert daemon.get("/healthz").code == 200


@pytest.mark.needs("strace")
def test_a_scrape_that_has_gone_wakes_nothing(ours, tmp_path):
    """Between two scrapes the daemon waits for what comes, and for no deadline."""
    trace = tmp_path / "trace"
    daemon = Observed(ours, "-no_sandbox", "all", env={"ASAN_OPTIONS": "detect_leaks=0"}, wrapper=(
        "strace", "-D", "-o", str(trace), "-e", "trace=epoll_wait,epoll_pwait"))
    daemon.start(reachable=False)  # the other way leaves a line to be told
    try:
        wait_for(lambda: daemon.metrics_port in [port for _, port in listening(daemon.pid)],
                 what="the socket for scrapes")
        assert daemon.get("/").code == 200
        seen = len(trace.read_bytes())
        assert any(daemon.get("/healthz").code == 200 and WAITS_ENDLESSLY.search(trace.read_bytes(), seen)
                   for _ in range(100))
        assert not HAS_TIMED_OUT.search(trace.read_bytes())
    finally:
        daemon.stop()
