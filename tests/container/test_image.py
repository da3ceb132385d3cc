# SPDX-License-Identifier: Apache-2.0
"""The image runs epmd as process 1 of a container, with a keeper.

Always true here: the command, the user and the health check are those of the image.
"""

import os
import signal
import subprocess

import pytest

from clients.beam import site_at
from container.image import Container
from harness import wait_for
from machine import need
from wire.protocol import NAMES, Node, exchange, registered

pytestmark = pytest.mark.needs("network namespaces")
# After this time `podman stop` and `docker stop` kill.
GRACE = 10


@pytest.fixture
def container(image):
    with Container(image) as running:
        yield running


def another_worker(container, before):
    """Wait for a worker that is not this one, and that serves."""
    wait_for(lambda: container.children() and container.children() != before,
             what="another worker")
    with container.network():
        exchange(container, NAMES)


def test_image_holds_the_binary_alone(image):
    assert os.listdir(image.root) == ["epmd"]
    assert list(image.config["ExposedPorts"]) == ["4369/tcp"]


def test_is_process_1_and_nobody(container, image):
    with open(f"/proc/{container.pid}/status", encoding="ascii") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert status["NSpid"].split()[1] == "1"
    assert set(status["Uid"].split()) | set(status["Gid"].split()) == {"4369"}
    assert image.config["User"] == "4369:4369"
    assert int(status["CapEff"], 16) == 0


def test_registration_outlives_the_worker(container):
    with container.network(), Node(container, b"bilbo", port=37899):
        worker = container.children()
        os.kill(worker[0], signal.SIGKILL)
        another_worker(container, worker)
        assert container.run("/epmd", "-names").stdout == (
            "epmd: up and running on port 4369 with data:\nname bilbo at port 37899\n")
    assert "the worker ended: signal 9" in container.log()


def test_a_node_that_starts_late_finds_it(container):
    """In a container of its own that shares this one's addresses: docs/late-nodes.md."""
    need("erl")
    with container.network(), site_at(container.port) as site, site.node() as node:
        assert node.ask("element(1, net_kernel:start([late, shortnames]))") == "ok"
        assert list(site.await_names("late")) == ["late"]


def test_hangup_reloads(container):
    with container.network(), Node(container, b"bilbo"):
        worker = container.children()
        container.signal("HUP")
        another_worker(container, worker)
        assert registered(container) == [b"bilbo"]


def test_reload_from_within(container):
    with container.network(), Node(container, b"bilbo"):
        worker = container.children()
        assert container.run("/epmd", "-reload").stdout == "Reloading\n"
        another_worker(container, worker)
        assert registered(container) == [b"bilbo"]


@pytest.mark.parametrize("name", ["TERM", "INT"])
def test_ends_when_it_is_told_to(container, name):
    with container.network(), Node(container, b"bilbo"):
        container.signal(name)
        assert container.wait(GRACE) == 0
    assert "ending, because of signal" in container.log()


def test_ends_in_time_though_the_worker_hangs(container):
    os.kill(container.children()[0], signal.SIGSTOP)
    container.signal("TERM")
    assert container.wait(GRACE) == 0
    assert "the worker hangs; killing it" in container.log()


def test_orphans_are_reaped(container):
    worker = container.children()
    # A shell of the host's, in the container's process namespace, leaves its child behind.
    with subprocess.Popen(["nsenter", "-t", str(container.pid), "-p", "sh", "-c", "cat <&3 & exit"],
                          stdin=subprocess.PIPE, preexec_fn=lambda: os.dup2(0, 3),
                          close_fds=False) as shell:
        wait_for(lambda: len(container.children()) == 2, what="an orphan")
        shell.stdin.close()
        wait_for(lambda: container.children() == worker, what="its end")


def test_health_check_tells_whether_it_answers(image, container):
    assert container.run(*container.health_check).stdout == ""
    assert container.is_healthy()
    os.kill(container.pid, signal.SIGSTOP)
    os.kill(container.children()[0], signal.SIGKILL)
    try:
        assert not container.is_healthy()
    finally:
        os.kill(container.pid, signal.SIGCONT)
    wait_for(container.is_healthy, what="health")


def test_options_follow(image):
    with Container(image, "-allow_register", "10.0.0.0/8", "-d") as container:
        container.run("/epmd", "-names")
        wait_for(lambda: "NAMES_REQ from" in container.log(), what="a line of -d")
