# SPDX-License-Identifier: Apache-2.0
"""The optimised binary stays within its budget of instructions.

Counts, not times: bench/instructions.py says how, bench/instructions.json how many.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
EPMD = os.environ.get("EPMD_OPTIMISED", str(ROOT / "build" / "epmd"))
OTHER_SYSTEM = 77


@pytest.mark.skipif(not shutil.which("callgrind_annotate"), reason="valgrind is not installed")
@pytest.mark.skipif(not os.access(EPMD, os.X_OK), reason=f"there is no optimised {EPMD}")
def test_no_operation_costs_more_than_its_budget():
    result = subprocess.run([sys.executable, ROOT / "bench" / "instructions.py", "--epmd", EPMD,
                             "--check"], capture_output=True, text=True)
    if result.returncode == OTHER_SYSTEM:
        pytest.skip(result.stdout.splitlines()[-1])
    assert result.returncode == 0, result.stdout + result.stderr
