# SPDX-License-Identifier: Apache-2.0
"""Fixtures for the tests of the static binary, and of the image that it makes."""

import os

import pytest

from container.image import Image
from harness import ROOT
from machine import need, need_asked


@pytest.fixture(scope="session")
def static():
    """The static binary, which ./dev test clients builds."""
    need_asked("clients")
    path = os.environ.get("EPMD_STATIC", os.path.join(ROOT, "build-static", "epmd"))
    assert os.access(path, os.X_OK), f"{path} is not there: build it, or set EPMD_STATIC"
    return os.path.abspath(path)


@pytest.fixture(scope="module")
def image(static, tmp_path_factory):
    need("buildah", "runc", "network namespaces")
    with Image(static, str(tmp_path_factory.mktemp("image"))) as built:
        yield built
