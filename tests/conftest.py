# SPDX-License-Identifier: Apache-2.0
"""Fixtures that all the tests share.

A test that takes `binary` or one of the servers runs twice: against the binary
under test and, where it is installed, against stock epmd.
"""

import os
import resource
import signal

import pytest

import machine
from harness import OPTIMISED, OURS, STOCK, Daemon


# A shell starts background jobs with SIGINT ignored, and daemons would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST_DIFF = 100_000  # characters
DESCRIPTORS = 20000  # no test needs more; some programs do something for each they may have


def pytest_configure(config):
    """What each test process has for itself; before a test module can look at anything."""
    runs_tests = hasattr(config, "workerinput") or not config.getoption("numprocesses", None)
    if runs_tests:  # the process that starts the others passes on its network, with the packages
        machine.isolate()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def pytest_collection_modifyitems(config, items):
    """Of those that take long, one kind at a time: what runs without it has its own command."""
    for item in items:
        if mark := on_stock(item) and item.get_closest_marker("theirs_asked"):
            item.add_marker(pytest.mark.asked(*mark.args))
    kinds = [kind for kind in machine.LONG_KINDS if machine.is_asked(kind)]
    if not kinds:
        return
    def is_wanted(item):
        marks = [*item.iter_markers("asked"), *item.iter_markers("more")]
        return any(kind in kinds for mark in marks for kind in mark.args)
    config.hook.pytest_deselected(items=[item for item in items if not is_wanted(item)])
    items[:] = filter(is_wanted, items)


def on_stock(item):
    """Whether it is the case against stock epmd of a test that runs twice."""
    return hasattr(item, "callspec") and item.callspec.params.get("binary") == "stock"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    for mark in item.iter_markers("asked"):
        machine.need_asked(*mark.args)
    for mark in item.iter_markers("needs"):
        machine.need(*mark.args)


def path_of(name):
    """The binary called 'ours' or 'stock'; skips where there is no stock one."""
    if name == "stock" and STOCK is None:
        machine.cannot("stock epmd: not installed (Debian: erlang-base)")
    path = STOCK if name == "stock" else OURS
    assert os.access(path, os.X_OK), f"{path} is not there: build it, or set EPMD"
    return path


@pytest.hookimpl(tryfirst=True)
def pytest_assertrepr_compare(op, left, right):
    """Fails for long values here: pytest's own diff of a reply of megabytes takes hours."""
    texts = repr(left), repr(right)
    if op == "==" and max(map(len, texts)) > LONGEST_DIFF:
        alike = len(os.path.commonprefix(texts))
        first, second = (text[max(alike - 40, 0):alike + 200] for text in texts)
        raise AssertionError(f"alike for {alike} characters of {len(texts[0])}, then not: "
                             f"...{first}... where ...{second}... was to be")


@pytest.fixture(params=["ours", "stock"], scope="module")
def binary(request):
    return path_of(request.param)


@pytest.fixture(scope="module")
def ours():
    return path_of("ours")


@pytest.fixture(scope="module")
def stock():
    return path_of("stock")


@pytest.fixture(scope="session")
def optimised():
    """The binary without sanitizers."""
    machine.need(OPTIMISED)
    return OPTIMISED


@pytest.fixture(scope="module")
def filtered():
    """A binary with the filter, which a build with sanitizers leaves out."""
    machine.need("sandbox")
    for path in filter(lambda path: os.access(path, os.X_OK), (OURS, OPTIMISED)):
        with Daemon(path, "-d") as daemon:
            daemon.wait_log("listening")
            if "without its layer seccomp" not in daemon.log():
                return path
    return machine.cannot("no binary here is built with the system call filter")


@pytest.fixture
def server(binary):
    """A daemon of the test's own."""
    with Daemon(binary) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def shared(binary):
    """One daemon for a whole module, for cases that leave nothing behind in it."""
    with Daemon(binary) as daemon:
        yield daemon
