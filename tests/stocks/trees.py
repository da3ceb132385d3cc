# SPDX-License-Identifier: Apache-2.0
"""Stock Erlangs of other Debian releases, each in a tree of its own.

Always true here: a tree is made once and kept in the cache; its programs run where they
lie, as any user and beside this host's own, with the C library of their own release; and
nothing of the host changes. `python3 tests/stocks/trees.py RELEASE` prints the tree, and
`trees.py suite` that of OTP's own suite.
"""

import fcntl
import glob
import os
import shlex
import shutil
import subprocess
import sys

CACHE = os.environ.get("EPMD_STOCKS_CACHE", "/var/tmp/epmd-test-stocks")
RELEASES = ("bookworm", "trixie", "sid")  # OTP 25, 27 and 29
NEEDED = ("mmdebstrap", "patchelf")

# A mirror may lag behind: then the Release file of sid, which is valid for a week, has expired.
OLD_LISTS = '--aptopt=Acquire::Check-Valid-Until "false"'


class TreeError(Exception):
    """A tree cannot be made here."""


def make(name, release, packages, hooks=()):
    """The path of a tree with these packages of a release, made where it is missing."""
    path = os.path.join(CACHE, name)
    os.makedirs(CACHE, exist_ok=True)
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(path):
            _make(path, release, packages, hooks)
    return path


def _make(path, release, packages, hooks):
    partial = path + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    if missing := [tool for tool in NEEDED if not shutil.which(tool)]:
        raise TreeError(f"not installed: {' '.join(missing)}")
    _run("mmdebstrap", "--variant=extract", OLD_LISTS, f"--include={','.join(packages)}",
         *hooks, release, partial)
    _settle(partial, path)
    os.rename(partial, path)


def _run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise TreeError(f"{shlex.join(command)}: {done.stdout[-500:]}")
    return done.stdout


def _settle(partial, path):
    """Tells the programs of a tree where their loader, libraries and scripts will be."""
    libraries = glob.glob("lib/*-linux-gnu*", root_dir=partial) + glob.glob(
        "usr/lib/*-linux-gnu*", root_dir=partial)
    search = ":".join(f"{path}/{directory}" for directory in libraries)
    for program in _programs(f"{partial}/usr/lib/erlang"):
        if program.endswith(".so"):
            continue  # is looked up for by the program that loads it
        loader = os.path.basename(_run("patchelf", "--print-interpreter", program).strip())
        found, = (f"{path}/{directory}/{loader}" for directory in libraries
                  if os.path.exists(f"{partial}/{directory}/{loader}"))
        # An RPATH is also that of the libraries' own libraries; a RUNPATH is not.
        _run("patchelf", "--set-interpreter", found, "--force-rpath", "--set-rpath", search,
             program)
    for script in glob.glob(f"{partial}/usr/lib/erlang/bin/erl"):
        with open(script, encoding="utf-8") as file:
            text = file.read()
        with open(script, "w", encoding="utf-8") as file:
            file.write(text.replace("ROOTDIR=/usr/lib/erlang", f"ROOTDIR={path}/usr/lib/erlang"))


def _programs(directory):
    """The files in the system's format for programs."""
    for at, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(at, name)
            if not os.path.islink(path):
                with open(path, "rb") as file:
                    if file.read(4) == b"\x7fELF":
                        yield path


def stock(release):
    """The path of the tree with erlang-base of a release."""
    return make(release, release, ["erlang-base"])


# What common_test needs to run a suite; as it is packaged it depends on a desktop, too.
SUITE_RELEASE = "trixie"
SUITE_BASE = ["erlang-base", "libssl3t64"]
SUITE_APART = """erlang-asn1 erlang-common-test erlang-crypto erlang-dev erlang-inets
    erlang-public-key erlang-runtime-tools erlang-ssh erlang-syntax-tools erlang-tools
    erlang-xmerl"""
SUITE_SOURCES = """sed -n 's/^deb /deb-src /p' "$1/etc/apt/sources.list" \
    >"$1/etc/apt/sources.list.d/sources.list"
"""
SUITE_UNPACK = f"""set -eu
mkdir "$1/suite"
cd "$1/suite"
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
apt-get -q download {' '.join(SUITE_APART.split())}
for package in *.deb; do dpkg-deb -x "$package" "$1"; done
apt-get -q source --download-only --tar-only erlang
tar -x -f erlang_*.orig.tar.* --strip-components=4 --wildcards '*/erts/epmd/test/*'
rm -f *.deb erlang_*.orig.tar.*
# Its reports link to libjs-jquery: nobody looks at them here.
find "$1"/usr/lib/erlang/lib/common_test-*/priv -xtype l |
    while read -r link; do rm "$link"; touch "$link"; done
"""


def suite():
    """The path of the tree with OTP 27's common_test; epmd_SUITE lies in its folder suite."""
    return make("suite", SUITE_RELEASE, SUITE_BASE,
                [f"--setup-hook={SUITE_SOURCES}", f"--extract-hook={SUITE_UNPACK}"])


def main():
    try:
        print(suite() if sys.argv[1] == "suite" else stock(sys.argv[1]))
    except TreeError as error:
        sys.exit(f"{sys.argv[0]}: {error}")


if __name__ == "__main__":
    main()
