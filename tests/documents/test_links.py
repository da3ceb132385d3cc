# SPDX-License-Identifier: Apache-2.0
"""What a page links to is in each package that has the page."""

import os
import pathlib
import re

import pytest

from harness import ROOT


def content(path):
    return pathlib.Path(ROOT, path).read_text(encoding="utf-8")


def debian():
    """dist/debian/rules adds the change log by its own name."""
    return {*content("dist/debian/docs").split(), "CHANGELOG.md"}


def rpm():
    return set(re.search(r"^%doc (.*)", content("dist/rpm/epmd.spec"), re.M)[1].split()) - {"docs"}


@pytest.mark.parametrize("listed", [debian, rpm])
def test_a_package_has_what_its_pages_link_to(listed):
    packaged = listed() | {f"docs/{name}" for name in os.listdir(os.path.join(ROOT, "docs"))}
    assert {"README.md", "docs/migrating.md", "docs/page-desktop.png"} <= packaged
    for page in sorted(packaged):
        if page.endswith(".md"):
            for link in re.findall(r"\]\(([^)#]+)[^)]*\)", content(page)):
                target = os.path.normpath(os.path.join(os.path.dirname(page), link))
                assert "://" in link or target in packaged, f"{page}: {link}"
