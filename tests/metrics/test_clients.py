# SPDX-License-Identifier: Apache-2.0
"""Clients that people use, and slow ones: curl, Python's own, and bytes one by one."""

import http.client
import subprocess

import pytest

from harness import PATIENCE_S
from metrics.observed import Reply, request
from wire.protocol import read_all, send

TOLD = "%{stderr}%{http_code} %{num_connects} %{http_version}\\n"


def curl(daemon, *words, paths=("/healthz",)):
    """What curl printed, and for each path the status, the connections and the version."""
    urls = [f"http://127.0.0.1:{daemon.metrics_port}{path}" for path in paths]
    result = subprocess.run(["curl", "-q", "-sS", "--noproxy", "*", "-w", TOLD, *words, *urls],
                            capture_output=True, check=False, timeout=PATIENCE_S)
    told = [line.split() for line in result.stderr.decode().splitlines()]
    return result.returncode, result.stdout, told


@pytest.mark.needs("curl")
@pytest.mark.parametrize("words, version", [
    ((), "1.1"), (("--http1.0",), "1"), (("-H", "Connection: keep-alive"), "1.1"),
    (("--http1.0", "-H", "Connection: keep-alive"), "1"), (("--compressed",), "1.1"),
    (("-H", "Host:"), "1.1"), (("--http2",), "1.1")])
def test_curl_is_served(observed, words, version):
    """Two requests, each on a connection of its own, whatever is asked for."""
    assert curl(observed, *words, paths=("/healthz", "/healthz")) == \
        (0, b"ok\nok\n", [["200", "1", version]] * 2)


@pytest.mark.needs("curl")
@pytest.mark.parametrize("words, code", [
    (("-d", "body"), "413"), (("-X", "PUT"), "405"), (("-X", "POST"), "405"),
    (("-X", "BREW"), "501"), (("-H", "X: " + "a" * 9000), "400"),
    (("-H", "X: " + "a" * 7000), "200")])
def test_curl_is_told_what_is_refused(observed, words, code):
    status, _, told = curl(observed, *words)
    assert (status, told) == (0, [[code, "1", "1.1"]])


@pytest.mark.needs("curl")
@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz"])
def test_curl_asks_for_the_head(observed, path):
    status, head, told = curl(observed, "-I", paths=(path,))
    assert (status, told) == (0, [["200", "1", "1.1"]])
    assert int(Reply(head).headers["Content-Length"]) > 0 and head.endswith(b"\r\n\r\n")


def test_pythons_client_is_served(observed):
    connection = http.client.HTTPConnection("127.0.0.1", observed.metrics_port, timeout=PATIENCE_S)
    for _ in range(2):
        connection.request("GET", "/healthz", headers={"Connection": "keep-alive"})
        reply = connection.getresponse()
        assert (reply.status, reply.read(), reply.will_close) == (200, b"ok\n", True)


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_slow_writers_are_served(observed, pieces):
    data = request("/healthz", fields=["User-Agent: slow"])
    with observed.connect() as sock:
        for at in range(0, len(data), pieces):
            send(sock, data[at:at + pieces])
        assert Reply(read_all(sock)).body == b"ok\n"


def test_a_client_that_has_said_all_is_served(observed):
    """Its sending side is closed before the reply."""
    with observed.connect() as sock:
        send(sock, request("/metrics"))
        sock.shutdown(1)
        assert b"\nepmd_nodes 0\n" in Reply(read_all(sock)).body
