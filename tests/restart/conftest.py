# SPDX-License-Identifier: Apache-2.0
"""Fixtures for the tests of what outlives a process."""

import pytest

from restart.keeping import Kept


@pytest.fixture
def kept(ours):
    with Kept(ours) as daemon:
        yield daemon
