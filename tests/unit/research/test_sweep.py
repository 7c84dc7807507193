"""A sweep agrees with its own plain twin, bar by bar, whatever the closes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.desk.settings import DeskSettings, ExecutionSettings
from polaris.domain.errors import BadConfig, BadData
from polaris.domain.instrument import Instrument, InstrumentId, Key, Product
from polaris.domain.kernel import kernel
from polaris.research.sweep import CROSSOVER, Family, crossover, prefix_sums, sweep

BTC = Instrument(id=InstrumentId(0), key=Key("sim", Product.SPOT, "BTC", "USDT"), wire="BTCUSDT", price_decimals=2, quantity_decimals=3)
TEN_BPS = DeskSettings(equity=1_000_000.0, execution=ExecutionSettings(taker_fee=0.001))


def plain_crossover(closes, fast, slow):
    """The crossover said the slow way."""
    out, up, armed = [], False, False
    for i in range(len(closes)):
        if i + 1 >= slow:
            up = sum(closes[i + 1 - fast : i + 1]) * slow > sum(closes[i + 1 - slow : i + 1]) * fast
            armed = armed or not up
        out.append(int(up and armed))
    return out


def plain_money(closes, wanted, lots, ppm=1000):
    """(cash, fees, fills) in units of 1e-8; at 2 and 3 decimals one tick of one lot is 1,000 of them."""
    cash, fees, fills, held = 10**14, 0, 0, 0
    for price, want in zip(closes, wanted, strict=True):
        if want != held:
            amount = price * abs(want - held) * lots * 1000
            fee = -(-amount * ppm // 10**6)
            cash -= (amount if want > held else -amount) + fee
            fees, fills, held = fees + fee, fills + 1, want
    return cash, fees, fills, cash + held * lots * closes[-1] * 1000


closes_ = st.lists(st.integers(900, 1100), min_size=8, max_size=120)


@given(closes_, st.integers(1, 4), st.integers(1, 4))
def test_the_signal_is_its_plain_twin(closes, fast, more):
    out = np.full(len(closes), 9, np.int8)
    crossover(prefix_sums(np.array(closes)), np.array([fast, fast + more]), out)
    assert out.tolist() == plain_crossover(closes, fast, fast + more)


@given(closes_, st.data())
def test_money_is_its_plain_twin_for_any_signal(closes, data):
    wanted = data.draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=len(closes), max_size=len(closes)))

    fixed = Family(name="fixed", parameters=("unused",), signal=copy, prepare=lambda _: np.array(wanted, np.int8))
    outcome = sweep(np.array(closes), fixed, [(0,)], BTC, TEN_BPS, lots=100)
    account = outcome.accounts[0]
    assert (account["cash"], account["fees"], account["fills"], account["equity"]) == plain_money(closes, wanted, 100)
    assert account["cash"] + outcome.positions[0]["cost"] == account["deposits"] + account["realised"] - account["fees"]


@kernel
def copy(prepared, combination, out):
    """A signal somebody wrote down."""
    for i in range(out.size):
        out[i] = prepared[i]


def test_drawdown_is_the_deepest_fall_of_equity_at_a_fill():
    closes = np.array([10_000, 9_000, 9_500, 9_500, 9_500, 9_500, 9_500, 9_500, 9_500])
    wanted = Family(name="hold", parameters=("unused",), signal=copy, prepare=lambda _: np.array([1, 0, 0, 0, 0, 0, 0, 0, 0], np.int8))
    free = DeskSettings(equity=1_000.0, execution=ExecutionSettings(taker_fee=0.0))
    outcome = sweep(closes, wanted, [(0,)], BTC, free, lots=1000)  # one coin bought at 100, sold at 90
    assert outcome.accounts[0]["max_drawdown"] == pytest.approx(0.01)
    assert outcome.accounts[0]["equity"] == 990 * 10**8


def test_every_combination_stands_alone():
    closes = 5_000 + np.cumsum(np.random.default_rng(3).integers(-30, 31, 3_000))
    pairs = [(2, 7), (3, 20), (9, 60)]
    together = sweep(closes, CROSSOVER, pairs, BTC, TEN_BPS, lots=10)
    for which, pair in enumerate(pairs):
        alone = sweep(closes, CROSSOVER, [pair], BTC, TEN_BPS, lots=10)
        assert alone.accounts[0] == together.accounts[which]
    best = together.best(1)[0]
    assert best["equity"] == together.accounts["equity"].max()
    assert {"fast", "slow", "fills", "max_drawdown"} <= set(best)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [([(5, 5)], "1 <= fast < slow"), ([(0, 5)], "1 <= fast < slow"), ([(5, 500)], "longer than the 100 closes"), ([(5,)], "2 integers: fast, slow")],
)
def test_a_pair_that_cannot_be_is_refused(pairs, said):
    with pytest.raises(BadConfig, match=said):
        sweep(np.arange(100) + 1000, CROSSOVER, pairs, BTC, TEN_BPS, lots=1)


def test_windows_that_would_outgrow_63_bits_are_refused():
    with pytest.raises(BadConfig, match="outgrow 63 bits"):
        sweep(np.full(3_000, 2**44), CROSSOVER, [(1_000, 2_000)], BTC, TEN_BPS, lots=1)


def test_closes_that_cannot_be_are_refused():
    with pytest.raises(BadData, match="all above 0"):
        sweep(np.array([100, 0, 100]), CROSSOVER, [(1, 2)], BTC, TEN_BPS, lots=1)
    with pytest.raises(BadConfig, match="lots is 0"):
        sweep(np.array([100, 101, 100]), CROSSOVER, [(1, 2)], BTC, TEN_BPS, lots=0)


def test_a_change_in_any_place_of_a_word_is_seen():
    terms_free = DeskSettings(equity=1_000_000.0, execution=ExecutionSettings(taker_fee=0.0))
    for size in range(1, 27):
        for place in range(size):
            signal = np.zeros(size, np.int8)
            signal[place:] = 1
            only = Family(name="step", parameters=("unused",), signal=copy, prepare=lambda _, signal=signal: signal)
            outcome = sweep(np.full(size, 100), only, [(0,)], BTC, terms_free, lots=1)
            assert outcome.accounts[0]["fills"] == 1, (size, place)


