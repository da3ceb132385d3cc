# SPDX-License-Identifier: Apache-2.0
"""./dev release: refuses what is not ready, and makes the same bytes in two folders."""

import glob
import os
import re
import subprocess

import pytest

from harness import ROOT
from machine import need
from package.debian import edit
from package.test_install import run

VERSION = "9.8.7"
DATE, DATE_IN_MANUALS = "2027-01-02", "January 2, 2027"


def git(clone, *words):
    return run("git", "-C", str(clone), "-c", "user.name=Test", "-c", "user.email=test@example.org",
               *words)


def commit(clone):
    """Commit what has changed, and say that .ci/run has passed on it."""
    git(clone, "commit", "-qam", "change")
    os.makedirs(clone / "build", exist_ok=True)
    (clone / "build/ci-passed").write_text(git(clone, "rev-parse", "HEAD"))


@pytest.fixture
def ready(tmp_path):
    """A clone of this commit in which all of it says that it is a release."""
    if not os.path.exists(os.path.join(ROOT, ".git")):
        pytest.skip("releases are made from a git repository")
    return made_ready(tmp_path / "first")


def made_ready(clone):
    run("git", "clone", "-q", ROOT, str(clone))
    edit(clone / "meson.build", r"version : '[^']+'", f"version : '{VERSION}'")
    edit(clone / "CHANGELOG.md", r"(?m)^## .*$", f"## {VERSION} - {DATE}")
    edit(clone / "dist/debian/changelog", r"epmd \([^)]+\)", f"epmd ({VERSION}-1)")
    edit(clone / "dist/alpine/APKBUILD", r"(?m)^pkgver=.*$", f"pkgver={VERSION}")
    edit(clone / "dist/rpm/epmd.spec", r"(?m)^Version:.*$", f"Version: {VERSION}")
    for page in glob.glob(f"{clone}/man/*.[0-9]"):
        edit(page, r"(?m)^\.Dd .*$", f".Dd {DATE_IN_MANUALS}")
    commit(clone)
    return clone


def refusals(clone, version=VERSION):
    """Why no release is made; on a machine that has the tools, which are looked for last."""
    done = subprocess.run([clone / "dist/release", version], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 1, done.stdout
    said = re.findall(r"^release: refused: (.*)$", done.stdout, re.M)
    return [line for line in said if "not installed" not in line and "not root" not in line]


@pytest.mark.parametrize("path, pattern, replacement, reason", [
    ("meson.build", "9.8.7", "9.8.6", "meson.build: version is '9.8.6', not 9.8.7"),
    ("dist/debian/changelog", "9.8.7", "9.8.6", "its first version is '9.8.6'"),
    ("dist/alpine/APKBUILD", "9.8.7", "9.8.6", "pkgver is '9.8.6'"),
    ("dist/rpm/epmd.spec", "9.8.7", "9.8.6", "Version is '9.8.6'"),
    ("CHANGELOG.md", " - 2027-01-02", "", "no line '## 9.8.7 - YYYY-MM-DD'"),
    ("CHANGELOG.md", "2027-01-02", "2027-13-02", "no line '## 9.8.7 - YYYY-MM-DD'"),
    ("man/epmd.1", "January 2", "January 3", ".Dd is 'January 3, 2027', not the release's"),
])
def test_what_disagrees_is_named(ready, path, pattern, replacement, reason):
    edit(ready / path, re.escape(pattern), replacement)
    commit(ready)
    said, = refusals(ready)
    assert path in said and reason in said


def test_a_tree_that_is_not_clean_is_refused(ready):
    (ready / "new").write_text("")
    said, = refusals(ready)
    assert "the tree is not clean" in said


@pytest.mark.parametrize("passed", [None, "", "0" * 40])
def test_what_has_not_passed_is_refused(ready, passed):
    if passed is None:
        os.remove(ready / "build/ci-passed")
    else:
        (ready / "build/ci-passed").write_text(passed)
    said, = refusals(ready)
    assert "'.ci/run' has not passed on this commit" in said


def test_all_reasons_are_told_at_once(ready):
    assert len(refusals(ready, "1.2.3")) == 5


def test_a_version_is_needed(ready):
    done = subprocess.run([ready / "dist/release"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "usage: ./dev release VERSION\n")


@pytest.mark.asked("release")
@pytest.mark.timeout(7200)
def test_two_folders_give_the_same_bytes(ready, tmp_path):
    need("root", "mmdebstrap", "process namespaces")
    second = tmp_path / "another folder's name"
    run("git", "clone", "-q", str(ready), str(second))
    sums = []
    for clone in ready, second:
        os.makedirs(clone / "build", exist_ok=True)
        (clone / "build/ci-passed").write_text(git(clone, "rev-parse", "HEAD"))
        run(str(clone / "dist/release"), VERSION)
        sums.append((clone / "build/release/SHA256SUMS").read_text())
    assert sums[0] == sums[1]
    names = [line.split()[1] for line in sums[0].splitlines()]
    assert len(names) == 6  # sources, two packages, three programs
    assert not [name for name in names if "/" in name], "a forge has one folder for them"
    run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=ready / "build/release")
