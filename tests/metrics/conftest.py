# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests over HTTP."""

import pytest

from metrics.observed import Observed
from wire.conftest import hosts  # noqa: F401, a fixture


@pytest.fixture
def observed(ours):
    with Observed(ours) as daemon:
        yield daemon
