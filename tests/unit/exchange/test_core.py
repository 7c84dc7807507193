"""The exchange of a set of rules: what it begins with, what it can be asked, and that its snapshot is all of it."""

import io
from dataclasses import replace

import numpy as np
import pytest

from polaris.domain.orders import BUY, SELL
from polaris.exchange import Asset, Exchange, Listing, Rules
from polaris.exchange import words as w

BTC, ETH, USDT = Asset("BTC", 8), Asset("ETH", 8), Asset("USDT", 8)
RULES = Rules(
    (BTC, ETH, USDT),
    (
        Listing("BTCUSDT", BTC, USDT, "0.01", "0.00001", min_notional="5", band_ppm=50_000, lowest_price="30000"),
        Listing("ETHBTC", ETH, BTC, "0.00001", "0.001", min_quantity="0.002", lowest_price="0.00001"),
    ),
    tiers=((900, 1_000), (0, 500)),
    accounts=8,
    capacity=1_000,
    per_10_seconds=50,
    max_orders=200,
)
PRICE, LOTS = RULES.listings[0].ticks("60000"), RULES.listings[0].lots("0.5")


@pytest.fixture
def exchange() -> Exchange:
    """Two rich accounts; one of them asks 0.5 BTC at 60,000."""
    made = Exchange(RULES)
    for account in (1, 2):
        for asset in RULES.assets:
            made.deposit(account, RULES.asset(asset.name), asset.units("1000000"))
    made.submit(1, SELL, PRICE, LOTS, account=1)
    return made


def test_a_trade_moves_exactly_what_the_listing_says(exchange):
    events = exchange.submit(2, BUY, PRICE, LOTS, account=2)
    fill = events[events["kind"] == w.FILL][0]
    assert (BTC.text(int(fill["fee"])), USDT.text(int(fill["maker_fee"]))) == ("0.00050000", "27.00000000")
    assert exchange.balances(2)[:, 0].tolist() == [BTC.units("1000000.4995"), ETH.units("1000000"), USDT.units("970000")]
    assert exchange.balances(1)[:, 0].tolist() == [BTC.units("999999.5"), ETH.units("1000000"), USDT.units("1029973")]
    assert exchange.balances(0).tolist() == [[BTC.units("0.0005"), 0], [0, 0], [USDT.units("27"), 0]]


def test_the_rules_are_the_first_settings(exchange):
    assert exchange.fees(1) == (900, 1_000)
    exchange.set_tier(1, 1)
    assert exchange.fees(1) == (0, 500)
    account = exchange.account(2)
    assert (account["max_orders"], account["per_ten_seconds"], account["per_day"]) == (200, 50, 0)
    events = exchange.submit(5, BUY, PRICE, 1, account=1)
    assert w.REASON_NAMES[events[0]["reason"]] == "notional"
    events = exchange.submit(5, BUY, RULES.listings[1].ticks("0.05"), 1, book=1, account=1)
    assert w.REASON_NAMES[events[0]["reason"]] == "lot size"


@pytest.mark.parametrize("wrong", [{"tiers": ((-1, 0),)}, {"tiers": ((0, 1_000_001),)}, {"per_second": -1}, {"max_orders": -1}, {"tiers": ((0, 0),) * 65}])
def test_rules_the_core_refuses_make_no_exchange(wrong):
    with pytest.raises(ValueError, match="rules ask for what the core refuses: bad setting"):
        Exchange(replace(RULES, **wrong))


def test_it_can_be_asked_what_it_holds(exchange):
    assert exchange.open(1) == LOTS
    assert exchange.open(7) == exchange.open(-1) == 0
    bids, asks = exchange.depth(0, 5)
    assert (bids.tolist(), asks.tolist()) == ([], [[PRICE, LOTS]])
    assert exchange.balances(1)[0].tolist() == [BTC.units("999999.5"), BTC.units("0.5")]
    assert exchange.positions(1)["sells"].tolist() == [LOTS, 0]
    assert exchange.holdings(1)["locked"].tolist() == [BTC.units("0.5"), 0, 0]
    assert (exchange.account(1)["orders"], exchange.account(1)["in_these_ten"]) == (1, 1)
    exchange.clock(10 * 10**9)
    assert exchange.account(1)["in_these_ten"] == 0


def test_depth_is_as_deep_as_asked_best_first(exchange):
    for i in range(5):
        exchange.submit(10 + i, SELL, PRICE + 1 + i, 100 + i, account=1)
        exchange.submit(20 + i, BUY, PRICE - 1 - i, 200 + i, account=2)
    bids, asks = exchange.depth(0, 3)
    assert asks.tolist() == [[PRICE, LOTS], [PRICE + 1, 100], [PRICE + 2, 101]]
    assert bids.tolist() == [[PRICE - 1, 200], [PRICE - 2, 201], [PRICE - 3, 202]]


@pytest.mark.parametrize("account", [-1, 8])
def test_an_account_that_is_not_there_is_a_value_error(exchange, account):
    with pytest.raises(ValueError, match=r"expected 0 \.\. 7"):
        exchange.balances(account)


def test_operators_move_and_forbid(exchange):
    usdt = RULES.asset("USDT")
    exchange.transfer(1, 0, usdt, 5)
    exchange.withdraw(0, usdt, 2)
    assert exchange.balances(0)[usdt].tolist() == [3, 0]
    assert exchange.set_limit(w.LIMIT_LOTS, 10, account=2)[0]["kind"] == w.SETTING
    assert exchange.set_rule(w.LOT_STEP, 5, book=0)[0]["kind"] == w.SETTING
    assert exchange.set_fee(3, 1, 2)[0]["kind"] == w.SETTING
    assert exchange.kill(1)["kind"].tolist() == [w.SETTING, w.CANCELLED]
    assert exchange.submit(9, BUY, PRICE, LOTS, account=1)[0]["reason"] == w.KILLED
    exchange.revive(1)
    assert exchange.submit(9, BUY, PRICE, LOTS, account=1)[0]["kind"] == w.ACCEPTED
    assert len(exchange) == 1


def lived() -> Exchange:
    exchange = Exchange(RULES)
    for account in (1, 2):
        for asset in range(3):
            exchange.deposit(account, asset, 10**14)
    exchange.clock(1_700_000_000_123_456_789)
    exchange.submit(1, SELL, PRICE, LOTS, account=1, display=LOTS // 3)
    exchange.submit(2, BUY, PRICE, LOTS // 2, account=2)
    exchange.submit(3, SELL, 0, 10_000, account=2, order_type=w.STOP, time_in_force=w.IOC, trigger=PRICE - 1, flags=w.REDUCE_ONLY)
    exchange.submit(4, BUY, 0, 100, account=1, order_type=w.STOP, time_in_force=w.IOC, trigger=PRICE + 1)
    exchange.set_limit(w.LIMIT_LOSS, 10**12, account=1)
    return exchange


def test_an_exchange_restored_from_its_snapshot_is_the_same_bit_for_bit():
    exchange = lived()
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **exchange.snapshot())
    file.seek(0)
    again = Exchange.restored(RULES, dict(np.load(file)))
    assert again.digest() == exchange.digest()
    for each in (exchange, again):
        each.clock(1_700_000_001_000_000_000)
    assert again.submit(9, BUY, PRICE + 1, LOTS, account=2).tolist() == exchange.submit(9, BUY, PRICE + 1, LOTS, account=2).tolist()
    assert again.digest() == exchange.digest()
    assert again.ledger().tobytes() == exchange.ledger().tobytes()


@pytest.mark.parametrize("part", ["orders", "last_prices", "rules", "now", "accounts", "balances", "positions", "supply", "tiers", "killed"])
def test_every_part_of_a_snapshot_is_in_the_digest(part):
    exchange = lived()
    snapshot = exchange.snapshot()
    changed = snapshot[part].copy()
    if part == "orders":
        changed = changed[:-1]
    elif part in ("accounts", "balances", "positions"):
        changed[-1, -3] += 7  # a limit
    else:
        changed.reshape(-1)[-1] += 1
    try:
        assert Exchange.restored(RULES, {**snapshot, part: changed}).digest() != exchange.digest()
    except ValueError as refused:
        assert "no such state can be" in str(refused) or "outside of their books" in str(refused)


def test_a_snapshot_of_another_version_or_other_rules_is_refused():
    snapshot = lived().snapshot()
    with pytest.raises(ValueError, match=r"version \[1\]; expected \[2\]"):
        Exchange.restored(RULES, {**snapshot, "version": np.array([1])})
    with pytest.raises(ValueError, match="expected rows"):
        Exchange.restored(replace(RULES, accounts=2), snapshot)
    with pytest.raises(ValueError, match=r"ORDER|books"):
        Exchange.restored(replace(RULES, listings=RULES.listings[:1]), snapshot)


def test_a_snapshot_whose_accounts_hold_other_than_the_orders_is_refused():
    snapshot = lived().snapshot()
    balances = snapshot["balances"].copy()
    balances[0, 2] += 1  # locked
    with pytest.raises(ValueError, match="no such state can be"):
        Exchange.restored(RULES, {**snapshot, "balances": balances})


@pytest.mark.parametrize(
    ("part", "row", "column", "value", "message"),
    [
        ("balances", 0, 1, 10**15, "paid in"),
        ("balances", 0, 1, -1, "paid in"),
        ("supply", ..., 0, 1, "paid in"),
        ("accounts", 0, 2, 64, "fee tier"),
        ("accounts", 0, 3, 8, "master"),
        ("tiers", 0, 0, -1, "fee tier"),
    ],
)
def test_a_snapshot_of_accounts_that_can_not_be_is_refused(part, row, column, value, message):
    snapshot = lived().snapshot()
    changed = snapshot[part].copy()
    changed[row, column] = value
    with pytest.raises(ValueError, match=message):
        Exchange.restored(RULES, {**snapshot, part: changed})


@pytest.mark.parametrize("part", ["supply", "tiers", "rules", "accounts", "killed"])
def test_a_part_of_another_shape_is_refused(part):
    snapshot = lived().snapshot()
    with pytest.raises(ValueError, match="expected"):
        Exchange.restored(RULES, {**snapshot, part: snapshot[part][:, :1] if snapshot[part].ndim == 2 else snapshot[part][:0]})


def test_rules_have_a_digest_of_their_own():
    assert RULES.digest() == replace(RULES).digest() != replace(RULES, accounts=9).digest()
    assert len(RULES.digest()) == 32
