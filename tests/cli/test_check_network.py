# SPDX-License-Identifier: Apache-2.0
"""What is dropped, rejected, full or not there: the doctor tells one from the other.

Packets are filtered by routing rules, which every kernel has.
"""

import contextlib
import errno
import os
import re
import signal
import socket

import pytest

from cli.hosts import ADDRESS, PORT, failed, host, register, two_hosts
from harness import wait_for
from machine import need, strerror

NO_ROUTE = strerror(errno.EHOSTUNREACH)

pytestmark = [pytest.mark.needs("network namespaces", "mount namespaces"),
              pytest.mark.theirs_asked("long", "stocks")]


@pytest.fixture
def patient():
    with host() as one:
        yield one


@pytest.fixture
def couple():
    with two_hosts() as hosts:
        yield hosts


def test_epmd_is_full(patient, ours):
    """A node tells its user that the name is in use: here the reason can be read."""
    need("erl")
    with patient.epmd(ours, wrapper=["prlimit", "--nofile=48"]), contextlib.ExitStack() as stack:
        n_nodes = 0
        while stack.enter_context(register(patient, b"n%d" % n_nodes, kind=72)).result == 0:
            n_nodes += 1
        with pytest.raises(AssertionError, match="in use|duplicate_name"), \
                patient.node("-sname", "late"):
            pass
        found = patient.check("late")
        step = failed(found, "epmd", "full")
        assert f"it is full: {n_nodes} of {n_nodes} nodes" in step["found"]
        assert "a name in use" in step["found"]
        for part in ("end nodes that are not needed", "ulimit -n", "end this one (kill ",
                     f"costs its {n_nodes} registrations"):
            assert part in step["cure"]
        name = found["by"]["name"]
        assert (name["status"], name["cause"]) == ("failed", "unknown_name")
        assert re.search(r"its last registration was refused at [-0-9: ]+: no descriptor is left",
                         name["found"])
        assert "start the node with -sname" not in name["cure"]


def test_a_refusal_is_told_after_the_reason_has_gone(patient, ours):
    with patient.epmd(ours):
        with register(patient, b"a", kind=72), register(patient, b"a") as second:
            assert second.result == 1
            assert patient.check("a")["by"]["name"]["status"] == "ok"
        wait_for(lambda: patient.check("a")["cause"] == "unknown_name", what="its end")
        found = failed(patient.check("a"), "name", "unknown_name")["found"]
        assert found.endswith(": the name is taken")
        assert "refused" not in failed(patient.check("b"), "name", "unknown_name")["found"]


def test_an_epmd_elsewhere_that_is_full(couple, ours):
    """It tells other hosts no reason, so that the user is sent to where it does."""
    here, there = couple
    with there.epmd(ours):
        step = failed(here.check("late@there"), "name", "unknown_name")
        assert '"epmd -check" with this name on that host says more' in step["cure"]
        assert "that host" not in failed(there.check("late"), "name", "unknown_name")["cure"]


@pytest.mark.needs("owners")
def test_an_address_that_is_not_this_hosts(patient, binary):
    """FreeBind= of a unit lets epmd listen there."""
    with patient.namespace.entered():
        listener = socket.socket()
        listener.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND
        listener.bind(("10.8.8.8", PORT))
        listener.listen()
    with listener, patient.epmd(binary, "-address", "127.0.0.1"):
        step = failed(patient.check(), "exposed", "foreign_address")
        assert step["found"].endswith("; no address of this host: 10.8.8.8")
        assert "no other network" not in step["found"]
        assert "FreeBind=" in step["cure"] and "ERL_EPMD_ADDRESS" in step["cure"]
    with listener_at(patient, "10.8.8.8"), patient.epmd(binary, "-address", ADDRESS):
        step = patient.check()["by"]["exposed"]  # as of a standby's virtual address
        assert (step["status"], step["cause"]) == ("warning", "foreign_address")
        assert "; exposed to 10.9.9.0/24 (eth0)" in step["found"]


@contextlib.contextmanager
def listener_at(on, address):
    with on.namespace.entered():
        listener = socket.socket()
    with listener:
        listener.setsockopt(socket.IPPROTO_IP, 15, 1)
        listener.bind((address, PORT))
        listener.listen()
        yield


def reject(there, port):
    """Let a host answer what is sent to a port with ICMP's "administratively prohibited"."""
    there.namespace.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    there.namespace.ip(f"rule add pref 1 iif cable ipproto 6 dport {port} prohibit",
                       "rule add pref 2 lookup local", "rule del pref 0")


def test_a_firewall_rejects_what_is_for_the_node(couple, binary):
    here, there = couple
    with there.epmd(binary), there.server(None, "10.9.9.2", 9100), register(there, b"a", port=9100):
        reject(there, 9100)
        step = failed(here.check("a@there"), "node", "firewall")
        assert f"10.9.9.2 port 9100: {NO_ROUTE}" in step["found"]
        assert "though port 4369 of that host answers" in step["found"]
        assert "rejects" in step["cure"] and "TCP port 9100" in step["cure"]


def test_a_firewall_rejects_what_is_for_epmd(couple, binary):
    here, there = couple
    with there.epmd(binary), register(there, b"a"):
        reject(there, PORT)
        step = failed(here.check("a@there"), "lookup", "firewall")
        assert f"10.9.9.2 port 4369: {NO_ROUTE}, though port 22 of that host answers" in step[
            "found"]
        assert "rejects" in step["cure"] and "TCP port 4369" in step["cure"]


@pytest.mark.needs("owners")
def test_packets_on_loopback_are_dropped(patient, binary):
    """What the daemon answers does not come back."""
    with patient.epmd(binary):
        for version in "-4", "-6":
            patient.namespace.ip(f"{version} rule add pref 1 ipproto 6 sport {PORT} blackhole",
                                 f"{version} rule add pref 2 lookup local",
                                 f"{version} rule del pref 0")
        step = failed(patient.check(), "epmd", "firewall")
        assert re.search(r"though only \d+ wait of the \d+ that may: packets on loopback are dropped",
                         step["found"])
        assert "interface lo" in step["cure"]


@pytest.mark.needs("owners")
def test_a_full_queue_of_connections(patient, binary):
    """Of an epmd that hangs: no more are accepted, and none is dropped by a firewall."""
    patient.namespace.run("sh", "-c", "echo 1 > /proc/sys/net/core/somaxconn")
    with patient.epmd(binary) as daemon, contextlib.ExitStack() as stack:
        os.kill(daemon.pid, signal.SIGSTOP)
        stack.callback(os.kill, daemon.pid, signal.SIGCONT)
        for address in ("::1", "127.0.0.1"):
            for _ in range(4):
                with patient.namespace.entered():
                    waiting = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
                stack.enter_context(waiting).setblocking(False)
                waiting.connect_ex((address, PORT))
                with contextlib.suppress(OSError):
                    waiting.send(b"\0")  # epmd is woken by the first bytes only
        found = patient.check()
        step = failed(found, "epmd", "silent")
        assert found["by"]["lookup"]["cure"] == "epmd does not answer on loopback either: see above"
        assert re.search(r"no connection is accepted, as \d+ wait already", step["found"])
        assert "hangs or is overloaded" in step["cure"]


def test_an_epmd_that_hangs(patient, binary):
    with patient.epmd(binary) as daemon:
        os.kill(daemon.pid, signal.SIGSTOP)
        try:
            step = failed(patient.check(), "epmd", "silent")
            assert step["found"] == "what listens has not answered within 2 s"
        finally:
            os.kill(daemon.pid, signal.SIGCONT)
