# SPDX-License-Identifier: Apache-2.0
"""A kept daemon whose program can be replaced, and whose clock the test sets forward."""

import os
import pathlib
import shutil
import signal
import subprocess

from machine import COMPILER
from restart.keeping import Kept


def clock_library(directory):
    """The path of the library that moves a program's clock."""
    library = str(directory / "clock.so")
    source = pathlib.Path(__file__).with_name("clock.c")
    subprocess.run([*COMPILER, "-shared", "-fPIC", "-o", library, source], check=True)
    return library


class OnTrial(Kept):
    """Its seconds pass when forward() says so, beside those that pass anyway."""

    def __init__(self, ours, directory, *options):
        path = str(directory / "epmd")
        shutil.copy(ours, path)
        self._clock = str(directory / "clock")
        self._ahead_s = 0
        self._write()
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        super().__init__(path, *options, env={"LD_PRELOAD": clock_library(directory),
                                              "TEST_CLOCK": self._clock,
                                              "ASAN_OPTIONS": sanitizer})

    def _write(self):
        with open(self._clock, "r+b" if os.path.exists(self._clock) else "wb") as clock:
            clock.write(self._ahead_s.to_bytes(8, "little"))

    def forward(self, seconds):
        """Let time pass; the keeper is woken, as it sleeps by the kernel's own clock."""
        self._ahead_s += int(seconds)
        self._write()
        os.kill(self.pid, signal.SIGCHLD)
