# SPDX-License-Identifier: Apache-2.0
"""The real Prometheus: its linter, its scrape, and the rules of docs/monitoring.md."""

import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import urllib.parse
import urllib.request

import pytest

from harness import PATIENCE_S, ROOT, free_port, wait_for
from metrics.test_http import STRANGE
from wire.protocol import Node, exchange, port2

PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
MONITORING = pathlib.Path(ROOT, "docs", "monitoring.md")

pytestmark = pytest.mark.needs("prometheus", "promtool")

CONFIGURATION = """
scrape_configs:
  - job_name: epmd
    scrape_interval: 1s
    scrape_timeout: 1s
    static_configs:
      - targets: ["127.0.0.1:%d"]
"""


def promtool(*words, text=None):
    return subprocess.run([PROMTOOL, *words], input=text, capture_output=True, check=False,
                          timeout=PATIENCE_S)


@pytest.fixture
def busy(observed):
    """A daemon that has something in most of its series."""
    with contextlib.ExitStack() as held:
        for name in STRANGE:
            held.enter_context(Node(observed, name.encode()))
        for _ in range(7):
            exchange(observed, port2(b"none"))
        yield observed


def test_promtool_has_no_complaint(busy):
    result = promtool("check", "metrics", text=busy.get("/metrics").body)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


class Prometheus:
    """A server that scrapes one target every second."""

    def __init__(self, folder, target, more=""):
        self.port = free_port()
        configuration = folder / "prometheus.yml"
        configuration.write_text(CONFIGURATION % target + more)
        self._log = open(folder / "log", "wb")
        self._process = subprocess.Popen(
            [PROMETHEUS, f"--config.file={configuration}", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, cwd=folder)

    def ask(self, path, **fields):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(fields)}"
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(url, timeout=PATIENCE_S) as reply:
                return json.load(reply)["data"]
        return None  # it has yet to start

    def target(self):
        targets = self.ask("targets")
        return targets["activeTargets"][0] if targets and targets["activeTargets"] else None

    def values(self, query):
        """The values of a query, by the label `name`."""
        return {row["metric"].get("name"): float(row["value"][1])
                for row in self.ask("query", query=query)["result"]}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        self._log.close()


def test_prometheus_scrapes_it(busy, tmp_path):
    with Prometheus(tmp_path, busy.metrics_port) as server:
        target = wait_for(lambda: (found := server.target()) and found["health"] != "unknown"
                          and found, what="a scrape")
        assert (target["health"], target["lastError"]) == ("up", "")
        # A scrape is told of before it can be queried, and then all of it can.
        wait_for(lambda: server.values("up") == {None: 1}, what="its samples")
        assert server.values("epmd_node_port") == dict.fromkeys(STRANGE, 4711)
        assert server.values("epmd_lookup_misses_total") == {None: 7}
        with Node(busy, b"late", port=1234):
            wait_for(lambda: server.values('epmd_node_port{name="late"}') == {"late": 1234},
                     what="the next scrape")
        wait_for(lambda: server.values('epmd_node_port{name="late"}') == {},
                 what="the end of the series")


def blocks():
    """The three pieces of YAML in the document: a job, what may be added to it, alerts."""
    return re.findall(r"```yaml\n(.*?)```", MONITORING.read_text(), re.S)


def test_short_lived_names_are_dropped(observed, tmp_path):
    names = "rabbitmqcli-381-rabbit", "rpc-5a1f-demo", "rem-5a1f-demo", "rabbit", "remote"
    with contextlib.ExitStack() as held:
        for name in names:
            held.enter_context(Node(observed, name.encode()))
        with Prometheus(tmp_path, observed.metrics_port, blocks()[1]) as server:
            wait_for(lambda: server.ask("query", query="up") and server.values("up") == {None: 1},
                     timeout=30, what="a scrape")
            assert server.values("epmd_node_port").keys() == {"rabbit", "remote"}
            assert server.values("epmd_nodes") == {None: 5}


def test_the_document_is_right(tmp_path):
    configuration, rules = (tmp_path / "prometheus.yml", tmp_path / "rules.yml")
    configuration.write_text(blocks()[0] + blocks()[1] + "rule_files: [rules.yml]\n")
    rules.write_text(blocks()[2])
    result = promtool("check", "config", str(configuration))
    assert result.returncode == 0, result.stdout + result.stderr
    assert b"4 rules found" in result.stdout


ALERTS = """
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'up{job="epmd", instance="a"}', values: '1x120'}
      - {series: 'up{job="epmd", instance="b"}', values: '1x60 0x60'}
      - {series: 'epmd_node_port{job="epmd", instance="a", name="stays"}', values: '1x120'}
      - {series: 'epmd_node_port{job="epmd", instance="a", name="goes"}', values: '1x70 stale'}
      - {series: 'epmd_node_port{job="epmd", instance="b", name="unseen"}', values: '1x60 stale'}
      - {series: 'epmd_refusals_total{instance="a", reason="name_taken"}', values: '0x90 0+1x30'}
      - {series: 'epmd_refusals_total{instance="b", reason="name_taken"}', values: '5x120'}
      - {series: 'epmd_nodes{instance="a"}', values: '95x120'}
      - {series: 'epmd_nodes_max{instance="a"}', values: '100x120'}
    alert_rule_test:
      - {eval_time: 110m, alertname: EpmdDown, exp_alerts: [{exp_labels: {job: epmd, instance: b}}]}
      - eval_time: 110m
        alertname: ErlangNodeGone
        exp_alerts: [{exp_labels: {job: epmd, instance: a, name: goes}}]
      - eval_time: 110m
        alertname: ErlangNodeNameTaken
        exp_alerts: [{exp_labels: {instance: a, reason: name_taken}}]
      - {eval_time: 110m, alertname: EpmdNearlyFull, exp_alerts: [{exp_labels: {instance: a}}]}
      - {eval_time: 50m, alertname: EpmdDown}
      - {eval_time: 65m, alertname: ErlangNodeGone}
      - {eval_time: 85m, alertname: ErlangNodeNameTaken}
"""


def test_the_alerts_fire_when_they_should(tmp_path):
    rules = re.sub(r"\n +annotations:\n +summary: .*", "", blocks()[2])
    (tmp_path / "rules.yml").write_text(rules)
    (tmp_path / "test.yml").write_text(ALERTS)
    result = promtool("test", "rules", str(tmp_path / "test.yml"))
    assert result.returncode == 0, (result.stdout + result.stderr).decode()
