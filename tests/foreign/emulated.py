# SPDX-License-Identifier: Apache-2.0
"""Runs a command that starts programs of another architecture: emulated.py SYSTEM COMMAND ...

Always true here: where the kernel runs programs of that architecture, the command is run as
it is. Else qemu's emulators are entered in a user namespace that the command has for itself,
and nothing of this host changes. EPMD_EMULATED and EPMD_LACKS then tell the tests of it.
"""

import ctypes
import os
import subprocess
import sys

CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET = 0x10000000, 0x20000, 0x40000000
BINFMT = "/proc/sys/fs/binfmt_misc"

# As qemu has them, for ELF's class, byte order, type (executable or shared) and machine.
FORMATS = {
    "i386": (r"\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x03\x00",
             r"\xff\xff\xff\xff\xff\xfe\xfe\xfc\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"),
    "s390x": (r"\x7fELF\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16",
              r"\xff\xff\xff\xff\xff\xff\xff\xfc\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff"),
}
LOADERS = {"i386": "lib/ld-linux.so.2", "s390x": "lib/ld64.so.1"}


def runs_here(loader):
    try:
        return subprocess.run([loader, "--version"], stdout=subprocess.DEVNULL,
                              check=False).returncode == 0
    except OSError:
        return False


def check(what, status):
    if status != 0:
        sys.exit(f"emulated: {what}: {os.strerror(ctypes.get_errno())}")


def enter_namespaces():
    """This process becomes root in namespaces of its own, with the ids of all users."""
    libc = ctypes.CDLL(None, use_errno=True)
    entered, mapped = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        check("unshare", libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET))
        os.write(entered[1], b"e")
        os.read(mapped[0], 1)
        check("mount", libc.mount(b"none", BINFMT.encode(), b"binfmt_misc", 0, None))
        return
    os.close(entered[1])
    if os.read(entered[0], 1):
        for name in "uid_map", "gid_map":
            with open(f"/proc/{child}/{name}", "w", encoding="ascii") as file:
                file.write("0 0 4294967295\n")
    os.write(mapped[1], b"m")
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def main(system, *command):
    tree = os.environ["EPMD_FOREIGN_TREE"]
    if not runs_here(os.path.join(tree, LOADERS[system])):
        enter_namespaces()
        magic, mask = FORMATS[system]
        with open(f"{BINFMT}/register", "w", encoding="ascii") as file:
            # O, C, F: open the program for the emulator, with its rights, found only once
            file.write(f":qemu-{system}:M::{magic}:{mask}:/usr/bin/qemu-{system}-static:OCF")
        os.environ["EPMD_EMULATED"] = f"qemu's emulator of {system}"
        # It passes on neither SO_COOKIE nor TCP_INFO nor seccomp(2) nor what prctl(2) sets, nor
        # whose a socket is.
        os.environ["EPMD_LACKS"] = "keeper socket_states owners sandbox"
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
