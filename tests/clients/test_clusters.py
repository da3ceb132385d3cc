# SPDX-License-Identifier: Apache-2.0
"""docs/clusters.md: its zone in knot, its configuration in Prometheus, and real nodes.

All on one host, whose network is its own: the hosts of the zone are addresses of it.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import urllib.request

import pytest

from cli.hosts import Host
from cli.hosts import host as one_host
from harness import PATIENCE_S, ROOT, clean_env, wait_for
from machine import APART, OVER
from wire.namespaces import Namespace

PAGE = pathlib.Path(ROOT, "docs", "clusters.md").read_text(encoding="utf-8")
KNOT = """
server:
    rundir: {folder}
    listen: 127.0.0.1@53
database:
    storage: {folder}
zone:
  - domain: cluster.example
    file: {folder}/zone
"""

pytestmark = [pytest.mark.asked("clients"),
              pytest.mark.needs("network namespaces", "knotd", "prometheus", "promtool")]


def blocks(kind):
    """The blocks of the page in that language."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.S)


@contextlib.contextmanager
def running(host, *command):
    with host.namespace.entered():
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, env=clean_env())
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A host that has the addresses of the zone, and a name server with the zone."""
    folder = tmp_path_factory.mktemp("knot")
    zone, = blocks("zone")
    (folder / "zone").write_text(zone)
    (folder / "knot.conf").write_text(KNOT.format(folder=folder))
    with one_host() as host:
        host.namespace.ip(*[f"addr add 192.0.2.{number}/24 dev eth0" for number in (1, 11, 12)])
        with running(host, shutil.which("knotd"), "-c", str(folder / "knot.conf")):
            yield host


def names(host, ours, *words):
    return host.run(os.path.abspath(ours), *words, nameserver="127.0.0.1")


def test_knot_tells_the_hosts(cluster, ours):
    with cluster.epmd(ours), cluster.node("-name", "a@h1.cluster.example"):
        wait_for(lambda: names(cluster, ours, "-names", "-hosts",
                               "dns:cluster.example").returncode == 0, what="the zone served")
        result = names(cluster, ours, "-names", "-hosts", "dns:cluster.example")
        first, second = [line.split() for line in result.stdout.splitlines()[1:-1]]
        assert [first[:2], second[:2]] == [["h1.cluster.example", "a"], ["h2.cluster.example", "a"]]
        assert result.stdout.endswith("\nepmd: 2 hosts, 2 answer, 2 nodes\n")
        found = json.loads(names(cluster, ours, "-check", "-json", "-hosts",
                                 "h1.cluster.example").stdout)
        assert (found["ok"], found["nodes"]) == (True, 1)


def test_prometheus_finds_its_targets_by_dns(cluster, ours, tmp_path):
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text("global: {scrape_interval: 1s}\nrule_files: [rules.yml]\n"
                             + blocks("yaml")[0].replace("30s", "1s"))
    (tmp_path / "rules.yml").write_text(blocks("yaml")[1])
    resolv = tmp_path / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\n")
    command = [*APART, "sh", "-ec", OVER + 'over "$1" /etc/resolv.conf; shift; exec "$@"',
               "sh", str(resolv), shutil.which("prometheus"), f"--config.file={configuration}",
               f"--storage.tsdb.path={tmp_path}/data", "--web.listen-address=127.0.0.1:9090"]
    with cluster.epmd(ours, "-metrics", "0.0.0.0:9568"), running(cluster, *command):
        def targets():
            with contextlib.suppress(OSError), cluster.namespace.entered():
                url = "http://127.0.0.1:9090/api/v1/targets"
                with urllib.request.urlopen(url, timeout=PATIENCE_S) as reply:
                    active = json.load(reply)["data"]["activeTargets"]
                return sorted((each["labels"]["instance"], each["health"]) for each in active)
            return []
        wait_for(lambda: targets() == [("h1.cluster.example:9568", "up"),
                                       ("h2.cluster.example:9568", "up")],
                 what="both targets up")


def test_the_rules_are_right(tmp_path):
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text("rule_files: [rules.yml]\n" + blocks("yaml")[0])
    (tmp_path / "rules.yml").write_text(blocks("yaml")[1])
    result = subprocess.run([shutil.which("promtool"), "check", "config", str(configuration)],
                            capture_output=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert b"4 rules found" in result.stdout


# ---- twenty hosts ----

COUNT = 20
NO_EPMD, IS_DOWN, HAS_WRONG_NAME = 5, 9, 13
HOSTS = "".join(f"10.8.8.{number} h{number}.example\n" for number in range(1, COUNT + 1))


def namespace_of(hub, number):
    """A host at the end of a cable to the hub's bridge."""
    namespace = Namespace()
    hub.ip(f"link add to{number} type veth peer name eth0 netns {namespace.pid}",
           f"link set to{number} master bridge up")
    namespace.ip("link set lo up", f"addr add 10.8.8.{number}/24 dev eth0", "link set eth0 up")
    return namespace


@contextlib.contextmanager
def twenty_hosts(ours, stock, tmp_path):
    """Twenty hosts with an epmd and a node each, but for three faults; and the hub, which asks."""
    with contextlib.ExitStack() as held:
        hub = held.enter_context(Namespace())
        hub.ip("link set lo up", "link add bridge type bridge", "link set bridge up",
               "addr add 10.8.8.200/24 dev bridge")
        for number in range(1, COUNT + 1):
            folder = tmp_path / f"h{number}"
            folder.mkdir()
            host = Host(held.enter_context(namespace_of(hub, number)), str(folder), f"h{number}")
            if number != NO_EPMD:
                held.enter_context(host.epmd(ours if number % 2 else stock))
                named = number if number != HAS_WRONG_NAME else number + 1
                held.enter_context(host.node("-name", f"rabbit@h{named}.example"))
            if number == IS_DOWN:
                host.namespace.ip("link set eth0 down")
        asker = Host(hub, str(tmp_path), "hub")
        asker.resolves(HOSTS)
        yield asker


@pytest.mark.timeout(3600)
def test_twenty_hosts_with_three_faults(ours, stock, tmp_path):
    everyone = ",".join(f"h{number}.example" for number in range(1, COUNT + 1))
    with twenty_hosts(ours, stock, tmp_path) as hub:
        listed = names(hub, ours, "-names", "-hosts", everyone)
        checked = names(hub, ours, "-check", "-hosts", everyone)
        found = json.loads(names(hub, ours, "-check", "-json", "-hosts", everyone).stdout)
    print(listed.stdout, checked.stdout, sep="\n")
    assert (listed.returncode, checked.returncode) == (1, 1)
    assert listed.stdout.endswith("\nepmd: 20 hosts, 18 answer, 18 nodes\n")
    wrong = [(each["host"], each["cause"]) for each in found["findings"] if each["cause"]]
    twins = f"h{HAS_WRONG_NAME}.example"
    assert wrong[0] == (f"h{NO_EPMD}.example", "refused")
    assert wrong[1][0] == f"h{IS_DOWN}.example" and wrong[1][1] in ("unreachable", "timeout")
    assert wrong[2:] == [(twins, "resolves_elsewhere"), ("cluster", "registered_twice")]
