# SPDX-License-Identifier: Apache-2.0
"""Later releases of Debian than this system: a tree of each, and our package as it is built there.

Always true here: a tree has what building takes and erlang-base, whose package lies in
ERLANG beside it; it is made once, until building takes other packages.
"""

import fcntl
import glob
import os
import re
import shutil
import subprocess

from harness import ROOT
from machine import cannot, content, need, outer_network
from package.chroot import Chroot
from package.debian import log_of

NAMES = ["trixie", "sid"]
ERLANG, PACKAGES = "/srv", "/srv/packages"
BESIDE = "systemd systemd-sysv dbus iproute2 procps erlang-base"
NEEDED = ["root", "network namespaces", "process namespaces", "mount namespaces", "mmdebstrap",
          "nsenter", "ip"]


def require():
    """The calling test needs such trees."""
    need(*NEEDED)


def packages():
    """What a tree consists of: what `./dev package` would install, and Erlang."""
    with open(os.path.join(ROOT, "dev"), encoding="utf-8") as file:
        lists = re.findall(r"^(?:BUILD|PACKAGE)_PACKAGES='([^']+)'", file.read(), re.M)
    assert len(lists) == 2
    return " ".join([*lists, BESIDE]).split()


def tree(release):
    """The tree of a release, made when it is missing."""
    path = f"/var/tmp/epmd-test-{release}"
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if content(path + PACKAGES) != " ".join(packages()):
            shutil.rmtree(path, ignore_errors=True)
            shutil.rmtree(f"{path}.partial", ignore_errors=True)
            # A mirror may be older than what its own list of sid is valid for.
            command = ["mmdebstrap", "--variant=minbase",
                       "--aptopt=Acquire::Check-Valid-Until \"false\"",
                       f"--include={','.join(packages())}", "--customize-hook="
                       f'chroot "$1" sh -c "cd {ERLANG} && apt-get download erlang-base"',
                       release, f"{path}.partial"]
            with outer_network():
                made = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, check=False)
            if made.returncode != 0:
                cannot(f"no tree of {release}: {made.stdout[-300:]}")
            with open(f"{path}.partial{PACKAGES}", "w", encoding="ascii") as file:
                file.write(" ".join(packages()))
            os.rename(f"{path}.partial", path)
    return path


def erlang(release):
    """The package erlang-base of a release."""
    return glob.glob(f"{tree(release)}{ERLANG}/erlang-base_*.deb")[0]


def build(release, directory):
    """Our package, built in the tree of a release as `./dev package` does it; its path."""
    os.makedirs(f"{directory}/root")
    chroot = Chroot(f"{directory}/root", tree(release))
    try:
        chroot.start()
        shutil.copytree(ROOT, chroot.path("/src"),
                        ignore=shutil.ignore_patterns("build*", ".git", "__pycache__"))
        built = chroot.run("/src/dev", "package", limit_s=1200)
        assert built.returncode == 0, built.stdout + log_of(chroot.path("/src"))
        deb, = glob.glob(chroot.path("/src/build/package/epmd_*.deb"))
        return shutil.copy(deb, directory)
    finally:
        chroot.stop()
