# SPDX-License-Identifier: Apache-2.0
"""Under a real systemd, with the units of dist/systemd, with Debian's and with SUSE's.

Always true here: each test starts from stopped units, in a container that is booted
once; all of it is in the container's own network, at port 4369.
"""

import re
import time

import pytest

from clients.beam import site_at
from harness import wait_for
from machine import need
from restart import machine as container
from restart.keeping import departed, settled, view
from wire.protocol import NAMES, NOT_FOUND, Node, exchange, found, port2, registered, state

pytestmark = [pytest.mark.asked("long"),
              pytest.mark.timeout(3600)]  # making the tree takes its time

DROP_IN = "/etc/systemd/system/epmd.service.d/test.conf"

N_LAST_MOMENTS = 50

# The unit forbids what a sanitizer needs to look for leaks, and it would end with an error.
NO_LEAKS = "Environment=ASAN_OPTIONS=detect_leaks=0"

# What SUSE's units ask of the daemon that Debian's do not: see docs/migrating.md.
SUSES_SOCKET = """[Socket]
ListenStream=127.0.0.1:4369
Accept=false"""
SUSES_SERVICE = """[Unit]
Requires=epmd.socket
[Service]
ProtectSystem=full
ProtectHome=true
PrivateDevices=true
ProtectKernelTunables=true
ProtectControlGroups=true
RestrictRealtime=true
ExecStart=/usr/bin/epmd -systemd
Type=simple
Restart=always
LimitNPROC=1
LimitFSIZE=0
User=epmd
Group=epmd"""


@pytest.fixture(scope="module")
def machine(ours):
    container.require()
    booted = container.Machine(ours)
    try:
        booted.boot()
        booted.do("sh", "-c", "systemctl stop epmd.socket epmd.service; userdel epmd;"
                  "systemd-sysusers /opt/units/epmd.sysusers && id epmd")
        yield booted
    finally:
        booted.halt()


@pytest.fixture
def server(machine):
    """Our units and our binary, started."""
    install(machine)
    machine.do("sh", "-c", "cp /opt/units/epmd.socket /opt/units/epmd.service /etc/systemd/system")
    yield from started(machine)


@pytest.fixture
def debians(machine):
    """Our binary under Debian's units."""
    install(machine)
    machine.do("rm", "-f", "/etc/systemd/system/epmd.socket", "/etc/systemd/system/epmd.service")
    yield from started(machine)


@pytest.fixture
def suses(machine):
    """Our binary under SUSE's units."""
    install(machine)
    for name, text in ("socket", SUSES_SOCKET), ("service", SUSES_SERVICE):
        machine.do("sh", "-c", f"echo '{text}' >/etc/systemd/system/epmd.{name}")
    yield from started(machine)


def install(machine):
    """As a package manager does it: a new file in the place of the old one."""
    machine.do("sh", "-c", "cp /opt/epmd /usr/bin/epmd.new && mv /usr/bin/epmd.new /usr/bin/epmd")


def started(machine):
    machine.forget()
    configure(machine, NO_LEAKS)
    machine.do("systemctl", "start", "epmd.socket")
    machine.do("systemctl", "start", "epmd.service")
    with machine.network():
        exchange(machine, NAMES)
        yield machine
    machine.do("systemctl", "stop", "epmd.socket", "epmd.service")
    machine.run("systemctl", "reset-failed")


def configure(machine, *lines):
    text = "\n".join(["[Service]", *lines])
    machine.do("sh", "-c", f"mkdir -p $(dirname {DROP_IN}); echo '{text}' > {DROP_IN}")
    machine.do("systemctl", "daemon-reload")


def restart(server):
    server.do("systemctl", "restart", "epmd.service")


def kill(server):
    server.do("systemctl", "kill", "-s", "KILL", "epmd.service")


def abort(server):
    server.do("systemctl", "kill", "-s", "ABRT", "epmd.service")


def reload(server):
    server.do("systemctl", "reload", "epmd.service")


def upgrade(server):
    install(server)
    restart(server)


def after(server, what):
    """Do something that ends the process; return when another one serves."""
    pid = server.main_pid()
    what(server)
    wait_for(lambda: server.main_pid() not in (0, pid), what="another process")
    exchange(server, NAMES)


@pytest.mark.parametrize("what", [restart, kill, abort, reload, upgrade])
def test_registrations_survive(server, what):
    creation = settled(server, b"departed")
    wait_for(lambda: departed(server) == [b"departed"])
    with (Node(server, b"a", extra=b"e") as a, Node(server, b"b", kind=72) as b,
          Node(server, b"c", host="::1", highest=5) as c):
        before = view(server, b"a", b"b", b"c")
        for _ in range(1 if what is reload else 3):  # one in ten seconds by request
            after(server, what)
            assert view(server, b"a", b"b", b"c") == before
        assert [state(node.sock) for node in (a, b, c)] == ["open"] * 3
        assert settled(server, b"departed") == creation + 1
        assert server.show("ActiveState") == "active"
    wait_for(lambda: registered(server) == [])
    assert ("Failed with result" in server.log()) == (what in (kill, abort))


def test_what_the_manager_holds(server):
    """The state, and the connections of those who live: it drops those that left."""
    with Node(server, b"a"), Node(server, b"b"):
        wait_for(lambda: server.show("NFileDescriptorStore") == "3")
        after(server, restart)
        assert server.show("NFileDescriptorStore") == "3"
    wait_for(lambda: server.show("NFileDescriptorStore") == "1")
    assert re.search("Listening on port 4369", server.show("StatusText"))


def test_4096_registrations_survive(server):
    """The next ones work, too, but would end with the process, as the log tells."""
    nodes = [Node(server, b"n%d" % i) for i in range(4100)]
    assert {node.result for node in nodes} == {0}
    wait_for(lambda: "4096 registrations are stored, which is all" in server.log())
    wait_for(lambda: server.show("NFileDescriptorStore") == "4097")
    after(server, restart)
    assert registered(server) == [node.name for node in nodes[4095::-1]]
    assert {state(node.sock) for node in nodes[:4096]} == {"open"}
    assert [node.sock.recv(1) for node in nodes[4096:]] == [b""] * 4
    for node in nodes:
        node.close()
    wait_for(lambda: server.show("NFileDescriptorStore") == "1")


def test_nobody_is_turned_away_in_a_restart(server):
    with Node(server, b"a"):
        for _ in range(5):
            server.do("systemctl", "restart", "--no-block", "epmd.service")
            for _ in range(20):
                assert exchange(server, port2(b"a")) == found(b"a")
            wait_for(lambda: server.show("SubState") == "running")


def test_who_dies_in_the_gap_is_gone(server):
    """RestartSec= makes the gap long enough."""
    configure(server, "RestartSec=1s")
    with Node(server, b"stays") as stays, Node(server, b"dies") as dies:
        pid = server.main_pid()
        kill(server)
        wait_for(lambda: server.main_pid() == 0)
        dies.close()
        wait_for(lambda: server.main_pid() not in (0, pid))
        assert registered(server) == [b"stays"]
        assert state(stays.sock) == "open"
        assert settled(server, b"dies") == dies.creation + 1


def test_a_hung_process_is_replaced(server):
    configure(server, "WatchdogSec=500ms")
    after(server, restart)
    with Node(server, b"a") as node:
        pid = server.main_pid()
        server.do("systemctl", "kill", "-s", "STOP", "epmd.service")
        assert exchange(server, port2(b"a")) == found(b"a"), "it waits for the next process"
        assert server.main_pid() != pid
        assert state(node.sock) == "open"
    assert "Watchdog timeout" in server.log()


def test_no_number_of_deaths_is_too_many(server):
    with Node(server, b"a") as node:
        for _ in range(12):
            after(server, kill)
        assert exchange(server, port2(b"a")) == found(b"a")
        assert state(node.sock) == "open"


def test_stop_ends_all_registrations(server):
    with Node(server, b"a") as node:
        server.do("systemctl", "stop", "epmd.service")
        assert node.sock.recv(1) == b""
        assert exchange(server, port2(b"a")) == NOT_FOUND, "the socket starts it again"


def retire_when_idle(server):
    """Restart it with -exit_when_idle; return when it has ended."""
    configure(server, NO_LEAKS, "Environment=ERL_EPMD_EXIT_WHEN_IDLE=1")
    restart(server)
    await_retirement(server)


def await_retirement(server):
    wait_for(lambda: server.show("ActiveState") != "active", what="the end of the service")


def test_when_idle_it_ends_and_the_next_node_starts_it(server):
    retire_when_idle(server)
    for _ in range(3):
        assert server.show("ActiveState") == "inactive", "it has neither failed nor come back"
        assert (server.show("ExecMainStatus"), server.show("Result")) == ("79", "success")
        assert server.show("SubState", "epmd.socket") == "listening"
        with Node(server, b"a") as node:
            assert exchange(server, port2(b"a")) == found(b"a")
            after(server, restart)
            assert exchange(server, port2(b"a")) == found(b"a")
            assert state(node.sock) == "open"
        await_retirement(server)
    assert "no node has been registered for 1 s" in server.log()
    assert "Scheduled restart job" not in server.log()


@pytest.mark.asked("long")
def test_a_registration_at_the_end_is_never_lost(server):
    """It is served by the process that ends, which then goes on, or by the one that follows."""
    retire_when_idle(server)
    for i in range(N_LAST_MOMENTS):
        name = b"n%d" % i
        Node(server, b"first").close()
        end = time.monotonic() + 0.985 + 0.001 * (i % 50)
        wait_for(lambda end=end: time.monotonic() > end, what="the last moment")
        with Node(server, name) as node:
            assert node.result == 0
            assert exchange(server, port2(name)) == found(name)
            assert state(node.sock) == "open"


def test_a_node_never_notices(server):
    need("erl")
    with site_at(server.port) as site, site.node("-sname", "e") as e:
        ports, creation = site.await_names("e"), e.creation()
        for what in restart, kill, reload, upgrade:
            after(server, what)
            assert site.names() == ports
        assert e.creation() == creation
        with site.node("-sname", "o") as other:
            assert other.ping(e) == "pong"


def test_a_node_that_starts_distribution_late_starts_it(server):
    """docs/late-nodes.md: the node has booted without a name, and no epmd runs."""
    need("erl")
    retire_when_idle(server)
    with site_at(server.port) as site, site.node() as node:
        assert server.main_pid() == 0
        assert node.ask("element(1, net_kernel:start([late, shortnames]))") == "ok"
        site.await_names("late")
        assert server.show("ActiveState") == "active"


def test_under_debians_units(debians):
    """Without a descriptor store: a restart ends the registrations, as it does with stock."""
    with Node(debians, b"a") as node:
        assert exchange(debians, port2(b"a")) == found(b"a")
        assert b"name a at" in exchange(debians, NAMES, host="::1")
        debians.do("systemctl", "restart", "epmd.service")
        assert exchange(debians, port2(b"a")) == NOT_FOUND
        assert node.sock.recv(1) == b""
        assert debians.run("epmd", "-reload").returncode == 1
        assert exchange(debians, NAMES)[4:] == b""


def test_under_debians_units_it_ends_when_idle(debians):
    """They start it with the boot, or for a connection, and not again."""
    retire_when_idle(debians)
    assert (debians.show("ActiveState"), debians.show("ExecMainStatus")) == ("inactive", "0")
    with Node(debians, b"a"):
        assert exchange(debians, port2(b"a")) == found(b"a")


def test_under_suses_units(suses):
    """They forbid it to fork and to write to files, and open one loopback address."""
    with Node(suses, b"a") as node:
        assert exchange(suses, port2(b"a")) == found(b"a")
        with pytest.raises(ConnectionRefusedError):
            exchange(suses, NAMES, host="::1")
        pid = suses.main_pid()
        kill(suses)
        assert node.sock.recv(1) == b""
        wait_for(lambda: suses.main_pid() not in (0, pid), what="another process")
        assert exchange(suses, port2(b"a")) == NOT_FOUND


def test_a_port_that_a_socket_unit_holds_is_seen_before_dev_builds(server):
    """With the service and without: then systemd listens in its stead."""
    for _ in range(2):
        result = server.run("/opt/dev", "run")
        first, second = result.stdout.splitlines()
        assert result.returncode == 1
        assert first == "dev: port 4369 is taken by systemd, for epmd.socket."
        assert second == "     This one works beside it: ./dev run -port 5000"
        server.do("systemctl", "stop", "epmd.service")
