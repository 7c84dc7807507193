"""docs/extending.md means what it says: its feature compiles, joins the bank, and says what it promises."""

import importlib
import re
import sys
from pathlib import Path

import numpy as np

from polaris.desk import bank
from polaris.desk.sample import sample_instruments, sample_tops

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extending.md"


class Point:
    """An entry point as an installed package would give it."""

    name = "streak"

    def load(self):
        return importlib.import_module("my_features").feature


def test_the_feature_of_the_page_joins_the_bank_and_counts_streaks(tmp_path, monkeypatch):
    source = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S).group(1)
    (tmp_path / "my_features.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(bank, "entry_points", lambda group: [Point()] if group == bank.FEATURES else [])
    instruments = sample_instruments(1)
    made = bank.default_bank(instruments)
    tops, depth = sample_tops(500, 1)
    column = made.update(tops, depth)[made.column("streak")]
    moved = np.sign(np.diff(tops["bid"] + tops["ask"]))
    expected, streak = [0.0], 0
    for way in moved.tolist():
        streak = streak if way == 0 else max(streak, 0) + 1 if way > 0 else min(streak, 0) - 1
        expected.append(float(streak))
    assert column.tolist() == expected
    assert np.abs(column).max() > 1
    sys.modules.pop("my_features")


def test_the_strategy_of_the_page_is_one_of_the_examples():
    settings = re.search(r"name = \"(\w+):(\w+)\"", PAGE.read_text("utf-8"))
    module = PAGE.parents[1] / "examples" / f"{settings.group(1)}.py"
    assert f"class {settings.group(2)}(Strategy)" in module.read_text("utf-8")
