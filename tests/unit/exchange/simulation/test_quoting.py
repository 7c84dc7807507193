"""Avellaneda and Stoikov's market maker against the table of their paper."""

import numpy as np
import pytest

from polaris.exchange.simulation.quoting import quotes, term_of

# gamma, inventory strategy?, average spread, profit, its deviation, deviation of the final inventory; Tables 1 to 3
TABLE = [
    (0.1, True, 1.49, 65.0, 6.6, 2.9),
    (0.1, False, 1.49, 68.4, 13.0, 8.4),
    (0.01, True, 1.35, 68.6, 8.8, 5.1),
    (0.01, False, 1.35, 68.8, 13.1, 8.7),
    (1.0, True, 3.02, 31.4, 5.0, 1.65),
    (1.0, False, 3.02, 44.0, 10.9, 5.1),
]
DECAY, RATE, SIGMA, STEP, STEPS, PATHS = 1.5, 140.0, 2.0, 0.005, 200, 8000
plain = getattr(quotes, "py_func", quotes)  # the same lines, which take arrays too


@pytest.mark.parametrize(("gamma", "minds", "spread", "profit", "deviation", "inventory"), TABLE)
def test_the_paper_s_table_is_reproduced(gamma, minds, spread, profit, deviation, inventory):
    dice = np.random.Generator(np.random.PCG64(1))
    term = float(term_of(gamma, DECAY))
    average = gamma * SIGMA**2 * 0.5 + term
    assert average == pytest.approx(spread, abs=0.015)
    mid, held, cash = np.full(PATHS, 100.0), np.zeros(PATHS), np.zeros(PATHS)
    for n in range(STEPS):
        if minds:
            bid, ask = plain(mid, held, gamma, SIGMA**2 * (1 - n * STEP), term)
        else:
            bid, ask = mid - average / 2, mid + average / 2
        bought = dice.random(PATHS) < RATE * STEP * np.exp(-DECAY * (mid - bid))
        sold = dice.random(PATHS) < RATE * STEP * np.exp(-DECAY * (ask - mid))
        cash += sold * ask - bought * bid
        held += bought.astype(float) - sold
        mid = mid + SIGMA * STEP**0.5 * np.where(dice.random(PATHS) < 0.5, 1, -1)
    final = cash + held * mid
    assert final.mean() == pytest.approx(profit, abs=1.0)
    assert final.std() == pytest.approx(deviation, rel=0.08)
    assert held.std() == pytest.approx(inventory, rel=0.08)
    assert abs(held.mean()) < 0.4


def test_the_average_spreads_are_the_exact_ones():
    assert [round(gamma * 4 * 0.5 + float(term_of(gamma, 1.5)), 3) for gamma in (0.1, 0.01, 1.0)] == [1.491, 1.349, 3.022]


def test_who_holds_more_quotes_lower_and_as_wide():
    short, flat, long = (quotes(100.0, q, 0.1, 4.0, 1.3) for q in (-3.0, 0.0, 3.0))
    assert short[0] > flat[0] > long[0]
    assert short[1] > flat[1] > long[1]
    assert flat[1] - flat[0] == pytest.approx(long[1] - long[0]) == pytest.approx(0.1 * 4.0 + 1.3)
    assert (flat[0] + flat[1]) / 2 == pytest.approx(100.0)
