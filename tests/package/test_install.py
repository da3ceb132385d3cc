# SPDX-License-Identifier: Apache-2.0
"""What `meson install` puts where, and that a release has all it takes."""

import os
import re
import subprocess
import tarfile

import pytest

from harness import OURS, ROOT, run_epmd
from machine import cannot, need

BELOW_PREFIX = {
    "bin/epmd",
    "lib/systemd/system/epmd.service",
    "lib/systemd/system/epmd.socket",
    "lib/sysusers.d/epmd.conf",
    "share/bash-completion/completions/epmd",
    "share/fish/vendor_completions.d/epmd.fish",
    "share/licenses/epmd/LICENSE",
    "share/man/man1/epmd.1",
    "share/man/man7/epmd-monitoring.7",
    "share/man/man7/epmd-protocol.7",
    "share/zsh/site-functions/_epmd",
}


def run(*command, **how):
    """Run a command that has to succeed; what it printed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **how)
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return done.stdout


def files_below(directory):
    return {os.path.relpath(os.path.join(at, name), directory)
            for at, _, names in os.walk(directory) for name in names}


def content(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def version():
    return re.search(r"version : '([^']+)'", content("meson.build"))[1]


def set_up(source, build, *options):
    need("meson")
    run("meson", "setup", build, source, "-Dbuildtype=debug", "-Db_lto=false", *options)


def check_installed(staged, prefix):
    """All of it is there, and the units start the program that was installed."""
    below = os.path.join(staged, prefix.lstrip("/"))
    assert files_below(staged) == {os.path.join(prefix, name).lstrip("/") for name in BELOW_PREFIX}
    with open(os.path.join(below, "lib/systemd/system/epmd.service"), encoding="utf-8") as unit:
        started = re.findall(r"^Exec\w+=(\S+)", unit.read(), re.M)
    assert started == [f"{prefix}/bin/epmd"] * 2
    assert run_epmd(os.path.join(below, "bin/epmd"), "-version").stdout == f"epmd {version()}\n"


def test_all_is_installed_below_the_prefix(tmp_path):
    build = os.path.dirname(os.path.abspath(OURS))
    if not os.path.exists(os.path.join(build, "build.ninja")):
        cannot(f"{OURS} does not lie in the directory that it was built in")
    run("meson", "install", "-C", build, "--no-rebuild", "--destdir", str(tmp_path))
    check_installed(tmp_path, "/usr/local")


@pytest.mark.timeout(3600)
@pytest.mark.asked("long")
def test_release_builds_and_installs_all_of_it(tmp_path):
    if not os.path.exists(os.path.join(ROOT, ".git")):
        cannot("releases are made from a git repository")
    set_up(ROOT, tmp_path / "first")
    run("meson", "dist", "-C", tmp_path / "first", "--no-tests", "--allow-dirty", "--formats", "gztar")
    archive, = (tmp_path / "first/meson-dist").glob("epmd-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path)
    source = tmp_path / archive.name.removesuffix(".tar.gz")
    tracked = run("git", "-C", ROOT, "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    assert files_below(source) == set(tracked)
    prefix = "/opt/epmd,a&b"  # as hard for sed as it gets
    set_up(source, tmp_path / "second", f"--prefix={prefix}")
    run("ninja", "-C", tmp_path / "second")
    run("meson", "install", "-C", tmp_path / "second", "--destdir", tmp_path / "staged")
    check_installed(tmp_path / "staged", prefix)


def test_package_has_the_version_of_the_program():
    assert re.match(rf"epmd \({re.escape(version())}-\d+\) ", content("dist/debian/changelog"))


def test_package_is_built_from_the_libraries_that_dev_installs():
    ours = re.search(r"^BUILD_PACKAGES='([^']+)'", content("dev"), re.M)[1].split()
    libraries = {name for name in ours if name.endswith("-dev")} - {"libc6-dev"}
    wanted = content("dist/debian/control").partition("Build-Depends:")[2].partition("\n\n")[0]
    assert len(libraries) > 3 and libraries <= set(re.findall(r"[\w.+-]+", wanted))
