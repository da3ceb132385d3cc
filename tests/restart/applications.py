# SPDX-License-Identifier: Apache-2.0
"""What an installation brings into a machine: epmd with its units, and applications.

Always true here: the applications' units are plain, as people write them. None of them
names epmd, and all of them run as another user than it does.
"""

import contextlib
import glob
import os
import shutil
import subprocess

from harness import SANITIZER, wait_for
from restart import machine as container

SYSTEM = "etc/systemd/system"
HOST = "epmdtest"
ERL = "-noinput -setcookie demo -sname"

# Tells the journal whenever a node that it is connected to comes or goes.
WATCH = ("spawn(fun() -> net_kernel:monitor_nodes(true), "
         "(fun T() -> receive M -> io:format(\"~w~n\", [M]), T() end end)() end).")

APPLICATION = """[Service]
User=www-data
Environment=HOME=/tmp
ExecStart=/usr/bin/erl {erl} {name} -eval '{watch}'
{lines}

[Install]
WantedBy=multi-user.target
"""

# As the start script of a release runs it: with its own emulator, which has its own epmd.
RELEASE = """[Service]
User=www-data
Environment=HOME=/tmp ROOTDIR=/usr/lib/erlang BINDIR={bin} EMU=beam PROGNAME=erl
ExecStart={bin}/erlexec {erl} {name}
"""


class Layer:
    """Files that lie over a machine's own /etc and /usr when it boots."""

    def __init__(self, root):
        self.root = str(root)
        self.write("etc/hostname", f"{HOST}\n")
        self.write("etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {HOST}\n")
        os.makedirs(self._path("usr"))
        os.makedirs(self._path("journal"))

    def _path(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def write(self, path, text):
        os.makedirs(os.path.dirname(self._path(path)), exist_ok=True)
        with open(self._path(path), "w", encoding="utf-8") as file:
            file.write(text)

    def copy(self, source, path):
        os.makedirs(os.path.dirname(self._path(path)), exist_ok=True)
        shutil.copy(source, self._path(path))

    def add_epmd(self, binary):
        """Our program and our units, enabled as an administrator does it, and no others."""
        os.makedirs(self._path(SYSTEM), exist_ok=True)
        os.setxattr(self._path(SYSTEM), "trusted.overlay.opaque", b"y")  # hides the tree's
        self.copy(binary, "usr/bin/epmd")
        for unit in "epmd.service", "epmd.socket":
            self.copy(os.path.join(container.UNITS, unit), f"{SYSTEM}/{unit}")
        # LeakSanitizer has to trace what the unit does not let it trace.
        self.write(f"{SYSTEM}/epmd.service.d/sanitizer.conf",
                   "[Service]\nEnvironment=ASAN_OPTIONS=detect_leaks=0\n")
        self.enable("epmd.service")

    def add_application(self, name, *lines):
        self.write(f"{SYSTEM}/{name}.service", APPLICATION.format(
            erl=ERL, name=name, watch=WATCH, lines="\n".join(lines)))

    def add_release(self, name, epmd):
        """An application with an emulator of its own, whose epmd is this program."""
        erts, = glob.glob(f"{container.TREE}/usr/lib/erlang/erts-*/bin")
        for program in "erlexec", "beam.smp", "erl_child_setup", "inet_gethost":
            self.copy(os.path.join(erts, program), f"{release_bin(name)}/{program}")
        self.copy(epmd, f"{release_bin(name)}/epmd")
        self.write(f"{SYSTEM}/{name}.service",
                   RELEASE.format(erl=ERL, name=name, bin=release_bin(name)))

    def enable(self, *units):
        subprocess.run(["systemctl", f"--root={self.root}", "enable", *units],
                       check=True, capture_output=True)


    def log(self, unit):
        """What a unit has logged, also when the machine is off."""
        return subprocess.run(["journalctl", "-D", self._path("journal"), "-o", "cat", "-u", unit],
                              check=True, capture_output=True, text=True).stdout


def release_bin(name):
    return f"/usr/local/lib/{name}/erts-1.0/bin"


@contextlib.contextmanager
def booted(layer, binary=None):
    """A machine that has just booted with these files, and with what this binary needs."""
    machine = container.Machine(binary, layer.root)
    try:
        machine.boot()
        yield machine
        report = SANITIZER.search(layer.log("epmd.service"))
        assert not report, layer.log("epmd.service")
    finally:
        machine.halt()


class Application:
    """A service in a machine that is an Erlang node of the same name."""

    def __init__(self, machine, name):
        self.machine, self.name = machine, name
        self.unit = f"{name}.service"
        self.node = f"{name}@{HOST}"

    def _call(self, call, arguments, limit_s=30):
        return self.machine.run("timeout", str(limit_s), "erl_call", "-sname", self.name, "-c", "demo",
                                "-a", f"{call} {arguments}")

    def ask(self, call, arguments="[]"):
        """The value of a function call in the node, which is found by its name."""
        answer = self._call(call, arguments)
        assert answer.returncode == 0, f"{self.name}: {answer.stdout}\n{self.log()}"
        return answer.stdout.strip()

    def creation(self):
        return int(self.ask("erlang system_info", "[creation]"))

    def join(self, other):
        assert self.ask("net_adm ping", f"[{other.node}]") == "pong"

    def peers(self):
        """The nodes that it is connected to, in words."""
        return self.ask("erlang nodes")

    def show(self, property_):
        return self.machine.show(property_, self.unit)

    def start(self):
        """Return when it is up and answers under its name: before, it can lose a SIGTERM."""
        self.machine.do("systemctl", "start", self.unit)
        self.await_answer()

    def await_answer(self):
        # A node that has only just registered can lose a call without a word.
        wait_for(lambda: "{started, started}" in
                 self._call("init get_status", "[]", limit_s=2).stdout,
                 what=f"an answer of {self.node}")

    def stop(self):
        self.machine.do("systemctl", "stop", self.unit)

    def programs(self):
        """The names of the programs that run in its cgroup."""
        group = self.show("ControlGroup")
        return self.machine.do("sh", "-c", f"for pid in $({pids_in(group)}); do "
                               "cat /proc/$pid/comm; done").split()

    def log(self):
        return self.machine.run("journalctl", "-b", "-o", "cat", "-u", self.unit).stdout


def pids_in(group):
    """A shell command that lists the processes in a cgroup, whatever the hierarchy."""
    return f"cat /sys/fs/cgroup{group}/cgroup.procs /sys/fs/cgroup/systemd{group}/cgroup.procs " \
           "2>/dev/null"
