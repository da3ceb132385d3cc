# SPDX-License-Identifier: Apache-2.0
"""All attacks at once, beside nodes and a client that do as they should.

    siege.py --epmd PATH [--seconds N] [--attacks NAME,...]

Attackers run on one CPU, the epmd and the honest client on the other. Three sieges, one
after the other: ours without and with a keeper, and stock ($EPMD_STOCK, /usr/bin/epmd)
until it ends. A table says what that did to the nodes' registrations, to the client's
answers and to the time that its lookups took, and what is left in the epmd afterwards.
Exits 1 where ours lost a registration, answered wrongly, or has not got back to the
memory and the descriptors that it had.
"""

import argparse
import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

import attacks
from attacks import NAMES, alive, port_please
from contestants import (GENERATOR_CPU, SERVER_CPU, await_answer, free_port,
                         raise_descriptor_limit)

NODES = 50
FILL = 5_000  # large registrations that an attacker holds
DESCRIPTORS = 8192  # of the epmd
OWN_DESCRIPTORS = 20_000
ANSWER_S = 10  # after so long a client gives up, as nodes do
WARM_UP_S = 3
GOES_BACK_S = 20
MEMORY_SLACK = 16 << 20  # what an allocator keeps of FILL registrations that have left
fork = multiprocessing.get_context("fork")


def node_name(number):
    return b"node%d" % number


# ---- those who do as they should ----

@dataclass
class Experience:
    """What the honest client has seen."""
    lookups_us: list = field(default_factory=list)
    registrations_us: list = field(default_factory=list)
    listings_us: list = field(default_factory=list)
    wrong: list = field(default_factory=list)
    after_us: list = field(default_factory=list)  # lookups begun 100 ms after the attack's end
    ended_after_s: float | None = None  # when the epmd was no longer there

    def quantile(self, times, share):
        ordered = sorted(times)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


class Wrong(Exception):
    """What is wrong with an answer."""


class Client:
    """Looks up, registers and lists without pause, and checks every answer."""

    def __init__(self, port, pid, began, until, attack_ends, lists=True):
        self.target = attacks.Target(port, until)
        self.pid, self.began, self.attack_ends, self.lists = pid, began, attack_ends, lists
        self.seen = Experience()

    def _connect(self, request):
        sock = self.target.send(request)
        if sock is None:
            raise ConnectionError("not let in")
        sock.settimeout(ANSWER_S)
        return sock

    def _all(self, request):
        with self._connect(request) as sock:
            reply = bytearray()
            while chunk := sock.recv(1 << 18):
                reply += chunk
            return bytes(reply)

    def _timed(self, times, what, action):
        before = time.perf_counter()
        try:
            action()
        except (OSError, Wrong) as error:
            self.seen.wrong.append(f"{what}: {error!r}")
        elapsed_us = (time.perf_counter() - before) * 1e6
        times.append(elapsed_us)
        return elapsed_us

    def look_up(self, number):
        name = node_name(number % NODES)
        reply = self._all(port_please(name))
        if reply != b"w\0" + alive(name)[3:]:
            raise Wrong(reply)

    def register(self, number):
        with self._connect(alive(b"client%d" % number)) as sock:
            reply = sock.recv(100)
            if len(reply) != 6 or reply[:2] != b"v\0":
                raise Wrong(reply)

    def list_names(self):
        listed = self._all(NAMES)
        wanted = {b"name %s at port 4711" % node_name(number) for number in range(NODES)}
        missing = wanted - set(listed[4:].split(b"\n"))
        if missing or not listed.endswith(b"\n"):
            raise Wrong(f"{len(listed)} bytes, {len(missing)} nodes are missing")

    def _gone(self):
        with contextlib.suppress(OSError):
            with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
                return stat.read().rpartition(")")[2].split()[0] == "Z"
        return True

    def run(self):
        number, seen = 0, self.seen
        while self.target.goes_on() or not seen.after_us:
            begins = time.monotonic()
            took = self._timed(seen.lookups_us, "lookup", lambda: self.look_up(number))
            if begins > self.attack_ends + 0.1:
                seen.after_us.append(took)
            if number % 5 == 0:
                self._timed(seen.registrations_us, "registration", lambda: self.register(number))
            if self.lists and number % 50 == 0:
                self._timed(seen.listings_us, "names", self.list_names)
            if seen.wrong and self._gone():
                seen.ended_after_s = time.monotonic() - self.began
                break
            number += 1
        return seen


# ---- the epmd ----

class Besieged:
    """One epmd, its processes, and nodes in it. The command becomes the epmd, in its process.

    It listens on `port`, or else on one that is free.
    """

    def __init__(self, kind, *command, port=None, nodes=NODES, descriptors=DESCRIPTORS):
        self.kind, self._command = kind, command
        self.port = port or free_port()
        self._n_nodes, self._limit = nodes, f"--nofile={descriptors}:{descriptors}"

    def __enter__(self):
        self.log = tempfile.TemporaryFile()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ERL_EPMD")}
        os.sched_setaffinity(0, {SERVER_CPU})
        self._process = subprocess.Popen(
            ["prlimit", self._limit, *self._command, "-port", str(self.port)], stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, env=environment)
        os.sched_setaffinity(0, {GENERATOR_CPU})
        self.pid = self._process.pid
        self.nodes = []
        try:
            await_answer(self.port)
            target = attacks.Target(self.port, time.monotonic() + 60)
            self.nodes = [target.register(node_name(number)) for number in range(self._n_nodes)]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        attacks.close(*self.nodes)
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        self.log.close()

    def runs(self):
        return self._process.poll() is None

    def processes(self):
        found = [self.pid]
        for pid in found:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
                found += map(int, children.read().split())
        return found

    def descriptors(self):
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.processes())

    def memory(self):
        """Bytes of all its processes, as the kernel shares them out."""
        total = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
                total += sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
        return total * 1024

    def log_lines(self):
        return os.pread(self.log.fileno(), 1 << 30, 0).count(b"\n")

    def lost(self):
        """Nodes whose connection was closed, or that are not to be found."""
        client = Client(self.port, self.pid, 0, 0, 0)
        return sum(1 for number, node in enumerate(self.nodes)
                   if _closed(node) or not _finds(client, number))


def _closed(sock):
    if sock is None:
        return True
    sock.setblocking(False)
    try:
        return sock.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _finds(client, number):
    with contextlib.suppress(OSError, Wrong):
        client.look_up(number)
        return True
    return False


# ---- the siege ----

def _attacker(attack, port, until):
    os.sched_setaffinity(0, {GENERATOR_CPU})
    attack(attacks.Target(port, until))


def _client(pipe, *arguments):
    os.sched_setaffinity(0, {SERVER_CPU})
    pipe.send(Client(*arguments).run())


def besiege(epmd, chosen, seconds, lists=True):
    """Run attacks beside a client; what it has seen, also in a second after them."""
    began = time.monotonic()
    ends = began + seconds
    ours, theirs = fork.Pipe()
    client = fork.Process(target=_client,
                          args=(theirs, epmd.port, epmd.pid, began, ends + 1, ends, lists))
    attackers = [fork.Process(target=_attacker, args=(attack, epmd.port, ends))
                 for attack in chosen.values()]
    for process in (client, *attackers):
        process.start()
    theirs.close()
    seen = ours.recv()
    for process in (client, *attackers):
        if seen.ended_after_s is not None and process is not client:
            process.terminate()
        process.join()
    return seen


def wait_back(epmd, before):
    """Wait until what attackers held is given back; what there is then."""
    deadline = time.monotonic() + GOES_BACK_S
    while epmd.runs() and time.monotonic() < deadline:
        if epmd.descriptors() <= before[0] and epmd.memory() <= limit_of(before[1]):
            break
        time.sleep(0.1)
    return (epmd.descriptors(), epmd.memory()) if epmd.runs() else (0, 0)


def limit_of(memory):
    return memory + MEMORY_SLACK


HEADINGS = ["epmd", "lost registrations", "wrong answers", "lookups", "p50 / p99 / max ms",
            "max after", "registrations p99 / max", "NAMES p99 / max", "descriptors", "memory MB",
            "log lines", "note"]


def _ms(value):
    return "-" if value is None else f"{value / 1000:.1f}"


def _cells(epmd, seen, lost, before, after):
    def times(of, *shares):
        return " / ".join(_ms(seen.quantile(of, share)) for share in shares)
    ended = seen.ended_after_s is not None
    wrong = seen.wrong[0] if seen.wrong else ""
    return [epmd.kind, f"{lost} of {NODES}", str(len(seen.wrong)), f"{len(seen.lookups_us):,}",
            times(seen.lookups_us, 0.5, 0.99, 1), times(seen.after_us, 1),
            times(seen.registrations_us, 0.99, 1), times(seen.listings_us, 0.99, 1),
            "-" if ended else f"{before[0]}, {after[0]}",
            "-" if ended else f"{before[1] / 1e6:.1f}, {after[1] / 1e6:.1f}",
            str(epmd.log_lines()),
            f"ended after {seen.ended_after_s:.1f} s" if ended else wrong]


def siege(kind, command, chosen_names, seconds):
    """One siege: the cells of its row, and whether it was withstood."""
    names = [node_name(number) for number in range(NODES)]
    chosen = {name: attack for name, attack in attacks.all_of_them(names, FILL).items()
              if not chosen_names or name in chosen_names}
    with Besieged(kind, *command) as epmd:
        if kind != "stock":
            besiege(epmd, chosen, WARM_UP_S)
            time.sleep(WARM_UP_S)
        before = epmd.descriptors(), epmd.memory()
        seen = besiege(epmd, chosen, seconds)
        after = wait_back(epmd, before)
        lost = epmd.lost() if epmd.runs() else NODES
        good = (lost == 0 and not seen.wrong and after[0] <= before[0]
                and after[1] <= limit_of(before[1]))
        for text in sorted(set(seen.wrong))[:5]:
            print(f"{kind}: {text}, {seen.wrong.count(text)} times", file=sys.stderr)
        return _cells(epmd, seen, lost, before, after), good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epmd", required=True, type=os.path.abspath)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--attacks", default="", help="some of them, by name: all")
    parser.add_argument("--only", default="", help="ours, keeper or stock: all three")
    chosen = parser.parse_args()
    raise_descriptor_limit(OWN_DESCRIPTORS)
    stock = os.environ.get("EPMD_STOCK", "/usr/bin/epmd")
    sieges = {"ours": (chosen.epmd,), "keeper": (chosen.epmd, "-keeper")}
    if os.access(stock, os.X_OK):
        sieges["stock"] = (stock,)
    wanted = set(chosen.only.split(",")) if chosen.only else set(sieges)
    lines, good = [HEADINGS, ["---"] * len(HEADINGS)], True
    for kind, command in sieges.items():
        if kind in wanted:
            print(f"besieging {kind} for {chosen.seconds} s", file=sys.stderr)
            cells, withstood = siege(kind, command, set(filter(None, chosen.attacks.split(","))),
                                     chosen.seconds)
            lines.append(cells)
            good = good and (withstood or kind == "stock")
    print("\n".join("| " + " | ".join(line) + " |" for line in lines))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
