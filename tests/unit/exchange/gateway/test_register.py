from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange.gateway.note import NOTE
from polaris.exchange.gateway.orders import CANCELED, EXPIRED, EXPIRED_IN_MATCH, FILLED, NAMES_LIST, NEW, PARTIALLY_FILLED
from polaris.exchange.gateway.register import Register
from polaris.exchange.gateway.register_snapshot import digest, from_bytes, to_bytes
from polaris.exchange.gateway.venue import command, note
from polaris.exchange.words import (
    AMEND,
    ASKS,
    BIDS,
    CANCEL,
    CLOCK,
    COMMAND,
    DECREMENT,
    EXPIRE_MAKER,
    EXPIRE_TAKER,
    FILL,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    MARKET_AMOUNT,
    MASS_CANCEL,
    OCO_FIRST,
    OCO_SECOND,
    OTO_PENDING,
    OTO_WORKING,
    OTOCO_FIRST,
    OTOCO_SECOND,
    OTOCO_WORKING,
    POST_ONLY,
    SHRINKS,
    STOP,
    STOP_LIMIT,
    SUBMIT,
    TRAILING_STOP,
)
from tests.unit.exchange.gateway.bare import ANY_SIZE, START, Bare

PRICE = 5_000_000


class Run:
    """A core and a register that hears what it does."""

    def __init__(self, **settings):
        self.core, self.register, self.seq = Bare(ANY_SIZE), Register(ANY_SIZE, **settings), 0
        self.fills, self.ever = 0, {1: [], 2: [], 3: []}
        self.do(time(START))  # a venue's first command is its time

    def do(self, *asked):
        """Run (command, note) pairs in one batch; what each changed."""
        commands = np.frombuffer(bytearray(b"".join(command for command, _ in asked)), COMMAND)
        commands["seq"] = np.arange(self.seq + 1, self.seq + 1 + len(asked))
        self.seq += len(asked)
        notes = np.frombuffer(b"".join(note for _, note in asked), NOTE)
        events = self.core.run(commands)
        self.fills += int((events["kind"] == FILL).sum())
        told = self.register.fold(commands, notes, events)
        for change, account in zip(self.register.told(told), told["owner"].tolist(), strict=True):
            if change.trade is not None:
                self.ever.setdefault(account, []).append(change.trade)
        return [self.register.told(told[(told["seq"] == seq) & (told["asked"] == 1)]) for seq in commands["seq"].tolist()]


def submit(order_id, account=1, side=BUY, price=PRICE, quantity=100, kind=LIMIT, time=GTC, name="", **more):
    asked = command(SUBMIT, order_id=order_id, side=side, order_type=kind, time_in_force=time, price=price, quantity=quantity, account=account, **more)
    return asked, note(START, name or f"n{order_id}", session=3)


def cancel(order_id, account=1, name="c"):
    return command(CANCEL, order_id=order_id, account=account), note(START, name)


def time(ns):
    return command(CLOCK, price=ns), note(0)


def test_an_order_is_known_by_its_number_and_by_its_name():
    run = Run()
    run.do(time(START), submit(7, name="mine"))
    order = run.register.named(1, "mine")
    assert order.order_id == run.register.order(1, 0, 7).order_id == run.register.alive(7).order_id == 7
    assert (order.state, order.created, order.working, order.session, order.open) == (NEW, START, START, 3, 100)
    assert run.register.named(2, "mine") is None
    assert run.register.order(2, 0, 7) is None
    assert run.register.order(1, 1, 7) is None


def test_both_sides_of_a_trade_are_kept_with_the_number_the_book_gave_it():
    run = Run()
    run.do(time(START), submit(1), submit(2, 2, SELL, quantity=30), time(START + 5), submit(3, 2, SELL, quantity=100))
    maker, taker, last = (run.register.order(account, 0, number) for account, number in ((1, 1), (2, 2), (2, 3)))
    assert (maker.state, maker.executed, maker.paid, maker.updated) == (FILLED, 100, 100 * PRICE, START + 5)
    assert (taker.state, last.state, last.executed, last.open) == (FILLED, PARTIALLY_FILLED, 70, 30)
    assert [(trade.trade_id, trade.order_id, trade.lots, trade.maker, trade.side) for trade in run.register.trades(1, 0)] == [
        (1, 1, 30, True, BUY),
        (2, 1, 70, True, BUY),
    ]
    assert [(trade.trade_id, trade.maker, trade.side) for trade in run.register.trades(2, 0)] == [(1, False, SELL), (2, False, SELL)]


def test_trades_of_other_accounts_count_though_they_are_not_kept():
    run = Run(silent=(8, 9))
    run.do(submit(1, 8), submit(2, 9, SELL), submit(3, 8), submit(4, 1, SELL))
    assert [trade.trade_id for trade in run.register.trades(1, 0)] == [2]
    assert [run.register.orders(account, 0) for account in (8, 9)] == [[], []]


def test_a_cancelled_order_takes_the_cancels_name_and_is_still_found_by_its_first():
    run = Run()
    run.do(submit(1, name="mine"))
    (changes,) = run.do(cancel(1, name="why"))
    order = run.register.named(1, "mine")
    assert (order.state, order.client_id, order.first_id, changes[0].former) == (CANCELED, "why", "mine", "mine")
    assert run.register.named(1, "why").order_id == 1
    run.do(submit(2, name="mine"))
    assert run.register.named(1, "mine").order_id == 2


def test_what_a_rule_ends_has_expired():
    run = Run()
    run.do(submit(1, kind=MARKET, time=IOC, price=0), submit(2, time=FOK), submit(3, side=SELL, quantity=10), submit(4, 2, time=IOC))
    states = [run.register.order(account, 0, number).state for account, number in ((1, 1), (1, 2), (1, 3), (2, 4))]
    assert states == [EXPIRED, EXPIRED, FILLED, EXPIRED]
    assert run.register.open(1) == []


def test_an_amount_that_buys_no_more_lot_is_filled():
    run = Run()
    run.do(submit(1, side=SELL, quantity=100), submit(2, 2, kind=MARKET_AMOUNT, time=IOC, price=0, quantity=3 * PRICE + PRICE // 2))
    order = run.register.order(2, 0, 2)
    assert (order.state, order.executed, order.open) == (FILLED, 3, 0)
    assert run.register.alive(2) is None


def test_an_amount_the_book_can_not_fill_has_expired():
    run = Run()
    run.do(submit(1, side=SELL, quantity=2), submit(2, 2, kind=MARKET_AMOUNT, time=IOC, price=0, quantity=3 * PRICE + PRICE // 2))
    assert run.register.order(2, 0, 2).state == EXPIRED


def test_a_stop_works_from_its_trigger_on():
    run = Run()
    run.do(time(START), submit(1), submit(2, 2, SELL, quantity=1))
    run.do(time(START + 1), submit(3, 3, SELL, kind=STOP, time=IOC, price=0, trigger=PRICE - 10, quantity=5))
    order = run.register.order(3, 0, 3)
    assert (order.state, order.waits, order.working) == (NEW, True, 0)
    run.do(time(START + 2), submit(4, price=PRICE - 10, quantity=50), cancel(1), submit(5, 2, SELL, price=PRICE - 10, quantity=1))
    order = run.register.order(3, 0, 3)
    assert (order.state, order.working, order.executed) == (FILLED, START + 2, 5)


@pytest.mark.parametrize(("prevention", "states"), [(EXPIRE_TAKER, (NEW, EXPIRED_IN_MATCH)), (EXPIRE_MAKER, (EXPIRED_IN_MATCH, NEW))])
def test_who_would_trade_with_himself_is_expired_in_match(prevention, states):
    run = Run()
    run.do(submit(1), submit(2, side=SELL, prevention=prevention))
    assert tuple(run.register.order(1, 0, number).state for number in (1, 2)) == states


def test_what_does_not_trade_with_itself_is_counted_as_prevented():
    run = Run()
    run.do(submit(1, quantity=100), submit(2, side=SELL, quantity=30, prevention=DECREMENT))
    maker, taker = (run.register.order(1, 0, number) for number in (1, 2))
    assert (maker.state, maker.prevented, maker.open) == (NEW, 30, 70)
    assert (taker.state, taker.prevented, taker.open) == (EXPIRED_IN_MATCH, 30, 0)
    (match,) = run.register.prevented(1)
    assert (match.taker_id, match.maker_id, match.lots, match.price) == (2, 1, 30, PRICE)


def test_an_amended_order_keeps_count_of_its_amendments():
    run = Run()
    run.do(submit(1, quantity=100, name="a"), submit(2, 2, SELL, quantity=10))
    (changes,) = run.do((command(AMEND, order_id=1, quantity=40, account=1), note(START, "b")))
    order = run.register.named(1, "b")
    assert (order.quantity, order.open, order.executed, changes[0].former) == (50, 40, 10, "a")
    assert [(each.before, each.after, each.old_id, each.new_id) for each in order.amendments] == [(100, 50, "a", "b")]
    assert run.register.named(1, "a") is None


def test_history_is_bounded_oldest_first_out():
    run = Run(history=3)
    for number in range(1, 6):
        run.do(submit(number), cancel(number, name=f"c{number}"))
    assert [order.order_id for order in run.register.orders(1, 0)] == [3, 4, 5]
    names = [f"{letter}{number}" for letter in "cn" for number in range(1, 6)]
    assert [name for name in names if run.register.named(1, name) is not None] == ["c3", "c4", "c5", "n3", "n4", "n5"]


def test_counters_go_on_after_the_highest_number_of_the_journal():
    run = Run()
    run.do((command(SUBMIT, order_id=40, side=BUY, order_type=LIMIT, price=PRICE, quantity=1, account=1), note(0, "a", session=9, list_id=5)))
    register = run.register
    assert (register.last_order, register.last_session, register.last_list) == (40, 9, 5)


names = st.sampled_from(["a", "b", "c", "d", ""])
accounts = st.integers(1, 3)
numbers = st.integers(1, 12)
shapes = [(LIMIT, GTC)] * 6 + [(LIMIT, IOC), (LIMIT, FOK), (LIMIT, POST_ONLY), (MARKET, IOC), (MARKET_AMOUNT, IOC), (STOP, IOC), (STOP_LIMIT, GTC), (LIMIT, 9)]
orders = st.tuples(
    st.just("order"),
    accounts,
    st.sampled_from([BUY, SELL]),
    st.integers(PRICE - 2, PRICE + 2),
    st.integers(1, 20),
    st.sampled_from(shapes),
    st.integers(0, DECREMENT),
    names,
)
changes = st.sampled_from(["cancel", "amend", "all", "time"]).flatmap(
    lambda kind: {
        "cancel": st.tuples(st.just(kind), accounts, numbers, names),
        "amend": st.tuples(st.just(kind), accounts, numbers, st.integers(1, 20), names),
        "all": st.tuples(st.just(kind), accounts),
        "time": st.tuples(st.just(kind), st.integers(0, 1000)),
    }[kind]
)
lists = st.tuples(
    st.sampled_from(["oco", "oto", "otoco"]), accounts, st.sampled_from([BUY, SELL]), st.integers(1, 3), st.integers(1, 20), st.booleans(), names
)
trails = st.tuples(st.just("trail"), accounts, st.sampled_from([BUY, SELL]), st.integers(1, 3), st.integers(1, 20))
asks = st.sampled_from([orders, orders, orders, orders, lists, trails, changes, changes]).flatmap(lambda which: which)
many = st.integers(0, 60).flatmap(lambda count: st.lists(asks, min_size=count, max_size=count))


def asked_of(drawn):
    """Drawn asks as groups of (command, note) pairs, a list's legs in one; orders are numbered as they come."""
    number = list_id = 0
    for kind, *rest in drawn:
        match kind:
            case "oco" | "oto" | "otoco":
                account, side, away, quantity, limited, name = rest
                list_id += 1
                group = [(command(CLOCK, price=START), note(START, name or f"l{list_id}", list_id=list_id, kind=NAMES_LIST))]
                up, down = PRICE + away, PRICE - away
                above, below = (up, down) if side == SELL else (down, up)
                working = {"order_type": LIMIT, "time_in_force": GTC, "price": PRICE}
                limit = {"order_type": LIMIT, "time_in_force": POST_ONLY, "price": above}
                stop = {"order_type": STOP_LIMIT, "time_in_force": GTC, "price": below, "trigger": below}
                stop = stop if limited else {"order_type": STOP, "time_in_force": IOC, "trigger": below}
                legs = {
                    "oco": [(side, limit, OCO_FIRST), (side, stop, OCO_SECOND)],
                    "oto": [(-side, working, OTO_WORKING), (side, limit, OTO_PENDING)],
                    "otoco": [(-side, working, OTOCO_WORKING), (side, limit, OTOCO_FIRST), (side, stop, OTOCO_SECOND)],
                }[kind]
                for leg_side, fields, role in legs:
                    number += 1
                    flags = SHRINKS if quantity % 2 and role in (OCO_FIRST, OCO_SECOND, OTOCO_FIRST, OTOCO_SECOND) else 0
                    asked = command(SUBMIT, order_id=number, side=leg_side, quantity=quantity, account=account, role=role, flags=flags, **fields)
                    group.append((asked, note(START, f"n{number}", list_id=list_id)))
                yield group
            case "trail":
                account, side, trail, quantity = rest
                number += 1
                asked = command(
                    SUBMIT, order_id=number, side=side, order_type=TRAILING_STOP, time_in_force=IOC, display=trail, quantity=quantity, account=account
                )
                yield [(asked, note(START, f"n{number}"))]
            case "order":
                account, side, price, quantity, (order_type, time_in_force), prevention, name = rest
                number += 1
                waits, market = order_type in (STOP, STOP_LIMIT), order_type in (MARKET, MARKET_AMOUNT, STOP)
                fields = {
                    "price": 0 if market else price,
                    "quantity": quantity * (PRICE if order_type == MARKET_AMOUNT else 1),
                    "trigger": price if waits else 0,
                    "prevention": prevention,
                }
                asked = command(SUBMIT, order_id=number, side=side, order_type=order_type, time_in_force=time_in_force, account=account, **fields)
                yield [(asked, note(START, name or f"n{number}", session=number))]
            case "cancel":
                yield [(command(CANCEL, order_id=rest[1], account=rest[0]), note(START, rest[2]))]
            case "amend":
                yield [(command(AMEND, order_id=rest[1], account=rest[0], quantity=rest[2]), note(START, rest[3]))]
            case "all":
                yield [(command(MASS_CANCEL, account=rest[0], book=-1), note(START, "all"))]
            case "time":
                yield [time(START + rest[0])]


@given(many, st.data())
@settings(deadline=None)
def test_the_register_holds_what_the_core_holds_however_the_commands_come(drawn, data):
    whole, parts = Run(history=5), Run(history=5)
    rest = list(asked_of(drawn))
    if rest:
        whole.do(*chain(*rest))
    while rest:
        n = data.draw(st.integers(1, len(rest)))
        parts.do(*chain(*rest[:n]))
        rest = rest[n:]
    alive = {int(row["order_id"]): row for row in whole.core.engine.orders()}
    mine = {order.order_id: order for account in (1, 2, 3) for order in whole.register.open(account)}
    assert mine.keys() == alive.keys()
    for number, order in mine.items():
        row = alive[number]
        assert order.open == row["shown"] + row["hidden"]
        assert (order.account, order.side, order.price, order.waits) == (row["account"], row["side"], row["price"], row["ladder"] not in (BIDS, ASKS))
        assert order.list is None or not order.list.done
    assert digest(whole.register) == digest(parts.register)
    sides = {(trade.trade_id, trade.maker) for account in (1, 2, 3) for trade in parts.ever[account]}
    assert sides == {(number, maker) for number in range(1, parts.fills + 1) for maker in (False, True)}
    again = from_bytes(Register(ANY_SIZE, history=5), to_bytes(whole.register))
    assert to_bytes(again) == to_bytes(whole.register)


@given(many, many)
@settings(deadline=None)
def test_a_register_goes_on_from_its_bytes_as_if_it_had_never_stopped(before, after):
    run = Run(history=5)
    groups = list(asked_of([*before, *after]))
    first, second = list(chain(*groups[: len(before)])), list(chain(*groups[len(before) :]))
    if first:
        run.do(*first)
    other = Run(history=5)
    other.core, other.seq = run.core, run.seq
    other.register = from_bytes(Register(ANY_SIZE, history=5), to_bytes(run.register))
    if second:
        commands = np.frombuffer(bytearray(b"".join(command for command, _ in second)), COMMAND)
        commands["seq"] = np.arange(run.seq + 1, run.seq + 1 + len(second))
        notes, events = np.frombuffer(b"".join(note for _, note in second), NOTE), run.core.run(commands)
        run.register.fold(commands, notes, events)
        other.register.fold(commands, notes, events)
    assert to_bytes(other.register) == to_bytes(run.register)


@pytest.mark.parametrize("data", [b"", b"\x90", b"\x94\x01\x02\x03\x04", b"garbage"])
def test_bytes_of_no_register_are_refused(data):
    with pytest.raises(ValueError, match="register"):
        from_bytes(Register(ANY_SIZE), data)
