"""Bitstamp's documents as typed structs: REST v2, the older ones that recordings hold, and its socket's messages.

Some answers write numbers with quotes and some without: without, they are Decimals of the same digits. Balances and
transactions name their currencies in the fields' names, so they are tables.
"""

from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from polaris.venues.bitstamp.messages import Diff, Envelope
from polaris.venues.documents import Number

Level = tuple[Number, Number]  # price, amount
Side = Literal[0, 1]  # 0 buys, 1 sells


class Pair(msgspec.Struct):
    """One of GET trading-pairs-info."""

    name: str
    url_symbol: str
    base_decimals: int
    counter_decimals: int
    minimum_order: str
    trading: Literal["Enabled", "Disabled"] = "Enabled"
    description: str = ""
    instant_order_counter_decimals: int = 0
    instant_and_market_orders: Literal["Enabled", "Disabled"] = "Enabled"


class Book(msgspec.Struct):
    """GET order_book, and a message of `order_book_`: both sides, best first. Of old it told the second only, or nothing."""

    bids: list[Level]
    asks: list[Level]
    timestamp: str = ""
    microtimestamp: str = ""


class Ticker(msgspec.Struct):
    """GET ticker: the last 24 hours."""

    last: Number
    high: Number
    low: Number
    vwap: Number
    volume: Number
    bid: Number
    ask: Number
    timestamp: str
    open: Number | None = None
    open_24: Number | None = None
    percent_change_24: Number | None = None
    side: Literal["0", "1"] | None = None
    pair: str = ""


class Trade(msgspec.Struct):
    """One of GET transactions; `type` is the taker's side."""

    date: str
    tid: int
    price: Number
    amount: Number
    type: Literal["0", "1", ""] = ""


class OldTrade(msgspec.Struct):
    """The same as it was in the stream of 2013."""

    date: str
    id: int
    price: Number
    amount: Number


class StreamTrade(msgspec.Struct):
    """A trade of the socket before it had exact texts; the time is a text or a number."""

    id: int
    price: Decimal
    amount: Decimal
    microtimestamp: str | int
    order_type: Side
    datetime: str = ""


class StreamTradeMessage(msgspec.Struct):
    """The message around it."""

    event: Literal["trade"]
    channel: str
    data: StreamTrade


class DiffMessage(msgspec.Struct):
    """The changes of a book."""

    event: Literal["data"]
    channel: str
    data: Diff


class Placed(msgspec.Struct):
    """The answer to buy, sell and their instant kinds: the order. `type` is a text there."""

    id: str | int
    datetime: str
    type: Literal["0", "1"] | Side
    price: Number
    amount: Number
    client_order_id: str = ""
    market: str = ""
    subtype: str = ""


class OpenOrder(Placed):
    """One of POST open_orders."""

    amount_at_create: Number | None = None
    currency_pair: str = ""
    limit_price: Number | None = None


class CancelledOrder(msgspec.Struct):
    """One order that went, with numbers without quotes."""

    id: int
    price: Decimal
    amount: Decimal
    type: Side
    currency_pair: str = ""


class CancelAll(msgspec.Struct):
    """POST cancel_all_orders."""

    canceled: list[CancelledOrder]
    success: bool


class Fee(msgspec.Struct):
    """One of POST fees/withdrawal."""

    currency: str
    fee: Number
    network: str = ""


class Withdrawal(msgspec.Struct):
    """One of POST withdrawal-requests; `type` and `status` are numbers of the documentation's lists."""

    id: int
    datetime: str
    type: int
    status: Number | int
    amount: Number
    currency: str = ""
    address: str = ""
    data: str = ""
    transaction_id: str | None = None
    txid: int | str | None = None
    network: str = ""


class Deposit(msgspec.Struct):
    """POST {currency}_address. Of old it was the bare address."""

    address: str
    memo_id: int | str | None = None
    destination_tag: int | str | None = None


class Error(msgspec.Struct):
    """The answer to a request that was refused: a text, or reasons by field."""

    error: str | dict[str, list[str]]


DOCUMENTS: Final[dict[str, Any]] = {
    "pairs": list[Pair],
    "book": Book,
    "ticker": Ticker,
    "trades": list[Trade],
    "old trades": list[OldTrade],
    "balances": dict[str, Number],
    "transactions": list[dict[str, msgspec.Raw]],  # a field a currency, some with quotes and some without
    "order": Placed,
    "orders": list[OpenOrder],
    "cancelled": bool,
    "all cancelled": CancelAll,
    "withdrawal fees": list[Fee],
    "withdrawals": list[Withdrawal],
    "deposit": Deposit | str,
    "error": Error,
    "message": Envelope,
    "diff": DiffMessage,
    "stream trade": StreamTrade,
    "stream trade message": StreamTradeMessage,
}
