"""The venues of the long tail, and what each of their orders looks like on the wire.

The tables are not how a request is made (ccxt does that) but what it must be: a request with a field more, less or other
than it stands here is not sent, whatever version of ccxt is installed. Kinds of orders that are not in a venue's table are
refused.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from polaris.domain.errors import BadConfig
from polaris.domain.orders import IOC, LIMIT, MARKET, POST_ONLY

Fields = Mapping[str, str]


class Tail(msgspec.Struct, frozen=True, kw_only=True):
    """One venue of the long tail.

    name        ours
    ccxt        ccxt's
    url         the one host of its private side
    order       field of an order -> what stands there: {wire} {side} {price} {quantity} {name}, or that text
    kinds       kind of domain.orders -> the fields that tell it; the kinds there are
    find        methods of ccxt that find an order by `find_by`; it is absent where none of them has it
    find_by     how those call our name
    buy, sell   the words for {side}
    dashes      whether a name may hold dashes
    taken       the venue's codes for a name that it has already: ccxt does not tell them from other refusals
    unsigned    fields that every request carries: when, for how long, and the signature
    valid_s     how long the venue takes a signed request, where it says so
    options     of ccxt, so that it asks no second question
    """

    name: str
    ccxt: str
    url: str
    order: Fields
    kinds: Mapping[int, Fields]
    find: tuple[str, ...] = ("fetch_order",)
    find_by: str = "clientOrderId"
    buy: str = "buy"
    sell: str = "sell"
    dashes: bool = True
    taken: tuple[str, ...] = ()
    unsigned: tuple[str, ...] = ()
    valid_s: float = math.inf
    options: Mapping[str, Any] = {}


def _okx(name: str, ccxt: str, url: str) -> Tail:
    return Tail(
        name=name,
        ccxt=ccxt,
        url=url,
        order={"instId": "{wire}", "side": "{side}", "px": "{price}", "sz": "{quantity}", "clOrdId": "{name}", "tdMode": "cash", "tgtCcy": "base_ccy"},
        kinds={kind: {"ordType": word} for kind, word in ((MARKET, "market"), (LIMIT, "limit"), (POST_ONLY, "post_only"), (IOC, "ioc"))},
        dashes=False,
        taken=("51016",),
        valid_s=30.0,  # "Timestamp request expired"
    )


LONG_TAIL: Final = {
    tail.name: tail
    for tail in (
        _okx("okx", "okx", "https://www.okx.com"),
        _okx("okx-eea", "myokx", "https://eea.okx.com"),
        _okx("okx-us", "okxus", "https://us.okx.com"),
        Tail(
            name="bybit",
            ccxt="bybit",
            url="https://api.bybit.com",
            order={"category": "spot", "symbol": "{wire}", "side": "{side}", "price": "{price}", "qty": "{quantity}", "orderLinkId": "{name}"},
            kinds={
                MARKET: {"orderType": "Market", "marketUnit": "baseCoin"},
                LIMIT: {"orderType": "Limit"},
                POST_ONLY: {"orderType": "Limit", "timeInForce": "PostOnly"},
                IOC: {"orderType": "Limit", "timeInForce": "IOC"},
            },
            find=("fetch_open_orders", "fetch_canceled_and_closed_orders"),
            find_by="orderLinkId",
            buy="Buy",
            sell="Sell",
            taken=("12141", "110072", "170141"),
            valid_s=5.0,
            options={"enableUnifiedAccount": True, "enableUnifiedMargin": True, "unifiedMarginStatus": 6},
        ),
        Tail(
            name="bitget",
            ccxt="bitget",
            url="https://api.bitget.com",
            order={"symbol": "{wire}", "side": "{side}", "price": "{price}", "size": "{quantity}", "clientOid": "{name}"},
            kinds={LIMIT: {"orderType": "limit", "force": "GTC"}, POST_ONLY: {"orderType": "limit", "force": "post_only"}},
            taken=("40786",),
            options={"uta": False},
        ),
        Tail(
            name="mexc",
            ccxt="mexc",
            url="https://api.mexc.com",
            order={"symbol": "{wire}", "side": "{side}", "price": "{price}", "quantity": "{quantity}", "newClientOrderId": "{name}"},
            kinds={MARKET: {"type": "MARKET"}, LIMIT: {"type": "LIMIT"}, POST_ONLY: {"type": "LIMIT_MAKER"}, IOC: {"type": "IMMEDIATE_OR_CANCEL"}},
            buy="BUY",
            sell="SELL",
            unsigned=("timestamp", "recvWindow", "signature"),
            valid_s=5.0,
        ),
        Tail(
            name="gate",
            ccxt="gate",
            url="https://api.gateio.ws",
            order={"account": "spot", "currency_pair": "{wire}", "side": "{side}", "price": "{price}", "amount": "{quantity}", "text": "t-{name}"},
            kinds={LIMIT: {"type": "limit"}, POST_ONLY: {"type": "limit", "time_in_force": "poc"}, IOC: {"type": "limit", "time_in_force": "ioc"}},
            options={"unifiedAccount": False},
        ),
        Tail(
            name="hashkey",
            ccxt="hashkey",
            url="https://api-glb.hashkey.com",
            order={"symbol": "{wire}", "side": "{side}", "price": "{price}", "quantity": "{quantity}", "newClientOrderId": "{name}"},
            kinds={LIMIT: {"type": "LIMIT"}, POST_ONLY: {"type": "LIMIT_MAKER"}, IOC: {"type": "LIMIT", "timeInForce": "IOC"}},
            buy="BUY",
            sell="SELL",
            taken=("-1141",),
            unsigned=("timestamp", "signature"),
        ),
    )
}


def tail(name: str) -> Tail:
    """The venue of that name. Raises BadConfig naming the known ones."""
    if name not in LONG_TAIL:
        raise BadConfig(f"no venue {name!r} in the long tail; there are {', '.join(LONG_TAIL)}: elsewhere an order can't be found by our name for it")
    return LONG_TAIL[name]
