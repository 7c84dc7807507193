"""kill -9 of an exchange under load at random points; `polaris bench exchange-kill` does it 200 times and prints the table."""

from pathlib import Path

import pytest

from benchmarks.bench_exchange_kill import drill


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_exchange_that_is_killed_loses_no_answer_it_gave_and_comes_to_the_same_state(tmp_path, seed):
    table = drill(tmp_path, 10, seed)
    assert table["kills"] == 10 and table["in_recovery"] == 2 and min(table["of"].values()) > 0
    assert (table["lost"], table["twice"], table["contradictions"], table["digests_that_differ"]) == (0, 0, 0, 0)
    assert table["commands"] >= table["acknowledged"] > 500


@pytest.mark.slow
def test_a_standby_that_takes_a_killed_leaders_place_has_every_command_that_was_durable(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    from bench_journal import promotion

    assert promotion(tmp_path, 2)["acknowledged_and_lacking"] == 0
