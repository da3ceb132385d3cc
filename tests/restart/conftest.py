# SPDX-License-Identifier: Apache-2.0
"""Fixtures for the tests of what outlives a process."""

import pytest

import machine
from restart.keeping import Kept


def pytest_runtest_setup(item):
    """These tests are of what a keeper holds, but for those that are marked as not."""
    if not item.get_closest_marker("keeps_nothing"):
        machine.need("keeper")


@pytest.fixture(params=["ours", "filtered"])
def each_of_ours(request):
    """The binary under test, and one with the system call filter, where the first lacks it."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def kept(ours):
    with Kept(ours) as daemon:
        yield daemon
