"""The screen against hand-made records and against plain arithmetic."""

from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.orders import (
    ACCEPTED,
    BUY,
    CANCEL,
    CANCELED,
    CANCELLED,
    CANCELLING,
    DRAWDOWN,
    EQUITY,
    FILL,
    FILLED,
    HALT,
    LIMIT,
    MAKER,
    OPEN,
    PARTIAL,
    PAUSED,
    PENDING,
    PRICE_BAND,
    RECORD,
    REFUSED,
    RESUMED,
    SELL,
    STALE_DATA,
    SUBMIT,
    TARGET,
    Records,
)  # fmt: skip
from polaris.views.desk import DeskView
from polaris.views.holding import Holding, money
from polaris.views.screen import Screen

BTC = Instrument(id=InstrumentId(0), key=Key("coinbase", Product.SPOT, "BTC", "USD"), wire="BTC-USD", price_decimals=2, quantity_decimals=8)
ETH = Instrument(id=InstrumentId(1), key=Key("binance", Product.SPOT, "ETH", "USDT"), wire="ETHUSDT", price_decimals=2, quantity_decimals=4)
INSTRUMENTS = Instruments([BTC, ETH])


def record(**fields: float) -> Records:
    one = np.zeros(1, RECORD)
    for name, value in fields.items():
        one[name] = value
    return one


def buy(seq: int, order: int, lots: int, price: int, **more: float) -> Records:
    return record(**{"seq": seq, "ts": seq, "kind": FILL, "order": order, "side": BUY, "state": FILLED, "lots": lots, "filled": lots, "price": price, "money": 100} | more)


def view_of(*records: Records, **settings: int) -> DeskView:
    view = DeskView(INSTRUMENTS, **settings)
    view.apply(np.concatenate(records))
    return view


def test_a_position_is_held_at_average_cost_and_valued_at_the_given_mid():
    one = 100_000_000
    view = view_of(buy(1, 1, one, 100_00), buy(2, 2, one, 110_01), record(seq=3, kind=TARGET, target=3 * one, forecast=2e-4, mid2=2 * 120_00 + 1))
    line = view.screen().positions[0]
    assert (line.quantity, line.average_price, line.target, line.forecast) == ("2", "105.0050", "3", 2e-4)
    assert (line.mark, line.unrealised, line.notional) == ("120.005", "30.00000000", "240.01000000")
    assert (line.realised, line.fees, line.turnover) == ("0.00000000", "0.00000200", "210.01000000")
    assert view.screen({0: 2 * 90_00}).positions[0].unrealised == "-30.01000000"
    assert view.screen({0: 2 * 90_00}).unrealised == "-30.01000000"
    flat = view.screen().positions[1]
    assert (flat.quantity, flat.average_price, flat.mark, flat.unrealised) == ("0", "", "", "0.00000000")


def test_closing_realises_profit_and_a_turn_opens_the_other_way_at_its_own_price():
    one = 100_000_000
    view = view_of(buy(1, 1, one, 100_00), buy(2, 2, 3 * one, 104_00, side=SELL))
    line = view.screen({0: 2 * 101_00}).positions[0]
    assert (line.quantity, line.average_price, line.realised, line.unrealised) == ("-2", "104.0000", "4.00000000", "6.00000000")


def test_the_hit_rate_counts_what_was_closed_for_more_than_its_fee():
    lots = 1_000_000
    view = view_of(
        buy(1, 1, 4 * lots, 100_00),
        buy(2, 2, lots, 101_00, side=SELL, money=1),  # earned
        buy(3, 3, lots, 100_00, side=SELL, money=1),  # earned nothing
        buy(4, 4, lots, 101_00, side=SELL, money=10**8),  # the fee ate it
        buy(5, 5, lots, 99_00, side=SELL, money=-(10**8)),  # a rebate paid for it
    )
    assert view.screen().hit_rate == 0.5 and view.screen().fills_seen == 5
    assert view_of(buy(1, 1, lots, 1)).screen().hit_rate == 0.0


def test_orders_show_their_newest_state_and_those_at_work_outlive_the_limit():
    parts = []
    for order in range(1, 30):
        parts.append(record(seq=order, kind=SUBMIT, order=order, side=BUY, type=LIMIT, state=PENDING, price=100_00, lots=10_000, instrument=1))
        parts.append(record(seq=order, kind=ACCEPTED, order=order, state=OPEN, instrument=1))
        if order > 2:
            parts.append(record(seq=order, kind=FILL, order=order, side=BUY, state=PARTIAL, lots=4_000, filled=4_000, price=100_00, liquidity=MAKER, instrument=1))
            parts.append(record(seq=order, kind=CANCEL, order=order, state=CANCELLING, filled=4_000, instrument=1))
            parts.append(record(seq=order, kind=CANCELED, order=order, state=CANCELLED, filled=4_000, instrument=1))
    screen = view_of(*parts, newest=5).screen()
    assert [(line.order, line.state, line.filled) for line in screen.orders] == [
        (29, "cancelled", "0.4"), (28, "cancelled", "0.4"), (27, "cancelled", "0.4"), (2, "open", "0"), (1, "open", "0"),
    ]  # fmt: skip
    assert [line.order for line in screen.fills] == [29, 28, 27, 26, 25]
    assert screen.fills[0].liquidity == "maker" and screen.fills[0].symbol == "ETH-USDT.binance"
    assert (screen.orders_sent, screen.orders_filled, screen.fills_seen) == (29, 0, 27)


def test_refusals_are_kept_newest_first_and_counted_by_reason():
    reasons = [PRICE_BAND, STALE_DATA, PRICE_BAND, PRICE_BAND]
    screen = view_of(*(record(seq=i, kind=REFUSED, reason=reason, side=SELL, figure=i / 2, limit=0.5) for i, reason in enumerate(reasons)), newest=2).screen()
    assert screen.refusals_by_reason == {"price band": 3, "stale data": 1} and screen.refusals_seen == 4
    assert [(line.seq, line.figure) for line in screen.refusals] == [(3, 1.5), (2, 1.0)]


def test_equity_gives_drawdown_and_curve():
    values = [1000, 1100, 990, 1045, 1210]
    view = view_of(*(record(seq=i, ts=i, kind=EQUITY, instrument=-1, money=value * 10**8, cash=i) for i, value in enumerate(values)))
    screen = view.screen()
    assert (screen.equity, screen.cash, screen.drawdown, screen.max_drawdown) == ("1210.00000000", "0.00000004", 0.0, 0.1)
    assert screen.curve == [(i, f"{value}.00000000") for i, value in enumerate(values)]


def test_the_trading_state_is_told_in_words():
    view = DeskView(INSTRUMENTS)
    assert view.screen().trading == "running"
    for reason, expected in [(PAUSED, "paused"), (DRAWDOWN, "drawdown"), (RESUMED, "running")]:
        view.apply(record(kind=HALT, reason=reason, instrument=-1))
        assert view.screen().trading == expected


def test_a_screen_goes_through_json_unchanged():
    view = view_of(buy(1, 1, 5, 100), record(seq=2, kind=REFUSED, reason=1), record(seq=2, kind=SUBMIT, order=1, side=BUY), record(seq=3, kind=EQUITY, money=5))
    screen = view.screen()
    assert msgspec.json.decode(msgspec.json.encode(screen), type=Screen) == screen


def test_an_update_of_an_order_long_gone_is_no_error():
    view_of(record(kind=ACCEPTED, order=99, state=OPEN))


@given(st.lists(st.tuples(st.sampled_from([BUY, SELL]), st.integers(1, 10**12), st.integers(1, 10**12)), min_size=1, max_size=40))
def test_cost_less_profit_is_what_was_bought_less_what_was_sold(fills):
    holding, exact_cost, lots, profits = Holding(), Fraction(0), 0, 0
    for side, quantity, price in fills:
        profit = holding.fill(side * quantity, price, 0)
        profits += profit or 0
        closed = min(abs(lots), quantity) if lots * side < 0 else 0
        exact_cost += (side * (quantity - closed) * price) - (exact_cost * closed / abs(lots) if closed else 0)
        lots += side * quantity
        assert holding.lots == lots
        assert (holding.lots == 0) <= (holding.cost == 0)
        assert holding.cost * holding.lots >= 0
        assert abs(holding.cost - exact_cost) <= len(fills)
    assert holding.realised == profits
    assert holding.cost - holding.realised == sum(side * quantity * price for side, quantity, price in fills)
    assert holding.traded == sum(quantity * price for _, quantity, price in fills)


@pytest.mark.parametrize(("price_decimals", "quantity_decimals", "expected"), [(2, 8, 76), (2, 2, 76_540_000), (4, 4, 7654), (8, 8, 0)])
def test_ticks_times_lots_become_money_rounded_down(price_decimals, quantity_decimals, expected):
    of = Instrument(id=InstrumentId(0), key=BTC.key, wire="X", price_decimals=price_decimals, quantity_decimals=quantity_decimals)
    assert money(7654, of) == expected
    assert money(2 * 7654, of, 2) == expected
    assert money(-7654, of) in (-expected, -expected - 1)


@given(st.lists(st.integers(1, 9), max_size=6), st.randoms(use_true_random=False))
def test_any_split_of_the_records_gives_the_same_screen(cuts, dice):
    parts = []
    for seq in range(1, 40):
        kind = dice.choice([FILL, SUBMIT, REFUSED, EQUITY, TARGET, ACCEPTED, HALT])
        parts.append(
            record(
                seq=seq, ts=seq, kind=kind, order=dice.randrange(5), side=dice.choice([BUY, SELL]), state=dice.randrange(1, 9), price=dice.randrange(1, 10**7),
                lots=dice.randrange(1, 10**9), money=dice.randrange(10**12), reason=dice.randrange(1, 20), mid2=dice.randrange(10**7), instrument=dice.randrange(2),
            )
        )  # fmt: skip
    records = np.concatenate(parts)
    whole, split = view_of(records), DeskView(INSTRUMENTS)
    for piece in np.split(records, sorted({min(39, sum(cuts[: i + 1]) * 3) for i in range(len(cuts))})):
        split.apply(piece)
    assert split.screen() == whole.screen()
