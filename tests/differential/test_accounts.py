"""Accounts, compiled against plain: every command, the same events, orders and ledger; and no unit is ever made or lost."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange import words as w
from polaris.exchange.accounts import Money
from polaris.exchange.book import MatchingEngine
from polaris.exchange.book_reference import ReferenceEngine
from polaris.exchange.ledger import Ledger
from polaris.exchange.words import EVENT_NAMES, REASON_NAMES, Commands, Orders
from tests.differential.test_matching import run_program, runs
from tests.unit.exchange.commands import LOWEST, any_command, between, commands, lists, oco, oto, submit

CAPACITY = 24
ACCOUNTS = 5
MONEY = Money(ACCOUNTS, 3, ((0, 2, 3, 2), (1, 2, 1, 5)))  # two books of one quote
SECOND = 10**9


def operation(number: int, **fields: int) -> dict[str, int]:
    return {"operation": number, **fields}


def random_commands(seed: int, n: int) -> Commands:
    """A stream with every operation and order in it, of accounts sometimes rich and sometimes poor; an engine goes along, so that most of it hits."""
    dice = np.random.default_rng(seed)
    pick = lambda *values: int(dice.choice(values))  # noqa: E731
    engine, now, order_id = MatchingEngine(LOWEST, CAPACITY, MONEY), 0, 0
    rows = [operation(w.DEPOSIT, account=account, book=asset, quantity=pick(5_000, 20_000, 100_000)) for account in range(1, ACCOUNTS) for asset in range(3)]
    rows += [operation(w.SET_FEE, order_id=1, price=1_000, quantity=2_500), operation(w.SET_TIER, account=2, quantity=1)]
    engine.run(commands(*rows))
    while len(rows) < n:
        what, account, book, done = dice.random(), pick(1, 2, 3, 4), pick(0, 0, 0, 1), len(rows)
        living = engine.orders()["order_id"]
        target = pick(*living) if len(living) and dice.random() < 0.9 else max(1, order_id - pick(*range(20)))
        position = int(engine.ledger().positions["position"][account, book])
        if what < 0.52:
            order_id += 1
            rows.append(new_order(dice, order_id, account, book, position))
        elif what < 0.62:
            rows += new_list(dice, order_id + 1, account, book, position)
            order_id += 3
        elif what < 0.64:
            rows.append(operation(w.EXPIRE_AT, order_id=target, price=now + pick(1, SECOND, 10 * SECOND)))
        elif what < 0.70:
            rows.append(operation(w.CANCEL, order_id=target, account=pick(0, 0, account)))
        elif what < 0.80:
            rows.append(operation(w.AMEND, order_id=target, price=pick(0, 0, *range(99, 111)), quantity=pick(*range(1, 40))))
        elif what < 0.85:
            now += pick(1, SECOND // 3, SECOND, 9 * SECOND) if dice.random() < 0.9 else 86_400 * SECOND
            rows.append(operation(w.CLOCK, price=now))
        elif what < 0.90:
            kind = pick(w.DEPOSIT, w.WITHDRAW, w.TRANSFER)
            rows.append(operation(kind, account=pick(0, account), book=pick(0, 1, 2), order_id=pick(0, 1, 2, 3), quantity=pick(1, 100, 3_000, 50_000)))
        elif what < 0.96:
            rows.append(setting(dice, account))
        elif what < 0.98:
            rows.append(operation(w.SET_PHASE, book=pick(-1, 0, 1), quantity=pick(w.AUCTION, w.AUCTION, w.HALTED, w.CLOSED)))
            for _ in range(5):
                order_id += 1
                order = new_order(dice, order_id, pick(1, 2, 3, 4), book, 0)
                rows.append(order | {"order_type": w.LIMIT, "time_in_force": w.GTC, "price": pick(*range(99, 111)), "trigger": 0, "flags": 0, "display": 0})
            rows.append(operation(w.SET_PHASE, book=-1, quantity=pick(w.CONTINUOUS, w.CONTINUOUS, w.CONTINUOUS, w.CLOSED)))
            rows.append(operation(w.SET_PHASE, book=-1, quantity=w.CONTINUOUS))
        elif what < 0.99:
            rows.append(operation(w.MASS_CANCEL, book=pick(-1, 0, 1), side=pick(0, BUY, SELL), account=pick(0, account)))
        else:
            rows += [operation(w.KILL, account=account), operation(w.REVIVE, account=account)]
        engine.run(commands(*rows[done:]))
    return commands(*rows)


def new_order(dice: np.random.Generator, order_id: int, account: int, book: int, position: int) -> dict[str, int]:
    """An order right in itself; where there is a position, every third one may only make it smaller."""
    pick = lambda *values: int(dice.choice(values))  # noqa: E731
    kind = pick(1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9)
    limited, waits, side = kind in (1, 5, 7, 9), kind >= 4, pick(BUY, SELL)
    time_in_force = pick(0, 0, 0, 1, 2, 3, 4) if limited else 1 if kind == 3 else pick(1, 1, 2)
    reduces = dice.random() < 0.33
    quantity = pick(*range(1, 30))
    if reduces and position:
        side, quantity = (SELL if position > 0 else BUY), pick(*range(1, abs(position) + 2))
    return submit(
        order_id,
        side,
        pick(*range(99, 111)) if limited or (kind in (4, 6, 8) and dice.random() < 0.5) else 0,
        quantity * (100 if kind == 3 else 1),
        book=book,
        order_type=kind,
        time_in_force=time_in_force,
        trigger=pick(*range(99, 111)) if waits else 0,
        display=pick(1, 2, 3, -100, -250) if kind >= 8 else max(pick(1, 2, 3, 4), -(-quantity // 100)) if time_in_force in (0, 3, 4) and dice.random() < 0.3 else 0,
        account=account,
        prevention=pick(0, 0, 1, 2, 3, 4),
        flags=(w.REDUCE_ONLY if reduces else 0) | (w.FROM_WORSE if kind >= 8 and dice.random() < 0.5 else 0),
    )


def new_list(dice: np.random.Generator, order_id: int, account: int, book: int, position: int) -> list[dict[str, int]]:
    """A list of orders, mostly a sound one."""
    pick = lambda *values: int(dice.choice(values))  # noqa: E731
    legs = [new_order(dice, order_id, account, book, position) for _ in range(3)]
    plain = {"order_type": w.LIMIT, "time_in_force": pick(w.GTC, w.POST_SLIDE), "trigger": 0, "display": 0}
    stop = {"order_type": w.STOP, "time_in_force": w.IOC, "price": pick(0, *range(99, 111)), "display": 0}
    trails = {"order_type": w.TRAILING_STOP, "time_in_force": w.IOC, "price": 0, "trigger": 0, "display": pick(1, 2, 3)}
    for leg in legs:
        leg |= plain | {"price": pick(*range(99, 111)), "quantity": pick(1, 5, *range(1, 25))}
        leg["flags"] &= w.REDUCE_ONLY
    alike = {"side": legs[1]["side"], "flags": legs[1]["flags"]}
    legs[2] |= alike | (stop | {"trigger": pick(*range(99, 111))} if dice.random() < 0.7 else trails)
    if dice.random() < 0.3:
        legs[1] |= stop | {"trigger": pick(*range(99, 111))}
    if dice.random() < 0.5:
        for leg in legs[1:]:
            leg |= {"flags": leg["flags"] | w.SHRINKS, "quantity": legs[1]["quantity"]}
    if dice.random() < 0.4:
        legs = oco(*legs[1:])
    elif dice.random() < 0.4:
        legs = oto(legs[0], new_order(dice, order_id, account, book, position))
    else:
        legs = oto(legs[0] | {"flags": 0}, *legs[1:])
    return [leg | {"order_id": order_id + n} for n, leg in enumerate(legs)]


def setting(dice: np.random.Generator, account: int) -> dict[str, int]:
    """A limit, a rule, a fee or a tier; half of them take one away."""
    pick = lambda *values: int(dice.choice(values))  # noqa: E731
    most = {
        w.LIMIT_LOTS: 20,
        w.LIMIT_POSITION: 40,
        w.LIMIT_NOTIONAL: 4_000,
        w.LIMIT_LOSS: 60,
        w.LIMIT_ORDERS: 4,
        w.LIMIT_SECOND: 3,
        w.LIMIT_TEN_SECONDS: 5,
        w.LIMIT_DAY: 30,
        w.LIMIT_MASTER: 1,
    }
    least = {w.BAND_PPM: 30_000, w.REFERENCE_PRICE: 104, w.BAND_INTERRUPTS: 1, w.MIN_LOTS: 3, w.MAX_LOTS: 25, w.LOT_STEP: 2, w.MIN_NOTIONAL: 1_500}
    what, on = dice.random(), pick(0, 0, 1)
    account, book = (pick(0, account), pick(-1, 0, 1)) if on else (0, -1)
    if what < 0.6:
        which = pick(*most)
        return operation(w.SET_LIMIT, account=account, book=book, trigger=which, price=on * most[which])
    if what < 0.8:
        which = pick(*least)
        return operation(w.SET_RULE, book=book, trigger=which, price=on * least[which])
    if what < 0.9:
        return operation(w.SET_FEE, order_id=pick(0, 1), price=pick(0, 1_000, 500_000), quantity=pick(0, 2_500, 1_000_000))
    return operation(w.SET_TIER, account=pick(1, 2, 3), quantity=pick(0, 1))


def check_money(ledger: Ledger, orders: Orders, supply: list[int]) -> None:
    """Nothing is below 0, nothing is made or lost, and what is locked is what the living orders hold."""
    free, locked = ledger.balances["free"], ledger.balances["locked"]
    assert (free >= 0).all()
    assert (free + locked).sum(axis=0).tolist() == ledger.supply.tolist() == supply
    held, groups = np.zeros_like(locked), dict[tuple[int, int, int], list[int]]()
    for order in orders:  # a pair holds what the larger of its legs would, a parked order nothing
        base, quote, lot_units, value = MONEY.books[order["book"]]
        lots = int(order["shown"] + order["hidden"]) if order["ladder"] != w.PARKED else 0
        price = int(order["price"]) or LOWEST[order["book"]] + w.TICKS - 1
        asset, units = (base, lots * lot_units) if order["side"] == SELL else (quote, price * lots * value)
        first = int(min(order["order_id"], order["partner"] or order["order_id"]))
        groups.setdefault((first, int(order["account"]), asset), []).append(units)
    for (_, account, asset), legs in groups.items():
        held[account, asset] += max(legs)
    assert locked.tolist() == held.tolist()
    assert ledger.accounts["orders"].tolist() == np.bincount(orders["account"], minlength=ACCOUNTS).tolist()
    for side, name in ((BUY, "buys"), (SELL, "sells")):
        for account, book in np.argwhere(ledger.positions["position"] * side < 0):
            reducing = (orders["flags"] & w.REDUCE_ONLY != 0) & (orders["account"] == account) & (orders["book"] == book) & (orders["side"] == side) & (orders["ladder"] != w.PARKED)
            assert not reducing.any() or ledger.positions[name][account, book] <= abs(ledger.positions["position"][account, book])
    flat = ledger.positions["position"] == 0
    assert not any(flat[order["account"], order["book"]] for order in orders if order["flags"] & w.REDUCE_ONLY and order["ladder"] != w.PARKED)


def step_by_step(rows: Commands) -> list[tuple[str, str]]:
    """Both engines do the commands one by one and stay equal; returns every (kind, reason) told."""
    compiled, plain = MatchingEngine(LOWEST, CAPACITY, MONEY), ReferenceEngine(LOWEST, CAPACITY, MONEY)
    compiled._hold(1)
    told = []
    supply = [0, 0, 0]
    for i, one in runs(rows):
        truth = plain.run(one)
        events = compiled.run(one)
        assert events.tolist() == truth.tolist(), f"command {i}: {one}"
        assert compiled.orders().tolist() == plain.orders().tolist(), f"after command {i}: {one}"
        ledger, true = compiled.ledger(), plain.ledger()
        for part, right in zip(ledger, true, strict=True):
            assert np.array_equal(part, right), f"after command {i}: {one}\n{part}\n{right}"
        assert compiled.digest() == plain.digest()
        if rows[i]["operation"] in (w.DEPOSIT, w.WITHDRAW) and truth[0]["kind"] == w.BALANCE:
            supply[rows[i]["book"]] += int(truth[0]["quantity"])
        check_money(ledger, compiled.orders(), supply)
        told += [(EVENT_NAMES[kind], REASON_NAMES[reason]) for kind, reason in zip(truth["kind"], truth["reason"], strict=True)]
    return told


@pytest.mark.parametrize("seed", range(6))
def test_long_streams_are_equal_after_every_command_and_no_unit_is_lost(seed):
    step_by_step(random_commands(seed, 1_500))


def test_the_streams_hold_every_reason_that_accounts_have():
    told = {reason for seed in range(4) for _, reason in step_by_step(random_commands(100 + seed, 1_500))}
    assert told >= {
        "insufficient balance", "order rate", "position limit", "too many orders", "notional", "daily loss", "not reducing", "lot size", "order lots",
        "not related", "bad account",
    }  # fmt: skip


numbers = st.integers(0, ACCOUNTS)
units = st.one_of(st.integers(-1, 60), st.integers(1, 5_000), st.sampled_from((w.MAX_UNITS, w.MAX_UNITS + 1, 2**63 - 1, -(2**63))))
books = st.integers(-2, 3)


@st.composite
def asked(draw: Any) -> dict[str, int]:
    """An order or another command, of an account that is there or not."""
    command = {**draw(any_command), "account": draw(numbers)}
    if command["operation"] == w.SUBMIT and draw(st.booleans()):
        command["flags"] = draw(st.integers(0, 3))
    return command


@st.composite
def governed(draw: Any) -> dict[str, int]:
    """What an operator asks, right or wrong."""
    account, book, value = draw(numbers), draw(books), draw(st.one_of(st.integers(-1, 40), units))
    number = draw(st.sampled_from((w.DEPOSIT, w.WITHDRAW, w.TRANSFER, w.SET_LIMIT, w.SET_LIMIT, w.SET_RULE, w.SET_TIER, w.SET_FEE, w.KILL, w.REVIVE, w.CLOCK)))
    fields = {"account": account, "book": book, "order_id": draw(numbers), "quantity": value}
    if number in (w.SET_LIMIT, w.SET_RULE):
        fields |= {"trigger": draw(st.integers(0, 16)), "price": value}
    if number in (w.SET_FEE, w.CLOCK):
        fields |= {"price": draw(st.sampled_from((-1, 0, 5, 1_000, 1_000_000, 20 * SECOND, 86_400 * SECOND))), "quantity": draw(st.integers(-1, 1_000_001))}
    return operation(number, **fields)


rich = [operation(w.DEPOSIT, account=account, book=asset, quantity=3_000) for account in range(1, 4) for asset in range(3)]


@st.composite
def listed(draw: Any) -> list[dict[str, int]]:
    """A list of orders of an account that is there or not."""
    account = draw(numbers)
    return [{**leg, "account": account} for leg in draw(lists())]


parts = st.one_of(asked().map(lambda one: [one]), asked().map(lambda one: [one]), asked().map(lambda one: [one]), listed(), governed().map(lambda one: [one]))
streams = st.lists(parts, min_size=1, max_size=40).map(lambda drawn: [*rich, *(one for part in drawn for one in part)])


@settings(max_examples=300)
@given(streams)
@example([*rich, submit(1, BUY, 0, 900, order_type=3, time_in_force=1, account=1), submit(2, SELL, 99, 9, account=2)])
def test_both_engines_tell_the_same_and_own_the_same_after_every_command(stream):
    step_by_step(commands(*stream))


@settings(max_examples=50)
@given(st.integers(0, 1000), st.data())
def test_any_split_of_the_commands_tells_the_same_events(seed, data):
    rows = random_commands(seed, 200)
    cuts = sorted(data.draw(st.sets(st.sampled_from(between(rows)))))
    whole, parts = MatchingEngine(LOWEST, CAPACITY, MONEY), MatchingEngine(LOWEST, CAPACITY, MONEY)
    told = whole.run(rows)
    pieces = [parts.run(rows[start:end]) for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    assert told.tobytes() == np.concatenate(pieces).tobytes()
    assert whole.digest() == parts.digest()


@settings(max_examples=50)
@given(st.integers(0, 1000), st.integers(0, 400))
def test_an_engine_restored_at_any_point_goes_on_with_the_same_events(seed, cut):
    rows = random_commands(seed, 400)
    cut = max(place for place in between(rows) if place <= cut)
    engine = MatchingEngine(LOWEST, CAPACITY, MONEY)
    engine.run(rows[:cut])
    state = engine.orders(), engine.last_prices(), engine.now, engine.rules(), MONEY, engine.ledger(), engine.phases()
    again = MatchingEngine.restored(LOWEST, CAPACITY, *state)
    assert again.digest() == engine.digest()
    assert again.run(rows[cut:]).tobytes() == engine.run(rows[cut:]).tobytes()
    assert again.digest() == engine.digest()


PROGRAM = """
import hashlib
from polaris.domain.kernel import JIT
from polaris.exchange.book import MatchingEngine
from tests.differential.test_accounts import CAPACITY, LOWEST, MONEY, random_commands, runs

digest = hashlib.blake2b(digest_size=16)
rows = random_commands(3, 800)
engine = MatchingEngine(LOWEST, CAPACITY, MONEY)
for _, one in runs(rows):
    digest.update(engine.run(one).tobytes())
    digest.update(engine.digest().encode())
print(JIT, digest.hexdigest())
"""


@pytest.mark.slow
def test_the_same_bits_with_and_without_the_compiler():
    compiled, plain = run_program(PROGRAM, "0"), run_program(PROGRAM, "1")
    assert (compiled[0], plain[0]) == ("True", "False")
    assert compiled[1] == plain[1]
