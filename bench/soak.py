# SPDX-License-Identifier: Apache-2.0
"""Everything at once for a while: registrations, lookups, lists, resets, floods, stalls.

    soak.py --epmd PATH [--seconds N]

PATH is best a build with sanitizers. At the end the registry holds exactly what it
should, every wrong answer on the way has been counted, and the server's descriptors
and memory are back where they were after a short warm-up of the same. Exits 1
otherwise.
"""

import argparse
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from contestants import await_answer, free_port

WORKERS = 8
WARM_UP_S = 3
MEMORY_SLACK = 2 << 20  # bytes: the allocator's arenas and the sanitizer's quarantine
SANITIZER = {"ASAN_OPTIONS": "quarantine_size_mb=1:detect_leaks=1"}


def frame(body):
    return len(body).to_bytes(2, "big") + body


def alive(name):
    return frame(b"x\x12\x67M\0\0\6\0\5" + len(name).to_bytes(2, "big") + name + b"\0\0")


class Worker(threading.Thread):
    """One client that does this and that, and knows which names it holds."""

    def __init__(self, port, number, until):
        super().__init__(daemon=True)
        self.port, self.number, self.until = port, number, until
        self.random = random.Random(number)
        self.nodes = {}
        self.stalled = []
        self.done, self.wrong = {}, []

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def ask(self, request):
        with self.connect() as sock:
            sock.sendall(request)
            reply = b""
            with contextlib.suppress(ConnectionResetError):
                while chunk := sock.recv(65536):
                    reply += chunk
            return reply

    def pick(self):
        return b"w%d-%d" % (self.number, self.random.randrange(50))

    def expect(self, what, holds):
        if not holds:
            self.wrong.append(what)

    def register(self):
        name, sock = self.pick(), self.connect()
        sock.sendall(alive(name))
        accepted = sock.recv(6)[1:2] == b"\0"
        self.expect(f"registration of {name}", accepted == (name not in self.nodes))
        if accepted:
            self.nodes[name] = sock
        else:
            sock.close()

    def leave(self):
        if self.nodes:
            sock = self.nodes.pop(self.random.choice(list(self.nodes)))
            if self.random.random() < 0.5:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.close()

    def look_up(self):
        name = self.pick()
        if name in self.nodes:
            self.expect(f"lookup of {name}", self.ask(frame(b"z" + name))[:2] == b"w\0")

    def list_names(self):
        listed = self.ask(frame(b"n"))
        self.expect("names", all(b"name %s at" % name in listed for name in self.nodes))

    def dump(self):
        self.expect("dump", self.ask(frame(b"d"))[4:])

    def garbage(self):
        with contextlib.suppress(OSError), self.connect() as sock:
            sock.sendall(self.random.randbytes(self.random.randrange(1, 4000)))
            sock.shutdown(socket.SHUT_WR)
            sock.recv(65536)

    def reset(self):
        with self.connect() as sock:
            sock.sendall(alive(self.pick())[:self.random.randrange(30)])
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def flood(self):
        for sock in [self.connect() for _ in range(100)]:
            sock.close()

    def stall(self):
        sock = self.connect()
        sock.sendall(self.random.choice([b"\0", b"\0\5z", frame(b"n")]))
        self.stalled.append(sock)
        if len(self.stalled) > 30:
            self.stalled.pop(0).close()

    def run(self):
        actions = [self.register] * 6 + [self.leave] * 4 + [self.look_up] * 12 + [
            self.list_names, self.dump, self.garbage, self.reset, self.stall, self.flood]
        while time.monotonic() < self.until:
            action = self.random.choice(actions)
            try:
                action()
            except OSError as error:
                self.wrong.append(f"{action.__name__}: {error!r}")
            self.done[action.__name__] = self.done.get(action.__name__, 0) + 1
        for sock in self.stalled:
            sock.close()


def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def settle(port, pid, expected):
    """Wait until the registry has what is expected and nothing more is open; else why not."""
    deadline = time.monotonic() + 20
    while True:
        listed = {line.split()[1] for line in await_answer(port, frame(b"n"))[4:].splitlines()}
        if listed == expected or time.monotonic() > deadline:
            return listed
        time.sleep(0.05)


def load(port, seconds):
    """Run the workers; what they did, what went wrong, and their nodes, still held."""
    workers = [Worker(port, n, time.monotonic() + seconds) for n in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return workers


def end(workers):
    for worker in workers:
        for sock in worker.nodes.values():
            sock.close()


def soak(port, pid, seconds):
    end(load(port, WARM_UP_S))
    settle(port, pid, set())
    before = descriptors(pid), pss(pid)
    workers = load(port, seconds)
    expected = {name for worker in workers for name in worker.nodes}
    listed = settle(port, pid, expected)
    end(workers)
    settle(port, pid, set())
    after = descriptors(pid), pss(pid)

    done = {}
    for worker in workers:
        for action, count in worker.done.items():
            done[action] = done.get(action, 0) + count
    wrong = [text for worker in workers for text in worker.wrong]
    print(", ".join(f"{count:,} x {action}" for action, count in sorted(done.items())))
    print(f"registry: {len(listed)} names, {len(expected)} expected; wrong answers: {len(wrong)}")
    print(f"descriptors: {before[0]} before, {after[0]} after; "
          f"memory: {before[1]:,} bytes before, {after[1]:,} after")
    for text in wrong[:10]:
        print(f"  {text}")
    return (listed == expected and not wrong and after[0] == before[0]
            and after[1] <= before[1] + MEMORY_SLACK)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epmd", required=True, type=os.path.abspath)
    parser.add_argument("--seconds", type=int, default=60)
    chosen = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen([chosen.epmd, "-port", str(port)], stderr=log,
                                  env={**os.environ, **SANITIZER})
        try:
            await_answer(port)
            good = soak(port, server.pid, chosen.seconds)
        finally:
            server.send_signal(signal.SIGTERM)
            status = server.wait(20)
        log.seek(0)
        text = log.read().decode(errors="replace")
    good = good and status == 0 and "Sanitizer" not in text
    print(f"exit status {status}, {len(text.splitlines())} log lines; "
          f"{'good' if good else 'NOT GOOD'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
