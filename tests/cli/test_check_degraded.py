# SPDX-License-Identifier: Apache-2.0
"""A doctor who may not see everything says so, and goes on."""

import contextlib
import json
import os
import resource
import shutil
import signal
import socket

import pytest

import machine
from cli.hosts import ADDRESS, PORT, host, register
from harness import OURS
from machine import APART

pytestmark = [pytest.mark.needs("network namespaces", "mount namespaces"),
              pytest.mark.theirs_asked("long", "stocks")]

# A sanitizer looks for leaks by way of ptrace, which is not to be had under strace.
NO_LEAKS = {"ASAN_OPTIONS": "detect_leaks=0"}
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture
def patient():
    with host() as one:
        yield one


def statuses(found, *steps):
    return [found["by"][step]["status"] for step in steps]


@pytest.mark.needs("owners")
def test_no_proc(patient, binary):
    with patient.epmd(binary), register(patient, b"a"):
        found = patient.check("a", prepare="mount -t tmpfs none /proc")
        assert found["by"]["port"]["found"] == (
            "held by a process with a socket of user root; which process that is cannot be told "
            "here (No such file or directory)")
        assert statuses(found, "port", "epmd", "exposed", "lookup", "name") == ["ok"] * 5
        assert found["cause"] == "stale"


@pytest.mark.needs("another user")
@pytest.mark.needs("owners")
def test_no_permission(patient, binary, tmp_path_factory):
    """As another user than the one that epmd runs as."""
    folder = tmp_path_factory.mktemp("nobody")
    epmd = shutil.copy(os.path.abspath(OURS), folder / "epmd")
    for path in (folder, folder.parent, folder.parent.parent):
        os.chmod(path, 0o755)
    with patient.epmd(binary), register(patient, b"a"):
        found = patient.check("a", command=[*NOBODY, epmd])
        assert found["by"]["port"]["found"] == (
            "held by a process with a socket of user root; which process that is cannot be seen "
            "from here")
        assert "some processes can be looked into by root only" in found["by"]["others"]["found"]
        assert statuses(found, "port", "epmd", "exposed", "others") == ["ok"] * 4


@pytest.mark.needs("process namespaces")
@pytest.mark.needs("owners")
def test_no_process_that_can_be_seen(patient, binary):
    """As in a container that shares the network of the host."""
    with patient.epmd(binary):
        apart = [*APART, "unshare", "--pid", "--fork", "sh", "-c",
                 'mount -t proc proc /proc; exec "$@"', "sh", os.path.abspath(OURS)]
        found = patient.check("@host", command=apart)
        assert found["exit"] == 0
        assert found["by"]["port"]["found"] == (
            "held by a process with a socket of user root; which process that is cannot be seen "
            "from here")


@contextlib.contextmanager
def many_listeners(namespace, n):
    machine.need_descriptors(n + 200)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (n + 200, before[1]))
    try:
        with contextlib.ExitStack() as held, namespace.entered():
            for _ in range(n):
                held.enter_context(socket.create_server(("127.0.0.1", 0)))
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.needs("owners")
def test_more_listeners_than_there_is_room_for(patient, binary):
    """A host of many nodes: of all of them, epmd's own must not be the one left out."""
    with patient.epmd(binary), many_listeners(patient.namespace, 4500):
        found = patient.check("@host")
        assert statuses(found, "port", "exposed") == ["ok", "ok"]
        assert found["exit"] == 0


def test_many_networks(patient, ours):
    """As a host of containers has; some of their names may be odd."""
    patient.namespace.ip(*(f"addr add 10.8.{i}.1/24 dev eth0" for i in range(80)),
                         "addr add 8.8.4.4/24 dev eth0", "link set cable down",
                         "link set cable name \x1b\udcff", "link set \x1b\udcff up",
                         "addr add 10.7.7.7/24 dev \x1b\udcff")
    with patient.epmd(ours):
        found = patient.check("@8.8.4.4")
        assert found["by"]["host"]["found"].endswith(": this host")
        assert found["by"]["exposed"]["cause"] == "exposed"
        assert r"10.7.7.0/24 (\x1b\xff)" in found["by"]["exposed"]["found"]


@pytest.mark.needs("owners")
def test_no_ipv6(patient, binary):
    patient.namespace.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
    with patient.epmd(binary), register(patient, b"a"):
        found = patient.check("a")
        assert statuses(found, "port", "epmd", "exposed", "lookup", "name") == ["ok"] * 5


def test_no_name_server(patient, ours):
    """The only one is at an address that swallows all."""
    nowhere = "10.9.9.53"
    patient.namespace.ip(f"neigh replace {nowhere} lladdr 02:00:00:00:00:53 dev eth0")
    with patient.epmd(ours):
        found = patient.check("a@away.example", nameserver=nowhere)
        assert (found["exit"], found["cause"]) == (1, "unresolvable")
        assert "the name servers do not answer" in found["by"]["host"]["cure"]


def test_no_name_of_its_own(patient, ours):
    """Nobody knows this host: what can be seen through loopback is seen all the same."""
    patient.resolves("")
    with patient.epmd(ours), patient.server(b"\0\3sok", "127.0.0.1", 9100), \
            register(patient, b"a", port=9100):
        found = patient.check("a")
        assert (found["exit"], found["cause"]) == (1, "unresolvable")
        assert statuses(found, "lookup", "name", "handshake") == ["skipped", "ok", "ok"]


@pytest.mark.needs("strace")
@pytest.mark.parametrize("refused, step, part", [
    (2, "exposed", "no other network that leads there"),
    (3, "port", "what that is cannot be told here (Permission denied)")])
@pytest.mark.needs("owners")
def test_a_kernel_that_tells_nothing(patient, ours, refused, step, part):
    """Its first socket is there to be numbered; the next ones, of netlink, ask for the addresses
    and for what listens."""
    trace = ["strace", "-o", "/dev/null", "-e", "trace=socket", "-e",
             f"inject=socket:error=EACCES:when={refused}"]
    with patient.epmd(ours), register(patient, b"a"):
        found = patient.check("a", command=[*trace, os.path.abspath(OURS)], env=NO_LEAKS)
        assert part in found["by"][step]["found"]
        assert statuses(found, "epmd", "name") == ["ok", "ok"]
        # Without the kernel, our own epmd says where it listens.
        assert found["by"]["exposed"]["found"].startswith("listens on 0.0.0.0, ::")


@pytest.mark.needs("strace")
def test_a_kernel_that_tells_nothing_of_a_port_that_is_free(patient):
    trace = ["strace", "-o", "/dev/null", "-e", "trace=socket", "-e",
             "inject=socket:error=EACCES:when=2"]
    found = patient.check(command=[*trace, os.path.abspath(OURS)], env=NO_LEAKS)
    assert (found["exit"], found["cause"]) == (1, "not_running")


def test_other_epmds_that_hang(patient, ours):
    """However many there are, the one that is asked for has its time."""
    with contextlib.ExitStack() as held:
        for port in range(5000, 5004):
            other = held.enter_context(patient.epmd(ours, port=port))
            os.kill(other.pid, signal.SIGSTOP)
            held.callback(os.kill, other.pid, signal.SIGCONT)
        held.enter_context(patient.epmd(ours))
        held.enter_context(patient.server(b"\0\3sok", ADDRESS, 9100))
        held.enter_context(register(patient, b"a", port=9100))
        found = patient.check("a@host")
        assert statuses(found, "lookup", "name", "node", "handshake") == ["ok"] * 4
        assert found["exit"] == 0


@pytest.mark.needs("owners")
def test_users_whose_names_are_odd(patient, ours):
    """As an old directory in Latin-1 has them."""
    odd = "printf 'j\\374rg\\033:x:0:0::/:/bin/sh\n' >passwd; mount --bind passwd /etc/passwd"
    prepare = f"cd {patient.folder}; {odd}"
    with patient.epmd(ours), register(patient, b"a"):
        found = patient.check("@host", prepare=prepare)
        assert r"socket of user j\xfcrg\x1b," in found["by"]["port"]["found"]
        result = patient.run(os.path.abspath(OURS), "-names", "-json", prepare=prepare)
        assert json.loads(result.stdout)["nodes"][0]["user"] == r"j\xfcrg\x1b"


@pytest.mark.parametrize("reply", [b"\0\0\x11\x11name \x1b]0;x\x07\xff at port 1\n" * 3,
                                   b"\0\0\x11\x11" + b"name " * 20000,
                                   b"\0\0\x11\x11" + b"name x at port 99999999999999999999\n"],
                         ids=["control", "long", "number"])
def test_an_epmd_that_sends_rubbish(patient, reply):
    """To every request, lookups included."""
    with patient.server(reply, "0.0.0.0", PORT):
        found = patient.check("a@host")
        assert (found["exit"], found["cause"]) == (1, "not_epmd")
        result = patient.run(os.path.abspath(OURS), "-check", "a@host")
        assert not set(result.stdout) & {"\x1b", "\x07"}


def test_an_answer_without_end(patient):
    """What listens there is named, no memory is said to be missing, and the report has an end."""
    with patient.server(b"\0\0\x11\x11" + b"name a at port 1\n" * 2**22, "0.0.0.0", PORT):
        found = patient.check("@host")
        assert found["cause"] in ("not_epmd", "silent")  # as far as two seconds go
        assert len(found["steps"]) < 65600


@pytest.mark.parametrize("name", ["\x1b[31m", "\u202e", "\xf6", '"\\'])
def test_what_the_user_types_is_printed_safely(patient, name):
    found = patient.check(f"{name}@{name}")
    assert found["exit"] == 1
    result = patient.run(os.path.abspath(OURS), "-check", f"{name}@{name}")
    assert "\x1b" not in result.stdout and "@" in result.stdout.splitlines()[-1]


def test_link_local_addresses(patient, ours):
    """As nss-myhostname has them for the host's own name: no node can connect to them."""
    patient.resolves("fe80::1 host\n10.9.9.1 host\n")
    with patient.epmd(ours):
        found = patient.check("@host")
        assert found["by"]["host"]["found"] == (
            '"host" is 10.9.9.1, and has no IPv6 address: this host')
        assert found["by"]["lookup"]["found"] == "10.9.9.1 port 4369: answers"
        assert statuses(found, "host", "lookup") == ["ok"] * 2
    patient.resolves("fe80::1 host\n")
    step = patient.check("@host")["by"]["host"]
    assert (step["status"], step["cause"]) == ("failed", "unresolvable")
    assert step["found"] == '"host" does not resolve: it has only link-local addresses'


def test_a_host_with_more_addresses_than_are_asked(patient, ours):
    """Those of one family leave room for the other."""
    patient.resolves("".join(f"127.9.0.{i} host\nfd00::{i} host\n" for i in range(1, 101)))
    with patient.epmd(ours):
        found = patient.check("@host")["by"]["host"]["found"]
        assert found.startswith('"host" is 127.9.0.1, ') and "has no IPv6" not in found
        assert (found.count("127.9.0."), found.count("fd00::")) == (8, 8)


def test_an_address_of_a_node(patient, ours):
    """A host may be given by its address: nothing is resolved."""
    with patient.epmd(ours), register(patient, b"a"):
        found = patient.check(f"a@{ADDRESS}")
        assert found["by"]["host"]["found"].startswith(f'"{ADDRESS}" is {ADDRESS}')
        assert statuses(found, "host", "lookup", "name") == ["ok", "ok", "ok"]
