# SPDX-License-Identifier: Apache-2.0
"""-log and -log_level: which lines are written, and where, by each process of a daemon."""

import contextlib
import os
import re
import signal

import pytest

from cli.servers import Detached, Fake
from cli.test_daemon import Syslog
from harness import Daemon, free_port, run_epmd
from machine import APART
from restart.keeping import Kept
from wire.protocol import NOT_FOUND, RELOAD, Node, exchange, port2

pytestmark = pytest.mark.needs("mount namespaces", "device files")

DATE = r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4}"


@pytest.fixture
def syslog(tmp_path):
    folder = tmp_path / "dev"
    folder.mkdir()
    with contextlib.closing(Syslog(folder)) as log:
        yield log


def refuse(server):
    """Have a name refused."""
    with Node(server, b"taken"):
        assert Node(server, b"taken").result == 1


def lines_about(server, text):
    return [line for line in server.log().splitlines() if text in line]


def test_standard_error_is_the_default(ours, journal):
    with Daemon(ours, wrapper=journal.wrapper) as server:
        refuse(server)
        line, = lines_about(server, "taken by")
        assert re.fullmatch(rf'epmd: {DATE}: refused ALIVE2_REQ "taken" .*', line)
    assert journal.read() == []


def test_a_service_logs_to_the_journal(ours, journal):
    with Daemon(ours, wrapper=journal.service) as server:
        refuse(server)
        entry = journal.wait("taken by")
    assert server.log() == ""
    assert (entry["EPMD_NAME"], entry["EPMD_REASON"]) == ("taken", "name_taken")
    assert entry["MESSAGE"].startswith("refused ALIVE2_REQ ")
    assert journal.wait("listening on :: ")["PRIORITY"] == "6"


@pytest.mark.parametrize("stream", ["", "1:1", "x", ":", "1"])
def test_a_stream_that_is_another_is_none(ours, journal, stream):
    with Daemon(ours, wrapper=journal.wrapper, env={"JOURNAL_STREAM": stream}) as server:
        server.wait_log("listening on :: ")
    assert journal.read() == []


def test_a_service_may_log_to_standard_error(ours, journal):
    with Daemon(ours, "-log", "stderr", wrapper=journal.service) as server:
        server.wait_log("listening on :: ")
    assert journal.read() == []


def test_a_service_without_a_journal_says_nothing_of_it(ours, journal):
    journal.vanish()
    with Daemon(ours, wrapper=journal.service) as server:
        server.wait_log("listening on :: ")
        assert "journal" not in server.log()


def test_the_foreground_may_log_to_syslog(ours, syslog, journal):
    wrapper = (*syslog.wrapper, *journal.service)
    with Daemon(ours, "-log", "syslog", wrapper=wrapper) as server:
        refuse(server)
        text, = syslog.wait("taken by")
    assert re.fullmatch(r"<28>[A-Z][a-z]{2} [ \d]\d [\d:]{8} epmd\[\d+\]: refused .*", text)
    assert journal.read() == []
    assert server.log() == ""


def test_a_detached_daemon_of_a_service_logs_to_syslog(ours, syslog, journal):
    with Detached(ours, wrapper=(*syslog.wrapper, *journal.service)):
        syslog.wait("listening on :: ")
    assert journal.read() == []


def test_no_process_of_a_detached_daemon_forgets_the_journal(ours, syslog, journal):
    """The keeper, its first worker, which was forked, and the next ones, which are executed."""
    wrapper = (*syslog.wrapper, *journal.wrapper)
    with Detached(ours, "-log", "journal", wrapper=wrapper) as server, Node(server, b"held"):
        journal.wait("listening on :: ")
        assert exchange(server, RELOAD) == b"OK"
        asked = journal.wait("a new process takes over")
        assert (asked["EPMD_REQUEST"], asked["EPMD_PEER"]) == ("RELOAD_REQ", "127.0.0.1")
        journal.wait("keeper: starting the worker again")
        journal.wait("restored 1 registration; 0 nodes have left in between")
        journal.entries.clear()
        worker, = (pid for pid in server.holders() if parent(pid) in server.holders())
        os.kill(worker, signal.SIGKILL)
        assert journal.wait("keeper: the worker ended: signal 9")["PRIORITY"] == "3"
        journal.wait("restored 1 registration; 0 nodes have left in between")
        journal.wait("listening on :: ")
    assert syslog.read() == []
    assert (server.result.stdout, server.result.stderr) == ("", "")


def parent(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])


def test_no_journal_is_told_once(ours, journal):
    journal.vanish()
    with Kept(ours, "-log", "journal", wrapper=journal.wrapper) as server:
        server.kill_worker()
        server.wait_log("restored 0 registrations")
        line, = lines_about(server, "-log journal")
        assert line.endswith("-log journal: cannot send to /run/systemd/journal/socket: "
                             "No such file or directory; logging to standard error instead")
        refuse(server)
        assert len(lines_about(server, "taken by")) == 1


def test_no_journal_is_told_before_it_detaches(ours, journal, syslog):
    journal.vanish()
    with Detached(ours, "-log", "journal", wrapper=(*syslog.wrapper, *journal.wrapper)) as server:
        line, = server.result.stderr.splitlines()
        assert line.endswith("No such file or directory; logging to syslog instead")
        syslog.wait("listening on :: ")


def test_no_syslog_is_told_to_who_has_asked_for_it(ours):
    """Not under -daemon alone, which nodes start."""
    wrapper = (*APART, "sh", "-ec", 'mount -t tmpfs none /dev; mknod -m 666 /dev/null'
               ' c 1 3; exec "$@"', "sh")
    told = ("-log syslog: cannot send to /dev/log: No such file or directory; "
            "lines are lost until they are taken there")
    with Daemon(ours, "-log", "syslog", wrapper=wrapper) as server:
        line, = server.log().splitlines()
        assert line.endswith(told)
    with Detached(ours, "-log", "syslog", wrapper=wrapper) as server:
        line, = server.result.stderr.splitlines()
        assert line.endswith(told)
    with Detached(ours, wrapper=wrapper) as server:
        assert server.result.stderr == ""


def test_a_detached_daemon_has_no_standard_error(ours):
    result = run_epmd(ours, "-daemon", "-log", "stderr", "-port", str(free_port()))
    assert result.returncode == 1
    assert "-log stderr does not go together with -daemon" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("service", [False, True])
def test_what_prevents_a_start_is_told_where_it_is_read(ours, journal, service):
    """On standard error as well, but never twice in the journal."""
    with Fake(b"", "0.0.0.0") as other:
        result = run_epmd(*(journal.service if service else journal.wrapper), ours,
                          "-log", "journal", "-port", str(other.port))
    assert result.returncode == 1
    entry, = journal.read()
    assert entry["PRIORITY"] == "3"
    assert "does not answer as an epmd" in entry["MESSAGE"]
    assert (entry["MESSAGE"] in result.stderr) == (not service)


LEVELS = {"error": 0, "warning": 1, "info": 2, "debug": 3}


def shown(text):
    """How many levels beyond errors there are in what was logged."""
    kinds = ["taken by", "listening on :: ", "PORT_PLEASE2_REQ"]
    return [kind in text for kind in kinds]


def expected(level):
    return [LEVELS[level] > number for number in range(3)]


def provoke(server):
    """A warning and, for debug, a request; a last one, so that the others have been logged."""
    refuse(server)
    for _ in range(2):
        assert exchange(server, port2(b"none")) == NOT_FOUND


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("target", ["stderr", "syslog", "journal"])
def test_levels(ours, journal, syslog, target, level):
    with Daemon(ours, "-log", target, "-log_level", level,
                wrapper=(*syslog.wrapper, *journal.wrapper)) as server:
        journal.read()
        provoke(server)
    logged = {"stderr": server.log(), "syslog": "\n".join(syslog.read()),
              "journal": "\n".join(entry["MESSAGE"] for entry in journal.read())}
    assert {where: shown(text) for where, text in logged.items()} == {
        where: expected(level) if where == target else [False] * 3 for where in logged}


@pytest.mark.parametrize("options, level", [
    (("-d",), "debug"), (("-d", "-log_level", "error"), "debug"), ((), "info"),
    (("-log_level", "error", "-log_level", "warning"), "warning")], ids=str)
def test_d_wins_over_the_level(ours, options, level):
    with Daemon(ours, *options) as server:
        provoke(server)
        assert shown(server.log()) == expected(level)


def test_errors_are_the_least(ours):
    with Fake(b"", "0.0.0.0") as other:
        result = run_epmd(ours, "-log_level", "error", "-port", str(other.port))
    assert "does not answer as an epmd" in result.stderr
