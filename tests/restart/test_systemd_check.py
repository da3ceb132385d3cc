# SPDX-License-Identifier: Apache-2.0
"""What the doctor says of units that do not work, under a real systemd."""

import json
import re

import pytest

from harness import wait_for
from machine import need
from restart import machine as container
from restart.test_systemd import configure, install

pytestmark = [pytest.mark.asked("long"),
              pytest.mark.timeout(3600)]  # making the tree takes its time

STOCK = "/usr/lib/erlang/erts-*/bin/epmd"
NO_LEAKS = "ASAN_OPTIONS=detect_leaks=0"


@pytest.fixture(scope="module")
def booted(ours):
    container.require()
    machine = container.Machine(ours)
    try:
        machine.boot()
        machine.do("sh", "-c", "echo 127.0.0.1 localhost $(uname -n) >>/etc/hosts")
        machine.do("sh", "-c", "systemctl stop epmd.socket epmd.service; userdel epmd;"
                   "systemd-sysusers /opt/units/epmd.sysusers && id epmd")
        yield machine
    finally:
        machine.halt()


@pytest.fixture(params=["our units", "Debian's units"])
def machine(booted, request):
    install(booted)
    copy = "cp /opt/units/epmd.* /etc/systemd/system"
    drop = "rm -f /etc/systemd/system/epmd.socket /etc/systemd/system/epmd.service"
    booted.do("sh", "-c", copy if request.param == "our units" else drop)
    booted.forget()
    yield booted
    booted.run("systemctl", "stop", "epmd.socket", "epmd.service")
    booted.run("systemctl", "reset-failed")


def check(machine):
    """What the doctor finds there: the steps by name, with the exit code."""
    result = machine.run("env", NO_LEAKS, "/opt/epmd", "-json", "-check", "@localhost")
    found = json.loads(result.stdout)
    return {step["step"]: step for step in found["steps"]}, found["cause"], result.returncode


@pytest.mark.parametrize("command, reason", [
    ("/usr/bin/epmd -systemd -packet_timeout nonsense", "nonsense"),
    ('/bin/sh -c "echo out of order; exit 7"', "out of order")])
def test_a_unit_that_fails_again_and_again(machine, command, reason):
    """The socket accepts, so that it looked like an epmd which hangs."""
    need("a real systemd")
    configure(machine, f"Environment={NO_LEAKS}", "ExecStart=", f"ExecStart={command}",
              "Type=exec", "Restart=always", "RestartSec=50ms")
    machine.do("systemctl", "start", "epmd.socket")
    machine.run("systemctl", "start", "epmd.service")

    def has_failed():
        return any(reason in step["found"] for step in check(machine)[0].values()
                   if step["cause"] == "unit_fails")
    wait_for(has_failed, what="the failure in the doctor's words")
    steps, cause, status = check(machine)
    assert (cause, status) == ("unit_fails", 1)
    step = next(step for step in steps.values() if step["cause"] == "unit_fails")
    assert re.search(r"epmd.service (has failed|fails again and again) \(", step["found"]), step
    assert "its last line in the log: " in step["found"] and reason in step["found"]
    assert "journalctl -u epmd.service" in step["cure"]


def test_a_unit_that_fails_as_the_doctor_asks(machine):
    """The question starts it, and the manager gives it up: what listened is gone by then."""
    configure(machine, f"Environment={NO_LEAKS}", "ExecStart=",
              "ExecStart=/usr/bin/epmd -systemd -packet_timeout nonsense", "Restart=no",
              "[Unit]", "StartLimitIntervalSec=10s", "StartLimitBurst=1")
    machine.do("systemctl", "start", "epmd.socket")
    for first in "epmd", "port":
        steps, cause, status = check(machine)
        assert (cause, status) == ("unit_fails", 1)
        assert steps["port"]["cause"] != "socket_failed"
        assert "epmd.service has failed (" in steps[first]["found"]
        assert "journalctl -u epmd.service" in steps[first]["cure"]


@pytest.mark.parametrize("program", ["/opt/epmd", STOCK], ids=["ours", "stock"])
def test_a_socket_unit_whose_port_a_nodes_own_epmd_holds(machine, program):
    need("a real systemd")
    configure(machine, f"Environment={NO_LEAKS}")
    machine.do("sh", "-c", f"{NO_LEAKS} setsid {program} -daemon </dev/null >/dev/null 2>&1")
    wait_for(lambda: machine.run("env", NO_LEAKS, "/opt/epmd", "-started").returncode == 0,
             what="the node's own epmd")
    assert machine.run("systemctl", "start", "epmd.socket").returncode != 0
    steps, cause, status = check(machine)
    assert (cause, status) == (None, 0)
    port = steps["port"]
    assert (port["status"], port["cause"]) == ("warning", "socket_failed")
    assert port["found"].startswith("held by epmd (process ")
    assert "epmd.socket has failed (" in port["found"] and "the port is taken" in port["found"]
    for part in "epmd -kill", "systemctl restart epmd.socket":  # which is the way to change over
        assert part in port["cure"]
        machine.do(*(["env", NO_LEAKS, "/opt/epmd", "-kill"] if "-kill" in part else part.split()))
    assert check(machine)[0]["port"]["status"] == "ok"
