# SPDX-License-Identifier: Apache-2.0
"""Inherited sockets beside options and variables that say otherwise: a warning with the cure.

Real sockets are passed, as a service manager passes them.
"""

import re
import socket

import pytest

import machine
from harness import free_port, visible
from restart.keeping import Kept
from restart.passing import Watcher, Worker
from wire.protocol import NAMES, exchange, names_reply


class Inherited(Worker):
    """A daemon with -systemd whose port only these options and this environment tell."""

    def __init__(self, binary, listeners, *options, env):
        super().__init__(binary, [listener.fileno() for listener in listeners], *options,
                         env={"LISTEN_FDS": str(len(listeners)), **env})

    def command(self):
        return [*self.wrapper, self.binary, "-systemd", "-log_level", "warning",
                *visible(self.binary), *self.options]


def listen(address, port):
    """A socket as a unit opens it: `::` takes IPv4 as well, `only ::` does not."""
    host = address.rpartition(" ")[2]
    machine.need_family(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, dualstack_ipv6=address == "::")


def warnings(binary, sockets, options, env):
    """What is logged of these sockets, without the dates; P is their port, O another one."""
    port, other = free_port(), free_port()

    def filled(text):
        return text.replace("P", str(port)).replace("O", str(other))

    listeners = [listen(address, port) for address in sockets]
    try:
        server = Inherited(binary, listeners, *map(filled, options.split()),
                           env={name: filled(value) for name, value in env.items()})
        with server:
            server.stop()
        lines = [line for line in server.log().splitlines() if "the request is empty" not in line]
    finally:
        for listener in listeners:
            listener.close()
    return [re.sub(rf"\b{other}\b", "O", re.sub(rf"\b{port}\b", "P", line.split(": ", 2)[2]))
            for line in lines]


def cure(word):
    return f" into a drop-in of the socket unit (systemctl edit epmd.socket), or remove {word}"


def moves(word, first):
    return (f'{word} "O" does not move the inherited sockets, the first of which is on {first} port P'
            f": put ListenStream= and ListenStream=O{cure(word)}")


def names(word, value, address, stream):
    return (f'{word} "{value}" names {address}, where no inherited socket listens: put '
            f"ListenStream={stream}{cure(word)}")


def closes(word, value, where):
    return (f'{word} "{value}" does not close the inherited socket on {where}: put ListenStream= and '
            f"a ListenStream= for each address{cure(word)}")


PORT, ADDRESS = "ERL_EPMD_PORT", "ERL_EPMD_ADDRESS"
BOTH = ":: port P, for IPv4, too"


@pytest.mark.parametrize("sockets, options, env", [
    (["::"], "-port P", {}),
    (["::"], "", {PORT: "P"}),
    (["::"], "-port P", {PORT: "O"}),
    (["::"], "-port P", {ADDRESS: ""}),
    (["::"], "-port P", {ADDRESS: " , "}),
    (["::"], "-port P -address 0.0.0.0,::", {ADDRESS: "192.0.2.1"}),
    (["0.0.0.0", "only ::"], "-port P", {ADDRESS: "::,0.0.0.0"}),
    (["only ::"], "-port P", {ADDRESS: "::"}),
    (["127.0.0.1"], "-port P", {ADDRESS: "127.0.0.1"}),
    (["127.0.0.1", "::1"], "-port P", {ADDRESS: "127.0.0.1"}),
    (["127.0.0.2", "127.0.0.1"], "-port P", {ADDRESS: "127.0.0.2"}),
    (["::"], "", {})], ids=str)
@pytest.mark.needs("keeper")
def test_agreement_is_silent(ours, sockets, options, env):
    assert warnings(ours, sockets, options, env) == []


@pytest.mark.parametrize("sockets, options, env, expected", [
    (["::"], "", {PORT: "O"}, [moves(PORT, "::")]),
    (["::"], "-port O", {}, [moves("-port", "::")]),
    (["127.0.0.1", "::1"], "--port O", {PORT: "P"}, [moves("--port", "127.0.0.1")]),
    (["::"], "-port P", {ADDRESS: "127.0.0.1"}, [closes(ADDRESS, "127.0.0.1", BOTH)]),
    (["::"], "-port P", {ADDRESS: "::"}, [closes(ADDRESS, "::", BOTH)]),
    (["0.0.0.0"], "-port P -address 127.0.0.2", {},
     [closes("-address", "127.0.0.2", "0.0.0.0 port P")]),
    (["127.0.0.1"], "-port P", {ADDRESS: "127.0.0.1,127.0.0.2"},
     [names(ADDRESS, "127.0.0.1,127.0.0.2", "127.0.0.2", "127.0.0.2:P")]),
    (["127.0.0.1"], "-port P", {ADDRESS: "2001:db8::1"},
     [names(ADDRESS, "2001:db8::1", "2001:db8::1", "[2001:db8::1]:P")]),
    (["127.0.0.2"], "", {PORT: "O", ADDRESS: "127.0.0.3"},
     [moves(PORT, "127.0.0.2"), names(ADDRESS, "127.0.0.3", "127.0.0.3", "127.0.0.3:O"),
      closes(ADDRESS, "127.0.0.3", "127.0.0.2 port P")])], ids=str)
@pytest.mark.needs("keeper")
def test_each_disagreement_is_a_line(ours, sockets, options, env, expected):
    assert warnings(ours, sockets, options, env) == expected


@pytest.mark.parametrize("of_port", [0, 1], ids=["first", "second"])
def test_a_port_that_one_of_the_sockets_has_is_no_disagreement(ours, of_port):
    """A unit may listen on further ports."""
    with listen("127.0.0.1", free_port()) as first, listen("127.0.0.1", free_port()) as second:
        port = [first, second][of_port].getsockname()[1]
        server = Inherited(ours, [first, second], "-port", str(port), env={})
        server.port = port
        with server:
            server.stop()
        assert "inherited socket" not in server.log()


@pytest.mark.needs("keeper")
def test_a_long_list_does_not_hide_the_cure(ours):
    value = ",".join(f"2001:db8:1111:2222:3333:4444:5555:{number:x}" for number in range(64))
    lines = warnings(ours, ["127.0.0.1"], "-port P", {ADDRESS: value})
    assert len(lines) == 64
    assert all(line.endswith(cure(ADDRESS)) and len(line) < 600 for line in lines)


def test_it_serves_nevertheless(ours):
    with listen("127.0.0.1", free_port()) as listener:
        other = free_port()
        server = Inherited(ours, [listener], env={PORT: str(other), ADDRESS: "127.0.0.2"})
        server.port = listener.getsockname()[1]
        with server:
            reply = exchange(server, NAMES)
            server.port = other
            assert reply == names_reply(server)


def test_a_process_that_is_started_anew_tells_again(ours, tmp_path):
    """The manager may have restarted it for the sake of other settings."""
    with Watcher(ours, str(tmp_path / "notify"), env={ADDRESS: "127.0.0.2"}) as manager:
        for server in manager.start(), manager.restart():
            server.wait_log("listening on 127.0.0.1")
            assert server.log().count("names 127.0.0.2, where no inherited socket listens") == 1
        assert manager.restart(env={ADDRESS: "127.0.0.1"}).log().count("ListenStream") == 0


@pytest.mark.needs("keeper")
def test_what_a_keeper_passes_on_was_asked_for(ours):
    with Kept(ours, addresses=["127.0.0.2"]) as server:
        server.kill_worker()
        server.wait_log("(?s)listening on.*restored.*listening on")
        assert "inherited socket" not in server.log()
