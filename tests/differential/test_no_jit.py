"""The kernels with and without the compiler: the same columns and the same memories, bit for bit."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import hashlib
import msgspec
from polaris.desk.alpha.crossover import crossover
from polaris.desk.bank import BankSettings, default_bank
from polaris.desk.columns import Bank
from polaris.desk.sample import sample_bars, sample_instruments, sample_tops
from polaris.domain.kernel import JIT

instruments = sample_instruments(3)
eager = msgspec.convert(
    {"entry_points": False, "alphas": {"reversion": {"warmup": 10}, "flow": {"warmup": 3.0}}, "ensemble": {"warmup": 3.0}}, BankSettings
)
digest = hashlib.blake2b(digest_size=16)
for tops, depth in (sample_tops(200, 3, step_ns=500_000_000), sample_bars(200, 3)):
    for bank in (default_bank(instruments, eager), Bank([crossover(3, 7)], instruments)):
        digest.update(bank.update(tops, depth).tobytes())
        for state in bank.states:
            digest.update(state.tobytes())
        outcomes = bank.states[-1]["outcomes"] if "outcomes" in bank.states[-1].dtype.names else None
        assert outcomes is None or (outcomes > 0).all(), "the case must be long enough for the ensemble to learn"
print(JIT, digest.hexdigest())
"""


def run(disable: str) -> list[str]:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": disable}
    done = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.slow
def test_the_default_bank_gives_the_same_bits_with_and_without_the_compiler() -> None:
    compiled, plain = run("0"), run("1")
    assert (compiled[0], plain[0]) == ("True", "False")
    assert compiled[1] == plain[1]
