# SPDX-License-Identifier: Apache-2.0
"""-names -hosts: many epmds at once, what they tell, and how some of them fail."""

import contextlib
import json
import os
import re
import subprocess

import pytest

import machine
from cli.many import (EMPTY, NameServer, Together, a, aaaa, addresses, ask, names, rows,
                      shown_on_a_terminal, srv)
from cli.hosts import host as one_host
from cli.servers import Fake, Reset
from harness import Daemon, free_port, run_epmd
from wire.protocol import Node


@pytest.fixture
def port():
    return free_port()


@contextlib.contextmanager
def epmds(port, replies):
    """Epmds that answer so, by address."""
    with contextlib.ExitStack() as held:
        yield {host: held.enter_context(Fake(reply, host, port)) for host, reply in replies.items()}


# ---- what is shown ----

def test_nodes_are_sorted_and_failures_come_last(ours, port):
    first, second, dead, idle, tenth = addresses(10)[:4] + addresses(10)[-1:]
    first, second, dead, idle, tenth = sorted(
        {first, second, dead, idle, tenth}, key=lambda text: tuple(map(int, text.split("."))))
    replies = {tenth: names(("b", 2), ("a", 1)), first: names(("z", 65535)), second: names(("c", 3)),
               idle: EMPTY}
    with epmds(port, replies):
        code, output, errors = ask(ours, port, ",".join([dead, tenth, idle, second, first]))
    found, summary = rows(output)
    assert (code, errors) == (1, "")
    assert found == [[first, "z", "65535"], [second, "c", "3"], [tenth, "a", "1"],
                     [tenth, "b", "2"],
                     [dead, "-", "-", dead, "port", f"{port}:", *REFUSED.split()]]
    assert summary == "5 hosts, 4 answer, 4 nodes"


REFUSED = "connection refused: no epmd listens there"


def test_exit_codes(ours, port):
    here, dead = addresses(2)
    with epmds(port, {here: EMPTY}):
        assert ask(ours, port, here)[0] == 0
        assert ask(ours, port, f"{here},{dead}")[0] == 1
        assert ask(ours, port, dead)[0] == 2


@pytest.mark.needs("IPv6")
def test_stock_and_ours_answer(binary, ours):
    with Daemon(binary) as server, Node(server, b"x", port=7):
        code, output, _ = ask(ours, server.port, "127.0.0.1,::1")
        listed, summary = rows(output)
        # Which comes first is the affair of the C library's strverscmp(3).
        assert (code, sorted(listed)) == (0, [["127.0.0.1", "x", "7"], ["::1", "x", "7"]])
        assert summary == "2 hosts, 2 answer, 2 nodes"


def test_columns_with_all_that_is_known(binary, ours):
    with Daemon(binary) as server, Node(server, b"x", port=7, kind=72):
        code, output, errors = ask(ours, server.port, "127.0.0.1", "-l")
    assert (code, errors) == (0, "")
    titles, row, _ = output.splitlines()
    assert titles.split() == ["HOST", "NAME", "PORT", "TYPE", "VERSIONS", "CREATION", "PEER",
                              "SINCE", "USER"]
    assert row.split() == ["127.0.0.1", "x", "7", "hidden", "5-6", "-", "-", "-", "-"]


def test_json_has_each_node_and_each_failure(binary, ours):
    dead, = addresses(1)
    with Daemon(binary, addresses=["127.0.0.1"]) as server, Node(server, b"x", port=7, extra=b"\1"):
        code, output, errors = ask(ours, server.port, f"127.0.0.1,{dead}", "-json")
        port = server.port
    assert (code, errors) == (1, "")
    assert json.loads(output) == {
        "hosts": 2, "answered": 1,
        "nodes": [{"host": "127.0.0.1", "epmd_port": port, "name": "x", "port": 7, "type": 77,
                   "protocol": 0, "highest": 6, "lowest": 5, "creation": None, "peer": None,
                   "since": None, "user": None, "extra": "01"}],
        "failures": [{"host": dead, "epmd_port": port, "address": dead, "cause": "refused",
                      "reason": REFUSED}]}


def test_json_of_none(ours, port):
    dead, = addresses(1)
    code, output, _ = ask(ours, port, dead, "-json")
    told = json.loads(output)
    assert (code, told["nodes"], len(told["failures"])) == (2, [], 1)


def test_a_host_is_asked_once(ours, port):
    here, = addresses(1)
    with epmds(port, {here: EMPTY}) as servers:
        code, output, _ = ask(ours, port, f"{here},{here} {here}")
        assert (code, rows(output)[1]) == (0, "1 host, 1 answers, 0 nodes")
        assert len(servers[here].requests) == 1


# ---- how an epmd fails ----

WRONG = {
    "closed": (b"", "closed without an answer: it may not list names for this host, or is no epmd"),
    "no_epmd": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "its answer is not one of an epmd"),
    "cut": (EMPTY + b"name a at port 1\nname b at po", "its answer was cut short"),
    "too_long": (EMPTY + b"name %s at port 1\n" % ("\U0001f600" * 255).encode() * 4300,
                 "its answer has no end: it is no epmd"),
}


@pytest.mark.parametrize("cause", WRONG)
def test_answers_that_are_none(ours, port, cause):
    reply, reason = WRONG[cause]
    wrong, right = addresses(2)
    with epmds(port, {wrong: reply, right: names(("a", 1))}):
        code, output, _ = ask(ours, port, f"{wrong},{right}")
        told = json.loads(ask(ours, port, f"{wrong},{right}", "-json")[1])
    assert (code, rows(output)[0][0]) == (1, [right, "a", "1"])
    assert rows(output)[0][1] == [wrong, "-", "-", wrong, "port", f"{port}:", *reason.split()]
    assert [(each["cause"], each["reason"]) for each in told["failures"]] == [(cause, reason)]


@pytest.mark.parametrize("reply, cause", [(names(("a", 1)), "cut"), (b"", "closed")])
def test_a_reset_is_no_end_of_an_answer(ours, port, reply, cause):
    here, = addresses(1)
    with Reset(reply, here, port):
        code, output, _ = ask(ours, port, here, "-json")
    told = json.loads(output)
    assert (code, told["nodes"], told["failures"][0]["cause"]) == (2, [], cause)


def test_names_are_made_safe(ours, port):
    here, = addresses(1)
    with epmds(port, {here: EMPTY + b"name \x1b[2J\xff at port 1\n"}):
        for options in [], ["-l"], ["-json"]:
            output = ask(ours, port, here, *options)[1]
            assert not re.search(r"[\0-\x09\x0b-\x1f\x7f-\x9f\ufffd]", output)


def test_hosts_that_never_answer_are_given_up_together(ours, port):
    """One after the other they would take longer than any command is waited for."""
    silent = addresses(60)
    with epmds(port, dict.fromkeys(silent)):
        code, output, _ = ask(ours, port, ",".join(silent))
    assert code == 2
    assert output.count("timed out: it did not answer") == 60


# ---- at once ----

@pytest.mark.parametrize("count", [1, 100])
def test_all_are_asked_at_once(ours, port, count):
    """Each answers only when all have been asked."""
    hosts = addresses(count)
    with Together(hosts, port, names(("n", 1))):
        code, output, _ = ask(ours, port, ",".join(hosts))
    assert code == 0
    assert rows(output)[1].startswith(f"{count} host")
    assert [row[0] for row in rows(output)[0]] == hosts


def test_a_low_limit_of_descriptors_is_enough(ours, port):
    machine.need_descriptors(600)
    hosts = addresses(200)
    with contextlib.ExitStack() as held:
        for each in hosts:
            held.enter_context(Fake(names(("n", 1)), each, port))
        code, output, errors = ask(ours, port, ",".join(hosts), wrapper=("prlimit", "--nofile=64"))
    assert (code, errors) == (0, "")
    found = re.fullmatch(r"200 hosts, 200 answer, 200 nodes; (\d+) at once, as the limit of "
                         r"descriptors \(ulimit -Hn\) is 64", rows(output)[1])
    assert 16 <= int(found[1]) < 64


def test_progress_is_for_terminals(ours, port):
    silent, = addresses(1)
    command = [ours, "-port", str(port), "-names", "-hosts", silent]
    with epmds(port, {silent: None}):
        shown, output = shown_on_a_terminal(command)
        assert b"\repmd: 0 of 1 hosts: 0 answer, 0 do not" in shown
        assert re.search(rb"\r +\r$", shown), "the line is wiped out at the end"
        assert rows(output.decode())[1] == "1 host, 0 answer, 0 nodes"
        assert ask(ours, port, silent)[2] == ""


# ---- lists ----

@pytest.mark.parametrize("text", ["{0}\n{1}\n", "# all\n\n  {0}\t\r\n{1}", "'{0}'.\n'{1}'.\n",
                                  "% of Erlang\n'{0}'.\n{1}\n"])
def test_a_file_of_hosts(ours, port, tmp_path, text):
    hosts = addresses(2)
    (tmp_path / "list").write_text(text.format(*hosts))
    with epmds(port, dict.fromkeys(hosts, names(("n", 1)))):
        code, output, errors = ask(ours, port, f"@{tmp_path}/list")
    assert (code, errors) == (0, "")
    assert [row[0] for row in rows(output)[0]] == hosts


def test_a_list_from_standard_input(ours, port):
    here, = addresses(1)
    with epmds(port, {here: EMPTY}):
        result = subprocess.run([ours, "-port", str(port), "-names", "-hosts", "@/dev/stdin"],
                                input=here.encode(), capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"")


def test_lists_that_cannot_be_read(ours, port, tmp_path):
    (tmp_path / "bad").write_text("h1\na@h2\n")
    (tmp_path / "none").write_text("# nothing\n")
    for words, reason in [
            ("", "names no host"), (" , ", "names no host"), ("@", 'the name of its file is missing'),
            ("@/nonexistent", "@/nonexistent: No such file or directory"),
            (f"@{tmp_path}", "Is a directory"), (f"@{tmp_path}/none", "names no host"),
            (f"@{tmp_path}/bad", 'bad, line 2: "a@h2": a node; name its host'),
            ("dns:", "a host's name has 1 to 255 bytes")]:
        code, output, errors = ask(ours, port, words)
        assert (code, output) == (2, "")
        assert errors.startswith("epmd: -hosts: ") and errors.count("\n") == 1
        assert reason in errors


@pytest.mark.parametrize("words, reason", [
    (["-names", "-host", "a", "-hosts", "b"], "-hosts does not go together with -host"),
    (["-names", "-hosts"], "-hosts: its LIST is missing")])
def test_words_that_do_not_go_together(ours, words, reason):
    result = run_epmd(ours, *words)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("usage: epmd")
    assert reason in result.stderr.splitlines()[-1]


# ---- names of hosts ----

@pytest.fixture(scope="module")
def net():
    """A host with a name server of its own at 127.0.0.1, and epmds on port 4369."""
    with one_host() as host:
        yield host


@contextlib.contextmanager
def inside(net, zone, *hosts, together=0):
    with contextlib.ExitStack() as held:
        with net.namespace.entered():
            server = held.enter_context(NameServer(zone, together=together))
            for each in hosts:
                address, port = each if isinstance(each, tuple) else (each, 4369)
                held.enter_context(Fake(names(("n", 1)), address, port))
        yield server


def told(net, ours, hosts, *options):
    result = net.run(os.path.abspath(ours), "-names", "-hosts", hosts, *options,
                     nameserver="127.0.0.1", prepare="")
    return result.returncode, result.stdout


@pytest.mark.needs("network namespaces")
def test_names_are_resolved_at_once(net, ours):
    """The name server answers when all names have been asked for; it would be given up before."""
    zone = {f"h{number}.test": [a(f"127.0.7.{number}")] for number in range(1, 13)}
    with inside(net, zone, *[f"127.0.7.{number}" for number in range(1, 13)], together=12):
        code, output = told(net, ours, ",".join(zone))
    assert (code, rows(output)[1]) == (0, "12 hosts, 12 answer, 12 nodes")


@pytest.mark.needs("network namespaces")
def test_names_are_resolved_as_nodes_resolve_them(net, ours):
    """By /etc/hosts, too; and where one address does not answer, the next one does."""
    net.resolves("127.0.8.1 both.test\n127.0.8.2 both.test\n")
    try:
        with inside(net, {}, "127.0.8.2"):
            code, output = told(net, ours, "both.test,none.test")
    finally:
        net.resolves("")
    assert code == 1
    assert rows(output)[0][0] == ["both.test", "n", "1"]
    assert rows(output)[0][1][:3] == ["none.test", "-", "-"]
    assert re.search("cannot find its address: Name (or service not known|does not resolve)", output)


@pytest.mark.needs("network namespaces")
def test_srv_records_tell_hosts_and_ports(net, ours):
    zone = {"_epmd._tcp.cluster.test": [srv("h1.test", 4369), srv("h2.test", 4370, 10, 5),
                                        srv("h1.test", 4369, 1)],
            "cluster.test": [a("127.0.7.9")],
            "h1.test": [a("127.0.7.1")], "h2.test": [a("127.0.7.2")]}
    with inside(net, zone, "127.0.7.1", ("127.0.7.2", 4370)):
        code, output = told(net, ours, "dns:cluster.test")
        parsed = json.loads(told(net, ours, "dns:cluster.test", "-json")[1])
    assert (code, rows(output)) == (0, ([["h1.test", "n", "1"], ["h2.test:4370", "n", "1"]],
                                        "2 hosts, 2 answer, 2 nodes"))
    assert [(node["host"], node["epmd_port"]) for node in parsed["nodes"]] == [
        ("h1.test", 4369), ("h2.test", 4370)]


@pytest.mark.needs("network namespaces")
def test_without_srv_records_the_addresses_count(net, ours):
    zone = {"cluster.test": [a("127.0.7.1"), a("127.0.7.2"), aaaa("::1")]}
    with inside(net, zone, "127.0.7.1", "127.0.7.2", "::1"):
        code, output = told(net, ours, "dns:cluster.test")
    assert code == 0
    assert sorted(row[0] for row in rows(output)[0]) == ["127.0.7.1", "127.0.7.2", "::1"]


@pytest.mark.needs("network namespaces")
def test_an_answer_too_long_for_a_datagram(net, ours):
    hosts = {f"host-number-{number}.test": [a(f"127.0.9.{number}")] for number in range(1, 101)}
    zone = {"_epmd._tcp.cluster.test": [srv(name, 4369) for name in hosts], **hosts}
    with inside(net, zone, *[f"127.0.9.{number}" for number in range(1, 101)]) as server:
        code, output = told(net, ours, "dns:cluster.test")
        assert server.n_tcp == 1
    assert (code, rows(output)[1]) == (0, "100 hosts, 100 answer, 100 nodes")


@pytest.mark.needs("network namespaces")
@pytest.mark.parametrize("zone, reason", [
    ({}, "DNS does not know this name"),
    ({"c.test": []}, "DNS has neither SRV records (_epmd._tcp) nor addresses of this name"),
    ({"_epmd._tcp.c.test": [srv(".", 0)]},
     "DNS says that it has no epmd (an SRV record without a target)")])
def test_domains_of_which_dns_tells_nothing(net, ours, zone, reason):
    with inside(net, zone, "127.0.7.1"):
        code, output = told(net, ours, "dns:c.test,127.0.7.1")
    assert (code, rows(output)[1]) == (1, "2 hosts, 1 answer, 1 node".replace("answer", "answers"))
    assert output.splitlines()[-2].split() == ["dns:c.test", "-", "-", "cannot", "find", "its",
                                               "address:", *reason.split()]


@pytest.mark.needs("network namespaces")
def test_without_a_name_server(net, ours):
    code, output = told(net, ours, "dns:c.test")
    assert (code, rows(output)[1]) == (2, "1 host, 0 answer, 0 nodes")
    assert "no name server can be reached" in output
