"""A stream is mute where a question finds what it does not tell: not where it was late, gone, or had just begun."""

import pytest

from polaris.app.silence import MUTE_S, Silence
from polaris.domain.orders import BUY, FILLED, PARTIAL
from polaris.venues.orders import Report


def report(filled: int = 4, state: int = PARTIAL, client: str = "p1") -> Report:
    return Report(client, "1", state, BUY, 100, 10, filled)


@pytest.fixture
def judging() -> Silence:
    """A stream tells, and was looked at once since it began."""
    silence = Silence()
    silence.tells("sim")
    assert not silence.judges("sim"), "what this look finds was before"
    silence.looked("sim", silence.beginnings("sim"))
    assert silence.judges("sim")
    return silence


def test_what_is_found_and_never_told_is_muteness_and_said_once(judging):
    judging.found("sim", report(), 10.0)
    judging.found("sim", report(6), 11.0)
    assert judging.mute(10.0 + MUTE_S - 0.1) == []
    assert judging.mute(10.0 + MUTE_S) == [("sim", report())] and judging.mute(99.0) == []


@pytest.mark.parametrize("later", [report(4), report(6), report(10, FILLED)])
def test_what_is_told_later_was_only_late(judging, later):
    judging.found("sim", report(), 10.0)
    judging.told(later)
    assert judging.mute(99.0) == []


@pytest.mark.parametrize("other", [report(3), report(10, FILLED, "p2")])
def test_older_news_and_news_of_others_do_not_excuse_it(judging, other):
    judging.found("sim", report(), 10.0)
    judging.told(other)
    assert judging.mute(99.0) == [("sim", report())]


def test_a_look_that_began_before_the_stream_began_again_judges_nothing(judging):
    began = judging.beginnings("sim")
    judging.tells("sim")
    judging.looked("sim", began)
    assert not judging.judges("sim")


def test_a_stream_that_is_gone_need_not_tell(judging):
    judging.found("sim", report(), 10.0)
    judging.stops("sim")
    judging.found("sim", report(client="p2"), 10.0)
    assert not judging.judges("sim") and judging.mute(99.0) == []
