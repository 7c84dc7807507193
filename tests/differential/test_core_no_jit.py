"""The whole core with and without the compiler: the same decisions and the same state, bit for bit.

Without it every kernel is plain Python and NumPy, where an overflow warns and an index out of bounds raises: a run that
ends is also one in which none of these happened.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = """
from polaris.domain.kernel import JIT
from tests.property.test_desk_split import DESKS, run
from tests.unit.desk.day import a_day

fills = 0
for name in DESKS:
    for seed in (1, 5, 10, 14, 18, 27):
        records, state, decisions, desk = run(name, seed, a_day(seed, 160), [40, 41, 100])
        fills += int(desk.account["fills"])
        print(name.replace(" ", "_"), seed, len(records), state, decisions)
assert fills > 30, fills
print(JIT)
"""


def run(disable: str) -> list[str]:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": disable}
    done = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


@pytest.mark.slow
def test_the_whole_core_decides_the_same_with_and_without_the_compiler() -> None:
    *compiled, with_jit, _ = run("0")
    *plain, without_jit, _ = run("1")
    assert (with_jit, without_jit) == ("True", "False")
    assert len(compiled) == 18 and compiled == plain
