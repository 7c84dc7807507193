"""Commands for tests: short to write, and streams of them that hypothesis draws."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from polaris.domain.orders import BUY, SELL
from polaris.exchange.words import (
    AMEND,
    CANCEL,
    CLOCK,
    COMMAND,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    MARKET_AMOUNT,
    MASS_CANCEL,
    POST_ONLY,
    POST_SLIDE,
    STOP,
    STOP_LIMIT,
    SUBMIT,
    TAKE_PROFIT,
    TAKE_PROFIT_LIMIT,
    TICKS,
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


@st.composite
def orders(draw: Any) -> Fields:
    """A new order that is right in itself."""
    order_type = draw(st.sampled_from((LIMIT, LIMIT, LIMIT, LIMIT, MARKET, MARKET_AMOUNT, STOP, STOP_LIMIT, TAKE_PROFIT, TAKE_PROFIT_LIMIT)))
    limited = order_type in (LIMIT, STOP_LIMIT, TAKE_PROFIT_LIMIT)
    time_in_force = draw(st.sampled_from((GTC, GTC, GTC, IOC, FOK, POST_ONLY, POST_SLIDE) if limited else (IOC, IOC, FOK)))
    return submit(
        draw(ids),
        draw(sides),
        draw(prices) if limited or (order_type in (STOP, TAKE_PROFIT) and draw(st.booleans())) else 0,
        draw(quantities) * (100 if order_type == MARKET_AMOUNT else 1),
        book=draw(st.integers(0, 1)),
        order_type=order_type,
        time_in_force=IOC if order_type == MARKET_AMOUNT else time_in_force,
        trigger=draw(prices) if order_type >= STOP else 0,
        display=draw(st.integers(1, 5)) if time_in_force in (GTC, POST_ONLY, POST_SLIDE) and draw(st.booleans()) else 0,
        account=draw(st.integers(0, 2)),
        prevention=draw(st.integers(0, 4)),
    )


edges = st.sampled_from((-(2**63), -1, 0, 1, 94, 95, 98, 99, 95 + TICKS - 1, 95 + TICKS, 99 + TICKS - 1, 2**42, 2**42 + 1, 2**62, 2**62 + 1, 2**63 - 1))


@st.composite
def strange(draw: Any) -> Fields:
    """A new order with some fields that may be wrong."""
    order = draw(orders())
    for name in draw(st.sets(st.sampled_from(("price", "quantity", "trigger", "display", "order_id")), max_size=2)):
        order[name] = draw(edges)
    small = {"side": st.integers(-2, 2), "order_type": st.integers(0, 9), "time_in_force": st.integers(0, 6), "prevention": st.integers(0, 6)}
    small |= {"flags": st.integers(0, 2), "role": st.integers(0, 8)}
    small |= {"account": st.integers(-1, 2), "book": st.integers(-2, 3), "operation": st.integers(0, 24)}
    for name in draw(st.sets(st.sampled_from(sorted(small)), max_size=1)):
        order[name] = draw(small[name])
    return order


any_command = st.one_of(
    orders(),
    orders(),
    orders(),
    orders(),
    strange(),
    st.builds(cancel, ids, account=st.integers(0, 2)),
    st.builds(amend, ids, st.integers(0, 40), st.one_of(st.just(0), prices), account=st.integers(0, 2)),
    st.builds(clock, st.integers(-2, 40)),
    st.builds(mass_cancel, st.integers(-2, 2), side=st.integers(-2, 2), account=st.integers(-1, 2)),
)
streams = st.lists(any_command, min_size=1, max_size=60)
