# SPDX-License-Identifier: Apache-2.0
"""Runs a command in a mount namespace of its own: apart.py COMMAND [ARGUMENT ...]

Always true here: the command keeps this process's id, root and working directory,
and what it mounts is seen in no other namespace.

unshare(1) makes the mounts private by the path /, and fails in a plain chroot, whose
/ is no mount point. So this process first goes where setns(2) leads, to the
namespace's own root, and comes back afterwards.
"""

import ctypes
import os
import sys

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18


def check(what, status):
    if status != 0:
        sys.exit(f"apart: {what}: {os.strerror(ctypes.get_errno())}")


def main(command):
    libc = ctypes.CDLL(None, use_errno=True)
    check("unshare", libc.unshare(CLONE_NEWNS))
    # Opened here, for what was opened before belongs to the old namespace.
    root, here = (os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in ("/", "."))
    namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    check("setns", libc.setns(namespace, CLONE_NEWNS))
    check("mount", libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    os.fchdir(root)
    os.chroot(".")
    os.fchdir(here)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
