"""Whatever is filled, the books balance to the unit, equal a reference with integers that have no end, and round against us."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polaris.desk.ledger.book import book_fill, fee_of, notional
from polaris.desk.state import ACCOUNT, POSITION, TERMS
from polaris.domain.orders import BUY, MAKER, SELL, TAKER

MILLION = 10**6
sides, liquidities = st.sampled_from((BUY, SELL)), st.sampled_from((MAKER, TAKER))
prices = st.integers(1, 300) | st.integers(1, 2**30)
sizes = st.integers(1, 40) | st.integers(1, 2**19)
fills = st.lists(st.tuples(st.integers(0, 1), sides, prices, sizes, liquidities), max_size=30)
scales = st.sampled_from(((1, 1), (1, 10), (1, 10**5), (10, 1), (100, 1)))
fees = st.integers(-10_000, 100_000)


class Reference:
    """The ledger in plain Python: one account, two positions held as lists of what they are."""

    def __init__(self, deposits: int) -> None:
        self.deposits = self.cash = deposits
        self.realised = self.fees = self.turnover = 0
        self.exact_cash = Fraction(deposits)  # without any rounding
        self.lots, self.cost = [0, 0], [0, 0]

    def fill(self, which: int, side: int, price: int, lots: int, up: int, down: int, ppm: int) -> tuple[int, int]:
        worth = Fraction(price * lots * up, down)
        amount = -(-worth.numerator // worth.denominator) if side == BUY else worth.numerator // worth.denominator
        fee = -(-amount * ppm // MILLION)
        held, cost = self.lots[which], self.cost[which]
        closing = min(lots, abs(held)) if held * side < 0 else 0
        closed_amount = amount * closing // lots
        released = abs(cost) * closing // abs(held) if closing else 0
        self.realised += side * (released - closed_amount)
        self.cost[which] = cost + side * released + side * (amount - closed_amount)
        self.lots[which] = held + side * lots
        self.cash -= side * amount + fee
        self.fees += fee
        self.turnover += amount
        self.exact_cash -= side * worth + worth * ppm / MILLION
        return amount, fee


@given(fills, scales, fees, fees)
def test_the_books_balance_equal_the_reference_and_round_against_us(script, scale, maker_ppm, taker_ppm):
    term = np.zeros(1, TERMS)[0]
    term["scale_up"], term["scale_down"] = scale
    term["maker_ppm"], term["taker_ppm"] = maker_ppm, taker_ppm
    account, positions = np.zeros(1, ACCOUNT)[0], np.zeros(2, POSITION)
    account["cash"] = account["deposits"] = 10**13
    reference = Reference(10**13)
    for count, (which, side, price, lots, liquidity) in enumerate(script, 1):
        amount = notional(term, price, lots, side == BUY)
        fee = fee_of(term, amount, liquidity)
        assert (amount, fee) == reference.fill(which, side, price, lots, *scale, maker_ppm if liquidity == MAKER else taker_ppm)
        book_fill(account, positions[which], side, lots, amount, fee)

        assert int(account["cash"]) + int(positions["cost"].sum()) == int(account["deposits"]) + int(account["realised"]) - int(account["fees"])
        for name in ("cash", "realised", "fees", "turnover", "deposits"):
            assert int(account[name]) == getattr(reference, name), name
        for name in ("lots", "cost"):
            assert positions[name].tolist() == getattr(reference, name), name
        assert int(positions["realised"].sum()) == account["realised"] and int(positions["fees"].sum()) == account["fees"]
        for position in positions:  # cost has the sign of what is held, and nothing held costs nothing
            assert int(position["cost"]) * int(position["lots"]) >= 0 and (position["lots"] != 0 or position["cost"] == 0)
        lost = reference.exact_cash - int(account["cash"])
        assert 0 <= lost < count * (2 + Fraction(abs(maker_ppm) + abs(taker_ppm), MILLION))


@given(st.integers(0, 2**40), st.integers(0, 2**40), scales)
def test_a_buys_notional_is_never_below_the_sells_and_at_most_one_unit_above(price, lots, scale):
    term = np.zeros(1, TERMS)[0]
    term["scale_up"], term["scale_down"] = scale
    paid, got = notional(term, price, lots, True), notional(term, price, lots, False)
    exact = Fraction(price * lots * scale[0], scale[1])
    if exact > 2**63 - 2:
        assert paid == -1 or exact <= paid
        return
    assert got <= exact <= paid <= got + 1
