"""A bank in one call: the same columns and memories as kernel by kernel, and what is not fused."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polaris.desk.bank import BankSettings, default_bank
from polaris.desk.columns import Bank, Kernel
from polaris.desk.features.imbalance import imbalance
from polaris.desk.features.touch import touch
from polaris.desk.fused import fused, text
from polaris.desk.sample import sample_instruments, sample_tops
from polaris.domain.kernel import JIT, cache_dir, kernel

compiled = pytest.mark.skipif(not JIT, reason="the compiler is switched off")
INSTRUMENTS = sample_instruments(2)
COUNTER = np.dtype([("seen", "<i8")])

SOURCE = '''
from polaris.domain.kernel import kernel

@kernel
def run(tops, depth, columns, inputs, first, state, params):
    for k in range(tops.size):
        state[tops[k]["instrument"]]["seen"] += {step}
        columns[first, k] = columns[inputs[0], k] + state[tops[k]["instrument"]]["seen"] * params[0]
'''


def stage(run: Callable[..., None]) -> Kernel:
    return Kernel(name="counter", outputs=("count",), units=("boundaries",), inputs=("mid",), params=(0.5,), run=run, state=COUNTER)


def one_by_one(bank: Bank) -> Bank:
    bank.fused = None
    return bank


def same(one: Bank, other: Bank) -> bool:
    tops, depth = sample_tops(600, 2, step_ns=150_000_000)
    for first in range(0, 600, 200):
        if one.update(tops[first : first + 200], depth[first : first + 200]).tobytes() != other.update(tops[first : first + 200], depth[first : first + 200]).tobytes():
            return False
    return one.memory.tobytes() == other.memory.tobytes() and [state.tobytes() for state in one.states] == [state.tobytes() for state in other.states]


@compiled
def test_one_call_gives_the_columns_and_memories_of_a_call_a_kernel_bit_for_bit() -> None:
    settings = BankSettings(entry_points=False)
    bank = default_bank(INSTRUMENTS, settings)
    assert bank.fused is not None
    assert same(bank, one_by_one(default_bank(INSTRUMENTS, settings)))


@compiled
def test_the_same_kernels_with_other_params_share_one_module_that_can_be_read() -> None:
    module = fused(default_bank(INSTRUMENTS, BankSettings(entry_points=False)).kernels)
    assert module is fused(default_bank(sample_instruments(1), BankSettings(entry_points=False)).kernels)
    assert module is not fused([touch(), imbalance()])
    assert Path(module.__file__ or "").is_relative_to(cache_dir())
    assert Path(module.__file__ or "").read_text() == text(default_bank(INSTRUMENTS, BankSettings(entry_points=False)).kernels)


def test_a_function_without_a_name_to_import_it_by_is_called_on_its_own() -> None:
    @kernel
    def count(tops: Any, depth: Any, columns: Any, inputs: Any, first: Any, state: Any, params: Any) -> None:
        for k in range(tops.size):
            state[tops[k]["instrument"]]["seen"] += 1
            columns[first, k] = state[tops[k]["instrument"]]["seen"]

    bank = Bank([touch(), stage(count)], INSTRUMENTS)
    assert bank.fused is None
    tops, depth = sample_tops(50, 1)
    assert bank.update(tops, depth)[bank.column("count")].tolist() == [float(k) for k in range(1, 51)]


@compiled
def test_an_edit_in_another_packages_kernel_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    tops, depth = sample_tops(50, 1)
    for step in (1, 2):
        (tmp_path / "somebodys_package.py").write_text(SOURCE.format(step=step) + "\n" * step)
        sys.modules.pop("somebodys_package", None)
        importlib.invalidate_caches()
        run = importlib.import_module("somebodys_package").run
        bank = Bank([touch(), stage(run)], INSTRUMENTS)
        assert bank.fused is not None
        columns = bank.update(tops, depth)
        counted = columns[bank.column("count")] - columns[bank.column("mid")]
        assert counted.tolist() == [0.5 * step * k for k in range(1, 51)]
