# SPDX-License-Identifier: Apache-2.0
"""-check -hosts: the doctor sees a whole cluster, of epmds and nodes that can be anything.

Hosts are addresses of 127.0.0.0/8. What a node says is played back; tests/clients has real ones.
"""

import contextlib
import json
import os
import re
import socket
import struct
import threading

import pytest

from cli.hosts import host as one_host
from cli.many import EMPTY, NameServer, a, addresses, shown_on_a_terminal
from cli.servers import Fake
from harness import free_port, run_epmd


def message(tag, body):
    return struct.pack(">H", 1 + len(body)) + tag + body


def answer(own, status=b"ok", creation=0):
    """What a node says to one that connects: a status, and a challenge with its full name."""
    challenge = struct.pack(">QIIH", 0, 0, creation, len(own)) + own.encode()
    return message(b"s", status) + message(b"N", challenge)


class Epmd(Fake):
    """An epmd with these (name, port, type)."""

    def __init__(self, nodes, host, port, tells=True):
        self._nodes, self._tells = nodes, tells
        super().__init__(b"", host, port)

    def _answer(self, peer):
        with contextlib.suppress(OSError), peer:
            request = peer.recv(2000)[2:]
            if request == b"n":
                peer.sendall(EMPTY + b"".join(b"name %s at port %d\n" % (name.encode(), port)
                                              for name, port, _ in self._nodes))
            elif self._tells:
                peer.sendall(self._lookup(request[1:].decode()))

    def _lookup(self, wanted):
        for name, port, kind in self._nodes:
            if name == wanted:
                return struct.pack(">BBHBBHHH", 119, 0, port, kind, 0, 6, 5,
                                   len(name)) + name.encode() + b"\0\0"
        return b"w\1"


class Cluster:
    """Hosts with epmds on one port, and what they have."""

    def __init__(self, ours, count):
        self.port, self.node_port = free_port(), free_port()
        self.hosts = addresses(count)
        self._ours = ours
        self._held = contextlib.ExitStack()

    def epmd(self, host, *nodes, **how):
        return self._held.enter_context(Epmd(nodes, host, self.port, **how))

    def node(self, host, reply, port=None):
        return self._held.enter_context(Fake(reply, host, port or self.node_port))

    def well(self, host, name="a"):
        """A host with one node, which answers by the address as its host's name."""
        self.epmd(host, (name, self.node_port, 77))
        return self.node(host, answer(f"{name}@{host}"))

    def command(self, *options, hosts=None):
        return [self._ours, "-port", str(self.port), "-check", *options, "-hosts",
                ",".join(hosts or self.hosts)]

    def run(self, *options, **how):
        return run_epmd(*self.command(*options, **how))

    def check(self, **how):
        """What is found, as JSON, and with the exit code."""
        result = self.run("-json", **how)
        assert result.stderr == ""
        return {**json.loads(result.stdout), "exit": result.returncode}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._held.close()


def findings(found):
    return [(each["host"], each["status"], each["cause"]) for each in found["findings"]]


@pytest.fixture
def two(ours):
    with Cluster(ours, 2) as cluster:
        cluster.well(cluster.hosts[0])
        yield cluster


def test_one_line_for_a_host_that_is_well(ours):
    with Cluster(ours, 3) as cluster:
        first, second, third = cluster.hosts
        cluster.well(first)
        cluster.well(second)
        cluster.epmd(third)
        result = cluster.run()
        found = cluster.check()
    assert (result.returncode, result.stderr) == (0, "")
    lines = [re.split(" +", line, maxsplit=2) for line in result.stdout.splitlines()]
    assert lines[:3] == [["ok", first, "1 node: 1 answers"], ["ok", second, "1 node: 1 answers"],
                         ["ok", third, "no nodes"]]
    assert result.stdout.endswith("\nepmd: 3 hosts, 3 answer, 2 nodes; all is well\n")
    assert (found["exit"], found["ok"], found["complete"]) == (0, True, True)
    assert (found["hosts"], found["answered"], found["nodes"]) == (3, 3, 2)


def test_a_host_without_epmd(two):
    found = two.check()
    assert (found["exit"], found["ok"]) == (1, False)
    assert findings(found) == [(two.hosts[0], "ok", None), (two.hosts[1], "failed", "refused")]
    assert found["findings"][1]["cure"]
    assert two.run().stdout.endswith(
        "\nepmd: 2 hosts, 1 answers, 1 node; 1 host is well\n")


def test_no_host_answers(ours):
    with Cluster(ours, 2) as cluster:
        assert cluster.check()["exit"] == 2
        assert cluster.run(hosts=["@/nonexistent"]).returncode == 2


def test_nodes_of_other_types_are_left_alone(two):
    """Many C and Java nodes end when a connection fails."""
    other = two.hosts[1]
    two.epmd(other, ("c", two.node_port, 72), ("java", two.node_port, 110))
    silent = two.node(other, b"")
    result = two.run()
    assert result.returncode == 0
    assert re.search(f"^ok +{re.escape(other)} +2 nodes: 2 registered, not connected to$",
                     result.stdout, re.M)
    assert silent.requests == []


WRONG = {
    "refused": None,
    "not_a_node": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "silent_node": b"",
    "other_name": answer("b@127.0.0.1"),
    "resolves_elsewhere": answer("a@127.0.0.1"),
}


@pytest.mark.parametrize("cause", WRONG)
def test_a_node_that_is_not_well(two, cause):
    other = two.hosts[1]
    two.epmd(other, ("a", two.node_port, 77))
    if WRONG[cause] is not None:
        two.node(other, WRONG[cause])
    found = two.check()
    assert findings(found) == [(two.hosts[0], "ok", None), (other, "failed", cause)]
    assert found["findings"][1]["found"].startswith(f'node "a", port {two.node_port}: ')
    assert found["findings"][1]["cure"]


def test_a_node_that_allows_few(two):
    two.epmd(two.hosts[1], ("a", two.node_port, 77))
    two.node(two.hosts[1], message(b"s", b"not_allowed"))
    assert findings(two.check())[1:] == [(two.hosts[1], "warning", "node_allows_few")]


def test_tls_is_an_answer(two):
    two.epmd(two.hosts[1], ("a", two.node_port, 77))
    two.node(two.hosts[1], b"\x15\3\3\0\2\2\x0a")
    assert two.check()["ok"]


def test_an_epmd_that_looks_nothing_up(two):
    """So that the type is not known: no node is knocked at."""
    other = two.hosts[1]
    two.epmd(other, ("a", two.node_port, 77), tells=False)
    node = two.node(other, b"")
    assert findings(two.check())[1:] == [(other, "skipped", "not_allowed")]
    assert node.requests == []


def test_a_name_that_is_there_twice(ours):
    with Cluster(ours, 2) as cluster:
        first, second = cluster.hosts
        cluster.well(first)
        cluster.epmd(second, ("a", cluster.node_port, 77))
        cluster.node(second, answer(f"a@{first}"))
        found = cluster.check()
    assert findings(found) == [(first, "ok", None), (second, "failed", "resolves_elsewhere"),
                               ("cluster", "failed", "registered_twice")]
    assert found["findings"][2]["found"] == (
        f'"a@{first}" is there twice: {first} port {cluster.node_port}, and {second} port '
        f"{cluster.node_port}")


@pytest.mark.parametrize("creations, twice", [((7, 7), False), ((7, 8), True)])
def test_one_node_at_two_addresses(ours, creations, twice):
    """It has one creation: to end one of two would end the only one."""
    with Cluster(ours, 2) as cluster:
        first = cluster.hosts[0]
        for host, creation in zip(cluster.hosts, creations):
            cluster.epmd(host, ("a", cluster.node_port, 77))
            cluster.node(host, answer(f"a@{first}", creation=creation))
        found = cluster.check()
    causes = [cause for _, _, cause in findings(found)]
    assert "if both are one host, list it by that name alone" in found["findings"][1]["cure"]
    assert causes == [None, "resolves_elsewhere"] + ["registered_twice"] * twice


class Silent(Fake):
    """A node that says nothing for as long as the other waits; all of them count together.

    Whoever comes counts with those that have not ended by then, though it be seen late.
    """
    lock = threading.Lock()
    peers, most_open = [], 0

    def _answer(self, peer):
        with contextlib.suppress(OSError), peer:
            with Silent.lock:
                Silent.peers.append(peer)
                n_open = len(Silent.peers) - sum(map(has_ended, Silent.peers))
                Silent.most_open = max(Silent.most_open, n_open)
            while peer.recv(1000):
                pass
            with Silent.lock:
                Silent.peers.remove(peer)


def has_ended(peer):
    with contextlib.suppress(BlockingIOError):
        return peer.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    return False


def test_at_most_64_nodes_at_once(ours):
    """And all of them, though none answers."""
    ports = [free_port() for _ in range(66)]
    with Cluster(ours, 1) as cluster, contextlib.ExitStack() as held:
        host, = cluster.hosts
        cluster.epmd(host, *[(f"n{port}", port, 77) for port in ports])
        for port in ports:
            held.enter_context(Silent(b"", host, port))
        found = cluster.check()
    assert 1 < Silent.most_open <= 64
    assert [each["cause"] for each in found["findings"]] == ["silent_node"] * 66


def test_progress_is_for_terminals(two):
    """While it takes longer than half a second, as with a node that says nothing."""
    two.epmd(two.hosts[1], ("a", two.node_port, 77))
    two.node(two.hosts[1], None)
    shown, output = shown_on_a_terminal(two.command())
    assert b"\nFAILED" in output
    assert b"\repmd: 1 of 2 nodes" in shown
    assert re.search(rb"\r +\r$", shown), "the line is wiped out at the end"
    assert two.run().stderr == ""


def test_names_are_made_safe(two):
    two.epmd(two.hosts[1], ("a\x1b[2J", two.node_port, 77))
    two.node(two.hosts[1], answer("a\x1b[2J@\x1b[1mh"))
    for options in [], ["-json"]:
        assert not re.search(r"[\0-\x09\x0b-\x1f\x7f-\x9f]", two.run(*options).stdout)


@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("own, asked, cause", [
    ("h1.test", "h1.test", None), ("h1", "h1.test", "other_name"), ("H1.test", "h1.test",
                                                                    "other_name"),
    ("127.0.7.1", "h1.test", "other_name"), ("h1.test", "127.0.7.1", None),
    ("h2.test", "h1.test", "resolves_elsewhere"), ("h2.test", "127.0.7.1", "resolves_elsewhere"),
    ("h3.test", "127.0.7.1", "unresolvable")])
def test_the_name_that_a_node_has_for_its_host(ours, own, asked, cause):
    zone = {"h1.test": [a("127.0.7.1")], "h2.test": [a("127.0.7.2")]}
    with one_host() as net, contextlib.ExitStack() as held:
        net.resolves("127.0.7.1 h1\n")
        with net.namespace.entered():
            held.enter_context(NameServer(zone))
            held.enter_context(Epmd([("a", 5000, 77)], "127.0.7.1", 4369))
            held.enter_context(Fake(answer(f"a@{own}"), "127.0.7.1", 5000))
        result = net.run(os.path.abspath(ours), "-check", "-json", "-hosts", asked,
                         nameserver="127.0.0.1")
    found, = json.loads(result.stdout)["findings"]
    assert found["cause"] == cause, found
    assert found["status"] == {None: "ok", "other_name": "warning"}.get(cause, "failed")


@pytest.mark.parametrize("words, reason", [
    (["-check", "a@b", "-hosts", "b"], "-hosts does not go together with the name of a node"),
    (["-hosts", "b"], "-hosts goes only with -names or -check")])
def test_words_that_do_not_go_together(ours, words, reason):
    result = run_epmd(ours, *words)
    assert (result.returncode, result.stdout) == (1, "")
    assert reason in result.stderr.splitlines()[-1]
