# SPDX-License-Identifier: Apache-2.0
"""Debian packages to test with: ours, built from copies of this tree, and altered ones."""

import glob
import os
import re
import shutil
import subprocess

from harness import ROOT
from package.test_install import version as this_version

NEXT = f"{this_version()}+next"
ERTS_NEXT = "erts-99.1"


def build(directory, version=None):
    """What `./dev package` makes of a copy of this tree, as this version of the program."""
    copy = os.path.join(directory, version or "this")
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("build*", ".git", "__pycache__"))
    if version:
        edit(f"{copy}/meson.build", r"version : '[^']+'", f"version : '{version}'")
        edit(f"{copy}/dist/debian/changelog", r"epmd \([^)]+\)", f"epmd ({version}-1)")
    done = subprocess.run(["./dev", "package"], cwd=copy, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout + log_of(copy)
    assert all(line.startswith("dev: ") for line in done.stdout.splitlines()), done.stdout
    return copy


def log_of(copy):
    """The end of a build's log."""
    with open(f"{copy}/build/package/build.log", encoding="utf-8", errors="replace") as log:
        return log.read()[-2000:]


def edit(path, pattern, replacement):
    """Put something else in the place of the first match."""
    with open(path, encoding="utf-8") as file:
        text, count = re.subn(pattern, replacement, file.read(), count=1)
    assert count == 1
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def built(directory, which):
    return glob.glob(f"{directory}/{which}/build/package/epmd_*.deb")[0]


def altered(deb, directory, change):
    """A package that change(directory) has altered."""
    tree, result = str(directory / "altered"), str(directory / "altered.deb")
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    change(tree)
    subprocess.run(["dpkg-deb", "-Znone", "-b", tree, result], check=True, capture_output=True)
    return result


def failing(script):
    """A change that lets a maintainer script fail at its end."""
    def change(tree):
        edit(f"{tree}/DEBIAN/{script}", r"\Z", "\nexit 1\n")
    return change


def with_other_erts(tree):
    """A change that makes a later erlang-base, with another erts."""
    edit(f"{tree}/DEBIAN/control", r"Version: (\S+)", r"Version: \1+test")
    erts, = glob.glob(f"{tree}/usr/lib/erlang/erts-*")
    name = os.path.basename(erts)
    os.rename(erts, f"{os.path.dirname(erts)}/{ERTS_NEXT}")
    edit(f"{tree}/usr/lib/erlang/bin/erl", re.escape(name), ERTS_NEXT)
    os.remove(f"{tree}/usr/lib/erlang/bin/epmd")
    os.symlink(f"../{ERTS_NEXT}/bin/epmd", f"{tree}/usr/lib/erlang/bin/epmd")
    os.remove(f"{tree}/DEBIAN/md5sums")
