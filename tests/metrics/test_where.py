# SPDX-License-Identifier: Apache-2.0
"""Who sees names over HTTP, and sockets that a service manager passes."""

import socket

import pytest

from cli.servers import Fake
from cli.test_systemd import ACTIVATE
from harness import free_port, listening, wait_for
from metrics.observed import Observed, Reply, request
from restart.passing import Watcher
from wire.protocol import (KILL, NAMES, Node, connect, exchange, found, names_reply, port2,
                           read_all, send)

HOSTS = {"10.9.9.1": "10.9.9.2", "[fd99::1]": "fd99::2"}


@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("address", HOSTS)
@pytest.mark.parametrize("words, shown", [
    ((), True), (("-allow_names", "10.9.9.0/24,fd99::/64"), True),
    (("-allow_names", "none"), False), (("-allow_names", "192.0.2.0/24"), False),
    (("-allow_lookup", "none", "-allow_names", "none", "-allow_register", "none"), False)])
def test_names_are_for_those_who_may_list_them(ours, hosts, address, words, shown):
    here, there = hosts
    with Observed(ours, *words, address=address, namespace=here) as daemon:
        with here.entered(), Node(daemon, b"secret"):
            with there.entered():
                far = daemon.series()
                assert daemon.get("/healthz").body == b"ok\n"
            near = daemon.series()
    assert far["epmd_nodes"] == near["epmd_nodes"] == 1
    assert (("epmd_node_port", "secret") in far) == (("epmd_node_info", "secret") in far) == shown
    assert far["epmd_nodes_unlisted"] == (0 if shown else 1)
    assert near["epmd_node_port", "secret"] == 4711


OWN = socket.gethostname()


@pytest.mark.parametrize("host, code", [
    ("127.0.0.1:9568", 200), ("[::1]:9568", 200), ("192.0.2.1", 200), ("localhost", 200),
    ("LOCALHOST:80", 200), ("a.localhost", 200), (OWN, 200), (f"{OWN}:9568", 200),
    ("attacker.example", 403), ("127.0.0.1.attacker.example:9568", 403), ("", 403),
    ("localhost.attacker.example", 403), (f"{OWN}.attacker.example", 403)])
def test_a_web_site_cannot_read_it_by_its_own_name(observed, host, code):
    """DNS rebinding: the site's name resolves to 127.0.0.1, and its script asks."""
    for path in "/", "/metrics", "/healthz":
        with observed.connect() as sock:
            send(sock, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            reply = Reply(read_all(sock))
        assert reply.code == code
        assert (b"Host" in reply.body and b"epmd_" not in reply.body) == (code == 403)


@pytest.mark.needs("network namespaces")
def test_from_elsewhere_any_name_will_do(ours, hosts):
    """A host may be called there by names that it does not know."""
    here, there = hosts
    with Observed(ours, address="0.0.0.0", namespace=here) as daemon:
        for host, code in ("epmd.example:9568", 200), (None, 200):
            with there.entered(), daemon.connect(host="10.9.9.1") as sock:
                field = f"Host: {host}\r\n" if host else ""
                send(sock, f"GET /metrics HTTP/1.1\r\n{field}\r\n".encode())
                assert Reply(read_all(sock)).code == code
        with here.entered(), daemon.connect(host="127.0.0.1") as sock:
            send(sock, b"GET /metrics HTTP/1.1\r\nHost: epmd.example\r\n\r\n")
            assert Reply(read_all(sock)).code == 403


@pytest.mark.parametrize("how", [{"words": ("-metrics_no_names",)},
                                 {"env": {"ERL_EPMD_METRICS_NO_NAMES": "yes"}}])
def test_names_may_be_left_out_for_all(ours, how):
    """Where short-lived nodes come and go, the number of their series has no bound."""
    with Observed(ours, *how.get("words", ()), env=how.get("env")) as daemon:
        with Node(daemon, b"secret"):
            text = daemon.get("/metrics").body
            assert b"secret" not in text
            assert b"\nepmd_nodes 1\n" in text and b"\nepmd_nodes_unlisted 1\n" in text
            assert b"secret" in exchange(daemon, NAMES)  # which are another matter


def link_local(host):
    """The link-local address of a host, once the kernel has made sure that it is alone."""
    def settled():
        with host.entered(), open("/proc/thread-self/net/if_inet6", encoding="ascii") as lines:
            for digits, _, _, _, flags, device in map(str.split, lines):
                if digits.startswith("fe80") and device == "cable" and not int(flags, 16) & 0x40:
                    return ":".join(digits[at:at + 4] for at in range(0, 32, 4))
        return None
    return wait_for(settled, what="a link-local address")


@pytest.mark.needs("network namespaces")
def test_an_address_with_a_zone_is_one(ours, hosts):
    """libevent tells of the zone, which no list has."""
    here, there = hosts
    own, _ = link_local(here), link_local(there)
    with Observed(ours, "-allow_names", "fe80::/10", address="[::]", namespace=here) as daemon:
        with here.entered(), Node(daemon, b"secret"), there.entered():
            with socket.socket(socket.AF_INET6) as sock:
                sock.connect((own, daemon.metrics_port, 0, socket.if_nametoindex("cable")))
                send(sock, request("/metrics"))
                assert b'epmd_node_port{name="secret"} 4711' in Reply(read_all(sock)).body


@pytest.mark.needs(ACTIVATE)
def test_a_socket_unit_may_pass_its_socket(ours):
    daemon = Observed(ours, "-systemd")
    daemon.wrapper = (ACTIVATE, "-l", f"127.0.0.1:{daemon.port}",
                      "-l", f"127.0.0.1:{daemon.metrics_port}")
    with daemon:
        assert listening(daemon.pid) == sorted([("127.0.0.1", daemon.port),
                                                ("127.0.0.1", daemon.metrics_port)])
        assert exchange(daemon, NAMES) == names_reply(daemon)
        assert daemon.get("/healthz").body == b"ok\n"


def test_what_a_socket_unit_has_passed_listens_on_after_a_kill(ours, tmp_path):
    """The sockets are the manager's, which starts another process for the next peer."""
    port = free_port()
    with Watcher(ours, str(tmp_path / "notify"), "-relaxed_command_check",
                 "-metrics", f"127.0.0.1:{port}") as manager:
        with socket.create_server(("127.0.0.1", port)) as listener:
            manager.held["l"].append(listener.detach())
        server = manager.start(reachable=False)  # its port; the other socket is for scrapes
        assert exchange(server, KILL) == b"OK"
        assert server.wait() == 0
        for each in server.port, port:
            connect(each).close()


@pytest.mark.needs(ACTIVATE)
def test_under_systemd_it_opens_its_own_socket(ours):
    daemon = Observed(ours, "-systemd")
    daemon.wrapper = (ACTIVATE, "-l", f"127.0.0.1:{daemon.port}")
    with daemon:
        assert daemon.get("/healthz").body == b"ok\n"
        assert exchange(daemon, NAMES) == names_reply(daemon)


def test_who_has_nodes_to_lose_goes_on_without(ours, tmp_path):
    """Under a service manager each process binds the port anew, and it may be taken."""
    port = free_port()
    with Watcher(ours, str(tmp_path / "notify"), "-metrics", f"127.0.0.2:{port}") as manager:
        server = manager.start()
        with connect(port, "127.0.0.2") as sock, Node(server, b"kept"):
            send(sock, request("/healthz"))
            assert read_all(sock).endswith(b"ok\n")
            manager.take_nodes(1)
            manager.kill()
            with Fake(b"", host="127.0.0.2", port=port):
                server = manager.start()
                assert exchange(server, port2(b"kept")) == found(b"kept")
                server.wait_log(f"-metrics: cannot listen on 127.0.0.2 port {port}: "
                                "Address already in use; there are no metrics")
            server = manager.restart()
            assert exchange(server, port2(b"kept")) == found(b"kept")
            with connect(port, "127.0.0.2") as again:
                send(again, request("/healthz"))
                assert read_all(again).endswith(b"ok\n")
