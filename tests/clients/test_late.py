# SPDX-License-Identifier: Apache-2.0
"""Nodes that start distribution when they have booted, as docs/late-nodes.md tells.

Always true here: no emulator starts an epmd for them, as it does for a name on its command
line. The socket unit's part of the page is in tests/restart/test_systemd.py, the container's
in tests/container.
"""

import os
import re
import shlex
import subprocess

import pytest

from clients.beam import end_all, pids_of, site_at
from harness import ROOT, free_port
from machine import APART, need

pytestmark = pytest.mark.asked("clients")

PAGE = os.path.join(ROOT, "docs", "late-nodes.md")
START = "element(1, net_kernel:start([late, shortnames]))"

# What an application does that learns its name at run time.
APPLICATION = """
defmodule Demo.Application do
  use Application

  def start(_type, _args) do
    Task.start(fn ->
      :init.notify_when_started(self())
      receive do {:init, :started} -> :ok end
      IO.inspect(Node.start(:late, :shortnames), label: "late")
    end)
    Supervisor.start_link([], strategy: :one_for_one)
  end
end
"""


def block(title):
    """The page's block of code that begins with this comment."""
    with open(PAGE, encoding="utf-8") as page:
        found, = re.findall(rf"^```\w*\n(# {re.escape(title)}\n.*?)^```$", page.read(), re.M | re.S)
    return found


def test_without_an_epmd_it_fails(unserved):
    with unserved.node(start_epmd=True) as node:
        assert node.ask(START) == "error"
    assert unserved.names() is None, "and none is started"


def test_beside_one_that_was_started_before(unserved):
    assert unserved.run(unserved.epmd, "-daemon").returncode == 0
    with unserved.node(start_epmd=True) as node:
        assert node.ask(START) == "ok"
        unserved.await_names("late")


@pytest.fixture(scope="module")
def built(ask_otp, tmp_path_factory):
    """A release of that application, with the page's rel/env.sh.eex."""
    need("mix")
    place = tmp_path_factory.mktemp("late")
    folder = place / "demo"
    with site_at(free_port()) as builder:
        builder.env["MIX_ENV"] = "prod"

        def mix(where, *words):
            subprocess.run(["mix", *words], cwd=where, env=builder.env, check=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        mix(place, "new", "--sup", "demo")
        (folder / "lib/demo/application.ex").write_text(APPLICATION)
        (folder / "rel").mkdir()
        (folder / "rel/env.sh.eex").write_text(block("rel/env.sh.eex"))
        mix(folder, "release")
    return str(folder / "_build/prod/rel/demo")


def test_the_env_script_of_a_release_starts_one(built, unserved):
    erts, = (entry for entry in os.listdir(built) if entry.startswith("erts-"))
    epmd = os.path.join(built, erts, "bin", "epmd")
    os.remove(epmd)
    os.symlink(unserved.epmd, epmd)
    script = os.path.join(built, "bin", "demo")
    unserved.env["RELEASE_DISTRIBUTION"] = "none"
    try:
        assert unserved.run(script, "eval", "1").returncode == 0
        assert not pids_of(epmd), "only what is to stay starts one"
        with unserved.program(script, "start") as release:
            release.expect("^late: {:ok,")
            unserved.await_names("late")
        unserved.await_names()
    finally:
        end_all(epmd)


@pytest.mark.needs("network namespaces", "process namespaces", "mount namespaces")
def test_the_start_script_of_a_container(unserved):
    """As process 1 of namespaces of its own."""
    lines = [line for line in block("start, the command of the image").splitlines()
             if not line.startswith(("#", "exec "))]
    assert lines == ["epmd -daemon"]
    node = ["erl", "-noinput", "-eval",
            f'io:format("late: ~w~n", [{START}]), io:format("~p~n", [erl_epmd:names()]).']
    epmd = (f"PATH={shlex.quote(os.path.dirname(unserved.epmd))}:$PATH; ip link set lo up; "
            "mount -t proc proc /proc; ")
    with unserved.program(*APART, "unshare", "--net", "--pid", "--fork", "--kill-child", "sh", "-c",
                          f"{epmd}{lines[0]} && exec {shlex.join(node)}") as program:
        program.expect("^late: ok")
        program.expect('{ok,.{"late"')
