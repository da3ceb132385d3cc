# SPDX-License-Identifier: Apache-2.0
"""Ask real shells what they would complete.

Each function takes a command line whose last word is the one to complete, and returns
the set of what is offered. The first word is the program's path, but for fish, which asks the
epmd in its PATH.
"""

import os
import re
import select
import shutil
import subprocess
import time

from harness import OURS, PATIENCE_S, ROOT, clean_env
from machine import need, open_terminal

COMPLETIONS = os.path.join(ROOT, "dist", "completions")
BIN = os.path.dirname(os.path.abspath(OURS))

BASH = """
source "$1" && complete -p epmd >/dev/null || exit
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_epmd "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""

ZSH = """
PS1= PS2= RPS1= LISTMAX=1000
stty -echo cols 200 rows 500
autoload -U compinit && compinit -u -D
zstyle ':completion:*' list-separator '#'
zstyle ':completion:*' insert-tab false
show() { zle list-choices; zle -R; print -rn '=end=' >$TTY; BUFFER= }
zle -N show
bindkey '^D' show
zle-line-init() { print -rn '=end=' >$TTY }
zle -N zle-line-init
"""


def run(*command):
    done = subprocess.run(command, env=clean_env({"PATH": f"{BIN}:{os.environ['PATH']}"}),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S,
                          check=False)
    assert done.returncode == 0 and done.stderr == "", done
    return set(done.stdout.splitlines()) - {""}


def bash(*words):
    need("bash")
    return run("bash", "--norc", "-c", BASH, "bash", f"{COMPLETIONS}/epmd.bash",
               os.path.join(BIN, "epmd"), *words)


def fish(*words):
    """fish 4 has more, which it ranks behind what begins as the word does."""
    need("fish")
    line = " ".join(["epmd", *words])
    offered = run("fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]",
                  f"{COMPLETIONS}/epmd.fish", line)
    return {word.partition("\t")[0] for word in offered if word.startswith(words[-1])}


class Zsh:
    """An interactive zsh on a terminal, which is where it completes."""

    def __init__(self, directory):
        need("zsh")
        shutil.copy(f"{COMPLETIONS}/epmd.zsh", directory / "_epmd")
        (directory / ".zshrc").write_text(f"fpath=({directory} $fpath)\n{ZSH}")
        self._end, theirs = open_terminal()
        self._process = subprocess.Popen(
            ["zsh", "-d", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, cwd=directory,
            env=clean_env({"TERM": "dumb", "PATH": f"{BIN}:{os.environ['PATH']}",
                           "ZDOTDIR": str(directory)}), start_new_session=True)
        os.close(theirs)
        self._read()

    def _send(self, text):
        os.write(self._end, text.encode())

    def _read(self):
        """What it prints before the next end mark: it reads a line, or has shown the choices."""
        seen, deadline = "", time.monotonic() + PATIENCE_S
        while "=end=" not in seen:
            assert select.select([self._end], [], [], deadline - time.monotonic())[0], seen
            seen += os.read(self._end, 65536).decode(errors="replace")
        return re.sub(r"\x1b\[[^a-z]*[a-z]", "", seen.partition("=end=")[0])

    def offered(self, *words):
        self._send(" ".join(["epmd", *words]) + "\x04")
        words = (word for line in self._read().splitlines()
                 for word in re.split(r"\s{2,}| *#.*", line.strip()))
        return {word for word in words if word and not word.startswith("epmd ")}

    def stop(self):
        os.close(self._end)
        self._process.wait(PATIENCE_S)
