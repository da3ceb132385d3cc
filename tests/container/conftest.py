# SPDX-License-Identifier: Apache-2.0
"""Fixtures for the tests of the static binary, and of the image that it makes."""

import os

import pytest

from container.image import Image, require
from wire import namespaces


@pytest.fixture(scope="session")
def static():
    """The static binary; skips where none was built for these tests, lest it be an old one."""
    path = os.environ.get("EPMD_STATIC")
    if not path:
        pytest.skip("no static binary: ./dev test clients builds one, or set EPMD_STATIC")
    assert os.access(path, os.X_OK), f"{path} is not there: ./dev build -static"
    return os.path.abspath(path)


@pytest.fixture(scope="module")
def image(static, tmp_path_factory):
    require()
    namespaces.require()
    with Image(static, str(tmp_path_factory.mktemp("image"))) as built:
        yield built
