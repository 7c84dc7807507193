"""Commands for tests: short to write, and streams of them that hypothesis draws."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange.words import (
    ALONE,
    AMEND,
    AUCTION,
    BAND_INTERRUPTS,
    BAND_PPM,
    CANCEL,
    CLOCK,
    CLOSED,
    COMMAND,
    CONTINUOUS,
    EXPIRE_AT,
    FOK,
    FROM_WORSE,
    GTC,
    HALTED,
    IOC,
    LIMIT,
    MARKET,
    MARKET_AMOUNT,
    MASS_CANCEL,
    OCO_FIRST,
    OTO_WORKING,
    OTOCO_WORKING,
    POST_ONLY,
    POST_SLIDE,
    REFERENCE_PRICE,
    SET_PHASE,
    SET_RULE,
    SHRINKS,
    STOP,
    STOP_LIMIT,
    SUBMIT,
    TAKE_PROFIT,
    TAKE_PROFIT_LIMIT,
    TICKS,
    TRAILING_STOP,
    TRAILING_STOP_LIMIT,
    Commands,
)

LOWEST = (95, 99)  # of the two books that drawn commands go to
Fields = dict[str, int]


def submit(order_id: int, side: int, price: int, quantity: int, **fields: int) -> Fields:
    """A limit order, unless a field says otherwise."""
    return {"operation": SUBMIT, "order_type": LIMIT, "order_id": order_id, "side": side, "price": price, "quantity": quantity, **fields}


def cancel(order_id: int, **fields: int) -> Fields:
    return {"operation": CANCEL, "order_id": order_id, **fields}


def amend(order_id: int, quantity: int, price: int = 0, **fields: int) -> Fields:
    return {"operation": AMEND, "order_id": order_id, "quantity": quantity, "price": price, **fields}


def mass_cancel(book: int = -1, **fields: int) -> Fields:
    return {"operation": MASS_CANCEL, "book": book, **fields}


def oco(*legs: Fields) -> list[Fields]:
    """Two legs of which one ends the other."""
    return [{**leg, "role": OCO_FIRST + n} for n, leg in enumerate(legs)]


def oto(working: Fields, *pending: Fields) -> list[Fields]:
    """An order, and one or two that are parked until it fills."""
    role = OTO_WORKING if len(pending) == 1 else OTOCO_WORKING
    return [{**leg, "role": role + n} for n, leg in enumerate((working, *pending))]


def trailing(order_id: int, side: int, quantity: int, trail: int, **fields: int) -> Fields:
    """A trailing stop: ticks above 0, basis points below."""
    kind = {"order_type": TRAILING_STOP, "time_in_force": IOC}
    return {"operation": SUBMIT, "order_id": order_id, "side": side, "quantity": quantity, "display": trail, **kind, **fields}


def expire_at(order_id: int, when: int, **fields: int) -> Fields:
    return {"operation": EXPIRE_AT, "order_id": order_id, "price": when, **fields}


def set_phase(phase: int, book: int = 0) -> Fields:
    return {"operation": SET_PHASE, "book": book, "quantity": phase}


def set_rule(rule: int, value: int, book: int = 0) -> Fields:
    return {"operation": SET_RULE, "book": book, "trigger": rule, "price": value}


def commands(*fields: Fields) -> Commands:
    """COMMAND[n] under the sequences 1 .. n, where a command has none of its own."""
    rows = np.zeros(len(fields), COMMAND)
    for i, given in enumerate(fields):
        rows[i]["seq"] = i + 1
        for name, value in given.items():
            rows[i][name] = value
    return rows


def clock(ns: int, **fields: int) -> Fields:
    """It is so late now."""
    return {"operation": CLOCK, "price": ns, **fields}


prices = st.integers(99, 110)
quantities = st.integers(1, 30)
ids = st.integers(1, 60)
sides = st.sampled_from((BUY, SELL))


WAITING = (STOP, STOP_LIMIT, TAKE_PROFIT, TAKE_PROFIT_LIMIT, TRAILING_STOP, TRAILING_STOP_LIMIT)


trails_of = st.one_of(st.integers(1, 6), st.integers(-900, -1))


@st.composite
def orders(draw: Any) -> Fields:
    """A new order that is right in itself."""
    order_type = draw(st.sampled_from((LIMIT, LIMIT, LIMIT, LIMIT, MARKET, MARKET_AMOUNT, *WAITING)))
    limited = order_type in (LIMIT, STOP_LIMIT, TAKE_PROFIT_LIMIT, TRAILING_STOP_LIMIT)
    trails = order_type >= TRAILING_STOP
    time_in_force = draw(st.sampled_from((GTC, GTC, GTC, IOC, FOK, POST_ONLY, POST_SLIDE) if limited else (IOC, IOC, FOK)))
    order = submit(
        draw(ids),
        draw(sides),
        draw(prices) if limited or (order_type in (STOP, TAKE_PROFIT) and draw(st.booleans())) else 0,
        draw(quantities) * (100 if order_type == MARKET_AMOUNT else 1),
        book=draw(st.integers(0, 1)),
        order_type=order_type,
        time_in_force=IOC if order_type == MARKET_AMOUNT else time_in_force,
        trigger=draw(st.one_of(st.just(0), prices) if trails else prices) if order_type >= STOP else 0,
        display=draw(trails_of) if trails else draw(st.integers(1, 5)) if time_in_force in (GTC, POST_ONLY, POST_SLIDE) and draw(st.booleans()) else 0,
        account=draw(st.integers(0, 2)),
        prevention=draw(st.integers(0, 4)),
    )
    if trails and order["trigger"] and draw(st.booleans()):
        order["flags"] = FROM_WORSE
    return order


edges = st.sampled_from((-(2**63), -1, 0, 1, 94, 95, 98, 99, 95 + TICKS - 1, 95 + TICKS, 99 + TICKS - 1, 2**42, 2**42 + 1, 2**62, 2**62 + 1, 2**63 - 1))


@st.composite
def strange(draw: Any) -> Fields:
    """A new order with some fields that may be wrong."""
    order = draw(orders())
    for name in draw(st.sets(st.sampled_from(("price", "quantity", "trigger", "display", "order_id")), max_size=2)):
        order[name] = draw(edges)
    small = {"side": st.integers(-2, 2), "order_type": st.integers(0, 10), "time_in_force": st.integers(0, 6), "prevention": st.integers(0, 6)}
    small |= {"flags": st.integers(0, 16), "role": st.integers(0, 8)}
    small |= {"account": st.integers(-1, 2), "book": st.integers(-2, 3), "operation": st.integers(0, 24)}
    for name in draw(st.sets(st.sampled_from(sorted(small)), max_size=1)):
        order[name] = draw(small[name])
    return order


@st.composite
def lists(draw: Any) -> list[Fields]:
    """A list of orders, mostly a sound one: its legs are alike in what they must be."""
    first = draw(orders())
    like = {"book": first["book"], "account": first["account"]}
    legs = [first, {**draw(orders()), **like}, {**draw(orders()), **like}]
    make = draw(st.sampled_from((oco, oto, oto)))
    legs = legs[: 2 if make is oco else draw(st.integers(2, 3))]
    pair = legs if make is oco else legs[1:]
    if len(pair) == 2 and draw(st.integers(0, 9)) != 0:
        pair[1]["side"] = pair[0]["side"]
        for one in pair:
            if one["order_type"] < STOP:
                one |= {"order_type": LIMIT, "time_in_force": GTC, "price": draw(prices), "quantity": draw(quantities), "display": 0}
        if pair[0]["order_type"] < STOP:
            tick = draw(prices)
            pair[1] |= {"order_type": STOP, "time_in_force": IOC, "price": 0, "trigger": tick, "quantity": draw(quantities), "display": 0}
        if draw(st.booleans()):
            for one in pair:
                one |= {"flags": one.get("flags", 0) | SHRINKS, "quantity": pair[0]["quantity"]}
    if make is oto and draw(st.integers(0, 9)) != 0:
        legs[0] |= {"order_type": LIMIT, "price": draw(prices), "quantity": draw(quantities), "trigger": 0, "display": 0}
    rows = make(*legs)
    for n, leg in enumerate(rows):
        leg["order_id"] = rows[0]["order_id"] + n
    if draw(st.integers(0, 14)) == 0:
        rows.pop(draw(st.integers(0, len(rows) - 1)))
    return rows


rules = st.one_of(
    st.builds(set_rule, st.just(BAND_PPM), st.sampled_from((0, 0, 20_000, 50_000, 10**6, -1)), st.integers(-1, 2)),
    st.builds(set_rule, st.just(REFERENCE_PRICE), st.one_of(st.just(0), prices), st.integers(-1, 1)),
    st.builds(set_rule, st.just(BAND_INTERRUPTS), st.integers(0, 2), st.integers(-1, 1)),
    st.builds(set_rule, st.integers(-1, 8), st.integers(-1, 200), st.integers(-2, 2)),
)
any_command = st.one_of(
    orders(),
    orders(),
    orders(),
    orders(),
    orders(),
    strange(),
    st.builds(cancel, ids, account=st.integers(0, 2)),
    st.builds(amend, ids, st.integers(0, 40), st.one_of(st.just(0), prices), account=st.integers(0, 2)),
    st.builds(mass_cancel, st.integers(-2, 2), side=st.integers(-2, 2), account=st.integers(-1, 2)),
    st.builds(clock, st.integers(-1, 60)),
    st.builds(expire_at, ids, st.integers(0, 70), account=st.integers(0, 2)),
    st.builds(set_phase, st.sampled_from((CONTINUOUS, CONTINUOUS, CONTINUOUS, AUCTION, AUCTION, HALTED, CLOSED, 4)), st.integers(-2, 2)),
    rules,
)
streams = st.lists(st.one_of(any_command.map(lambda one: [one]), lists()), min_size=1, max_size=50).map(lambda parts: [one for part in parts for one in part])
HEADS = (ALONE, OCO_FIRST, OTO_WORKING, OTOCO_WORKING)


def between(rows: Commands) -> list[int]:
    """Where a stream may be cut: a list of orders is handed over whole."""
    return [i for i in range(len(rows) + 1) if i in (0, len(rows)) or rows[i]["role"] in HEADS]
