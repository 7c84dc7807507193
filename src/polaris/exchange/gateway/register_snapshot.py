"""A register as bytes, and the register those bytes stand for.

Equal registers are equal bytes: what is kept is in the order it happened, so the digest of a register is that of its bytes.
"""

import hashlib
from collections import deque
from typing import Any, Final

import msgspec
import numpy as np

from polaris.exchange.gateway.orders import Amendment, Order, OrderList, Prevented, Trade
from polaris.exchange.gateway.register import Owner, Register

ORDER: Final = tuple(name for name in Order.__slots__ if name not in ("list", "amendments"))
COUNTERS: Final = ("last_order", "last_list", "last_session", "last_prevented", "executions")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def to_bytes(register: Register) -> bytes:
    """Everything the register knows."""
    owners = [[account, _owner(register.owners[account])] for account in sorted(register.owners)]
    counters = [getattr(register, name) for name in COUNTERS]
    return _encode([counters, register.trade_ids.tolist(), register.announced(), owners])


def digest(register: Register) -> str:
    """32 hex digits of everything the register knows."""
    return hashlib.blake2b(to_bytes(register), digest_size=16).hexdigest()


def from_bytes(register: Register, data: bytes) -> Register:
    """Put into an empty register what `to_bytes` told of another.

    returns  the register
    raises   ValueError where these are no bytes of a register with as many books
    """
    try:
        counters, trade_ids, announced, owners = _decode(data)
        for name, value in zip(COUNTERS, counters, strict=True):
            setattr(register, name, value)
        register.trade_ids[:] = np.asarray(trade_ids, np.int64)  # raises where it is of another number of books
        register.announce(announced)
        for account, told in owners:
            owner = register.owners[account] = _read_owner(told)
            register.revive(owner)
    except (msgspec.MsgspecError, TypeError, KeyError, ValueError) as cause:
        raise ValueError(f"these are no bytes of a register of {len(register.trade_ids)} books") from cause
    return register


def _owner(owner: Owner) -> list[Any]:
    orders = {order.order_id: order for of_book in owner.orders.values() for order in of_book.values()}
    for each in owner.lists.values():  # a list keeps orders that its owner's history forgot
        orders.update({order.order_id: order for order in each.orders})
    for order in owner.names.values():
        orders.setdefault(order.order_id, order)
    return [
        [[getattr(order, name) for name in ORDER] for order in orders.values()],
        [[order.order_id, [_slots(each) for each in order.amendments]] for order in orders.values() if order.amendments],
        [[book, list(of_book)] for book, of_book in owner.orders.items()],
        list(owner.open),
        [[book, [order.order_id for order in ended]] for book, ended in owner.ended.items()],
        [[name, order.order_id] for name, order in owner.names.items()],
        [[book, trades.maxlen, [_slots(trade) for trade in trades]] for book, trades in owner.trades.items()],
        [[*(getattr(each, name) for name in _LIST), [order.order_id for order in each.orders]] for each in owner.lists.values()],
        [[name, each.list_id] for name, each in owner.lists_by_name.items()],
        [_slots(match) for match in owner.prevented],
    ]


_LIST: Final = tuple(name for name in OrderList.__slots__ if name != "orders")


def _read_owner(told: list[Any]) -> Owner:
    owner = Owner()
    rows, amendments, books, alive, ended, names, trades, lists, lists_by_name, prevented = told
    orders = {order.order_id: order for order in (_fill(Order.__new__(Order), ORDER, row) for row in rows)}
    for order in orders.values():
        order.list = order.amendments = None
    for order_id, each in amendments:
        orders[order_id].amendments = [_fill(Amendment.__new__(Amendment), Amendment.__slots__, row) for row in each]
    owner.orders = {book: {order_id: orders[order_id] for order_id in of_book} for book, of_book in books}
    owner.open = {order_id: orders[order_id] for order_id in alive}
    owner.ended = {book: deque(orders[order_id] for order_id in each) for book, each in ended}
    owner.names = {name: orders[order_id] for name, order_id in names}
    owner.trades = {book: deque((_fill(Trade.__new__(Trade), Trade.__slots__, row) for row in each), most) for book, most, each in trades}
    for *row, legs in lists:
        each = _fill(OrderList.__new__(OrderList), _LIST, row)
        each.orders = [orders[order_id] for order_id in legs]
        for order in each.orders:
            order.list = each
        owner.lists[each.list_id] = each
    owner.lists_by_name = {name: owner.lists[list_id] for name, list_id in lists_by_name}
    owner.prevented.extend(_fill(Prevented.__new__(Prevented), Prevented.__slots__, row) for row in prevented)
    return owner


def _slots(thing: Any) -> list[Any]:
    return [getattr(thing, name) for name in type(thing).__slots__]


def _fill(thing: Any, names: Any, values: list[Any]) -> Any:
    for name, value in zip(names, values, strict=True):
        setattr(thing, name, value)
    return thing
