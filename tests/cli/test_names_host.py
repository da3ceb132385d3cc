# SPDX-License-Identifier: Apache-2.0
"""-names of another epmd, or of another host: with -host, what it tells, and how it fails.

Another host is another network namespace at the end of a cable.
"""

import contextlib
import errno
import json
import re
import subprocess

import pytest

import machine
from cli.names import COLUMNS, NODES, TYPES, ask, parsed, registered_nodes, table
from cli.servers import Fake
from harness import Daemon, free_port, run_epmd, wait_for
from wire import namespaces
from wire.protocol import Node, registered

MODES = [["-l"], ["-json"]]


@pytest.fixture(scope="module")
def hosts():
    with namespaces.pair() as both:
        yield both


UNKNOWN = ["CREATION", "PEER", "SINCE", "USER"]


def assert_only_fields(binary, server, nodes, *options):
    """What NAMES and PORT_PLEASE2 tell is there, and nothing else."""
    rows = table(binary, server.port, *options)
    assert [row["NAME"] for row in rows] == [shown for shown, *_ in nodes]
    for row, (_, _, fields, _) in zip(rows, nodes):
        kind = fields.get("kind", 77)
        assert row["PORT"] == str(fields.get("port", 4711))
        assert row["TYPE"] == TYPES.get(kind, str(kind))
        assert row["VERSIONS"] == f"{fields.get('lowest', 5)}-{fields.get('highest', 6)}"
        assert [row[title] for title in UNKNOWN] == ["-"] * len(UNKNOWN)
    found = parsed(binary, server.port, *options)
    assert (found["port"], found["version"]) == (server.port, None)
    where = ({"host": options[-1], "epmd_port": server.port},) if options else ()
    assert found.get("failures") == ([] if options else None)
    assert found["nodes"] == [
        {**dict(*where), "name": name.decode(), "port": fields.get("port", 4711), "type": fields.get("kind", 77),
         "protocol": fields.get("protocol", 0), "highest": fields.get("highest", 6),
         "lowest": fields.get("lowest", 5), "extra": fields.get("extra", b"").hex(),
         "creation": None, "peer": None, "since": None, "user": None}
        for _, name, fields, _ in nodes]


def test_stock_is_asked_for_each_name(ours, stock):
    with Daemon(stock) as server, registered_nodes(server) as nodes:
        assert_only_fields(ours, server, nodes)
        assert len(registered(server)) == len(NODES)


@pytest.mark.parametrize("host", ["::1", "127.0.0.1", "localhost"])
def test_a_host_by_name_and_by_address(binary, ours, host):
    """Its epmd is asked as one elsewhere, even where it is this host's."""
    machine.need_family(host)
    if host == "localhost":
        machine.need(host)
    with Daemon(binary) as server, registered_nodes(server) as nodes:
        code, output, errors = ask(ours, server.port, "-host", host)
        lines = [f"name {shown} at port {fields.get('port', 4711)}\n"
                 for shown, _, fields, _ in nodes]
        assert (code, errors) == (0, "")
        assert output == (f"epmd: up and running on port {server.port} with data:\n"
                          + "".join(lines))
        assert_only_fields(ours, server, nodes, "-host", host)


@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("address", ["10.9.9.1", "fd99::1", "link-local"])
def test_a_host_over_the_network(binary, ours, hosts, address):
    here, there = hosts
    if address == "link-local":
        address = link_local(here) + "%cable"
    with Daemon(binary, namespace=here) as server:
        with contextlib.ExitStack() as held:
            with here.entered():
                nodes = held.enter_context(registered_nodes(server))
            with there.entered():
                assert_only_fields(ours, server, nodes, "-host", address)


def link_local(namespace):
    """The address that is of use only with a zone, once it may be used."""
    def usable():
        with namespace.entered():
            told = subprocess.run(["ip", "-j", "-6", "addr", "show", "dev", "cable"],
                                  capture_output=True, check=True).stdout
        return [entry["local"] for entry in json.loads(told)[0]["addr_info"]
                if entry["scope"] == "link" and not entry.get("tentative")]
    return wait_for(usable, what="a link-local address")[0]


def with_hosts(names):
    """What runs a command where names are known from that file alone, and no other is asked."""
    machine.need("mount namespaces")
    own = names.parent
    (own / "nsswitch").write_text("hosts: files dns\n")
    (own / "resolv").write_text("")  # no server: one of this host, where none listens
    inside = machine.OVER + """
        over "$1" /etc/hosts; over "$2/nsswitch" /etc/nsswitch.conf
        over "$2/resolv" /etc/resolv.conf; shift 2; exec "$@"
    """
    return (*machine.APART, "sh", "-ec", inside, "sh", str(names), str(own))


@pytest.mark.needs("network namespaces")
def test_each_address_of_a_host_is_tried(ours, hosts, tmp_path):
    """A name with two addresses, on one of which nothing listens."""
    here, there = hosts
    names = tmp_path / "hosts"
    names.write_text("fd99::1 both.test\n10.9.9.1 both.test\nfd99::1 six.test\n")
    with Daemon(ours, addresses=["10.9.9.1"], namespace=here) as server:
        with there.entered():
            command = *with_hosts(names), ours, "-port", str(server.port), "-names", "-host"
            result = run_epmd(*command, "both.test")
            assert (result.returncode, result.stderr) == (0, "")
            assert result.stdout.startswith("epmd: up and running")
            result = run_epmd(*command, "six.test")
            assert (result.returncode, result.stdout, result.stderr) == (
                1, "", f"epmd: -host six.test, fd99::1 port {server.port}: "
                "connection refused: no epmd listens there\n")
        with there.entered():
            both = run_epmd(*with_hosts(names), ours, "-port", str(free_port()), "-names",
                            "-host", "both.test")
        assert both.stderr.count("connection refused") == 2


@pytest.mark.needs("network namespaces")
def test_an_address_that_swallows_everything_is_given_up(ours, hosts, tmp_path):
    """As behind a packet filter. IPv6 comes first, and does not get all of the time."""
    here, there = hosts
    there.ip("neigh replace fd99::77 lladdr 02:00:00:00:00:77 dev cable")
    names = tmp_path / "hosts"
    names.write_text("fd99::77 half.test\n10.9.9.1 half.test\n")
    with Daemon(ours, namespace=here) as server, there.entered():
        result = run_epmd(*with_hosts(names), ours, "-port", str(server.port), "-names",
                          "-host", "half.test")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"epmd: up and running on port {server.port} with data:\n"


@pytest.mark.needs("network namespaces")
def test_a_host_that_is_not_there(ours, hosts):
    with hosts[1].entered():
        code, output, errors = ask(ours, 4369, "-host", "10.9.9.99")
    assert (code, output) == (1, "")
    assert errors == ("epmd: -host 10.9.9.99, 10.9.9.99 port 4369: "
                      f"{machine.strerror(errno.EHOSTUNREACH)}\n")


@pytest.mark.needs("network namespaces")
def test_a_host_that_lists_nothing_for_us(ours, hosts):
    here, there = hosts
    with Daemon(ours, "-allow_names", "none", namespace=here) as server, there.entered():
        for options in ["-l"], ["-json"], []:
            code, output, errors = ask(ours, server.port, "-host", "10.9.9.1", *options)
            assert code == 1
            assert_failures(output, options, [("10.9.9.1", "10.9.9.1", "closed")])
            assert errors == (
                f"epmd: -host 10.9.9.1, 10.9.9.1 port {server.port}: closed without an answer: "
                "it may not list names for this host, or is no epmd\n")


@pytest.mark.needs("network namespaces")
def test_a_host_that_looks_nothing_up_for_us(ours, hosts):
    here, there = hosts
    with Daemon(ours, "-allow_lookup", "none", namespace=here) as server:
        with here.entered():
            node = Node(server, b"near", port=1)
        with node, there.entered():
            row, = table(ours, server.port, "-host", "10.9.9.1")
            assert [row[title] for title in COLUMNS] == ["near", "1", *["-"] * 6]
            shown, = parsed(ours, server.port, "-host", "10.9.9.1")["nodes"]
            assert shown.pop("name") == "near" and shown.pop("port") == 1
            assert shown.pop("host") == "10.9.9.1" and shown.pop("epmd_port") == server.port
            assert set(shown.values()) == {None}


# ---- errors ----

def assert_failures(output, options, expected):
    """Programs are told why on standard output; people read standard error."""
    if "-json" not in options:
        assert output == ""
        return
    told = json.loads(output)
    assert (told["port"], told["version"], told["nodes"]) == (None, None, [])
    assert [(each["host"], each["address"], each["cause"]) for each in told["failures"]] == expected
    assert all(each["reason"] for each in told["failures"])


@pytest.mark.parametrize("options", MODES, ids=" ".join)
def test_nothing_listens(ours, options):
    assert ask(ours, free_port(), *options) == (1, "", "epmd: Cannot connect to local epmd\n")


@pytest.mark.parametrize("options", [[], *MODES], ids=" ".join)
def test_nothing_listens_on_a_host(ours, options):
    port = free_port()
    code, output, errors = ask(ours, port, "-host", "127.0.0.1", *options)
    assert (code, errors) == (1, f"epmd: -host 127.0.0.1, 127.0.0.1 port {port}: "
                              "connection refused: no epmd listens there\n")
    assert_failures(output, options, [("127.0.0.1", "127.0.0.1", "refused")])


@pytest.mark.parametrize("options", [[], *MODES], ids=" ".join)
@pytest.mark.parametrize("host", ["no-such-host.invalid", "256.1.1.1", "::g", "", "a b"])
def test_a_host_that_has_no_address(ours, tmp_path, options, host):
    (tmp_path / "hosts").write_text("")
    result = run_epmd(*with_hosts(tmp_path / "hosts"), ours, "-port", str(free_port()), "-names",
                      "-host", host, *options)
    assert result.returncode == 1
    assert_failures(result.stdout, options, [(host, None, "unresolvable")])
    assert re.fullmatch(f"epmd: -host {re.escape(host)}: cannot find its address: .+\n",
                        result.stderr)


def test_a_host_that_never_answers(ours):
    with Fake(None) as fake:
        assert ask(ours, fake.port, "-host", "127.0.0.1") == (
            1, "", f"epmd: -host 127.0.0.1, 127.0.0.1 port {fake.port}: "
            "timed out: it did not answer\n")


@pytest.mark.parametrize("options", MODES, ids=" ".join)
@pytest.mark.parametrize("reply", [b"", b"ab"])
def test_a_server_that_is_no_epmd(ours, options, reply):
    with Fake(reply) as fake:
        assert ask(ours, fake.port, *options) == (1, "", "epmd: no response from local epmd\n")


@pytest.mark.parametrize("words", [["-l"], ["-json"], ["-host", "h"], ["-json", "-dump"],
                                   ["-l", "-daemon"], ["-host", "h", "-kill"], ["-hosts", "h"],
                                   ["-hosts", "h", "-dump"]], ids=" ".join)
def test_options_of_other_commands_get_the_usage(ours, words):
    result = run_epmd(ours, "-port", str(free_port()), *words)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("usage: epmd")
    others = " or -check" if words[0] in ("-json", "-hosts") else ""
    assert result.stderr.endswith(f"\nepmd: {words[0]} goes only with -names{others}\n")


def test_output_that_cannot_be_written(ours):
    with Daemon(ours) as server, open("/dev/full", "w", encoding="ascii") as full:
        for options in MODES:
            result = subprocess.run([ours, "-port", str(server.port), "-names", *options],
                                    stdout=full, stderr=subprocess.PIPE, check=False)
            assert result.returncode == 1
            assert b"No space left on device" in result.stderr
