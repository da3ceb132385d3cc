# SPDX-License-Identifier: Apache-2.0
"""The life of the service under a real systemd, among applications that never name it.

Always true here: each test starts from a listening socket, with neither epmd nor an
application running; all of it is in the machine's own network, at port 4369.
"""


import pytest

from harness import wait_for
from restart import machine as container
from restart.applications import HOST, Application, Layer, booted, release_bin
from wire.protocol import (NAMES, Node, connect, exchange, found, names_reply, port2,
                           registered, state, wait_registered)

pytestmark = [
    pytest.mark.asked("long"),
    pytest.mark.timeout(3600)]  # making the tree takes its time

SOCKET, SERVICE = "epmd.socket", "epmd.service"
DROP_INS = ["/etc/systemd/system/epmd.service.d/test.conf",
            "/etc/systemd/system/epmd.socket.d/test.conf"]
N_TIMES = 25  # more often than systemd's default limits allow

# As a release's "stop" command does it: a node that finds the other one through epmd.
STOP = ("ExecStop=/usr/bin/erl -noinput -setcookie demo -sname stop -eval "
        f"'io:format(\"it stops: ~w~n\", [rpc:call(last@{HOST}, init, stop, [])]), halt().'")


@pytest.fixture(scope="module")
def layer(ours, stock, tmp_path_factory):
    container.require()
    layer = Layer(tmp_path_factory.mktemp("layer"))
    layer.add_epmd(ours)
    layer.add_application("a")
    layer.add_application("b")
    layer.add_application("last", STOP)
    layer.add_release("ours", ours)
    layer.add_release("stock", stock)
    return layer


@pytest.fixture(scope="module")
def machine(layer, ours):
    with booted(layer, ours) as machine:
        yield machine


@pytest.fixture
def host(machine):
    machine.forget()
    machine.do("systemctl", "start", SOCKET)
    with machine.network():
        yield machine
    machine.do("systemctl", "stop", "a", "b", "ours", "stock", SOCKET, SERVICE)
    machine.do("rm", "-f", *DROP_INS)
    machine.do("systemctl", "daemon-reload")
    machine.run("systemctl", "reset-failed")


@pytest.fixture
def a(host):
    return Application(host, "a")


@pytest.fixture
def b(host):
    return Application(host, "b")


def configure(host, path, text):
    host.do("sh", "-c", f"mkdir -p $(dirname {path}); printf '{text}' > {path}")
    host.do("systemctl", "daemon-reload")


def runs_on_its_own(host):
    """epmd is a service of its own, whoever started it."""
    assert host.show("ControlGroup") == "/system.slice/epmd.service"
    return "/system.slice/epmd.service" in host.do("cat", f"/proc/{host.main_pid()}/cgroup")


def owner(host):
    """The user id that epmd runs as."""
    return host.do("sed", "-n", r"s/^Uid:\t\([0-9]*\)\t\1\t\1\t.*/\1/p",
                   f"/proc/{host.main_pid()}/status")


def test_from_boot_to_shutdown(layer, ours):
    """The first node starts it, and the last one's ExecStop= command still finds it."""
    with booted(layer, ours) as machine, machine.network():
        assert machine.show("SubState", SOCKET) == "listening"
        assert machine.show("ExecMainStartTimestamp") == "", "nobody has asked yet"
        last = Application(machine, "last")
        last.start()
        assert registered(machine) == [b"last"]
        assert owner(machine) == machine.do("id", "-u", "epmd")
        machine.power_off()
    assert "it stops: ok" in layer.log("last.service")


def test_applications_of_the_boot(ours, tmp_path):
    """They are enabled, and neither waits for epmd nor brings it."""
    layer = Layer(tmp_path)
    layer.add_epmd(ours)
    for name in "a", "b":
        layer.add_application(name)
        layer.enable(f"{name}.service")
    with booted(layer, ours) as machine, machine.network():
        for name in "a", "b":
            Application(machine, name).await_answer()
        wait_registered(machine, b"a", b"b")
        assert runs_on_its_own(machine)


def end_by(*command):
    return lambda application: application.machine.do("systemctl", *command, application.unit)


@pytest.mark.parametrize("end", [
    pytest.param(end_by("stop"), id="stop"), pytest.param(end_by("restart"), id="restart"),
    pytest.param(end_by("kill", "-s", "KILL"), id="kill")])
def test_an_application_ends_alone(host, a, b, end):
    """Neither epmd nor the other node's name notices; it comes back as its next incarnation."""
    a.start()
    b.start()
    a.join(b)
    before = host.main_pid(), b.creation(), exchange(host, port2(b"b"))
    creation = a.creation()
    end(a)
    wait_for(lambda: f"{{nodedown,{a.node}}}" in b.log())
    a.start()
    wait_registered(host, b"a", b"b")
    assert (host.main_pid(), b.creation(), exchange(host, port2(b"b"))) == before
    assert a.creation() == creation + 1
    assert runs_on_its_own(host)
    a.join(b)


def restart(host):
    host.do("systemctl", "restart", SERVICE)


def restart_both(host):
    host.do("systemctl", "restart", SOCKET, SERVICE)


def restart_socket(host):
    host.do("systemctl", "restart", SOCKET)


def reload(host):
    host.do("systemctl", "reload", SERVICE)


def kill(host):
    host.do("systemctl", "kill", "-s", "KILL", SERVICE)


def restart_in_a_new_manager(host):
    """As an upgrade of systemd does it."""
    host.do("systemctl", "daemon-reexec")
    restart(host)


def restart_with_a_wrong_option(host):
    """The names wait until the drop-in is mended."""
    configure(host, DROP_INS[0],
              "[Service]\nExecStart=\nExecStart=/usr/bin/epmd -systemd -wrong\n")
    assert host.run("systemctl", "restart", SERVICE).returncode != 0
    host.do("rm", DROP_INS[0])
    host.do("systemctl", "daemon-reload")


@pytest.mark.parametrize("what", [restart, restart_both, restart_socket, reload, kill,
                                  restart_in_a_new_manager, restart_with_a_wrong_option])
def test_no_name_is_lost(host, a, b, what):
    """Nor a connection between nodes; raw would never register again."""
    a.start()
    b.start()
    a.join(b)
    with Node(host, b"raw") as raw:
        names, creations = exchange(host, NAMES), (a.creation(), b.creation())
        pid = host.main_pid()
        what(host)
        wait_for(lambda: host.show("SubState") == "running" and host.main_pid() != pid)
        assert exchange(host, NAMES) == names
        assert state(raw.sock) == "open"
    assert (a.creation(), b.creation()) == creations
    assert a.peers() == f"[{b.node}]"
    assert "nodedown" not in a.log().rpartition("Started")[2]


def test_stop_ends_the_names_until_somebody_asks(host, a):
    """The socket is left: OTP's nodes find it and register again, others do not."""
    a.start()
    with Node(host, b"raw") as raw:
        host.do("systemctl", "stop", SERVICE)
        assert raw.sock.recv(1) == b""
        assert host.show("NFileDescriptorStore") == "0"
        a.await_answer()
        assert registered(host) == [b"a"]
        assert runs_on_its_own(host)


def test_stopping_the_socket_stops_it_for_good(host):
    with Node(host, b"raw") as raw:
        host.do("systemctl", "stop", SOCKET)
        assert raw.sock.recv(1) == b""
        assert host.show("ActiveState") == "inactive"
        with pytest.raises(ConnectionRefusedError):
            exchange(host, NAMES)


@pytest.mark.parametrize("name", ["ours", "stock"])
def test_a_second_copy_steps_aside(host, name, a):
    """A release starts the epmd that it brings, as it always does."""
    a.start()
    pid, creation = host.main_pid(), a.creation()
    copy = host.run("systemd-run", "--wait", "--pipe", "--quiet", "-p", "User=www-data",
                    f"{release_bin(name)}/epmd", "-daemon")
    assert (copy.returncode, copy.stdout) == (0, "")
    release = Application(host, name)
    release.start()
    assert "epmd" not in release.programs()
    assert (host.main_pid(), a.creation()) == (pid, creation)
    wait_registered(host, b"a", name.encode())
    release.stop()
    wait_registered(host, b"a")
    assert host.main_pid() == pid


@pytest.mark.parametrize("name", ["ours", "stock"])
def test_the_trap_and_the_cure(host, name, b):
    """Without the socket the first application has epmd in its cgroup, and takes it along."""
    host.do("systemctl", "stop", SOCKET)
    release = Application(host, name)
    release.start()
    b.start()
    assert "epmd" in release.programs()
    release.stop()
    with pytest.raises(ConnectionRefusedError):
        exchange(host, port2(b"b"))
    host.do("systemctl", "start", SOCKET)
    b.await_answer()
    release.start()
    assert "epmd" not in release.programs()
    release.stop()
    wait_registered(host, b"b")
    assert runs_on_its_own(host)


def test_a_port_that_is_held(host):
    """The socket says so, nobody tries again and again, and it can be started later."""
    host.do("systemctl", "stop", SOCKET)
    release = Application(host, "stock")
    release.start()
    assert host.run("systemctl", "start", SERVICE).returncode != 0
    assert (host.show("SubState", SOCKET), host.show("SubState")) == ("failed", "dead")
    assert host.show("NRestarts") == "0"
    log = host.do("journalctl", "-b", "-o", "cat", "-u", SOCKET)
    assert "Failed to create listening socket ([::]:4369): Address already in use" in log
    release.stop()
    restart(host)
    assert exchange(host, NAMES) == names_reply(host)


@pytest.mark.parametrize("again", [
    "epmd -kill", "systemctl stop epmd.service && epmd -names",
    "systemctl restart epmd.service", "systemctl restart epmd.socket"])
def test_no_number_of_clean_ends_is_too_many(host, again):
    host.do("sh", "-c", f"for i in $(seq {N_TIMES}); do {again} || exit 1; done")
    assert exchange(host, NAMES) == names_reply(host)
    assert host.show("ActiveState", SOCKET) == "active"


def test_a_service_that_may_not_start_keeps_nobody_busy(host):
    """Else the manager would try for ever, as fast as it can, while somebody waits."""
    configure(host, DROP_INS[0], "[Unit]\\nConditionPathExists=/none\\n")
    with connect(host.port):
        wait_for(lambda: host.show("Result", SOCKET) == "trigger-limit-hit")


def test_an_address_that_comes_later(host):
    """A drop-in names addresses that the host does not have yet."""
    addresses = ["127.0.0.1", "[::1]", "10.77.0.1", "[fd77::1]"]
    listen = "".join(f"ListenStream={address}:4369\\n" for address in addresses)
    configure(host, DROP_INS[1], f"[Socket]\\nListenStream=\\n{listen}")
    host.do("systemctl", "restart", SOCKET)
    with Node(host, b"n"):
        for address, prefix in ("10.77.0.1", 32), ("fd77::1", 128):
            with pytest.raises(OSError):
                connect(host.port, address)
            host.do("ip", "addr", "add", f"{address}/{prefix}", "dev", "lo", "nodad")
            assert exchange(host, port2(b"n"), host=address) == found(b"n")
            host.do("ip", "addr", "del", f"{address}/{prefix}", "dev", "lo")


def test_the_manager_has_no_complaint(host):
    assert host.do("systemd-analyze", "verify", "--man=no", SOCKET, SERVICE) == ""
