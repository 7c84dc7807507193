"""The simulated venue: queues, levels that shrink and go, trades through, latency, depth walked with fees, the stub at the mid."""

import msgspec
import pytest

from polaris.domain.market import CLEAR
from polaris.domain.orders import BUY, FILL, IOC, LIMIT, MAKER, MARKET, POST_ONLY, SELL, TAKER
from tests.unit.desk.rows import AT_ONCE, DOLLAR, MILLI, Market, a_desk, balances, kinds, told


class Venue:
    """A desk with one instrument and whatever market a test says."""

    def __init__(self, fill_model: str = "queue", *, latency: int = 0, depth: bool = True, **execution) -> None:
        how = msgspec.structs.replace(AT_ONCE, fill_model=fill_model, latency_ns=latency * MILLI, equity_sample_ns=2**62, **execution)
        self.desk = a_desk(1, execution=how, kernels=(told("nothing", depth=True),) if depth else ())
        self.market = Market()

    def book(self, bids: dict[int, int], asks: dict[int, int], *, snapshot: bool = False, after: int = 1):
        self.market.depth(bids, asks, snapshot=snapshot, after=after * MILLI)
        return self.advance()

    def trade(self, price: int, lots: int, *, sells: bool, after: int = 1):
        self.market.trade(price, lots, sells=sells, after=after * MILLI)
        return self.advance()

    def quote(self, bid: int, ask: int, bid_lots: int = 100, ask_lots: int = 100, *, after: int = 1):
        self.market.quote(bid, ask, bid_lots, ask_lots, after=after * MILLI)
        return self.advance()

    def time(self, ms: int = 1):
        self.market.timer(after=ms * MILLI)
        return self.advance()

    def send(self, side: int, lots: int, kind: int = LIMIT, price: int = 0) -> int:
        identity, records = self.desk.submit(0, side, lots, kind, price)
        assert kinds(records) == ["submit"]
        return identity

    def advance(self):
        records = self.desk.advance(self.market.take())
        assert balances(self.desk)
        return records

    def ahead(self, identity: int) -> int:
        return int(self.desk.orders[identity]["ahead"])

    @property
    def held(self) -> int:
        return int(self.desk.positions[0]["lots"])


def fills(records) -> list[tuple[int, int, int]]:
    """(price, lots, liquidity) of every fill."""
    return [tuple(int(record[name]) for name in ("price", "lots", "liquidity")) for record in records if record["kind"] == FILL]


def standing(fill_model: str = "queue", **how) -> Venue:
    """A book of 100 lots on the bid at 10,000 and on the ask at 10,002, and less behind."""
    venue = Venue(fill_model, **how)
    venue.book({10_000: 100, 9_999: 50, 9_998: 25}, {10_002: 100, 10_003: 50, 10_004: 25}, snapshot=True)
    return venue


def resting(side: int, lots: int, fill_model: str = "queue", **how) -> tuple[Venue, int]:
    venue = standing(fill_model, **how)
    identity = venue.send(side, lots, LIMIT, 10_000 if side == BUY else 10_002)
    assert kinds(venue.time()) == ["accepted"]
    return venue, identity


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_hundred_ahead_a_trade_of_80_leaves_20_and_one_of_30_fills_10(side):
    """The worked example of NautilusTrader's backtesting guide."""
    venue, identity = resting(side, 50)
    price = 10_000 if side == BUY else 10_002
    assert venue.ahead(identity) == 100
    assert not len(venue.trade(price, 80, sells=side == BUY)) and venue.ahead(identity) == 20
    assert fills(venue.trade(price, 30, sells=side == BUY)) == [(price, 10, MAKER)]
    assert venue.ahead(identity) == 0
    assert fills(venue.trade(price, 25, sells=side == BUY)) == [(price, 25, MAKER)]
    assert fills(venue.trade(price, 25, sells=side == BUY)) == [(price, 15, MAKER)]
    assert venue.held == side * 50


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_trade_on_the_other_side_or_short_of_the_price_moves_no_queue(side):
    venue, identity = resting(side, 50)
    own, other = (10_000, 10_002) if side == BUY else (10_002, 10_000)
    for price, sells in ((own, side != BUY), (other, side == BUY), (other, side != BUY)):
        assert not len(venue.trade(price, 1_000, sells=sells)) and venue.ahead(identity) == 100


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_trade_through_the_price_fills_everything_at_our_price(side):
    venue, _ = resting(side, 50)
    price = 10_000 if side == BUY else 10_002
    assert fills(venue.trade(price - side, 1, sells=side == BUY)) == [(price, 50, MAKER)]


def test_a_level_that_shrinks_lets_the_order_up_one_that_grows_does_not_push_it_back():
    venue, identity = resting(BUY, 50)
    for shown, ahead in ((60, 60), (90, 60), (10, 10), (500, 10)):
        venue.book({10_000: shown}, {})
        assert venue.ahead(identity) == ahead
    assert fills(venue.trade(10_000, 15, sells=True)) == [(10_000, 5, MAKER)]


def test_a_level_that_goes_leaves_the_order_first():
    venue, identity = resting(BUY, 50)
    venue.book({10_000: 0}, {})
    assert venue.ahead(identity) == 0
    assert fills(venue.trade(10_000, 7, sells=True)) == [(10_000, 7, MAKER)]


def test_an_order_at_a_price_nobody_shows_is_first_there():
    venue = standing()
    identity = venue.send(BUY, 50, LIMIT, 10_001)
    venue.time()
    assert venue.ahead(identity) == 0
    assert fills(venue.trade(10_001, 7, sells=True)) == [(10_001, 7, MAKER)]


def test_an_order_deeper_in_the_book_waits_behind_what_is_shown_there():
    venue = standing()
    identity = venue.send(BUY, 50, LIMIT, 9_998)
    venue.time()
    assert venue.ahead(identity) == 25
    venue.trade(9_999, 1000, sells=True)
    assert venue.held == 0 and venue.ahead(identity) == 25


def test_two_orders_at_one_price_wait_each_behind_what_was_shown_when_it_came():
    venue, first = resting(BUY, 30)
    venue.book({10_000: 300}, {})
    second = venue.send(BUY, 30, LIMIT, 10_000)
    venue.time()
    assert (venue.ahead(first), venue.ahead(second)) == (100, 300)
    venue.trade(10_000, 150, sells=True)
    assert venue.held == 30 and venue.ahead(second) == 150


def test_without_queues_a_trade_at_the_price_fills_as_much_as_was_traded():
    venue, _ = resting(BUY, 50, "touch")
    assert fills(venue.trade(10_000, 30, sells=True)) == [(10_000, 30, MAKER)]
    assert fills(venue.trade(10_000, 30, sells=True)) == [(10_000, 20, MAKER)]


@pytest.mark.parametrize("fill_model", ["queue", "touch"])
@pytest.mark.parametrize("side", [BUY, SELL])
def test_the_other_side_fills_as_far_as_it_shows_at_our_price_and_wholly_beyond_it(fill_model, side):
    price = 10_000 if side == BUY else 10_002
    venue, _ = resting(side, 50, fill_model)
    level = {price: 20}
    assert fills(venue.book({} if side == BUY else level, level if side == BUY else {})) == [(price, 20, MAKER)]
    level = {price - side: 1}
    assert fills(venue.book({} if side == BUY else level, level if side == BUY else {})) == [(price, 30, MAKER)]


def test_a_level_of_the_other_side_that_goes_fills_nothing():
    venue, _ = resting(BUY, 50)
    assert not len(venue.book({}, {9_999: 0}))


@pytest.mark.parametrize("side", [BUY, SELL])
def test_quotes_fill_let_up_and_go_through_as_depth_does(side):
    venue = Venue(depth=False)
    venue.quote(10_000, 10_002)
    identity = venue.send(side, 50, LIMIT, 10_000 if side == BUY else 10_002)
    venue.time()
    assert venue.ahead(identity) == 100
    venue.quote(10_000, 10_002, 40, 40)
    assert venue.ahead(identity) == 40
    ours, theirs = (10_000, 10_000) if side == BUY else (10_002, 10_002)
    assert fills(venue.quote(theirs - 1 if side == BUY else theirs, theirs if side == BUY else theirs + 1, 20, 20)) == [(ours, 20, MAKER)]
    assert fills(venue.quote(9_990, 9_991) if side == BUY else venue.quote(10_010, 10_011)) == [(ours, 30, MAKER)]


def test_a_quote_without_an_ask_fills_no_bid():
    venue = Venue(depth=False)
    venue.quote(10_000, 10_002)
    venue.send(BUY, 50, LIMIT, 10_000)
    venue.time()
    assert not len(venue.quote(10_000, 0, 100, 0))


def test_a_snapshot_is_met_level_by_level_and_its_first_row_moves_nothing():
    venue, identity = resting(BUY, 50)
    venue.market.depth({10_000: 70, 9_999: 10}, {10_001: 5}, snapshot=True)
    rows = venue.market.take()
    assert rows["flags"][0] & CLEAR
    venue.desk.advance(rows[:1])
    assert venue.ahead(identity) == 100
    venue.desk.advance(rows[1:])
    assert venue.held == 0
    venue.market.depth({9_999: 10, 10_000: 30}, {10_000: 5}, snapshot=True)
    assert fills(venue.advance()) == [(10_000, 5, MAKER)]


def test_a_bar_fills_what_its_range_went_through_and_not_what_it_only_touched():
    venue = Venue(depth=False)
    venue.market.bar(10_000, 10_010, 9_990, 10_000)
    venue.advance()
    venue.send(BUY, 10, LIMIT, 9_995)
    venue.send(SELL, 20, LIMIT, 10_005)
    venue.time()
    venue.market.bar(10_000, 10_005, 9_995, 10_000)
    assert not len(venue.advance())
    venue.market.bar(10_000, 10_006, 9_995, 10_000)
    assert fills(venue.advance()) == [(10_005, 20, MAKER)]
    venue.market.bar(10_000, 10_000, 9_990, 9_991)
    assert fills(venue.advance()) == [(9_995, 10, MAKER)]


def test_an_order_meets_the_book_that_stood_when_it_arrived_not_when_it_was_sent_nor_the_next():
    venue = standing(latency=10)
    venue.send(BUY, 60, IOC, 10_004)
    venue.book({}, {10_002: 0, 10_003: 40}, after=9)  # while it is on its way
    records = venue.book({}, {10_003: 0}, after=1)  # arrives together with this row, so before it
    assert fills(records) == [(10_003, 40, TAKER), (10_004, 20, TAKER)]


def test_an_order_is_not_there_before_its_latency():
    venue = standing(latency=10)
    identity = venue.send(BUY, 50, LIMIT, 10_000)
    venue.trade(9_000, 10**6, sells=True, after=9)
    assert venue.held == 0 and not venue.desk.orders[identity]["resting"]


def test_each_order_and_each_cancel_arrives_at_its_own_time():
    venue = standing(latency=10)
    first = venue.send(BUY, 10, LIMIT, 9_999)
    venue.time()
    second = venue.send(BUY, 20, LIMIT, 9_998)
    assert venue.time(9)["order"].tolist() == [first]
    assert venue.time(1)["order"].tolist() == [second]
    venue.desk.cancel(first)
    venue.time()
    venue.desk.cancel(second)
    assert venue.time(9)["order"].tolist() == [first]
    assert venue.time(1)["order"].tolist() == [second]


@pytest.mark.parametrize(("side", "levels"), [(BUY, (10_002, 10_003, 10_004)), (SELL, (10_000, 9_999, 9_998))])
def test_a_market_order_walks_the_depth_level_by_level_and_pays_the_takers_fee_on_each(side, levels):
    venue = standing(taker_fee=0.0003, maker_fee=0.0001)
    venue.send(side, 160, MARKET)
    records = venue.time()
    assert fills(records) == [(levels[0], 100, TAKER), (levels[1], 50, TAKER), (levels[2], 10, TAKER)]
    expected = [-(-price * lots * 300 // 10**6) for price, lots in zip(levels, (100, 50, 10), strict=True)]
    assert records[records["kind"] == FILL]["money"].tolist() == expected
    paid = sum(price * lots for price, lots in zip(levels, (100, 50, 10), strict=True))
    assert venue.desk.account["cash"] == 100_000 * DOLLAR - side * paid - sum(expected)


def test_a_maker_pays_the_makers_fee_or_is_paid_a_rebate():
    venue, _ = resting(BUY, 50, maker_fee=-0.0001)
    record = venue.trade(9_999, 1, sells=True)[0]
    assert record["money"] == -(10_000 * 50 * 100 // 10**6) == -50


def test_a_market_order_larger_than_all_that_is_shown_expires_with_its_rest():
    venue = standing()
    venue.send(SELL, 1_000, MARKET)
    records = venue.time()
    assert [lots for _, lots, _ in fills(records)] == [100, 50, 25] and kinds(records)[-1] == "expired"


def test_a_limit_order_walks_no_further_than_its_price():
    venue = standing()
    venue.send(BUY, 1_000, IOC, 10_003)
    assert [price for price, _, _ in fills(venue.time())] == [10_002, 10_003]


def test_where_no_depth_is_unfolded_only_the_touch_is_there():
    venue = standing(depth=False)
    venue.send(BUY, 160, MARKET)
    assert fills(venue.time()) == [(10_002, 100, TAKER)]


def test_a_touch_that_is_newer_than_the_depth_is_not_met_twice():
    venue = standing()
    venue.quote(10_001, 10_003, 7, 8)  # the ask at 10,002 is gone, the depth does not know yet
    venue.send(BUY, 500, MARKET)
    assert fills(venue.time()) == [(10_003, 8, TAKER), (10_004, 25, TAKER)]
    identity = venue.send(SELL, 10, LIMIT, 10_003)
    venue.time()
    assert venue.ahead(identity) == 8
    venue.send(SELL, 500, MARKET)
    assert fills(venue.time())[0] == (10_001, 7, TAKER)


def test_the_stub_fills_everything_whole_at_the_mid():
    for kind, price in ((MARKET, 0), (LIMIT, 9_000), (POST_ONLY, 9_000), (IOC, 9_000)):
        venue = standing("mid", taker_fee=0.0003)
        venue.send(BUY, 1_000_000, kind, price)
        record = venue.time()[0]
        assert fills([record]) == [(10_001, 1_000_000, TAKER)] and record["money"] == 3_000_300


def test_an_arriving_order_meets_the_last_book_though_the_feed_has_gone():
    venue = standing(latency=10)
    venue.send(BUY, 10, MARKET)
    venue.market.status(1)
    venue.advance()
    assert fills(venue.time(10)) == [(10_002, 10, TAKER)]


def test_orders_of_a_book_that_is_not_live_or_too_old_are_pulled():
    venue, identity = resting(BUY, 50)
    venue.market.status(1)
    assert kinds(venue.advance()) == ["cancel"]
    assert kinds(venue.time()) == ["cancelled"] and venue.desk.orders[identity]["state"] == 6
    venue, _ = resting(BUY, 50)
    venue.desk.rules["max_data_age_ns"] = 10_000 * MILLI
    assert not len(venue.time(9_999))
    assert kinds(venue.time(2)) == ["cancel"]
