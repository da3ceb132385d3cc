# SPDX-License-Identifier: Apache-2.0
"""The three pages of the manual against the program: what there is stands there, once."""

import collections
import os
import re

import pytest

from harness import OURS, ROOT, run_epmd
from metrics.observed import Observed, name_of
from wire.protocol import Node

PAGES = "epmd.1", "epmd-monitoring.7", "epmd-protocol.7"


def content(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def section(page, heading):
    """The text of a section, with its subsections."""
    _, text = re.split(rf"(?m)^\.Sh {heading}$", content("man", page))
    return re.split(r"(?m)^\.Sh ", text)[0]


def items(text, macro):
    """The words of each `.It MACRO word , word` and `.It Pq MACRO word`, without values."""
    found = []
    for line in re.findall(rf"(?m)^\.It (?:Pq )?{macro} (.*)$", text):
        words = re.split(r" (?:Ns|Ar|Op|Oo)\b", line)[0].split()
        found += [word for word in words if word not in (",", macro)]
    return found


@pytest.fixture(scope="module")
def usage():
    return run_epmd(OURS, "-help").stdout


@pytest.fixture(scope="module")
def series():
    """The names of all metrics, and the reasons of refusals."""
    with Observed(OURS) as daemon, Node(daemon, b"a"):
        found = daemon.series()
    names = {name_of(key) for key in found}
    reasons = {key[1] for key in found if key[0] == "epmd_refusals_total"}
    assert len(names) > 20 and len(reasons) > 20
    return names, reasons


def test_each_option_stands_once(usage):
    options = re.findall(r"(?m)^  -(\w+)(?:, -(\w+))?", usage)
    told = collections.Counter(items(content("man", "epmd.1"), "Fl"))
    assert told == collections.Counter(name for names in options for name in names if name)
    assert not [page for page in PAGES[1:] if items(content("man", page), "Fl")]


@pytest.mark.parametrize("heading", ["OPTIONS", "COMMANDS"])
def test_each_list_of_options_is_in_order(heading):
    for text in section("epmd.1", heading).split("\n.Ss "):
        names = [line.split()[0] for line in re.findall(r"(?m)^\.It Fl (.*)$", text)]
        assert names and names == sorted(names)


def test_each_variable_stands_once(usage):
    told = collections.Counter(items(section("epmd.1", "ENVIRONMENT VARIABLES"), "Ev"))
    ours = set(re.findall(r"(?m)^  (ERL_EPMD_\w+)", usage))
    assert ours == {name for name in told if name.startswith("ERL_")}
    assert set(told.values()) == {1}


def test_examples_stand_before_the_details():
    headings = re.findall(r"(?m)^\.Sh (.*)$", content("man", "epmd.1"))
    assert headings[:5] == ["NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES", "OPTIONS"]


def test_each_metric_stands_once(series):
    told = collections.Counter(items(section("epmd-monitoring.7", "METRICS"), "Sy"))
    assert told == collections.Counter(series[0])


def test_each_reason_of_a_refusal_stands_once(series):
    told = collections.Counter(items(section("epmd-monitoring.7", "REFUSALS"), "Li"))
    assert told == collections.Counter(series[1])


def test_each_end_and_each_field_stands_once():
    text = section("epmd-monitoring.7", "JOURNAL FIELDS")
    ends = re.findall(r'\[REPORT_END_\w+\] = \{"(\w+)"', content("src", "daemon", "report.c"))
    assert len(ends) > 5 and items(text, "Li") == ends
    fields = set(re.findall(r'"(EPMD_\w+)"', content("src", "system", "journal.c")))
    assert len(fields) > 5 and set(items(text, "Ev")) == fields


def test_each_cause_of_check_is_told():
    """All that src/doctor judges by, as one step or another."""
    causes = set()
    for name in sorted(os.listdir(os.path.join(ROOT, "src", "doctor"))):
        if name.startswith("judge") and name.endswith(".c"):
            calls = re.findall(r"(?s)(?:findings_judge|judge_fault)\((.*?)\);",
                               content("src", "doctor", name))
            causes |= {cause for call in calls for cause in re.findall(r'"([a-z_]+)"', call)}
    told = {cause for heading in ("CHECKING", "MANY HOSTS")
            for cause in items(section("epmd.1", heading), "Li")}
    assert len(causes) > 30 and causes <= told
