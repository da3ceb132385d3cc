# SPDX-License-Identifier: Apache-2.0
"""What this machine can do, and what each test process has for itself.

Always true here: a thing is tried once in each process, when the first test asks for
it. What is not there skips the test, with the reason; where EPMD_ALL_MUST_RUN is set,
as .ci/run sets it, it fails the test. No two test processes give out one port.
"""

import contextlib
import ctypes
import errno
import fcntl
import functools
import itertools
import os
import pty
import random
import resource
import shlex
import shutil
import socket
import struct
import subprocess
import sys

import pytest

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
CAPABILITIES = {"CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_SYS_CHROOT": 18, "CAP_SYS_PTRACE": 19}
IPV6_OFF = "/proc/sys/net/ipv6/conf/{}/disable_ipv6"

# Compiles what is loaded into the epmd under test, or run in its place.
COMPILER = shlex.split(os.environ.get("EPMD_CC", "cc"))

# Runs the command that follows in a mount namespace of its own.
APART = (sys.executable, "-IS", os.path.join(os.path.dirname(os.path.abspath(__file__)), "apart.py"))

# Shell for there: `over FILE TARGET` has a file seen as one of /etc, which this system may lack;
# what is made for that lies beside FILE.
OVER = """
over() {
    if [ ! -e "$2" ]; then
        etc=$(mktemp -d -p "${1%/*}"); cp -a /etc/. "$etc"
        rm -f "$etc/${2##*/}"; : >"$etc/${2##*/}"; mount --bind "$etc" /etc
    fi
    mount --bind "$1" "$2"
}
"""

# Above 10080, the highest port that a browser opens nothing on (Fetch, "port blocking"), and
# below the ephemeral range, so that no client's own end takes a port between the look at it
# and the daemon's bind.
FIRST_PORT, LAST_PORT, PORTS_EACH = 10500, 32000, 500
FIRST_PRIVILEGED_PORT, PRIVILEGED_PORTS_EACH = 600, 9


# ---- what is to be done where something is missing ----

def is_set(variable):
    """Whether an environment variable asks for something: empty and 0 do not."""
    return os.environ.get(variable, "") not in ("", "0")


def cannot(reason):
    """The calling test cannot run on this machine: skips it, or fails it where all must run."""
    if is_set("EPMD_ALL_MUST_RUN"):
        pytest.fail(f"cannot run here, and EPMD_ALL_MUST_RUN is set: {reason}", pytrace=False)
    pytest.skip(reason)


def need(*things):
    """What the calling test needs: things of PROBES, or programs, or paths."""
    for thing in things:
        if reason := lacks(thing):
            cannot(f"{thing}: {reason}")


def need_descriptors(count):
    """The calling test needs so many descriptors, here and in each daemon."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < count:
        cannot(f"{count} descriptors: only {hard} are allowed here (ulimit -n)")


def need_family(*addresses):
    """The calling test needs the families of these addresses in this thread's network."""
    if any(":" in address for address in addresses):
        need("IPv6")


LONG_KINDS = "long", "packages", "release"  # ./dev test KIND runs these and nothing else


def is_asked(kind):
    """Whether tests of a kind that takes long are to run: what ./dev test KIND sets."""
    return is_set(f"EPMD_{kind.upper()}")


def need_asked(*kinds):
    """Skip the calling test, which is of such kinds, unless it is to run with one of them."""
    if not any(map(is_asked, kinds)):
        pytest.skip(f"not asked for: ./dev test {kinds[0]}")


@functools.cache
def lacks(thing):
    """Why a thing of PROBES, or a program or path, is not to be had; None where it is."""
    if thing in PROBES:
        return PROBES[thing]()
    return None if shutil.which(thing) or os.path.exists(thing) else "not installed"


def has(thing):
    """Whether it is there, for what goes on without it."""
    return lacks(thing) is None


# ---- what there may be ----

PROBES = {}


def probe(thing):
    """Enters a function that returns why a thing is not to be had, or None."""
    def enter(function):
        PROBES[thing] = function
        return function
    return enter


def tried(*command):
    """Why a command fails; None where it succeeds."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=60,
                              check=False)
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    lines = done.stdout.strip().splitlines() or [f"exit code {done.returncode}"]
    return lines[-1] if done.returncode else None


def may(*capabilities):
    """Why this process lacks one of these capabilities; None where it has all."""
    try:
        with open("/proc/self/status", encoding="ascii") as lines:
            effective = next(int(line.split()[1], 16) for line in lines
                             if line.startswith("CapEff:"))
    except FileNotFoundError:
        return None if os.geteuid() == 0 else "needs root"
    missing = [name for name in capabilities if not effective >> CAPABILITIES[name] & 1]
    return f"this user lacks {', '.join(missing)}" if missing else None


@probe("Linux")
def _linux():
    return None if sys.platform.startswith("linux") else f"this is {sys.platform}"


@probe("root")
def _root():
    return None if os.geteuid() == 0 else "the tests run as another user"


@probe("another user")
def _another_user():
    return _root() or may("CAP_SETUID", "CAP_SETGID")


@probe("another user's processes")
def _another_users_processes():
    return _root() or may("CAP_SETUID", "CAP_SETGID", "CAP_SYS_PTRACE")


@probe("another root directory")
def _another_root_directory():
    return may("CAP_SYS_CHROOT")


@probe("network namespaces")
def _network_namespaces():
    return _linux() or tried("unshare", "--net", "ip", "link", "add", "a0", "type", "veth",
                             "peer", "name", "a1")


@probe("process namespaces")
def _process_namespaces():
    return _linux() or tried("unshare", "--pid", "--fork", "--kill-child", "true")


@probe("mount namespaces")
def _mount_namespaces():
    return _linux() or tried(*APART, "sh", "-ec", "mount -t tmpfs none /run; mkdir /run/a /run/b;"
                             "mount --bind /run/a /run/b; unshare --uts hostname probe")


@probe("paths of programs in other mount namespaces")
def _paths_elsewhere():
    """In a plain chroot such a program's path starts at the root of what / is mounted on."""
    here = os.readlink("/proc/self/exe")
    return _mount_namespaces() or tried(*APART, "sh", "-ec", f"""
        there=$(readlink /proc/{os.getpid()}/exe)
        [ "$there" = "$1" ] || {{ echo "$1 is $there there, for / is no mount point"; exit 1; }}
        """, "sh", here)


@probe("overlays")
def _overlays():
    return _mount_namespaces() or tried(
        *APART, "sh", "-ec", "mount -t tmpfs none /run; mkdir /run/a /run/b;"
        "mount -t overlay none -o lowerdir=/etc,upperdir=/run/a,workdir=/run/b /etc")


@probe("device files")
def _device_files():
    return _mount_namespaces() or tried(
        *APART, "sh", "-ec", "mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3; : >/dev/null")


@probe("terminals")
def _terminals():
    try:
        for end in pty.openpty():
            os.close(end)
    except OSError as error:
        return f"none can be opened: {error}"
    return None


def open_terminal():
    """The two ends of a terminal that the calling test needs; it closes them."""
    need("terminals")
    return pty.openpty()


@probe("strace")
def _strace():
    return _emulated("its own calls would be seen") or tried("strace", "-o", "/dev/null", "-e", "trace=getppid", "true")


def _emulated(why):
    """Why a thing is out of reach of an emulated epmd; None where it is not emulated."""
    emulator = os.environ.get("EPMD_EMULATED")
    return emulator and f"{emulator}: {why}"


def _system_lacks(thing):
    """Why the system that the epmd under test is built for lacks a thing, or None."""
    lacking = thing in os.environ.get("EPMD_LACKS", "").split()
    return (_emulated("does not pass that on") or "this build is without") if lacking else None


@probe("keeper")
def _keeper():
    return _system_lacks("keeper")


@probe("socket states")
def _socket_states():
    return _system_lacks("socket_states")


@probe("sandbox")
def _sandbox():
    return _system_lacks("sandbox")


@probe("owners")
def _owners():
    return _system_lacks("owners")


@probe("x86-64")
def _x86_64():
    return None if os.uname().machine == "x86_64" else f"this is {os.uname().machine}"


@probe("glibc")
def _glibc():
    if reason := _system_lacks("glibc"):
        return reason
    known = "CS_GNU_LIBC_VERSION" in os.confstr_names and os.confstr("CS_GNU_LIBC_VERSION")
    return None if known else "the C library is another one"


MUSL_SAYS = {errno.EMFILE: "No file descriptors available", errno.EHOSTUNREACH: "Host is unreachable",
             errno.ETIMEDOUT: "Operation timed out"}


def strerror(number):
    """An error in the words of the C library that the epmd under test has."""
    return os.strerror(number) if has("glibc") else MUSL_SAYS[number]


@probe("IPv6")
def _ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError as error:
        return f"::1 cannot be bound: {error.strerror}"
    return None


def unknown(name):
    """Why a name has no address here; None where it has one."""
    try:
        socket.getaddrinfo(name, None)
    except OSError as error:
        return f"{name} has no address here: {error.strerror}"
    return None


@probe("localhost")
def _localhost():
    return unknown("localhost")


@probe("an address of this host's name")
def _own_name():
    return unknown(socket.gethostname())


# ---- what each test process has for itself ----

_outer = None  # the network namespace that the tests were started in, if they have left it


def isolate():
    """Give this process a range of ports, and this thread, and what it starts, a network of its own.

    Where the second is not permitted, the first has to do. The range is held in the outer
    network: no two processes have the same one, so who looks for what was started for a port
    finds its own. IPv6 stays on or off as it is on this machine, which a new namespace by
    itself does not take over.
    """
    global _outer
    _range()
    if not sys.platform.startswith("linux"):
        return
    outer = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    ipv6 = {path: content(path) for path in map(IPV6_OFF.format, ("all", "default", "lo"))}
    if ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0:
        os.close(outer)
        return
    _outer = outer
    for path, off in ipv6.items():
        with contextlib.suppress(OSError), open(path, "w", encoding="ascii") as file:
            file.write(off)
    with socket.socket() as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", IFF_UP))


def content(path):
    with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
        return file.read()
    return ""


def set_network(fd):
    """Put this thread into a network namespace, which a file names."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def outer_network():
    """This thread is meanwhile where the tests were started: packages come from there."""
    if _outer is None:
        yield
        return
    with open("/proc/thread-self/ns/net", "rb") as back:
        set_network(_outer)
        try:
            yield
        finally:
            set_network(back.fileno())


@functools.cache
def _range():
    """(number, socket): the range of ports that this process holds by its first port's socket.

    It is bound until the process ends, so no other process in this network gets the range.
    """
    numbers = list(range((LAST_PORT - FIRST_PORT) // PORTS_EACH))
    random.SystemRandom().shuffle(numbers)
    for number in numbers:
        held = socket.socket()
        with contextlib.suppress(OSError):
            held.bind(("0.0.0.0", FIRST_PORT + number * PORTS_EACH))
            return number, held
        held.close()
    raise RuntimeError(f"each range of ports from {FIRST_PORT} to {LAST_PORT} is taken")


@functools.cache
def _ports():
    start = FIRST_PORT + _range()[0] * PORTS_EACH
    return itertools.cycle(range(start + 1, start + PORTS_EACH))


@functools.cache
def _privileged_ports():
    start = FIRST_PRIVILEGED_PORT + _range()[0] * PRIVILEGED_PORTS_EACH
    return itertools.cycle(range(start, start + PRIVILEGED_PORTS_EACH))


def free_port():
    """A port of this process's range that nothing holds in either family."""
    return next(filter(is_free, _ports()))


def free_privileged_port():
    """The same below 1024."""
    return next(filter(is_free, _privileged_ports()))


def is_free(port):
    """Whether this process could bind a port now, in each family that there is."""
    for family, address in (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"):
        try:
            with socket.socket(family) as sock:
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.bind((address, port))
        except OSError as error:
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                return False
    return True
