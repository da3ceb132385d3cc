# SPDX-License-Identifier: Apache-2.0
"""-names with -l and -json, from our own epmd: what it shows is what was registered."""

import contextlib
import datetime
import json
import pwd
import subprocess
import sys
import time

import pytest

import machine
from cli.names import NODES, TYPES, own_end, parsed, read_table, registered_nodes, table
from harness import Daemon, run_epmd
from wire.protocol import Node, alive2


def test_plain_names_are_as_stock_prints_them(ours, stock, server):
    """Either client, with either daemon."""
    with registered_nodes(server):
        expected = run_epmd(stock, "-port", str(server.port), "-names")
        found = run_epmd(ours, "-port", str(server.port), "-names")
        assert (found.returncode, found.stdout, found.stderr) == (
            expected.returncode, expected.stdout, expected.stderr)
        assert found.stdout.count("\nname ") == len(NODES)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "xx_none"])
def test_columns_show_what_registered(ours, host, locale):
    machine.need_family(host)
    with Daemon(ours) as server, registered_nodes(server, host) as nodes:
        rows = table(ours, server.port, env={"LC_ALL": locale})
        assert [row["NAME"] for row in rows] == [shown for shown, *_ in nodes]
        for row, (_, _, fields, node) in zip(rows, nodes):
            kind = fields.get("kind", 77)
            assert row["PORT"] == str(fields.get("port", 4711))
            assert row["TYPE"] == TYPES.get(kind, str(kind))
            assert row["VERSIONS"] == f"{fields.get('lowest', 5)}-{fields.get('highest', 6)}"
            assert row["CREATION"] == str(node.creation)
            assert row["PEER"] == own_end(node)


@pytest.mark.needs("owners")
def test_json_has_what_registered(ours):
    with Daemon(ours) as server, registered_nodes(server) as nodes:
        found = parsed(ours, server.port)
        assert list(found) == ["port", "version", "nodes"]
        assert found["port"] == server.port
        assert run_epmd(ours, "-version").stdout == f"epmd {found['version']}\n"
        assert len(found["nodes"]) == len(nodes)
        for shown, (_, name, fields, node) in zip(found["nodes"], nodes):
            address, port = node.sock.getsockname()
            since, user = shown.pop("since"), shown.pop("user")
            assert shown == {
                "name": name.decode(), "port": fields.get("port", 4711),
                "type": fields.get("kind", 77), "protocol": fields.get("protocol", 0),
                "highest": fields.get("highest", 6), "lowest": fields.get("lowest", 5),
                "creation": node.creation, "peer": {"address": address, "port": port},
                "extra": fields.get("extra", b"").hex()}
            assert isinstance(user, str) and since.endswith("Z")


def test_since_is_local_time_and_utc(ours):
    """A zone without a summer, nine hours ahead of UTC."""
    before = int(time.time())
    with Daemon(ours) as server, Node(server, b"timed"):
        after = int(time.time())
        env = {"TZ": "XYZ-9"}
        shown = table(ours, server.port, env=env)[0]["SINCE"]
        told = parsed(ours, server.port, env=env)["nodes"][0]["since"]
        wall = datetime.datetime.strptime(shown + " +0900", "%Y-%m-%d %H:%M:%S %z").timestamp()
        universal = datetime.datetime.strptime(told, "%Y-%m-%dT%H:%M:%S%z").timestamp()
        assert before <= wall == universal <= after


def test_no_nodes(ours):
    with Daemon(ours) as server:
        assert table(ours, server.port) == []
        assert parsed(ours, server.port)["nodes"] == []


def test_json_wins_over_columns(ours):
    with Daemon(ours) as server, Node(server, b"a"):
        assert parsed(ours, server.port, "-l") == parsed(ours, server.port)


def test_many_nodes_are_complete(ours):
    machine.need_descriptors(1000)
    with Daemon(ours) as server, contextlib.ExitStack() as held:
        for number in range(500):
            held.enter_context(Node(server, b"n%d" % number, extra=b"x" * 1020))
        names = [f"n{number}" for number in reversed(range(500))]
        assert [row["NAME"] for row in table(ours, server.port)] == names
        assert [node["name"] for node in parsed(ours, server.port)["nodes"]] == names


# ---- whose they are ----

REGISTER = "exec 3<>/dev/tcp/{host}/{port}; printf '{request}' >&3; head -c 2 <&3; exec cat"


@contextlib.contextmanager
def registered_by(uid, server, name, host):
    """A process of that user, which needs to find no file of this tree, holds the name."""
    request = "".join(f"\\x{byte:02x}" for byte in alive2(name))
    script = REGISTER.format(host=host, port=server.port, request=request)
    with subprocess.Popen(["bash", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          user=uid, group=uid, extra_groups=[], cwd="/") as process:
        assert process.stdout.read(2) == b"v\0"
        yield
        process.stdin.close()


@pytest.fixture
def owned(ours):
    """A daemon of root's, with nodes of nobody, of a user without a name, and of root."""
    machine.need("another user", "IPv6")
    nobody = pwd.getpwnam("nobody").pw_uid
    with Daemon(ours) as server, registered_by(nobody, server, b"nobody's", "127.0.0.1"), \
            registered_by(nobody, server, b"six", "::1"), \
            registered_by(54321, server, b"nameless", "127.0.0.1"), Node(server, b"root's"):
        yield server


OWNERS = {"root's": "root", "nameless": "54321", "six": "nobody", "nobody's": "nobody"}


@pytest.mark.needs("owners")
def test_the_owners_user_is_shown(ours, owned):
    assert {row["NAME"]: row["USER"] for row in table(ours, owned.port)} == OWNERS
    nodes = parsed(ours, owned.port)["nodes"]
    assert {node["name"]: node["user"] for node in nodes} == OWNERS


@pytest.mark.needs("owners")
def test_any_user_sees_the_owner(ours, owned):
    nodes = parsed(ours, owned.port, user=54321, group=54321, extra_groups=[])["nodes"]
    assert {node["name"]: node["user"] for node in nodes} == OWNERS


WITHOUT_NETLINK = """
import ctypes, os, sys
class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64),
                ("b", ctypes.c_uint64)]
seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
context = ctypes.c_void_p(seccomp.seccomp_init(0x7fff0000))
socket = seccomp.seccomp_syscall_resolve_name(b"socket")
netlink = (Comparison * 1)(Comparison(0, 4, 16, 0))
assert seccomp.seccomp_rule_add_array(context, 0x50000 | 93, socket, 1, netlink) == 0
assert seccomp.seccomp_load(context) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_without_sock_diag_the_user_is_not_known(ours):
    wrapper = sys.executable, "-c", WITHOUT_NETLINK
    if run_epmd(*wrapper, "/bin/true").returncode != 0:
        machine.cannot("no system call filter can be made here (Debian: libseccomp2)")
    with Daemon(ours) as server, Node(server, b"a") as node:
        command = *wrapper, ours, "-port", str(server.port), "-names"
        result = run_epmd(*command, "-l")
        row, = read_table(result.stdout, server.port)
        assert (row["USER"], row["CREATION"], result.stderr) == ("-", str(node.creation), "")
        shown, = json.loads(run_epmd(*command, "-json").stdout)["nodes"]
        assert (shown["user"], shown["creation"]) == (None, node.creation)
