# SPDX-License-Identifier: Apache-2.0
"""The log under a real systemd, with the units of dist/systemd: what journalctl shows.

Always true here: as in test_systemd.py, whose machine this is. EPMD_LONG=1
"""

import json

import pytest

from harness import wait_for
from restart.test_systemd import configure, machine, restart, server  # noqa: F401
from wire.protocol import NAMES, Node, exchange

pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.asked("long"),
]

SOCKET_DROP_IN = "/etc/systemd/system/epmd.socket.d/test.conf"


def entries(server, *matches):
    """What was logged for the unit since forget(), with its fields."""
    server.do("journalctl", "--sync")
    text = server.do("journalctl", "-o", "json", f"--since=@{server._since}",
                     "_SYSTEMD_UNIT=epmd.service", *matches)
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def await_entries(server, *matches):
    return wait_for(lambda: entries(server, *matches), what=f"{matches} in the journal")


def refuse(server, name):
    """Have a name refused; the ports of the holder and of who was refused."""
    with Node(server, name) as holder, Node(server, name) as asker:
        assert asker.result == 1
        return [str(node.sock.getsockname()[1]) for node in (holder, asker)]


def test_a_refusal_has_fields(server):
    holder, asker = refuse(server, b"sam")
    entry, = await_entries(server, "EPMD_NAME=sam", "EPMD_REASON=name_taken")
    assert {key: entry[key] for key in entry if key.startswith(("EPMD_", "SYSLOG_"))} == {
        "EPMD_PEER": "127.0.0.1", "EPMD_PEER_PORT": asker, "EPMD_REQUEST": "ALIVE2_REQ",
        "EPMD_NAME": "sam", "EPMD_REASON": "name_taken", "EPMD_HOLDER": "127.0.0.1",
        "EPMD_HOLDER_PORT": holder, "SYSLOG_IDENTIFIER": "epmd", "SYSLOG_FACILITY": "3"}
    assert (entry["PRIORITY"], entry["_TRANSPORT"]) == ("4", "journal")
    assert entry["_PID"] == str(server.main_pid())
    assert entry["MESSAGE"].startswith('refused ALIVE2_REQ "sam" ')
    assert entries(server, "_TRANSPORT=stdout") == [], "each line is there once"


def test_a_journal_that_is_restarted_is_found(server):
    """From inside the sandbox, as the user epmd."""
    server.do("systemctl", "restart", "systemd-journald.service")
    refuse(server, b"after")
    assert len(await_entries(server, "EPMD_NAME=after")) == 1


def test_levels_are_left_out(server):
    configure(server, "Environment=ASAN_OPTIONS=detect_leaks=0", "ExecStart=",
              "ExecStart=/usr/bin/epmd -systemd -log_level warning")
    restart(server)
    server.forget()
    refuse(server, b"sam")
    await_entries(server, "EPMD_NAME=sam")
    assert {entry["PRIORITY"] for entry in entries(server)} == {"4"}


def test_the_cure_of_a_disagreement_is_one(server):
    """Do what the line says; then there is none, and the socket is where it was wanted."""
    def told():
        return [entry for entry in entries(server, "PRIORITY=4")
                if "ERL_EPMD_ADDRESS" in entry["MESSAGE"]]

    try:
        configure(server, "Environment=ASAN_OPTIONS=detect_leaks=0",
                  "Environment=ERL_EPMD_ADDRESS=127.0.0.1")
        server.forget()
        restart(server)
        entry, = wait_for(told, what="the disagreement")
        assert "does not close the inherited socket on :: port 4369, for IPv4, too" in entry["MESSAGE"]
        assert "ListenStream= for each address" in entry["MESSAGE"]
        assert "systemctl edit epmd.socket" in entry["MESSAGE"]
        server.do("sh", "-c", f"mkdir -p $(dirname {SOCKET_DROP_IN}); printf "
                  "'[Socket]\\nListenStream=\\nListenStream=127.0.0.1:4369\\n'"
                  f" > {SOCKET_DROP_IN}")
        server.do("systemctl", "daemon-reload")
        server.do("systemctl", "stop", "epmd.service")
        server.do("systemctl", "restart", "epmd.socket")
        server.forget()
        exchange(server, NAMES)
        await_entries(server, "MESSAGE=listening on 127.0.0.1 port 4369")
        assert told() == []
    finally:
        server.do("rm", "-f", SOCKET_DROP_IN)
        server.do("systemctl", "daemon-reload")
