# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests of the log."""

import contextlib

import pytest

from logs.journal import Journal
from wire import namespaces


@pytest.fixture
def journal(tmp_path):
    with contextlib.closing(Journal(tmp_path)) as made:
        yield made


@pytest.fixture(scope="module")
def hosts():
    """Two hosts at the ends of a cable; skips where they cannot be made."""
    with namespaces.pair() as both:
        yield both
