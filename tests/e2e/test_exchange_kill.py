"""kill -9 of a real exchange under load at random points; `polaris bench exchange-kill` does it 200 times and prints the table."""

from pathlib import Path

import pytest

BENCHMARKS = str(Path(__file__).parents[2] / "benchmarks")
WRONG = ("lost", "twice", "digests_that_differ", "unbalanced", "faults")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_an_exchange_that_is_killed_loses_nothing_it_told_in_any_dialect_and_comes_to_the_same_state(tmp_path, seed, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from bench_exchange_kill import drill

    table = drill(tmp_path, 10, seed)
    assert dict.fromkeys(WRONG, 0) == {name: table[name] for name in WRONG}, table["first_faults"]
    assert table["kills"] == 10 and table["at"] == {"load": 6, "recovery": 2, "start": 2}
    assert table["commands"] > table["acknowledged"] > 100 and table["fills_told"] > 20 and table["starts_from_a_snapshot"]


@pytest.mark.slow
def test_the_drill_sees_what_an_exchange_loses_that_answers_before_its_disk_has_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from bench_exchange_kill import drill

    table = drill(tmp_path, 10, 3, durability="memory")
    assert table["lost"] > 0 and table["faults"] > 0 and table["digests_that_differ"] == table["unbalanced"] == 0


@pytest.mark.slow
def test_a_standby_that_takes_a_killed_leaders_place_has_every_command_that_was_durable(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from bench_journal import promotion

    assert promotion(tmp_path, 2)["acknowledged_and_lacking"] == 0
