# SPDX-License-Identifier: Apache-2.0
"""The package on later releases of Debian, built there, beside that release's erlang-base.

dpkg finds every file of both packages as it was unpacked, whichever comes, goes or is
installed again.
"""

import fcntl
import os
import re

import pytest

from package import releases
from package.chroot import Chroot, debs
from package.debian import altered, edit
from package.test_package import packages, this  # noqa: F401, fixtures
from restart import machine

pytestmark = [
    pytest.mark.timeout(3600),  # making a tree, and building in it, takes its time
    pytest.mark.asked("packages"),
]


def built_in(release, tmp_path_factory):
    """Our package of a release; all processes of a run share it."""
    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / f"epmd-{release}"
    with open(f"{shared}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            shared.mkdir()
            releases.build(release, shared)
    return str(next(shared.glob("epmd_*.deb")))


@pytest.fixture(params=releases.NAMES)
def release(request):
    releases.require()
    releases.tree(request.param)
    return request.param


@pytest.fixture
def built(release, tmp_path_factory):
    return built_in(release, tmp_path_factory)


@pytest.fixture
def chroot(release, tmp_path):
    tree = Chroot(tmp_path, releases.tree(release))
    try:
        tree.start()
        yield tree
    finally:
        tree.stop()


def newer(deb, directory):
    """The same package with a higher version."""
    return altered(deb, directory, lambda tree: edit(f"{tree}/DEBIAN/control",
                                                     r"Version: (\S+)", r"Version: \1+next"))


def in_use(chroot):
    """Assert that ours is what starts, by hand, by a node and by systemd."""
    chroot.ours(*(path for path in ("/usr/bin/epmd", "/usr/lib/erlang/bin/epmd")
                  if os.path.lexists(chroot.path(path))))
    for directory in "/lib", "/usr/lib":
        assert "Restart=always" in chroot.do("cat", f"{directory}/systemd/system/epmd.service")
        assert "TriggerLimit" in chroot.do("cat", f"{directory}/systemd/system/epmd.socket")


def our_traces(chroot):
    return [path for path in chroot.files() if re.search(r"epmd\.stock|/epmd\.conf", path)]


def test_ours_comes_and_goes(chroot, built, tmp_path_factory):
    before = chroot.files()
    chroot.dpkg("-i", built)
    chroot.verify()
    in_use(chroot)
    chroot.dpkg("-i", newer(built, tmp_path_factory.mktemp("deb")))
    chroot.verify()
    in_use(chroot)
    chroot.dpkg("--remove", "epmd")
    chroot.verify()
    chroot.dpkg("--purge", "epmd")
    chroot.verify()
    assert chroot.files() == before


def test_erlang_comes_and_goes_beside_ours(chroot, release, built):
    erlang = releases.erlang(release)
    chroot.dpkg("-i", built)
    chroot.dpkg("-i", erlang)
    chroot.verify()
    in_use(chroot)
    for step in "--remove", "--purge":
        chroot.dpkg(step, "erlang-base")
        chroot.verify()
        in_use(chroot)
    chroot.dpkg("-i", erlang)
    chroot.verify()
    in_use(chroot)
    chroot.dpkg("--purge", "epmd")
    chroot.verify()
    assert our_traces(chroot) == []
    chroot.dpkg("--purge", "erlang-base")
    assert [path for path in chroot.files() if re.search(r"/epmd|/lib/erlang", path)] == []


@pytest.mark.parametrize("ours_first", [True, False])
def test_a_system_is_upgraded_from_one_release_to_the_next(
        request, tmp_path_factory, tmp_path, ours_first):
    """Erlang's units move from /lib to /usr/lib, which dpkg does not know to be the same."""
    if machine.suite() != "bookworm":
        pytest.skip("this system is not the release before trixie")
    releases.require()
    steps = [built_in("trixie", tmp_path_factory), releases.erlang("trixie")]
    tree = Chroot(tmp_path, releases.tree("trixie"))
    try:
        tree.start()
        tree.dpkg("--purge", "erlang-base")
        before = tree.files()
        tree.dpkg("-i", *debs("erlang-base"), request.getfixturevalue("this"))
        tree.verify()
        for deb in steps if ours_first else reversed(steps):
            tree.dpkg("-i", deb)
            tree.verify()
            in_use(tree)
        tree.dpkg("--purge", "epmd")
        tree.verify()
        assert our_traces(tree) == []
        tree.dpkg("--purge", "erlang-base")
        assert tree.files() == before
    finally:
        tree.stop()
