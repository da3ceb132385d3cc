# SPDX-License-Identifier: Apache-2.0
"""The Debian package in a machine with a real systemd: what its scripts do to services.

Always true here: the machine has booted with erlang-base's own epmd in service.
"""

import os
import re
import shutil

import pytest

from harness import wait_for
from package.chroot import Chroot, debs
from package.debian import NEXT
from package.test_package import following, packages, this  # noqa: F401, fixtures
from restart import machine as container
from restart.applications import Application, Layer, booted
from wire.protocol import NAMES, Node, exchange, state, wait_registered

pytestmark = [
    pytest.mark.asked("long"),
    pytest.mark.timeout(3600)]  # making the tree and two packages takes its time


@pytest.fixture
def machine(tmp_path_factory):
    container.require()
    layer = Layer(tmp_path_factory.mktemp("layer"))
    layer.add_application("a")
    with booted(layer) as machine, machine.network():
        yield machine


def install(machine, *packages_):
    """What dpkg prints."""
    inside = []
    for package in packages_:
        inside.append(f"/tmp/{os.path.basename(package)}")
        shutil.copy(package, f"/proc/{machine.pid}/root{inside[-1]}")
    return machine.do("dpkg", "-i", *inside)


def program(machine):
    """What the service runs; the kernel tells if another file has taken its place."""
    return machine.do("readlink", f"/proc/{machine.main_pid()}/exe")


@pytest.fixture
def libraries(this, tmp_path):  # noqa: F811
    """The packages that ours depends on and that the machine does not have."""
    tree = Chroot(tmp_path)
    try:
        tree.start()
        return debs(*tree.needs(this))
    finally:
        tree.stop()


def test_from_stock_to_ours_and_back(machine, libraries, this, following):  # noqa: F811
    a = Application(machine, "a")
    a.start()
    stock = program(machine)
    assert stock.startswith("/usr/lib/erlang/erts-")

    said = install(machine, *libraries, this)
    assert "registered with it: name a at port" in said
    assert "To change over: systemctl restart epmd.service" in said
    assert program(machine) == f"{stock}.stock", "the nodes that run have not been asked yet"

    machine.do("systemctl", "restart", "epmd.service")
    a.await_answer()
    assert program(machine) == "/usr/bin/epmd"
    assert machine.show("Type") == "notify"

    with Node(machine, b"raw") as raw:
        names, creation, pid = exchange(machine, NAMES), a.creation(), machine.main_pid()
        assert "nodes stay registered" in install(machine, following)
        wait_for(lambda: machine.main_pid() not in (0, pid), what="the next version")
        assert exchange(machine, NAMES) == names
        assert (a.creation(), state(raw.sock)) == (creation, "open")
        assert program(machine) == "/usr/bin/epmd"
        version = machine.do(f"/proc/{machine.main_pid()}/exe", "-version")
        assert version == f"epmd {NEXT}"

    said = machine.do("dpkg", "--remove", "epmd")
    assert re.search(r"its nodes lose their registration:\n  name a at port \d+\n", said), said
    assert "The epmd of erlang-base takes its place" in said
    assert program(machine) == stock
    a.await_answer()
    wait_registered(machine, b"a")


def test_what_an_administrator_has_set_stays(machine, libraries, this):  # noqa: F811
    drop_in, text = "/etc/systemd/system/epmd.service.d/own.conf", "Environment=OWN=1"
    machine.do("sh", "-c", f"mkdir -p {os.path.dirname(drop_in)} && "
               f"printf '[Service]\\n{text}\\n' >{drop_in} && systemctl daemon-reload")
    for command in (lambda: install(machine, *libraries, this),
                    lambda: machine.do("dpkg", "--remove", "epmd"),
                    lambda: machine.do("dpkg", "--purge", "epmd")):
        command()
        machine.do("systemctl", "restart", "epmd.service")
        assert machine.do("cat", drop_in) == f"[Service]\n{text}"
        assert machine.show("Environment") == "OWN=1"
        assert machine.show("ActiveState") == "active"


def test_what_requires_the_service(machine, libraries, this, following):  # noqa: F811
    """As ejabberd does: systemd restarts it together with epmd.service, whyever that ends."""
    machine.do("sh", "-c", "mkdir -p /etc/systemd/system/a.service.d; printf "
               "'[Unit]\nRequires=epmd.service\nAfter=epmd.service\n'"
               ">/etc/systemd/system/a.service.d/epmd.conf; systemctl daemon-reload")
    a = Application(machine, "a")
    a.start()
    install(machine, *libraries, this)
    machine.do("systemctl", "restart", "epmd.service")
    a.await_answer()

    pid = machine.show("MainPID", "a.service")
    said = install(machine, following)
    assert "registered with it: name a at port" in said
    assert "To change over: systemctl restart epmd.service" in said
    assert "this restarts what requires it, too: a.service\n" in said
    assert machine.show("MainPID", "a.service") == pid
    wait_registered(machine, b"a")

    machine.do("dpkg", "--remove", "epmd")
    assert program(machine).startswith("/usr/lib/erlang/erts-")
    assert machine.show("ActiveState", "a.service") == "active"
    a.await_answer()
    wait_registered(machine, b"a")


def test_beside_an_epmd_that_an_application_has_started(machine, libraries, this):  # noqa: F811
    """What the output advises gives the port to the units."""
    machine.do("systemctl", "stop", "epmd.socket", "epmd.service")
    a = Application(machine, "a")
    a.start()
    said = install(machine, *libraries, this)
    assert "registered with it: name a at port" in said
    assert "To change over: end it, then systemctl restart epmd.socket" in said

    holder, = set(re.findall(r"pid=(\d+)", machine.do("ss", "-Hltnp", "sport = :4369")))
    machine.do("kill", holder)
    machine.do("systemctl", "restart", "epmd.socket")
    wait_registered(machine, b"a")
    assert program(machine) == "/usr/bin/epmd"
