# SPDX-License-Identifier: Apache-2.0
"""Who may ask what, as the lists of the options say.

Another host is another network namespace at the end of a cable. The daemon is on
10.9.9.1 and fd99::1, the other host is 10.9.9.2 and fd99::2.
"""

import contextlib
import re
import socket

import pytest

from harness import Daemon, run_epmd
from wire.protocol import (DUMP, KILL, NAMES, Node, alive2, begin, connect, exchange, found,
                           names_reply, port2, read_all, send, state, stop, wait_registered)

HOSTS = {"10.9.9.1": "10.9.9.2", "fd99::1": "fd99::2"}
THEIRS = "10.9.9.0/24,fd99::/64"
OTHERS = "192.0.2.0/24,2001:db8::/32"
OPTIONS = "-allow_lookup", "-allow_names", "-allow_register"
SHUT = [word for option in OPTIONS for word in (option, "none")]
OPEN = [word for option in OPTIONS for word in (option, "any")]
REQUESTS = {"-allow_lookup": port2(b"near"), "-allow_names": NAMES,
            "-allow_register": alive2(b"far")}
REASONS = {"-allow_lookup": r"PORT_PLEASE2_REQ \"near\"", "-allow_names": "NAMES_REQ",
           "-allow_register": r"ALIVE2_REQ \"far\" \(.*\)"}

networked = pytest.mark.needs("network namespaces")


@pytest.fixture
def serve(ours, hosts):
    """A function that starts a daemon on the first host, with the node `near`."""
    with contextlib.ExitStack() as stack:
        def start(*options, **keywords):
            daemon = stack.enter_context(Daemon(ours, *options, namespace=hosts[0], **keywords))
            with hosts[0].entered():
                stack.enter_context(Node(daemon, b"near", port=1))
            return daemon
        yield start


def ask(daemon, host, option, address):
    """What the request that an option governs gets on another host, which then hangs up."""
    with host.entered(), connect(daemon.port, address) as sock:
        send(sock, REQUESTS[option])
        with contextlib.suppress(OSError):  # it is closed already
            sock.shutdown(socket.SHUT_WR)
        return read_all(sock)


def is_served(option, reply, daemon):
    return {"-allow_lookup": reply == found(b"near", port=1),
            "-allow_names": reply == names_reply(daemon, (b"near", 1)),
            "-allow_register": len(reply) == 6 and reply[:2] == b"v\0"}[option]


def assert_local_unaffected(daemon, host, address="127.0.0.1"):
    with host.entered():
        assert exchange(daemon, port2(b"near"), host=address) == found(b"near", port=1)
        assert exchange(daemon, NAMES, host=address) == names_reply(daemon, (b"near", 1))
        assert b"<near>" in exchange(daemon, DUMP, host=address)
        with Node(daemon, b"here", host=address) as node:
            assert node.result == 0
        wait_registered(daemon, b"near")


@networked
@pytest.mark.parametrize("address", HOSTS)
@pytest.mark.parametrize("option", OPTIONS)
def test_what_a_list_leaves_out_gets_no_byte(serve, hosts, option, address):
    daemon = serve(*OPEN, option, OTHERS)
    assert ask(daemon, hosts[1], option, address) == b""
    for other in set(OPTIONS) - {option}:
        assert is_served(other, ask(daemon, hosts[1], other, address), daemon)
        with hosts[0].entered():
            wait_registered(daemon, b"near")
    daemon.wait_log(rf"refused {REASONS[option]} from {HOSTS[address]} port \d+: .*\({option}\)")
    assert_local_unaffected(daemon, hosts[0])


@networked
@pytest.mark.parametrize("address", HOSTS)
@pytest.mark.parametrize("option", OPTIONS)
def test_a_list_lets_its_networks_do_one_thing(serve, hosts, option, address):
    daemon = serve(*SHUT, option, THEIRS)
    for other in OPTIONS:
        reply = ask(daemon, hosts[1], other, address)
        assert is_served(other, reply, daemon) if other == option else reply == b""


@pytest.fixture
def public(hosts):
    """The daemon's address in a public network, which the hosts have as well for the while."""
    for number, host in enumerate(hosts, 1):
        host.ip(f"addr add 8.8.4.{number}/24 dev cable")
    yield "8.8.4.1"
    for number, host in enumerate(hosts, 1):
        host.ip(f"addr del 8.8.4.{number}/24 dev cable")


@networked
def test_private_lets_private_networks_in(serve, hosts, public):
    """Also a public one that is named beside it."""
    lists = "-allow_lookup", "-allow_names"
    daemon = serve(*[word for option in lists for word in (option, "private")])
    for option in lists:
        assert all(is_served(option, ask(daemon, hosts[1], option, each), daemon) for each in HOSTS)
        assert ask(daemon, hosts[1], option, public) == b""
    daemon = serve("-allow_lookup", "private,8.8.4.0/24", "-allow_names", "private")
    assert is_served("-allow_lookup", ask(daemon, hosts[1], "-allow_lookup", public), daemon)
    assert ask(daemon, hosts[1], "-allow_names", public) == b""


@networked
@pytest.mark.parametrize("words", [[], ["-allow_lookup", "any", "-allow_names", "any",
                                        "-allow_register", "local"]])
def test_the_defaults_are_those_of_stock(serve, hosts, words):
    daemon = serve(*words)
    for address in HOSTS:
        assert is_served("-allow_lookup", ask(daemon, hosts[1], "-allow_lookup", address), daemon)
        assert is_served("-allow_names", ask(daemon, hosts[1], "-allow_names", address), daemon)
        assert ask(daemon, hosts[1], "-allow_register", address) == b""


@networked
@pytest.mark.parametrize("address", HOSTS)
@pytest.mark.parametrize("word", ["none", "local", OTHERS])
def test_who_may_ask_nothing_is_closed_on_accept(serve, hosts, word, address):
    daemon = serve(*[w for option in OPTIONS for w in (option, word)])
    with hosts[1].entered(), connect(daemon.port, address) as sock:
        assert read_all(sock) == b""  # though nothing was asked
        port = sock.getsockname()[1]
    daemon.wait_log(rf"turned {HOSTS[address]} port {port} away: it may ask nothing "
                    r"\(-allow_lookup, -allow_names, -allow_register\)")
    for option in OPTIONS:
        assert ask(daemon, hosts[1], option, address) == b""
    assert "_REQ" not in daemon.log()
    assert_local_unaffected(daemon, hosts[0])
    assert_local_unaffected(daemon, hosts[0], address)


def wait_accepted(daemon, sock):
    daemon.wait_log(rf"local peer 127.0.0.1 port {sock.getsockname()[1]} connected")


@networked
def test_who_may_ask_nothing_takes_nobodys_place(serve, hosts):
    """Not even where every descriptor is in use, and the next peer would take one."""
    daemon = serve(*SHUT, "-d", "-d", wrapper=["prlimit", "--nofile=48:48"])
    with contextlib.ExitStack() as stack:
        waiting = []
        with hosts[0].entered():
            while not waiting or state(waiting[0]) == "open":
                waiting.append(stack.enter_context(begin(daemon.port)))
                wait_accepted(daemon, waiting[-1])
        with hosts[1].entered():
            for _ in range(5):
                assert exchange(daemon, NAMES, host="10.9.9.1") == b""
        assert [state(sock) for sock in waiting[1:]] == ["open"] * (len(waiting) - 1)


@networked
def test_no_list_opens_commands(serve, hosts):
    daemon = serve(*OPEN, "-relaxed_command_check")
    with hosts[1].entered():
        for address in HOSTS:
            for request in DUMP, KILL, stop(b"near"), b"\0\1r", b"\0\1i":
                assert exchange(daemon, request, host=address) == b""
    assert_local_unaffected(daemon, hosts[0])
    for tag in "DUMP_REQ", "KILL_REQ", 'STOP_REQ "near"', "RELOAD_REQ", "INFO_REQ":
        assert f"refused {tag} from 10.9.9.2 port" in daemon.log()


@networked
@pytest.mark.parametrize("address", HOSTS)
def test_containers_register_from_their_network(serve, hosts, address):
    here, there = hosts
    daemon = serve("-allow_register", THEIRS)
    with there.entered():
        contained = Node(daemon, b"contained", host=address, port=9100)
        assert contained.result == 0
        taken = Node(daemon, b"near", host=address)
        assert taken.result == 1
    with contained, taken:
        for host, target in (here, "127.0.0.1"), (there, address):
            with host.entered():
                assert exchange(daemon, port2(b"contained"),
                                host=target) == found(b"contained", port=9100)
                assert exchange(daemon, NAMES, host=target) == names_reply(
                    daemon, (b"contained", 9100), (b"near", 1))
    with here.entered():
        wait_registered(daemon, b"near")


@networked
def test_a_single_address_is_a_list(serve, hosts):
    daemon = serve("-allow_names", "10.9.9.2")
    for address in HOSTS:
        served = is_served("-allow_names", ask(daemon, hosts[1], "-allow_names", address), daemon)
        assert served == (address == "10.9.9.1")


@networked
def test_environment_gives_the_lists(serve, hosts):
    daemon = serve(env={"ERL_EPMD_ALLOW_LOOKUP": "none", "ERL_EPMD_ALLOW_NAMES": OTHERS,
                        "ERL_EPMD_ALLOW_REGISTER": THEIRS})
    assert ask(daemon, hosts[1], "-allow_lookup", "10.9.9.1") == b""
    assert ask(daemon, hosts[1], "-allow_names", "10.9.9.1") == b""
    assert ask(daemon, hosts[1], "-allow_register", "10.9.9.1")[:2] == b"v\0"


@networked
def test_options_win_over_the_environment(serve, hosts):
    daemon = serve("-allow_lookup", "any",
                   env={"ERL_EPMD_ALLOW_LOOKUP": "bad", "ERL_EPMD_ALLOW_NAMES": "none"})
    assert is_served("-allow_lookup", ask(daemon, hosts[1], "-allow_lookup", "10.9.9.1"), daemon)
    assert ask(daemon, hosts[1], "-allow_names", "10.9.9.1") == b""


@networked
def test_empty_variables_mean_the_defaults(serve, hosts):
    daemon = serve(env={"ERL_EPMD_ALLOW_LOOKUP": "", "ERL_EPMD_ALLOW_NAMES": "",
                        "ERL_EPMD_ALLOW_REGISTER": ""})
    assert is_served("-allow_lookup", ask(daemon, hosts[1], "-allow_lookup", "10.9.9.1"), daemon)
    assert is_served("-allow_names", ask(daemon, hosts[1], "-allow_names", "10.9.9.1"), daemon)
    assert ask(daemon, hosts[1], "-allow_register", "10.9.9.1") == b""


@networked
def test_denials_are_counted(serve, hosts):
    daemon = serve("-allow_lookup", "10.9.9.0/24", "-allow_names", "none")
    for option, times in ("-allow_names", 2), ("-allow_register", 3), ("-allow_lookup", 1):
        for _ in range(times):
            ask(daemon, hosts[1], option, "10.9.9.1")
    with hosts[1].entered():
        assert exchange(daemon, DUMP, host="10.9.9.1") == b""
        for _ in range(4):
            assert exchange(daemon, NAMES, host="fd99::1") == b""
    daemon.stop()
    assert re.search("not allowed since the start: 4 peers turned away, 0 lookups, "
                     "2 lists of names, 3 registrations, 1 commands$", daemon.log(), re.M)


@networked
def test_denials_are_told_after_a_kill(serve, hosts):
    daemon = serve(*OPEN, "-allow_lookup", "none", "-relaxed_command_check")
    assert ask(daemon, hosts[1], "-allow_lookup", "10.9.9.1") == b""
    with hosts[0].entered():
        assert exchange(daemon, KILL) == b"OK"
    assert daemon.wait() == 0
    assert re.search("0 peers turned away, 1 lookups, 0 lists of names, 0 registrations, "
                     "0 commands$", daemon.log(), re.M)


def test_who_denied_nothing_tells_nothing(ours):
    with Daemon(ours) as daemon:
        assert exchange(daemon, NAMES) == names_reply(daemon)
    assert "not allowed since" not in daemon.log()


WRONG = {
    "localhost": '"localhost" is no address, no network and none of any, local, private, none',
    "any,Local": '"Local" is no address, no network and none of any, local, private, none',
    "10.9.9.1/24": '"10.9.9.1/24" has bits beyond its prefix: the network is 10.9.9.0/24, '
                   'the address alone 10.9.9.1',
    "fd99::1/64": '"fd99::1/64" has bits beyond its prefix: the network is fd99::/64, '
                  'the address alone fd99::1',
    "10.9.9.0/33": '"10.9.9.0/33": the prefix is no number of bits from 0 to 32',
    "none,10.9.9.0/24": '"none" stands alone',
    "": 'the list is empty; "none" stands for no peer',
}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("words", WRONG)
def test_wrong_lists_are_usage_errors(ours, option, words):
    result = run_epmd(ours, option, words)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("usage: epmd")
    assert result.stderr.endswith(f"\nepmd: {option}: {WRONG[words]}\n")


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("words", [words for words in WRONG if words])
def test_wrong_variables_are_named_in_one_line(ours, option, words):
    variable = "ERL_EPMD_" + option[1:].upper()
    result = run_epmd(ours, env={variable: words})
    assert result.returncode == 1
    assert result.stderr == f"epmd: {variable}: {WRONG[words]}\n"


def test_commands_ignore_the_variables(ours):
    with Daemon(ours) as daemon:
        result = run_epmd(ours, "-port", str(daemon.port), "-names",
                          env={"ERL_EPMD_ALLOW_NAMES": "bad"})
    assert (result.returncode, result.stderr) == (0, "")


def test_a_missing_list_is_a_usage_error(ours):
    for option in OPTIONS:
        result = run_epmd(ours, option)
        assert result.returncode == 1
        assert result.stderr.endswith(f"\nepmd: {option}: its LIST is missing\n")


def test_help_lists_options_and_variables(ours):
    text = run_epmd(ours, "-help").stdout
    for option in OPTIONS:
        assert f"  {option} LIST " in text
        assert f"  ERL_EPMD_{option[1:].upper()} " in text
