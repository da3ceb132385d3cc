# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests on the wire."""

import pytest

from wire import namespaces


@pytest.fixture(scope="module")
def hosts():
    """Two hosts at the ends of a cable; skips where they cannot be made."""
    with namespaces.pair() as both:
        yield both
