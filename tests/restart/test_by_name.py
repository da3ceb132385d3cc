# SPDX-License-Identifier: Apache-2.0
"""What scripts do to processes called epmd: it ends the daemon, in whichever order.

Always true here: the processes are in a namespace of their own, so that no other epmd of
this machine has the name; its first process reaps orphans.
"""

import os
import shlex
import subprocess

import pytest

from harness import clean_env, wait_for
from machine import APART, free_port, need

TIMES = 4
BOOT = "mount -t proc proc /proc; echo up; while :; do sleep 1000; done"
NEWEST_LAST = "$(pidof epmd | tr ' ' '\\n' | sort -n)"

COMMANDS = {
    "kill": "kill $(pidof epmd)",
    "kill, oldest first": f"kill {NEWEST_LAST}",
    "kill -9": "kill -9 $(pidof epmd)",
    "kill -9, oldest first": f"kill -9 {NEWEST_LAST}",
    "kill -9, one by one": "for pid in $(pidof epmd); do kill -9 $pid; done",
    "killall": "killall epmd",
    "killall -9": "killall -9 epmd",
    "pkill": "pkill -x epmd",
    "pkill -9": "pkill -9 -x epmd",
}


class Processes:
    """A process namespace of its own, in this process's network."""

    def __init__(self, binary):
        self.port = free_port()
        self._epmd = f"{shlex.quote(os.path.abspath(binary))} -port {self.port}"
        self._outer = subprocess.Popen(
            [*APART, "unshare", "--pid", "--fork", "--kill-child", "sh", "-ec", BOOT],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=clean_env())
        assert self._outer.stdout.readline() == b"up\n"
        with open(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children",
                  encoding="ascii") as children:
            self._first, = children.read().split()

    def run(self, script):
        """What a shell in it prints."""
        done = subprocess.run(["nsenter", "-t", self._first, "-m", "-p", "-r", "-w", "sh", "-c", script],
                              env=clean_env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        return done.stdout

    def pids(self):
        """The processes called epmd, oldest first."""
        return self.run("pgrep -x epmd").split()

    def start(self):
        """A daemon in the background."""
        assert self.run(f"{self._epmd} -daemon") == ""
        assert len(self.pids()) == 2, "a keeper, and its worker"

    def replace_worker(self):
        """Kill the worker: its keeper starts another one, by descriptor."""
        keeper, worker = self.pids()
        self.run(f"kill -9 {worker}")
        wait_for(lambda: (pids := self.pids()) and worker not in pids and len(pids) == 2
                 and self.answers(), what="another worker")
        assert self.pids()[0] == keeper

    def answers(self):
        return self.run(f"{self._epmd} -started && echo yes") == "yes\n"

    def end(self):
        self._outer.kill()
        self._outer.wait()
        self._outer.stdout.close()


@pytest.fixture
def processes(ours):
    need("mount namespaces", "process namespaces", "pidof", "killall", "pkill", "nsenter")
    inside = Processes(ours)
    yield inside
    inside.end()


@pytest.mark.parametrize("restarted", [False, True], ids=["first worker", "restarted worker"])
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_nothing_survives(processes, command, restarted):
    for _ in range(1 if restarted else TIMES):
        processes.start()
        if restarted:
            processes.replace_worker()
        processes.run(command)
        wait_for(lambda: processes.pids() == [], what=f"the end of all, after {command}")


def test_scripts_find_both_processes(processes):
    """pidof prints one number or two; each of them is of a process of the daemon."""
    processes.start()
    assert sorted(processes.run("pidof epmd").split(), key=int) == processes.pids()
