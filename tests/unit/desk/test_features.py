"""What each feature means, on cases small enough to reckon by hand."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polaris.desk.columns import LEVELS, TOP, Bank, Kernel
from polaris.desk.features import FeatureSettings, OrderFlowSettings, ReturnSettings, TradeSettings, VolatilitySettings, default_features
from polaris.desk.features.basis import peer_of
from polaris.desk.features.orderflow import order_flow_imbalance
from polaris.desk.features.returns import label
from polaris.desk.sample import START, sample_instruments
from polaris.domain.errors import BadConfig
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.market import BAR, DEPTH, QUOTE, TRADE

SECOND = 1_000_000_000


class Tape:
    """Boundaries written one by one, and what the features say of them."""

    def __init__(self, instruments: Instruments | None = None, settings: FeatureSettings = FeatureSettings()) -> None:  # noqa: B008
        self.tops: list[tuple[int, ...]] = []
        self.depths: list[Any] = []
        self.bank = Bank(default_features(settings), instruments or sample_instruments(1))

    def book(self, at: float, bid: int, bid_lots: int, ask: int, ask_lots: int, *, kind: int = DEPTH, instrument: int = 0, levels: Any = None) -> None:
        depth = np.zeros((4, LEVELS), np.int64)
        if levels is not None:
            depth[:, : levels.shape[1]] = levels
        depth[:, 0] = bid, bid_lots, ask, ask_lots
        self.tops.append((START + round(at * SECOND), instrument, kind, 0, bid, ask, bid_lots, ask_lots, 0, 0))
        self.depths.append(depth)

    def trade(self, at: float, price: int, lots: int) -> None:
        self.tops.append((START + round(at * SECOND), 0, TRADE, 0, *self.tops[-1][4:8], price, lots))
        self.depths.append(self.depths[-1])

    def bar(self, at: float, close: int, volume: int = 100) -> None:
        self.tops.append((START + round(at * SECOND), 0, BAR, 0, close, close, 2**40, 2**40, close, volume))
        self.depths.append(np.zeros((4, LEVELS), np.int64))

    def __getitem__(self, name: str) -> Any:
        bank = Bank(self.bank.kernels, self.bank.instruments)
        return bank.update(np.array(self.tops, TOP), np.array(self.depths, np.int64))[bank.column(name)].tolist()


def test_mid_spread_and_weighted_mid_of_a_book() -> None:
    tape = Tape()
    tape.book(0, 100, 30, 104, 10)
    assert tape["mid"] == [102.0]
    assert tape["spread_ticks"] == [4.0]
    assert tape["spread"] == [4 / 102]
    assert tape["weighted_mid"] == [103.0]  # three quarters of the quantity bids: three quarters of the way to the ask


def test_the_microprice_is_the_mid_for_even_queues_and_the_far_touch_for_a_lonely_one() -> None:
    tape = Tape()
    tape.book(0, 100, 10, 104, 10)
    tape.book(1, 100, 10, 104, 0)
    tape.book(2, 100, 0, 104, 10)
    assert tape["microprice"] == [102.0, 104.0, 100.0]


@given(bid=st.integers(1, 10**12), spread=st.integers(1, 10**6), bid_lots=st.integers(0, 10**15), ask_lots=st.integers(0, 10**15))
def test_the_microprice_lies_between_mid_and_weighted_mid_and_is_antisymmetric(bid: int, spread: int, bid_lots: int, ask_lots: int) -> None:
    tape = Tape()
    tape.book(0, bid, bid_lots, bid + spread, ask_lots)
    tape.book(1, bid, ask_lots, bid + spread, bid_lots)
    (micro, turned), (weighted, _), (mid, _) = tape["microprice"], tape["weighted_mid"], tape["mid"]
    assert bid <= micro <= bid + spread
    assert min(mid, weighted) <= micro <= max(mid, weighted)
    assert micro - mid == pytest.approx(mid - turned, abs=1e-15 * (bid + spread))


def test_age_tells_the_time_since_the_book_changed_before_and_a_trade_is_no_change() -> None:
    tape = Tape()
    tape.book(0, 100, 1, 101, 1)
    tape.trade(2, 101, 5)
    tape.book(3, 100, 2, 101, 1)
    tape.book(3.5, 100, 3, 101, 1)
    assert tape["age"] == [0.0, 2.0, 3.0, 0.5]


def test_imbalance_counts_as_many_levels_as_its_name_says() -> None:
    tape = Tape()
    levels = np.ones((4, LEVELS), np.int64)
    levels[1, 5:] = 3
    tape.book(0, 100, 3, 101, 1, levels=levels)
    assert tape["imbalance_1"] == [0.5]
    assert tape["imbalance_5"] == [2 / 12]
    assert tape["imbalance_10"] == [12 / 32]


def test_an_empty_book_has_no_imbalance() -> None:
    tape = Tape()
    tape.book(0, 100, 0, 101, 0)
    assert tape["imbalance_1"] == tape["imbalance_10"] == [0.0]


def test_order_flow_adds_a_better_queue_removes_a_worse_one_and_takes_the_change_of_the_same() -> None:
    bid, bid_lots = np.array([100, 101, 101, 100]), np.array([5, 7, 4, 9])
    ask, ask_lots = np.array([103, 103, 102, 104]), np.array([6, 6, 2, 8])
    # 2nd: bid better +7, ask same 0. 3rd: bid same -3, ask better -2. 4th: bid worse -4, ask worse +2
    assert order_flow_imbalance(bid, bid_lots, ask, ask_lots).tolist() == [0, 7, -5, -2]


sides = arrays(np.int64, 12, elements=st.integers(-5, 5))
queues = arrays(np.int64, 12, elements=st.integers(0, 9))


def twin(bid: Any, bid_lots: Any, ask: Any, ask_lots: Any) -> Any:
    now, before = slice(1, None), slice(None, -1)
    flow = (bid[now] >= bid[before]) * bid_lots[now] - (bid[now] <= bid[before]) * bid_lots[before]
    flow += (ask[now] >= ask[before]) * ask_lots[before] - (ask[now] <= ask[before]) * ask_lots[now]
    return np.concatenate([[0], flow])


@given(sides, queues, sides, queues)
def test_order_flow_imbalance_is_its_definition_and_swapping_the_sides_flips_the_sign(bid: Any, bid_lots: Any, ask: Any, ask_lots: Any) -> None:
    flow = order_flow_imbalance(bid, bid_lots, ask, ask_lots)
    assert (flow == twin(bid, bid_lots, ask, ask_lots)).all()
    assert (order_flow_imbalance(-ask, ask_lots, -bid, bid_lots) == -flow).all()


def test_order_flow_is_told_in_mean_queues_and_halves_in_its_half_life() -> None:
    tape = Tape(settings=FeatureSettings(order_flow=OrderFlowSettings(half_life_ns=4 * SECOND)))
    tape.book(0, 100, 10, 101, 10)
    tape.book(0, 100, 30, 101, 10)  # +20 at the same instant: the mean queue is still 10
    tape.trade(4, 101, 1)  # +10 left; the mean queue is halfway from 10 to 20
    assert tape["ofi"] == [0.0, pytest.approx(2.0), pytest.approx(10 / 15)]


def test_a_level_that_vanishes_takes_its_queue_along() -> None:
    tape = Tape()
    deep = np.array([[0, 99], [0, 50], [0, 103], [0, 70]])
    tape.book(0, 100, 10, 101, 10, levels=deep)
    tape.book(0, 100, 10, 101, 10)
    tape.book(0, 100, 10, 101, 10, levels=deep)
    assert tape["ofi"] == [0.0, 0.0, 0.0]
    # both second levels go: -50 of bids, +70 of asks, told in mean queues of (10 + 50 + 10 + 70) / 2; then they come back
    assert tape["ofi_multi"] == pytest.approx([0.0, 20 / 70, 0.0])


def test_trade_flow_is_one_when_takers_only_buy_and_weighs_by_faded_volume() -> None:
    tape = Tape(settings=FeatureSettings(trades=TradeSettings(half_life_ns=SECOND)))
    tape.book(0, 100, 1, 102, 1)
    tape.trade(1, 102, 8)
    tape.trade(2, 100, -4)  # 4 lots bought are left against 4 sold
    assert tape["trade_flow"] == pytest.approx([0.0, 1.0, 0.0])
    assert tape["vwap_deviation"] == pytest.approx([0.0, 101 / 102 - 1, 0.0])


def test_returns_over_boundaries_look_back_that_many() -> None:
    tape = Tape(settings=FeatureSettings(returns=ReturnSettings(events=2)))
    for step, mid in enumerate((100, 110, 120, 132)):
        tape.book(step, mid - 1, 1, mid + 1, 1)
    assert tape["return_events"] == pytest.approx([0.0, 0.0, 0.2, 0.2])


def test_a_return_over_time_needs_that_much_past_and_takes_the_mid_that_stood_then() -> None:
    tape = Tape()
    tape.book(0, 99, 1, 101, 1)
    tape.book(0.5, 109, 1, 111, 1)
    tape.book(1.02, 119, 1, 121, 1)  # a second ago the first mid stood
    tape.book(9, 131, 1, 133, 1)  # a second ago it was 120: nothing came since
    assert tape["return_1s"] == pytest.approx([0.0, 0.0, 0.2, 0.1])
    assert tape["return_10s"] == [0.0] * 4


def test_the_name_of_a_return_says_its_span() -> None:
    assert [label(span) for span in (10 * SECOND, 250_000_000, 5_000, 7)] == ["10s", "250ms", "5us", "7ns"]
    assert "return_250ms" in Tape(settings=FeatureSettings(returns=ReturnSettings(short_ns=250_000_000))).bank.names()


def test_volatility_finds_the_volatility_of_a_walk_however_often_it_is_sampled() -> None:
    dice = np.random.default_rng(1)
    wanted = 2e-4
    gaps = dice.exponential(0.3, 20_000)
    mids = 10**9 * np.exp(np.cumsum(dice.normal(0, wanted * np.sqrt(gaps))))
    tape = Tape(settings=FeatureSettings(volatility=VolatilitySettings(half_life_ns=600 * SECOND)))
    for at, mid in zip(np.cumsum(gaps), mids, strict=True):
        tape.book(at, round(mid) - 1, 1, round(mid) + 1, 1)
    assert tape["volatility"][-1] == pytest.approx(wanted, rel=0.05)


def test_volatility_is_zero_before_it_is_warm_and_never_after() -> None:
    tape = Tape()
    for step in range(30):
        tape.book(step, 99, 1, 101, 1)
    assert tape["volatility"] == [0.0] * 20 + [1e-6] * 10


def test_bars_give_volatility_returns_and_the_direction_of_volume() -> None:
    dice = np.random.default_rng(2)
    wanted = 1e-4
    closes = 10**8 * np.exp(np.cumsum(dice.normal(0, wanted * math.sqrt(60), 3000)))
    tape = Tape()
    for step, close in enumerate(closes):
        tape.bar(60 * step, round(close))
    assert np.mean(tape["volatility"][100:]) == pytest.approx(wanted, rel=0.05)
    assert tape["return_1s"][-1] == pytest.approx(closes[-1] / closes[-2] - 1, abs=1e-8)
    assert set(np.sign(tape["trade_flow"])) == {-1.0, 0.0, 1.0}
    assert tape["mid"][-1] == round(closes[-1])


def instrument(number: int, venue: str, quote: str, product: Product = Product.SPOT, decimals: int = 2, base: str = "BTC") -> Instrument:
    return Instrument(id=InstrumentId(number), key=Key(venue, product, base, quote), wire=f"{number}", price_decimals=decimals, quantity_decimals=8)


def test_the_basis_compares_prices_not_ticks_and_every_dollar_is_one() -> None:
    here, there = instrument(0, "coinbase", "USD", decimals=2), instrument(1, "binance", "USDT", decimals=4)
    tape = Tape(Instruments([here, there]))
    tape.book(0, 10_099, 1, 10_101, 1)
    tape.book(1, 999_999, 1, 1_000_001, 1, instrument=1)
    tape.book(2, 10_099, 1, 10_101, 1, kind=QUOTE)
    assert tape["basis"] == pytest.approx([0.0, 100 / 101 - 1, 0.01])


def test_a_peer_is_the_same_thing_on_another_venue_spot_before_perpetual() -> None:
    all_of_them = Instruments(
        [
            instrument(0, "binance", "USDT"),
            instrument(1, "binance", "USDC"),
            instrument(2, "kraken", "USD", Product.PERPETUAL),
            instrument(3, "coinbase", "USD"),
            instrument(4, "coinbase", "EUR"),
            instrument(5, "kraken", "USD", base="ETH"),
        ]
    )
    assert [peer_of(item, all_of_them) for item in all_of_them] == [3, 3, 0, 0, -1, -1]


@pytest.mark.parametrize(
    "make",
    [
        lambda: OrderFlowSettings(half_life_ns=0),
        lambda: TradeSettings(half_life_ns=-1),
        lambda: ReturnSettings(events=0),
        lambda: ReturnSettings(short_ns=0),
        lambda: VolatilitySettings(floor=0.0),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(make: Any) -> None:
    with pytest.raises(BadConfig, match="expected"):
        make()


def test_every_feature_names_its_units_and_only_the_book_features_need_depth() -> None:
    kernels: list[Kernel] = default_features(FeatureSettings())
    assert all(unit for kernel in kernels for unit in kernel.units)
    assert [kernel.name for kernel in kernels if kernel.depth] == ["imbalance", "order_flow"]
