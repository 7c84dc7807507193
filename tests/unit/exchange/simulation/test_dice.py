"""Dice: the same on every machine, and of the distributions they are said to be."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polaris.exchange.simulation.dice import WORDS, Dice, below, exponential, left, ln, log, normal, pareto, uniform

GOLDEN_NORMALS = ["0x1.36f9fa90e21ccp-2", "0x1.9895738a26c9dp-1", "0x1.16a774bde91e0p+0"]


def test_a_seed_gives_the_words_it_always_gave():
    dice = Dice(7, 64)
    assert dice.words[WORDS : WORDS + 3].tolist() == np.random.Philox(7).random_raw(3).view(np.int64).tolist()
    assert [float(normal(dice.words)).hex() for _ in range(3)] == GOLDEN_NORMALS



@given(n=st.integers(1, 2**63 - 1))
@settings(deadline=None)
def test_the_logarithm_of_an_integer_is_the_logarithm(n):
    assert float(ln(n)) == pytest.approx(math.log(n), rel=4e-16, abs=4e-16)


@given(x=st.floats(1e-6, 1e6))
@settings(deadline=None)
def test_the_logarithm_of_a_ratio_is_near(x):
    assert float(log(x)) == pytest.approx(math.log(x), abs=2e-6 if x < 1e-3 else 1e-8)


def test_words_come_in_one_stream_however_often_the_ring_is_filled():
    small, large = Dice(3, 16), Dice(3, 4096)
    taken = []
    for n in range(1000):
        if n % 7 == 0 or left(small.words) < 1:
            small.fill()
        taken.append(float(uniform(small.words)))
    assert taken == [float(uniform(large.words)) for _ in range(1000)]


def test_deviates_have_the_moments_of_their_distributions():
    dice = Dice(1, 1 << 19)
    normals = np.array([normal(dice.words) for _ in range(100_000)])
    waits = np.array([exponential(dice.words) for _ in range(50_000)])
    evens = np.array([uniform(dice.words) for _ in range(50_000)])
    counts = np.bincount([below(dice.words, 5) for _ in range(50_000)])
    assert abs(normals.mean()) < 0.012
    assert abs(normals.std() - 1) < 0.01
    assert abs((normals**4).mean() - 3) < 0.1
    assert abs((np.abs(normals) > 1.959964).mean() - 0.05) < 0.003
    assert abs(waits.mean() - 1) < 0.02
    assert abs(waits.var() - 1) < 0.06
    assert abs(evens.mean() - 0.5) < 0.006
    assert 0 <= evens.min() < evens.max() < 1
    assert len(counts) == 5
    assert abs(counts / 10_000 - 1).max() < 0.04


def test_a_pareto_deviate_stays_between_its_bounds_and_has_its_tail():
    dice = Dice(2, 1 << 17)
    sizes = np.array([pareto(dice.words, 1.5, 4.0, 400.0) for _ in range(50_000)])
    assert sizes.min() >= 4.0
    assert sizes.max() == 400.0
    assert (sizes > 16.0).mean() == pytest.approx(4.0**-1.5, rel=0.03)
