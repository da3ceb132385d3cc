# SPDX-License-Identifier: Apache-2.0
"""A cluster of three RabbitMQ nodes on one host.

Always true here: the nodes are Debian's, each in a process of its own, and what the
cluster is like is what RabbitMQ says of it.
"""

import contextlib
import json

import pytest

from clients import guest
from harness import Daemon, wait_for
from restart.keeping import Kept

ALL = ["rabbit1", "rabbit2", "rabbit3"]


class Cluster:
    """Three brokers in a guest, and what can be done to them."""

    def __init__(self, system):
        self.system = system

    def boot(self, *nodes):
        """Start these, all at once; return when each is up."""
        for node in nodes:
            self.system.do("rabbitmq-server", "-detached", RABBITMQ_NODENAME=node,
                           RABBITMQ_NODE_PORT=5671 + ALL.index(node))
        for node in nodes:
            self.ctl(node, "wait", "--timeout", "60", pid_file(node))

    def ctl(self, node, *command):
        return self.system.do("rabbitmqctl", "-n", node, *command)

    def join(self, node, other):
        self.ctl(node, "stop_app")
        self.ctl(node, "join_cluster", f"{other}@{guest.HOST}")
        self.ctl(node, "start_app")

    def crash(self, node):
        """Kill it, as it would end in a crash."""
        self.system.do("sh", "-c", f"kill -9 $(cat {pid_file(node)})")

    def names(self):
        """{name: port} of the brokers: they start other nodes, too, for a moment."""
        return {name: port for name, port in self.system.names().items() if name in ALL}

    def status(self, node):
        """(members, running) as this node sees them."""
        said = json.loads(self.ctl(node, "cluster_status", "--formatter", "json"))
        return short(said["disk_nodes"]), short(said["running_nodes"])


def pid_file(node):
    return f"/var/lib/rabbitmq/mnesia/{node}@{guest.HOST}.pid"


def short(nodes):
    return sorted(node.removesuffix(f"@{guest.HOST}") for node in nodes)


@contextlib.contextmanager
def cluster_with(binary, daemon, *options):
    guest.require()
    with guest.Guest(binary) as system:
        with daemon(binary, *options, port=4369, namespace=system) as epmd:
            yield Cluster(system), epmd


def forms_loses_and_regains(cluster, between):
    """The course of a cluster's life; between() is called where it should make no difference."""
    cluster.boot(*ALL)
    ports = cluster.names()
    assert ports == {node: 25671 + ALL.index(node) for node in ALL}
    cluster.join("rabbit2", "rabbit1")
    between()
    cluster.join("rabbit3", "rabbit1")
    for node in ALL:
        assert cluster.status(node) == (ALL, ALL)

    between()
    assert cluster.names() == ports
    assert cluster.status("rabbit3") == (ALL, ALL)

    cluster.crash("rabbit3")
    wait_for(lambda: cluster.status("rabbit1") == (ALL, ALL[:2]), 60, "the loss of a node")
    assert cluster.names().keys() == set(ALL[:2])

    between()
    cluster.boot("rabbit3")
    assert cluster.names() == ports
    for node in ALL:
        assert cluster.status(node) == (ALL, ALL)


@pytest.mark.needs("network namespaces")
@pytest.mark.timeout(3600)
def test_cluster_does_not_notice_that_the_worker_is_killed(ours):
    with cluster_with(ours, Kept, "-d", "-d") as (cluster, epmd):
        def kill_worker():
            with cluster.system.entered():
                epmd.kill_worker()
        forms_loses_and_regains(cluster, kill_worker)
        log = epmd.log()
        assert log.count("keeper: the worker ended: signal 9") == 3
        # Nobody had to register again: but for the node that was lost, each did so once.
        assert [log.count(f' registered "{node}" ') for node in ALL] == [1, 1, 2]


@pytest.mark.needs("network namespaces")
@pytest.mark.timeout(3600)
def test_cluster_of_stock(stock):
    with cluster_with(stock, Daemon) as (cluster, _):
        forms_loses_and_regains(cluster, lambda: None)
