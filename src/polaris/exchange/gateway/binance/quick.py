"""The short way of a plain order over the WebSocket API: one typed look at its JSON, one table for its texts, one line for its answer.

A session that is logged on and asks for a limit or market order, with nothing else about it, needs none of what serves every other
request. Whatever is unusual is left to the long way, untouched: a text that is not understood whole, a filter, a limit, a name in use.
Both ways give the same answers and the same commands (tests/unit/exchange/gateway/binance/test_quick.py).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from polaris.domain.orders import BUY, SELL
from polaris.exchange import words as w
from polaris.exchange.gateway.binance.books import Books
from polaris.exchange.gateway.binance.errors import Refusal
from polaris.exchange.gateway.binance.security import AHEAD_NS, LONGEST_WINDOW_MS, Need
from polaris.exchange.gateway.binance.server import BinanceServer
from polaris.exchange.gateway.binance.trading import ORIGIN, Trading
from polaris.exchange.gateway.orders import NEW, Change
from polaris.exchange.gateway.venue import Refused, Venue, command, note
from polaris.exchange.listing import FilterFailed

if TYPE_CHECKING:
    from polaris.exchange.gateway.binance.session import Session

METHOD: Final = b'"order.place"'
HEAD: Final = 64  # bytes in which the method is looked for
SIDES: Final = {"BUY": BUY, "SELL": SELL}
SHAPES: Final = {  # type and time in force -> order type, time in force, as told
    ("LIMIT", "GTC"): (w.LIMIT, w.GTC, b"GTC"),
    ("LIMIT", "IOC"): (w.LIMIT, w.IOC, b"IOC"),
    ("LIMIT", "FOK"): (w.LIMIT, w.FOK, b"FOK"),
    ("MARKET", ""): (w.MARKET, w.IOC, b"GTC"),
}
ID_BYTES: Final = 64
DEFAULT_WINDOW_MS: Final = 5_000
TEXTS: Final = 65_536  # remembered of each book, prices and quantities
LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/")
DIGITS: Final = frozenset("0123456789.")
MOST_DIGITS: Final = 20


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """What a plain order tells; anything else makes it another one."""

    symbol: str
    side: str
    type: str
    quantity: str
    timestamp: int
    newClientOrderId: str
    timeInForce: str = ""
    price: str = ""
    recvWindow: int = DEFAULT_WINDOW_MS
    newOrderRespType: str = ""


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """One request."""

    id: msgspec.Raw
    method: str
    params: Params


_asked: Final = msgspec.json.Decoder(Asked).decode


class Texts:
    """One book's prices and quantities that were read before: text -> (steps, as Binance writes it)."""

    def __init__(self, read: Callable[[str], int], write: Callable[[int], str]) -> None:
        self._read, self._write = read, write
        self._known: dict[str, tuple[int, bytes]] = {}

    def get(self, text: str) -> tuple[int, bytes] | None:
        """None where the long way has to look at it."""
        known = self._known.get(text)
        if known is None and len(text) <= MOST_DIGITS and DIGITS.issuperset(text) and text.strip("0."):
            try:
                steps = self._read(text)
            except FilterFailed:
                return None
            if len(self._known) >= TEXTS:
                self._known.clear()
            known = self._known[text] = steps, self._write(steps).encode()
        return known


class Quick:
    """The short way of one server."""

    def __init__(self, venue: Venue, server: BinanceServer, books: Books, trading: Trading) -> None:
        self._venue, self._server, self._trading = venue, server, trading
        self._books = {
            figures.symbol: (book, figures.symbol.encode(), Texts(figures.listing.ticks, figures.price), Texts(figures.listing.lots, figures.quantity))
            for book, figures in enumerate(books.figures)
        }
        weight, ten, day = (msgspec.json.encode(document)[:-1] + b',"count":%d}' for document in server.limits.documents())
        self._limits = b',"rateLimits":[' + b",".join((ten, day, weight)) + b"]"

    def place(self, session: "Session", text: bytes) -> bool:
        """Take one order; False where it has to go the long way. Then nothing was done."""
        if METHOD not in text[:HEAD] or session.micros or session.key is None:
            return False
        try:
            asked = _asked(text)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return False
        params, server, venue = asked.params, self._server, self._venue
        shape, side, book = SHAPES.get((params.type, params.timeInForce)), SIDES.get(params.side), self._books.get(params.symbol)
        name, now = params.newClientOrderId, venue.now()
        if shape is None or side is None or book is None or asked.method != "order.place" or not 0 < len(name) <= 36 or not LETTERS.issuperset(name):
            return False
        whose = bytes(asked.id)
        if (not whose.isdigit() and whose[:1] != b'"') or len(whose) > ID_BYTES:
            return False
        number, symbol, prices, quantities = book
        quantity = quantities.get(params.quantity)
        price = prices.get(params.price) if shape[0] == w.LIMIT else (0, b"0.00000000") if params.price == "" else None
        if quantity is None or price is None or params.newOrderRespType not in ("", "FULL"):
            return False
        made = params.timestamp * 1_000_000
        if not 0 < params.recvWindow <= LONGEST_WINDOW_MS or not now - params.recvWindow * 1_000_000 <= made < now + AHEAD_NS:
            return False
        try:
            key = server.gate.key(session.key.name, session.address, Need.TRADE)
        except Refusal:
            return False
        account = key.account
        ten, day = server.orders.counts(account, now)
        if (
            server.weights.used(session.address, now) >= server.limits.weight_per_minute
            or ten >= server.limits.orders_per_ten_seconds
            or day >= server.limits.orders_per_day
            or venue.refuses
        ):
            return False
        order_id = venue.new_order_id()
        if not venue.claim(account, name, order_id, number):
            return False
        server.orders.take(account, 1, now)
        server.weights.take(session.address, 1, now)
        session.trades_for(account)

        def placed(changes: list[Change]) -> None:
            venue.release(account, name)
            first = changes[0] if changes else None
            if len(changes) != 1 or first is None or first.kind != w.ACCEPTED or first.order is None or first.order.state != NEW:
                self._tell(session, text, order_id, changes)
                return
            ms = first.ts // 1_000_000
            limits = b""
            if session.tells_limits:
                now = venue.now()
                limits = self._limits % (*server.orders.counts(account, now), server.weights.used(session.address, now))
            session.send(
                b'{"id":%b,"status":200,"result":{"symbol":"%b","orderId":%d,"orderListId":-1,"clientOrderId":"%b","transactTime":%d,"price":"%b","origQty":"%b",'
                b'"executedQty":"0.00000000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"NEW","timeInForce":"%b","type":"LIMIT",'
                b'"side":"%b","workingTime":%d,"fills":[],"selfTradePreventionMode":"NONE"}%b}'
                % (whose, symbol, order_id, name.encode(), ms, price[1], quantity[1], shape[2], params.side.encode(), ms, limits)
            )

        try:
            venue.ask(
                (command(w.SUBMIT, order_id=order_id, book=number, side=side, order_type=shape[0], time_in_force=shape[1], price=price[0], quantity=quantity[0], account=account),),
                (note(now, name, session=session.number, origin=ORIGIN),),
                placed,
            )
        except Refused:
            venue.release(account, name)
            server.orders.give_back(account, 1, now)
            return False
        return True

    def _tell(self, session: "Session", text: bytes, order_id: int, changes: list[Change]) -> None:
        """An answer that is more than one line: made as the long way makes it."""
        call = session.call(text)
        call.key = session.key
        self._trading.tell(call, order_id, changes)
