# SPDX-License-Identifier: Apache-2.0
"""Run Erlang's own programs against one daemon.

Always true here: a program sees a home directory, a cookie and a port of its
own, resolves this host's short name without the system's resolver, never
starts an epmd that the test did not ask for, and is gone, with its files, when
its block ends. Every wait is for output or for a name, with a deadline.
"""

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

from harness import PATIENCE_S, clean_env, wait_for
from machine import open_terminal

HOST = socket.gethostname().split(".")[0]
# The address of a node's host is rarely the one that it registered through.
HOST_ADDRESS = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"
COOKIE = "monster"

# One expression a line in, its value as one line out. Spawned, because init
# counts as starting until its own expressions are done.
EVALUATOR = """
Serve = fun Serve() ->
  case io:get_line('') of
    eof -> halt();
    Line ->
      {ok, Tokens, _} = erl_scan:string(Line),
      {ok, Exprs} = erl_parse:parse_exprs(Tokens),
      Value = try element(2, erl_eval:exprs(Exprs, []))
              catch Class:Reason -> {Class, Reason} end,
      io:format("= ~0tp~n", [Value]),
      Serve()
  end
end,
spawn(fun() -> io:format("= ~0tp~n", [node()]), Serve() end).
"""


class Program:
    """A running program whose output is awaited, line by line or by pattern."""

    def __init__(self, command, site, tty=False):
        self.command = command
        self.output = ""
        self._seen = 0
        if tty:
            self._end, theirs = open_terminal()
        else:
            pair = socket.socketpair()
            self._end, theirs = (side.detach() for side in pair)
        self.process = subprocess.Popen(command, env=site.env, cwd=site.home, stdin=theirs,
                                        stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)

    def send(self, line):
        os.write(self._end, line.encode() + b"\n")

    def expect(self, pattern, timeout=PATIENCE_S):
        """Wait until a regular expression matches in output not matched before."""
        deadline = time.monotonic() + timeout
        while not (match := re.compile(pattern, re.M).search(self.output, self._seen)):
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{self.command[0]}: no {pattern!r} in:\n{self.output}")
        self._seen = match.end()
        return match

    def _read(self, timeout):
        if timeout <= 0 or not select.select([self._end], [], [], timeout)[0]:
            return False
        chunk = b""
        with contextlib.suppress(OSError):
            chunk = os.read(self._end, 65536)
        self.output += chunk.decode(errors="replace")
        return bool(chunk)

    def kill(self):
        """End it by SIGKILL, as it would end in a crash."""
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        os.close(self._end)


class Node(Program):
    """An erl node that evaluates expressions."""

    def __init__(self, command, site):
        super().__init__([*command, "-noshell", "-eval", EVALUATOR], site)

    def __enter__(self):
        try:
            self.name = self.expect("^= (.*)\n").group(1)
        except AssertionError:
            self.__exit__()
            raise
        return self

    def ask(self, expression):
        """The value of an Erlang expression, as ~0tp prints it."""
        self.send(expression + ".")
        return self.expect("^= (.*)\n").group(1)

    def ping(self, other):
        return self.ask(f"net_adm:ping({other.name})")

    def creation(self):
        return int(self.ask("erlang:system_info(creation)"))


class Site:
    """Where programs run: a home directory, and the port of their epmd."""

    def __init__(self, port, home):
        self.port, self.home = port, home
        inherited = {key: value for key, value in clean_env().items()
                     if not key.startswith(("ERL_", "ELIXIR_", "XDG_"))}
        self.env = {**inherited, "HOME": home, "ERL_EPMD_PORT": str(port),
                    "ERL_INETRC": self._write("inetrc", inetrc()),
                    "ERL_CRASH_DUMP_SECONDS": "0",
                    # On a terminal that can do nothing, erl ignores -remsh.
                    "TERM": "vt100"}
        os.chmod(self._write(".erlang.cookie", COOKIE), 0o400)

    def _write(self, name, text):
        path = os.path.join(self.home, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def node(self, *options, erl=("erl",), start_epmd=False):
        epmd = () if start_epmd else ("-start_epmd", "false")
        return Node([*erl, *epmd, *options], self)

    def program(self, *command, tty=False):
        return Program(command, self, tty)

    def run(self, *command, timeout=PATIENCE_S):
        """Run a command to its end; its CompletedProcess, output and errors in stdout."""
        return subprocess.run(command, env=self.env, cwd=self.home, timeout=timeout, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)

    def names(self):
        """What epmd says is registered: {name: port}, or None where no epmd answers."""
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as client:
                client.sendall(b"\0\1n")
                with client.makefile("rb") as reply:
                    lines = reply.read()[4:].decode()
            return {name: int(port)
                    for name, port in re.findall(r"^name (\S+) at port (\d+)$", lines, re.M)}
        return None

    def await_names(self, *expected):
        """Wait until these names and no others are registered; {name: port}."""
        def registered():
            names = self.names()
            return None if names is None or names.keys() != set(expected) else (names,)
        return wait_for(registered, what=f"names {expected}")[0]


def inetrc():
    """erl's resolver configuration: this host's name, and all other names as usual."""
    addresses = HOST_ADDRESS.replace(".", ","), "0,0,0,0,0,0,0,1"
    hosts = [f'{{host, {{{address}}}, ["{HOST}"]}}.' for address in addresses]
    return "\n".join(['{hosts_file, ""}.', *hosts, "{lookup, [file, native]}.", ""])


@contextlib.contextmanager
def site_at(port):
    with tempfile.TemporaryDirectory() as home:
        yield Site(port, home)


def pids_of(path):
    """The processes that were started as path."""
    found = set()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/cmdline", "rb") as line:
            if line.read().split(b"\0")[0] == os.fsencode(path):
                found.add(int(entry))
    return found


def end_all(path):
    """End what was started as path, and wait until it is gone."""
    for pid in pids_of(path):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not pids_of(path), what=f"the end of {path}")
