# SPDX-License-Identifier: Apache-2.0
"""Elixir nodes are found through the daemon.

Always true here: Elixir starts its node itself, as its users do.
"""

import pytest

from clients.beam import HOST
from machine import need

pytestmark = pytest.mark.asked("clients")

SAY_AND_STAY = 'IO.puts("= #{inspect(node())}"); IO.gets("")'


@pytest.fixture(autouse=True)
def elixir():
    need("elixir")


def start(site, script, *naming):
    return site.program("elixir", *naming, "--erl", "-start_epmd false", "-e", script)


@pytest.mark.parametrize("naming, name", [(("--sname", "e"), f"e@{HOST}"),
                                          (("--name", "e@127.0.0.1"), "e@127.0.0.1")],
                         ids=["short_name", "long_name"])
def test_elixir_node_is_found_by_erlang(site, naming, name):
    ours = ("-sname", "a") if naming[0] == "--sname" else ("-name", "a@127.0.0.1")
    with site.node(*ours) as a, start(site, SAY_AND_STAY, *naming) as e:
        e.expect(f"^= :\"?{name}")
        site.await_names("a", "e")
        assert a.ask(f"net_adm:ping('{name}')") == "pong"
    site.await_names()


def test_elixir_node_finds_erlang(site):
    with site.node("-sname", "a"):
        script = f'IO.puts("= #{{Node.ping(:"a@{HOST}")}}")'
        with start(site, script, "--sname", "e") as e:
            e.expect("^= pong")
        site.await_names("a")
