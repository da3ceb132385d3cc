# SPDX-License-Identifier: Apache-2.0
"""Fixtures that all the tests share.

A test that takes `binary` or one of the servers runs twice: against the binary
under test and, where it is installed, against stock epmd.
"""

import os
import signal

import pytest

from harness import OURS, STOCK, Daemon


# A shell starts background jobs with SIGINT ignored, and daemons would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def path_of(name):
    """The binary called 'ours' or 'stock'; skips where there is no stock one."""
    if name == "stock" and STOCK is None:
        pytest.skip("no stock epmd is installed")
    path = STOCK if name == "stock" else OURS
    assert os.access(path, os.X_OK), f"{path} is not there: build it, or set EPMD"
    return path


@pytest.fixture(params=["ours", "stock"], scope="module")
def binary(request):
    return path_of(request.param)


@pytest.fixture(scope="module")
def ours():
    return path_of("ours")


@pytest.fixture(scope="module")
def stock():
    return path_of("stock")


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
