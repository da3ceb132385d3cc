# SPDX-License-Identifier: Apache-2.0
"""What other systems build and start epmd with: RPM, Alpine, OpenRC, FreeBSD, launchd.

Tried as far as a Debian goes: RPM's own tools build the package and install it into an
empty root; Alpine's recipe is run by a shell that has what it takes of abuild; OpenRC
starts the daemon. FreeBSD's script and launchd's list are only read.
"""

import glob
import os
import plistlib
import re
import shutil
import subprocess
import tarfile

import pytest

from harness import ROOT, run_epmd
from machine import need
from package.chroot import NEEDED, Chroot, debs
from package.test_install import BELOW_PREFIX, content, files_below, run, version
from package.test_package import packages, this  # noqa: F401, fixtures
from wire.protocol import Node, registered

LEFT_OUT = shutil.ignore_patterns("build*", ".git", "__pycache__")

# What the functions of an APKBUILD find in abuild; dash knows no such name of a function.
ABUILD = """
set -e
srcdir=$1 pkgdir=$2
abuild-meson() { meson setup --prefix=/usr --buildtype=plain -Db_lto=false "$@"; }
. "$srcdir/APKBUILD"
cd "$srcdir/$pkgname-$pkgver"
build
check
package
"""


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    """This tree, as a release unpacks it."""
    directory = tmp_path_factory.mktemp("sources") / f"epmd-{version()}"
    shutil.copytree(ROOT, directory, ignore=LEFT_OUT)
    return directory


def test_all_recipes_have_the_version_of_the_program():
    recipes = {"dist/alpine/APKBUILD": r"^pkgver=(.*)", "dist/rpm/epmd.spec": r"^Version: *(.*)",
               "dist/debian/changelog": r"^epmd \((.*)-\d+\)"}
    for path, pattern in recipes.items():
        assert re.search(pattern, content(path), re.M)[1] == version(), path


def test_the_documents_show_the_version_of_the_program():
    examples = {"README.md": r"this epmd, version ([^,]+),", "docs/migrating.md": r"^epmd (\d.*)"}
    for path, pattern in examples.items():
        assert set(re.findall(pattern, content(path), re.M)) == {version()}, path


# What Debian, and the release's trees, Alpine and FreeBSD call what meson looks for.
LIBRARIES = {
    "jansson": ("libjansson-dev", "jansson-dev", "jansson"),
    "libcares": ("libc-ares-dev", "c-ares-dev", "c-ares"),
    "libevent_core": ("libevent-dev", "libevent-dev", "libevent"),
    "libseccomp": ("libseccomp-dev", "libseccomp-dev", None),  # Linux only
    "libsodium": ("libsodium-dev", "libsodium-dev", "libsodium"),
}


def test_all_recipes_have_the_libraries_that_meson_looks_for():
    assert set(re.findall(r"= dependency\('(\w+)'", content("meson.build"))) == {
        *LIBRARIES, "threads"}
    workflow = content(".github/workflows/test.yml")
    for name, (debian, alpine, freebsd) in LIBRARIES.items():
        assert f"pkgconfig({name})" in content("dist/rpm/epmd.spec")
        assert debian in re.search(r"^LIBRARIES='(.*)'", content("dist/release"), re.M)[1].split()
        assert alpine in content("dist/alpine/APKBUILD") and alpine in workflow.partition("apk add")[2]
        assert not freebsd or freebsd in workflow.partition("pkg install")[2].split()


@pytest.mark.asked("packages")
@pytest.mark.timeout(3600)
def test_rpm_is_built_and_installed_into_an_empty_root(sources, tmp_path):
    need("rpmbuild", "rpm", "root")
    (tmp_path / "SOURCES").mkdir()
    with tarfile.open(tmp_path / f"SOURCES/epmd-{version()}.tar.xz", "w:xz", preset=0) as archive:
        archive.add(sources, sources.name)
    run("rpmbuild", "-bb", "--nodeps", "--define", f"_topdir {tmp_path}",
        os.path.join(ROOT, "dist/rpm/epmd.spec"))
    package, = glob.glob(f"{tmp_path}/RPMS/*/*.rpm")
    root = tmp_path / "root"
    root.mkdir()

    def rpm(*words):
        return run("rpm", "--root", str(root), "--dbpath", "/db", "--nodeps", *words)

    rpm("--noscripts", "-i", package)  # there is no shell to run them
    installed = {path for path in files_below(root)
                 if not path.startswith(("db/", "usr/lib/.build-id/", "usr/share/doc/"))}
    assert {path.removesuffix(".gz") for path in installed} == {
        f"usr/local/{name}" for name in BELOW_PREFIX}
    assert "fail" not in rpm("-V", "epmd")
    done = run_epmd(f"{root}/usr/local/bin/epmd", "-version")
    assert done.stdout == f"epmd {version()}\n"
    rpm("--noscripts", "-e", "epmd")
    assert {path for path in files_below(root) if not path.startswith("db/")} == set()


@pytest.mark.asked("packages")
@pytest.mark.timeout(3600)
def test_alpines_recipe(sources, tmp_path):
    need("meson", "ninja")
    shutil.copytree(sources, tmp_path / "src" / sources.name)
    for path in glob.glob(f"{ROOT}/dist/alpine/*") + glob.glob(f"{ROOT}/dist/openrc/*"):
        shutil.copy(path, tmp_path / "src")
    run("bash", "-c", ABUILD, "bash", str(tmp_path / "src"), str(tmp_path / "pkg"))
    systemds = {name for name in BELOW_PREFIX if name.startswith("lib/")}
    assert files_below(tmp_path / "pkg") == {
        f"usr/{name}" for name in BELOW_PREFIX - systemds} | {"etc/init.d/epmd", "etc/conf.d/epmd"}
    named = content("dist/alpine/APKBUILD").partition('source="')[2].partition('"')[0].split()[1:]
    for name in named:
        assert (tmp_path / "src" / name.replace("$pkgname", "epmd")).exists(), name


@pytest.mark.asked("packages")
@pytest.mark.timeout(3600)
def test_openrc_starts_reloads_and_ends_it(this, tmp_path):  # noqa: F811
    need(*NEEDED)
    tree = Chroot(tmp_path)
    try:
        tree.start()
        tree.dpkg("-i", *debs(*tree.needs(this), *tree.needs("openrc")))
        tree.install(this)
        os.makedirs(tree.path("/etc/conf.d"), exist_ok=True)
        for kind in "init", "conf":
            shutil.copy(f"{ROOT}/dist/openrc/epmd.{kind}d", tree.path(f"/etc/{kind}.d/epmd"))
        tree.do("sh", "-c", "chmod 755 /etc/init.d/epmd; mkdir -p /run/openrc;"
                "touch /run/openrc/softlevel; echo 'epmd_options=\"-max_per_host 7\"' >/etc/conf.d/epmd")
        tree.do("rc-service", "--nodeps", "epmd", "start")
        keeper = tree.do("cat", "/run/epmd.pid")
        assert tree.do("ps", "-o", "user=", "-p", keeper) == "epmd"
        assert "-max_per_host 7" in tree.do("ps", "-o", "args=", "-p", keeper)
        with tree.network(), Node(tree, b"alpha"):
            tree.do("rc-service", "--nodeps", "epmd", "reload")
            assert registered(tree) == [b"alpha"]
            assert "started" in tree.do("rc-service", "--nodeps", "epmd", "status")
            tree.do("rc-service", "--nodeps", "epmd", "stop")
        assert tree.daemons() == []
        tree.do("rc-service", "--nodeps", "epmd", "start")
        assert tree.do("cat", "/run/epmd.pid") != keeper
    finally:
        tree.stop()


def test_freebsds_script_is_one():
    run("sh", "-n", os.path.join(ROOT, "dist/freebsd/epmd"))


def test_launchds_list_starts_the_daemon(ours):
    with open(os.path.join(ROOT, "dist/macos/epmd.plist"), "rb") as file:
        job = plistlib.load(file)
    assert job["KeepAlive"] is True and job["RunAtLoad"] is True
    program, *options = job["ProgramArguments"]
    assert program == "/usr/local/bin/epmd" and "-daemon" not in options
    help_ = subprocess.run([ours, "-help"], capture_output=True, text=True, check=True).stdout
    assert all(f"  {word}" in help_ for word in options if word.startswith("-"))
