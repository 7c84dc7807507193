"""Every parser that a stranger's bytes reach withstands what was found before, and what hypothesis thinks of; `make fuzz` looks further."""

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.mutations import mutated
from tests.fuzz.target import NAMES, Siege, target

EXAMPLES = {"operator_lines": 60, "journal_files": 100}  # the slow ones


@pytest.mark.parametrize("name", NAMES)
def test_what_is_right_what_was_found_and_what_is_huge_is_withstood(name):
    with Siege(name) as siege:
        for data in [*siege.target.SEEDS, *siege.target.FOUND, *siege.target.HUGE]:
            siege.attack(data)


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_nearly_right_is_withstood(name):
    with Siege(name) as siege:

        @settings(max_examples=EXAMPLES.get(name, 250), suppress_health_check=list(HealthCheck))
        @given(mutated(target(name).SEEDS))
        def attacked(data: bytes) -> None:
            siege.attack(data)

        attacked()


@pytest.mark.parametrize("name", NAMES)
def test_where_nothing_can_be_written_down_nothing_is_done(name):
    with Siege(name) as siege:
        siege.besieged.refuse()
        before = siege.besieged.state()
        for data in siege.target.SEEDS:
            siege.attack(data)
        assert siege.besieged.state() == before


def test_a_target_that_is_not_there_is_named():
    with pytest.raises(SystemExit, match="there is no target 'x'; expected one of http_bytes"):
        target("x")
