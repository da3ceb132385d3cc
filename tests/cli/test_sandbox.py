# SPDX-License-Identifier: Apache-2.0
"""The locked worker: what the kernel says of it, and that nothing misses what it gave up.

That each forbidden call is refused is shown by tests/unit/test_sandbox_refuses.c.
"""

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

import machine
from cli.servers import Detached, holders
from cli.test_daemon import Syslog
from harness import OURS, Daemon, free_port, run_epmd, visible, wait_for
from machine import free_privileged_port
from metrics.observed import ObservedKept
from wire.protocol import DUMP, KILL, NAMES, RELOAD, Node, exchange, found, names_reply, port2

NOBODY = pwd.getpwnam("nobody")
AS_NOBODY = {"user": NOBODY.pw_uid, "group": NOBODY.pw_gid, "extra_groups": []}
LAYERS = ["core", "dumpable", "privileges", "seccomp"]

IS_ROOT = machine.has("another user's processes")

needs_root = pytest.mark.needs("another user's processes")


def status(pid):
    """The lines of /proc/PID/status, by name."""
    with open(f"/proc/{pid}/status") as lines:
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def filters(pid):
    """How many system call filters a process has beyond this one's: in a container this has one."""
    return int(status(pid)["Seccomp_filters"]) - int(status("self")["Seccomp_filters"])


def core_limit(pid):
    with open(f"/proc/{pid}/limits") as lines:
        line, = (line for line in lines if line.startswith("Max core file size"))
        return line.split()[4:6]


def is_dumpable(pid):
    """The files in /proc of a process that is not are root's, except where it is root's itself."""
    return os.stat(f"/proc/{pid}/environ").st_uid == int(status(pid)["Uid"].split()[0])


def ids(pid):
    now = status(pid)
    return now["Uid"].split(), now["Gid"].split(), now["Groups"].split()


ONLY_NOBODY = ([str(NOBODY.pw_uid)] * 4, [str(NOBODY.pw_gid)] * 4, [])


def keeper_and_worker(port):
    """Their process ids, once there are both."""
    def both():
        pids = holders(port)
        with contextlib.suppress(FileNotFoundError):
            return [(int(status(pid)["PPid"]), pid) for pid in pids
                    if int(status(pid)["PPid"]) in pids]
    pair, = wait_for(both, what="a keeper and its worker")
    return pair


def test_all_layers_are_on_by_default(filtered):
    with Daemon(filtered) as daemon:
        now = status(daemon.pid)
        assert (filters(daemon.pid), now["NoNewPrivs"]) == (1, "1")
        assert core_limit(daemon.pid) == ["0", "0"]


@pytest.mark.parametrize("word, n_filters, privileges, core", [
    ("seccomp", 0, 1, "0"), ("privileges", 1, 0, "0"), ("core", 1, 1, "4096"),
    ("dumpable", 1, 1, "0"), ("seccomp,privileges", 0, 0, "0"), ("all", 0, 0, "4096"),
    ("core dumpable privileges seccomp", 0, 0, "4096"), ("", 1, 1, "0")])
@needs_root
def test_each_layer_is_switched_off_by_name(filtered, word, n_filters, privileges, core):
    with Daemon(filtered, "-no_sandbox", word, wrapper=("prlimit", "--core=4096", "--")) as daemon:
        inherited = int(status("self")["NoNewPrivs"])
        assert filters(daemon.pid) == n_filters
        assert int(status(daemon.pid)["NoNewPrivs"]) == max(privileges, inherited)
        assert core_limit(daemon.pid) == [core, core]
        assert exchange(daemon, NAMES) == names_reply(daemon)
        assert "sandbox" not in daemon.log()


@needs_root
@pytest.mark.parametrize("options, dumpable", [
    ((), False), (("-no_sandbox", "dumpable"), True), (("-no_sandbox", "core,seccomp"), False)])
@pytest.mark.needs("sandbox")
def test_its_own_user_can_look_into_it_only_where_that_is_wanted(ours, options, dumpable):
    with Detached(ours, "-user", "nobody", *options) as daemon:
        for pid in keeper_and_worker(daemon.port):
            assert is_dumpable(pid) == dumpable
            seen = subprocess.run(["cat", f"/proc/{pid}/environ"], check=False, **AS_NOBODY,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            assert (seen.returncode == 0) == dumpable


def test_the_keeper_has_all_layers_but_the_filter(filtered):
    with Detached(filtered) as daemon:
        keeper, worker = keeper_and_worker(daemon.port)
        assert [filters(pid) for pid in (keeper, worker)] == [0, 1]
        for pid in keeper, worker:
            assert status(pid)["NoNewPrivs"] == "1"
            assert core_limit(pid) == ["0", "0"]


@pytest.mark.parametrize("words, wrong", [
    (["-no_sandbox", "secomp"], '"secomp"'), (["-no_sandbox", "core,al"], '"al"'),
    (["-no_sandbox", "allx"], '"allx"'), (["-no_sandbox"], "-no_sandbox: its LIST is missing"),
    (["-user"], "-user: its NAME is missing")])
def test_a_wrong_word_is_named(ours, words, wrong):
    result = run_epmd(ours, *words)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("usage: epmd")
    assert wrong in result.stderr.splitlines()[-1]


# An outer sandbox, in the words of the program below: a call, what happens to it (an errno,
# or kill), and the values of arguments for which it does, as INDEX=VALUE.
OUTER = """
import ctypes, os, sys
class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int),
                ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]
seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
context = ctypes.c_void_p(seccomp.seccomp_init(0x7fff0000))
for rule in sys.argv[1].split(";"):
    name, action, *equals = rule.split()
    call = seccomp.seccomp_syscall_resolve_name(name.encode())
    compared = [map(int, pair.split("=")) for pair in equals]
    array = (Comparison * 1)(*(Comparison(arg, 4, value, 0) for arg, value in compared))
    does = 0x80000000 if action == "kill" else 0x50000 | int(action)
    assert seccomp.seccomp_rule_add_array(context, does, call, len(equals), array) == 0
assert seccomp.seccomp_load(context) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""

# A kernel without any of the layers: of prctl(2) the first argument, of prlimit(2), which is
# what setrlimit(3) calls, the second.
KERNEL_WITHOUT = ("seccomp 38;prctl 22 0=4;prctl 22 0=22;prctl 22 0=38;"
                  "prlimit64 1 1=4;setrlimit 1 0=4")

# Calls that epmd can do without, one at a time.
DISPENSABLE = ["socketpair", "signalfd4", "epoll_create1", "memfd_create", "prctl", "seccomp",
               "prlimit64", "close_range", "clone", "execveat", "sched_getaffinity"]


def outer(rules):
    """A wrapper that puts a command into an outer sandbox."""
    wrapper = (sys.executable, "-c", OUTER, rules)
    if run_epmd(*wrapper, "/bin/true").returncode != 0:
        machine.cannot("no system call filter can be made here (Debian: libseccomp2)")
    return wrapper


def test_a_kernel_without_the_layers_costs_a_line_each(filtered):
    with Daemon(filtered, wrapper=outer(KERNEL_WITHOUT)) as daemon:
        for layer in set(LAYERS) - set(visible(filtered)):
            daemon.wait_log(rf"sandbox: its layer {layer} is not available: \S")
        assert exchange(daemon, NAMES) == names_reply(daemon)


@pytest.mark.parametrize("options", [(), ("-keeper",)])
def test_where_seccomp_is_deadly_the_filter_is_there_all_the_same(filtered, options):
    """As in a unit with SystemCallFilter=@system-service."""
    with Daemon(filtered, *options, wrapper=outer("seccomp kill")) as daemon, \
            Node(daemon, b"a"):
        assert exchange(daemon, port2(b"a")) == found(b"a")
        worker = keeper_and_worker(daemon.port)[1] if options else daemon.pid
        assert filters(worker) == 2
        assert "sandbox" not in daemon.log()


@pytest.mark.parametrize("call", DISPENSABLE)
def test_a_call_that_is_denied_costs_what_needs_it(filtered, call):
    rules = f"{call} 1"
    if call == "clone" and not machine.has("glibc"):
        rules += ";fork 1"  # by which musl has its fork(2)
    with Daemon(filtered, "-keeper", wrapper=outer(rules)) as daemon, Node(daemon, b"a"):
        assert exchange(daemon, port2(b"a")) == found(b"a")
        if call in ("socketpair", "signalfd4", "epoll_create1", "clone"):
            daemon.wait_log("there can be no keeper here: Operation not permitted; "
                            "registrations end with this process")


# ---- another user ----

@needs_root
@pytest.mark.parametrize("options", [(), ("-keeper",), ("-no_sandbox", "all")])
def test_root_becomes_the_user(ours, options):
    with Daemon(ours, "-user", "nobody", *options,
                wrapper=("setpriv", "--groups", "1,2", "--")) as daemon:
        daemon.wait_log("listening")
        for pid in holders(daemon.port):
            # The keeper follows once it has heard that the worker serves.
            wait_for(lambda pid=pid: ids(pid) == ONLY_NOBODY)
            now = status(pid)
            assert {now["CapPrm"], now["CapEff"], now["CapAmb"]} == {"0" * 16}


@needs_root
@pytest.mark.parametrize("options", [(), ("-no_keeper",)])
def test_a_detached_daemon_is_the_users(ours, options):
    with Detached(ours, "-user", "nobody", *options) as daemon:
        assert [ids(pid) for pid in daemon.holders()] == [ONLY_NOBODY] * len(daemon.holders())
        assert (daemon.result.stdout, daemon.result.stderr) == ("", "")


@needs_root
@pytest.mark.needs("strace")
@pytest.mark.parametrize("options", [(), ("-no_keeper",)])
def test_a_detached_daemon_is_the_users_before_the_command_returns(ours, tmp_path, options):
    """In the order in which strace saw it, as a look at the processes comes after all of it."""
    trace = tmp_path / "trace"
    wrapper = ("sh", "-c", 'exec "$@" >/dev/null 2>&1', "sh",  # strace keeps them open
               "strace", "-D", "-f", "-o", str(trace), "-e", "trace=?setuid,?setuid32")
    with Detached(ours, "-user", "nobody", *options, wrapper=wrapper) as daemon:
        before = wait_for(lambda: re.search(r"\A(.*?)^\d+ +\+\+\+ exited with 0 \+\+\+$",
                                            trace.read_text(), re.M | re.S),
                          what="the end of the command")[1]
        users = re.findall(rf"^(\d+) +setuid\w*\({NOBODY.pw_uid}\) += 0$", before, re.M)
        assert sorted(map(int, users)) == sorted(daemon.holders())


@needs_root
@pytest.mark.needs("keeper")
def test_the_user_keeps_a_port_that_it_could_not_bind(ours):
    with Daemon(ours, "-keeper", "-user", "nobody", port=free_privileged_port()) as daemon:
        with Node(daemon, b"kept"):
            _, worker = keeper_and_worker(daemon.port)
            wait_for(lambda: ids(daemon.pid) == ONLY_NOBODY)
            os.kill(worker, signal.SIGKILL)
            daemon.wait_log("restored 1 registration")
            assert exchange(daemon, port2(b"kept")) == found(b"kept")
            assert ids(keeper_and_worker(daemon.port)[1]) == ONLY_NOBODY


@pytest.mark.parametrize("options", [(), ("-daemon",), ("-keeper",)])
def test_an_unknown_user_is_an_error(ours, options):
    result = run_epmd(ours, "-port", str(free_port()), "-user", "no-such-user-here", *options)
    assert (result.returncode, result.stdout) == (1, "")
    line, = result.stderr.splitlines()
    assert line.endswith("-user no-such-user-here: there is no such user")


@needs_root
@pytest.mark.parametrize("options", [(), ("-daemon",)])
def test_only_root_can_become_another_user(ours, options):
    result = run_epmd(ours, "-port", str(free_port()), "-user", "root", *options, **AS_NOBODY)
    assert (result.returncode, result.stdout) == (1, "")
    line, = result.stderr.splitlines()
    assert line.endswith("-user root: only root can become another user")


@needs_root
def test_the_user_itself_needs_no_root(ours):
    wrapper = ("setpriv", "--reuid", "nobody", "--regid", str(NOBODY.pw_gid), "--clear-groups")
    with Daemon(ours, "-user", "nobody", wrapper=wrapper) as daemon:
        assert ids(daemon.pid) == ONLY_NOBODY
        assert exchange(daemon, NAMES) == names_reply(daemon)


# ---- everything still works ----

LOCKED = ((), ("-user", "nobody")) if IS_ROOT else ((),)


@pytest.fixture
def public_folder():
    """A folder that every user can find; pytest's own are for its user alone."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield pathlib.Path(folder)


@pytest.fixture(params=LOCKED, ids=" ".join)
def locked(filtered, request, public_folder):
    """A daemon with a keeper and every option that makes it call more.

    Its program is where the other user finds it, too: a reload executes it as that one.
    """
    program = shutil.copy(filtered, public_folder / "epmd")
    with Daemon(str(program), "-keeper", "-relaxed_command_check", "-d", "-d", "-d",
                *request.param) as daemon:
        yield daemon


def test_requests_are_answered(locked):
    with Node(locked, b"first") as first, Node(locked, b"second"):
        assert exchange(locked, port2(b"second")) == found(b"second")
        first.close()
        wait_for(lambda: exchange(locked, NAMES) == names_reply(locked, (b"second", 4711)))
        assert b"old/unused name <first>" in exchange(locked, DUMP)


def test_it_grows_and_shrinks(locked):
    machine.need_descriptors(500)
    with contextlib.ExitStack() as nodes:
        for number in range(300):
            nodes.enter_context(Node(locked, b"n%d" % number, extra=b"x" * 1000))
        assert len(exchange(locked, DUMP).split(b"\n")) > 300
    wait_for(lambda: exchange(locked, NAMES) == names_reply(locked))


def test_a_killed_worker_is_followed_by_one_as_locked(locked):
    with Node(locked, b"kept"):
        _, worker = keeper_and_worker(locked.port)
        os.kill(worker, signal.SIGKILL)
        locked.wait_log("restored 1 registration")
        _, successor = keeper_and_worker(locked.port)
        assert exchange(locked, port2(b"kept")) == found(b"kept")
        assert filters(successor) == 1 and successor != worker


def test_a_reload_loses_nothing(locked):
    with Node(locked, b"kept"):
        assert run_epmd(OURS, "-port", str(locked.port), "-reload").returncode == 0
        locked.wait_log("restored 1 registration")
        assert exchange(locked, port2(b"kept")) == found(b"kept")
        assert filters(keeper_and_worker(locked.port)[1]) == 1


@pytest.mark.needs("strace", "keeper")
def test_the_kernel_refuses_nothing_that_it_does(filtered, tmp_path):
    """Such a call is missed by nobody at first: only what it was for does not happen."""
    wrapper = ("strace", "-D", "-ff", "-o", str(tmp_path / "trace"))
    with ObservedKept(filtered, "-relaxed_command_check", "-d", "-d", "-d", wrapper=wrapper) as daemon:
        with Node(daemon, b"stays", extra=b"e" * 1000):
            for number in range(400):  # so that the state is written anew
                Node(daemon, b"guest%d" % (number % 10), extra=b"e" * 1000).close()
            assert exchange(daemon, port2(b"stays"))[:2] == b"w\0"
            assert b"stays" in exchange(daemon, NAMES) + exchange(daemon, DUMP)
            assert daemon.series()["epmd_nodes"] == 1
            worker = daemon.worker()
            assert exchange(daemon, RELOAD) == b"OK"
            daemon.after(worker)
            assert b"stays" in exchange(daemon, NAMES)
            assert exchange(daemon, KILL) == b"OK"
            assert daemon.wait() == 0
    traces = [trace.read_text(errors="replace") for trace in tmp_path.glob("trace.*")]
    assert any("fallocate(" in trace for trace in traces), "the state has been written anew"
    refused = {call for trace in traces for call in re.findall(r"^(\w+)\(.* = -1 EPERM", trace, re.M)}
    assert refused <= {"epoll_ctl"}  # for a standard input that is a file


def test_it_obeys_kill(locked):
    with Node(locked, b"alive"):
        assert exchange(locked, KILL) == b"OK"
        assert locked.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("options", LOCKED, ids=" ".join)
def test_signals_end_it_in_order(filtered, options, number):
    with Daemon(filtered, *options) as daemon, Node(daemon, b"alive") as node:
        os.kill(daemon.pid, number)
        assert daemon.wait() == 0
        assert node.sock.recv(1) == b""
        assert re.search(rf"ending, because of signal {int(number)}\b", daemon.log())


def open_syslog(folder):
    """As the system's, whoever may write to it."""
    log = Syslog(folder)
    os.chmod(log.path, 0o666)
    return log


@pytest.mark.parametrize("options", LOCKED, ids=" ".join)
def test_a_syslog_that_is_started_anew_gets_the_lines(filtered, options, public_folder):
    machine.need("device files")
    first = open_syslog(public_folder)
    with Detached(filtered, *options, wrapper=first.wrapper) as daemon:
        first.wait(rf"listening on :: port {daemon.port}$")
        first.close()
        os.unlink(first.path)
        provoke(daemon, b"unheard")
        with contextlib.closing(open_syslog(public_folder)) as second:
            provoke(daemon, b"heard")
            second.wait(r'"heard"')
            assert not [text for text in second.messages if "unheard" in text]


def provoke(daemon, name):
    """Makes a daemon log a refusal, for a name that is taken."""
    with Node(daemon, name):
        assert Node(daemon, name).result == 1
