# SPDX-License-Identifier: Apache-2.0
"""Real nodes, some of which would never register again, live through deaths of the worker."""

import pytest

from clients.beam import site_at
from clients.conftest import ask_otp, erl  # noqa: F401, they are fixtures
from clients.test_cnode import cnode  # noqa: F401
from harness import wait_for
from wire.protocol import NAMES, NOT_FOUND, Node, exchange, found, port2, settle, state

pytestmark = pytest.mark.asked("long")

N_KILLS = 10


@pytest.fixture
def site(erl, kept):  # noqa: F811
    with site_at(kept.port) as where:
        yield where


def test_nodes_never_notice(kept, site, cnode):  # noqa: F811
    """Ten deaths; then each is found, as what it was, and its end is noticed."""
    with (site.node("-name", "e@127.0.0.1") as e,
          site.program(cnode, "c@127.0.0.1", "call", "e@127.0.0.1") as c,
          Node(kept, b"raw", kind=110) as raw):
        c.expect("^called")
        ports = site.await_names("e", "c", "raw")
        creation, before = e.creation(), exchange(kept, NAMES)
        lookups = [exchange(kept, port2(name)) for name in (b"e", b"c", b"raw")]
        for _ in range(N_KILLS):
            kept.kill_worker()
            assert site.names() == ports
        assert exchange(kept, NAMES) == before
        assert [exchange(kept, port2(name)) for name in (b"e", b"c", b"raw")] == lookups
        assert e.creation() == creation and creation >= 4
        assert state(raw.sock) == "open"
        assert lookups[2] == found(b"raw", kind=110)
        assert c.process.poll() is None
        with site.node("-name", "o@127.0.0.1") as other:
            assert other.ping(e) == "pong"
    wait_for(lambda: site.names() == {})


def test_an_incarnation_after_a_restart_differs(kept, site):
    """A node that comes back gets another creation, with a death of the worker in between."""
    with site.node("-sname", "e") as e:
        creation = e.creation()
        kept.kill_worker()
    wait_for(lambda: exchange(kept, port2(b"e")) == NOT_FOUND)
    kept.kill_worker()
    with site.node("-sname", "e") as e:
        assert e.creation() == creation + 1


def test_a_node_registers_while_no_worker_runs(kept, site):
    with Node(kept, b"raw"):
        settle(kept)
        with kept.gap():
            node = site.program("erl", "-sname", "late", "-start_epmd", "false", "-noshell",
                                "-eval", "io:format(\"up ~p~n\", [erlang:system_info(creation)]).")
            wait_for(lambda: queued(kept.port) > 0, what="a connection that waits")
        with node:
            assert int(node.expect(r"up (\d+)").group(1)) >= 4
            site.await_names("raw", "late")


def queued(port):
    """How many connections wait to be accepted at a port."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [row.split() for row in table.readlines()[1:]]
    return sum(int(row[4].split(":")[1], 16) for row in rows
               if row[3] == "0A" and row[1].endswith(f":{port:04X}"))
