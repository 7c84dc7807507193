"""The agenda: always the earliest, whoever puts himself in again."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from polaris.exchange.simulation.agenda import again, new_agenda


@given(times=st.lists(st.integers(0, 50), min_size=1, max_size=40), waits=st.lists(st.integers(0, 30), max_size=120))
@settings(deadline=None)
def test_who_acts_next_is_the_earliest_and_of_those_the_lowest(times, waits):
    agenda = new_agenda(np.array(times, np.int64), np.arange(len(times)))
    plain = sorted((time, actor) for actor, time in enumerate(times))
    for wait in waits:
        assert (int(agenda[0]), int(agenda[1])) == plain[0]
        time, actor = plain.pop(0)
        again(agenda, time + wait)
        plain = sorted([*plain, (time + wait, actor)])
    assert sorted(map(tuple, agenda.reshape(-1, 2).tolist())) == plain
