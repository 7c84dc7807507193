"""What an account hears on spot's user stream: its orders, its balances, its lists of orders."""

from typing import Literal

import msgspec

from polaris.venues.binance.messages import Id, Millis
from polaris.venues.documents import Number

Side = Literal["BUY", "SELL"]


class ExecutionReport(
    msgspec.Struct,
    tag_field="e",
    tag="executionReport",
    rename={
        "event_ms": "E", "symbol": "s", "client_order_id": "c", "side": "S", "type": "o", "time_in_force": "f", "quantity": "q", "price": "p",
        "stop_price": "P", "execution": "x", "status": "X", "reject_reason": "r", "order_id": "i", "last_quantity": "l", "filled_quantity": "z",
        "last_price": "L", "fee": "n", "fee_asset": "N", "transaction_ms": "T", "trade_id": "t", "works": "w", "is_maker": "m",
        "created_ms": "O", "filled_quote": "Z", "orig_client_order_id": "C", "iceberg_quantity": "F", "order_list_id": "g",
        "execution_id": "I", "unused": "M", "last_quote": "Y", "quote_quantity": "Q", "working_ms": "W", "self_trade_prevention": "V",
        "expiry_reason": "eR",
    },
):  # fmt: skip
    """What happened to an order; `trade_id` is -1 where it was no fill."""

    event_ms: Millis
    symbol: str
    client_order_id: str
    side: Side
    type: str
    time_in_force: str
    quantity: Number
    price: Number
    execution: str
    status: str
    order_id: Id
    last_quantity: Number
    filled_quantity: Number
    last_price: Number
    transaction_ms: Millis
    trade_id: int
    is_maker: bool
    fee: Number = "0"
    fee_asset: str | None = None
    stop_price: Number = "0"
    reject_reason: str = "NONE"
    works: bool = False
    created_ms: Millis = 0
    filled_quote: Number = "0"
    orig_client_order_id: str = ""
    iceberg_quantity: Number = "0"
    order_list_id: int = -1
    execution_id: int = 0
    unused: bool = False
    last_quote: Number = "0"
    quote_quantity: Number = "0"
    working_ms: Millis = 0
    self_trade_prevention: str = "NONE"
    expiry_reason: str = ""


class HeldNow(msgspec.Struct, rename={"asset": "a", "free": "f", "locked": "l"}):
    """One asset of an account whose balance may have changed."""

    asset: str
    free: Number
    locked: Number


class AccountPosition(msgspec.Struct, tag_field="e", tag="outboundAccountPosition", rename={"event_ms": "E", "changed_ms": "u", "balances": "B"}):
    """The balances that an event may have changed."""

    event_ms: Millis
    changed_ms: Millis
    balances: list[HeldNow]


class BalanceUpdate(msgspec.Struct, tag_field="e", tag="balanceUpdate", rename={"event_ms": "E", "asset": "a", "change": "d", "cleared_ms": "T"}):
    """A deposit, a withdrawal or a transfer; `change` has a sign."""

    event_ms: Millis
    asset: str
    change: Number
    cleared_ms: Millis


class ListedOrder(msgspec.Struct, rename={"symbol": "s", "order_id": "i", "client_order_id": "c"}):
    """One order of a list that changed."""

    symbol: str
    order_id: Id
    client_order_id: str


class ListStatus(
    msgspec.Struct,
    tag_field="e",
    tag="listStatus",
    rename={"event_ms": "E", "symbol": "s", "order_list_id": "g", "contingency": "c", "list_status": "l", "order_status": "L", "reject_reason": "r",
            "client_list_id": "C", "transaction_ms": "T", "orders": "O"},
):  # fmt: skip
    """What happened to a list of orders."""

    event_ms: Millis
    symbol: str
    order_list_id: int
    contingency: str
    list_status: str
    order_status: str
    transaction_ms: Millis
    orders: list[ListedOrder]
    reject_reason: str = "NONE"
    client_list_id: str = ""


class ExternalLock(msgspec.Struct, tag_field="e", tag="externalLockUpdate", rename={"event_ms": "E", "asset": "a", "change": "d", "changed_ms": "T"}):
    """A part of a balance that something outside of spot locked or freed."""

    event_ms: Millis
    asset: str
    change: Number
    changed_ms: Millis


class StreamEnded(msgspec.Struct, tag_field="e", tag="eventStreamTerminated", rename={"event_ms": "E"}):
    """Nothing more is told: who listened logged out, or the key was taken back."""

    event_ms: Millis


UserEvent = ExecutionReport | AccountPosition | BalanceUpdate | ListStatus
