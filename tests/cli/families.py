# SPDX-License-Identifier: Apache-2.0
"""A kernel that lacks a family of addresses, as one with ipv6.disable=1 does.

`python3 families.py FAMILY COMMAND...` runs a command for which socket(2) fails with
EAFNOSUPPORT where it is given this family's number.
"""

import ctypes
import ctypes.util
import errno
import os
import sys

SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, SCMP_CMP_EQ = 0x7FFF0000, 0x00050000, 4


class Comparison(ctypes.Structure):
    """libseccomp's struct scmp_arg_cmp."""

    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int),
                ("value", ctypes.c_uint64), ("_", ctypes.c_uint64)]


def without_family(family):
    """The wrapper of a Daemon that is to run so; skips where there is no libseccomp."""
    import machine  # not where this file runs as a program
    if not ctypes.util.find_library("seccomp"):
        machine.cannot("libseccomp: not installed")
    return (sys.executable, os.path.abspath(__file__), str(int(family)))


def forbid(family):
    seccomp = ctypes.CDLL(ctypes.util.find_library("seccomp"), use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(SCMP_ACT_ALLOW)))
    call = seccomp.seccomp_syscall_resolve_name(b"socket")
    comparison = Comparison(0, SCMP_CMP_EQ, family)
    action = ctypes.c_uint32(SCMP_ACT_ERRNO | errno.EAFNOSUPPORT)
    if (seccomp.seccomp_rule_add_array(rules, action, call, 1, ctypes.byref(comparison)) != 0
            or seccomp.seccomp_load(rules) != 0):
        sys.exit("families.py: the filter cannot be loaded")


if __name__ == "__main__":
    forbid(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
