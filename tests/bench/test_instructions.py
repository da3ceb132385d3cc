# SPDX-License-Identifier: Apache-2.0
"""The optimised binary stays within its budget of instructions.

Counts, not times: bench/instructions.py says how, bench/instructions.json how many.
"""

import os
import subprocess
import sys

import pytest

import machine
from harness import ROOT

OTHER_SYSTEM = 77


@pytest.mark.needs("callgrind_annotate")
def test_no_operation_costs_more_than_its_budget(optimised):
    machine.need_descriptors(2048)  # twice what is held: close to its limit a daemon does more
    result = subprocess.run([sys.executable, os.path.join(ROOT, "bench", "instructions.py"),
                             "--epmd", optimised, "--port", str(machine.free_port()), "--check"],
                            capture_output=True, text=True)
    if result.returncode == OTHER_SYSTEM:
        machine.cannot(result.stdout.splitlines()[-1])
    assert result.returncode == 0, result.stdout + result.stderr
