"""What anybody may ask of the Binance dialect: the exchange's rules, its clock and its market data.

REST and the WebSocket API ask the same here; only the names of the methods differ. Numbers come from the market data of the core,
times from the venue's clock, weights and bounds from Binance's documentation.
Source: Binance spot API documentation, "General endpoints", "Market data endpoints"; "WebSocket API", "Market data requests".
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from polaris.exchange.gateway.binance import errors, shown
from polaris.exchange.gateway.binance.call import Call, Params, encode
from polaris.exchange.gateway.binance.errors import Refusal
from polaris.exchange.gateway.binance.figures import Figures
from polaris.exchange.gateway.binance.information import PERMISSIONS, STATUSES, execution_rules, information
from polaris.exchange.gateway.binance.server import Endpoint
from polaris.exchange.listing import Rules
from polaris.exchange.marketdata import DAY, HOUR, INTERVALS, MINUTE, MarketData

MILLISECOND: Final = 1_000_000
DEPTH_LEVELS: Final = 5_000
MOST_ROWS: Final = 1_000
MOST_SYMBOLS: Final = 100  # of a query that costs by the symbol
SYMBOL: Final = re.compile(r"[A-Z0-9_.-]{1,50}", re.ASCII)
SYMBOL_RANGE: Final = r"^[\w\-._&&[^a-z]]{1,50}$"
ZONE: Final = re.compile(r"([+-]?)(\d{1,2})(?::([0-5]\d))?", re.ASCII)
WINDOW: Final = re.compile(r"([1-9]\d?)([mhd])", re.ASCII)
WINDOWS: Final = {"m": (MINUTE, 59), "h": (HOUR, 23), "d": (DAY, 7)}


class Public:
    """The public endpoints of a venue.

    market  the market data of its core
    phases  of each book, as it is now
    limits  the rateLimits of exchangeInfo
    """

    def __init__(self, rules: Rules, market: MarketData, phases: Sequence[int], limits: list[dict[str, Any]]) -> None:
        self._rules = rules
        self._market = market
        self._phases = phases
        self._limits = limits
        self.figures = [Figures(listing) for listing in rules.listings]
        self._books = {figures.symbol: book for book, figures in enumerate(self.figures)}

    def endpoints(self) -> Iterable[Endpoint]:
        """What they are, for `BinanceServer.add`."""
        for path, socket, handler, weight in (
            ("ping", "ping", self.ping, 1),
            ("time", "time", self.time, 1),
            ("exchangeInfo", "exchangeInfo", self.exchange_info, 20),
            ("executionRules", "executionRules", self.execution_rules, rules_weight),
            ("referencePrice", "referencePrice", self.reference_price, 2),
            ("depth", "depth", self.depth, depth_weight),
            ("trades", "trades.recent", self.trades, 25),
            ("historicalTrades", "trades.historical", self.historical_trades, 25),
            ("aggTrades", "trades.aggregate", self.aggregates, 4),
            ("klines", "klines", self.klines, 2),
            ("uiKlines", "uiKlines", self.klines, 2),
            ("avgPrice", "avgPrice", self.average, 2),
            ("ticker/24hr", "ticker.24hr", self.day, day_weight),
            ("ticker/tradingDay", "ticker.tradingDay", self.trading_day, symbols_weight),
            ("ticker", "ticker", self.window, symbols_weight),
            ("ticker/price", "ticker.price", self.price, one_weight),
            ("ticker/bookTicker", "ticker.book", self.top, one_weight),
        ):
            yield Endpoint(handler, rest=(f"GET /api/v3/{path}",), socket=socket, weight=weight)

    # the exchange

    def ping(self, call: Call) -> bytes:
        return b"{}"

    def time(self, call: Call) -> bytes:
        return encode({"serverTime": call.time(call.received)})

    def exchange_info(self, call: Call) -> bytes:
        asked = [name for name in ("symbol", "symbols", "permissions") if name in call.params]
        if len(asked) > 1 or ("symbolStatus" in call.params and asked and asked != ["permissions"]):
            raise errors.combination()
        books = [book for book in self._asked(call) or range(len(self.figures)) if self._has_status(call, book)]
        if "permissions" in call.params and "SPOT" not in _words(call, "permissions", PERMISSIONS):
            books = []
        phases = {self.figures[book].symbol: self._phases[book] for book in books}
        sets = call.flag("showPermissionSets", True)
        return encode(information(self._rules, [self.figures[book] for book in books], phases, self._limits, call.time(call.received), sets))

    def execution_rules(self, call: Call) -> bytes:
        asked = [name for name in ("symbol", "symbols", "symbolStatus") if name in call.params]
        if len(asked) > 1:
            raise errors.combination()
        return encode(execution_rules([self.figures[book] for book in self._asked(call) or range(len(self.figures)) if self._has_status(call, book)]))

    def reference_price(self, call: Call) -> bytes:
        """What the price range of a book is around: its last trade; none before the first."""
        book = self._book(call)
        last = self._market.last_trade(book)
        price = None if last is None else self.figures[book].price(int(last["price"]))
        return encode({"symbol": self.figures[book].symbol, "referencePrice": price, "timestamp": call.time(call.received)})

    def _has_status(self, call: Call, book: int) -> bool:
        status = call.choice("symbolStatus", frozenset(STATUSES.values()), "")
        return not status or STATUSES[self._phases[book]] == status

    # books and trades

    def depth(self, call: Call) -> bytes:
        book = self._book(call)
        depth = self._market.depth(book, _limit(call, 100, DEPTH_LEVELS))
        return encode(shown.book(self.figures[book], depth.update_id, depth.bids.tolist(), depth.asks.tolist()))

    def trades(self, call: Call) -> bytes:
        book = self._book(call)
        rows = self._market.trades(book, limit=_limit(call, 500, MOST_ROWS))
        return encode([shown.trade(self.figures[book], row, call.time) for row in rows])

    def historical_trades(self, call: Call) -> bytes:
        book = self._book(call)
        first = call.integer("fromId", -1) if "fromId" in call.params else None
        rows = self._market.trades(book, first, _limit(call, 500, MOST_ROWS))
        return encode([shown.trade(self.figures[book], row, call.time) for row in rows])

    def aggregates(self, call: Call) -> bytes:
        book = self._book(call)
        start, end = _times(call)
        first = call.integer("fromId", -1) if "fromId" in call.params else None
        if first is not None and (start is not None or end is not None):
            raise errors.combination()
        rows = self._market.aggregates(book, first, start, end, _limit(call, 500, MOST_ROWS))
        return encode([shown.aggregate(self.figures[book], row, call.time) for row in rows])

    def klines(self, call: Call) -> bytes:
        book = self._book(call)
        interval = call.text("interval")
        if interval not in INTERVALS:
            raise Refusal(-1120, "Invalid interval.")
        if _zone(call):
            raise Refusal(-1128, "Candles are kept in UTC here: parameter 'timeZone' may only be 0.")
        start, end = _times(call)
        rows = self._market.klines(book, interval, call.received, start, end, _limit(call, 500, MOST_ROWS))
        return encode([shown.kline(self.figures[book], row, call.time) for row in rows])

    def average(self, call: Call) -> bytes:
        book = self._book(call)
        average = self._market.average(book, call.received)
        return encode({"mins": 5, "price": self.figures[book].average(average.quote_volume, average.volume), "closeTime": call.time(average.ts)})

    # tickers

    def day(self, call: Call) -> bytes:
        kind = _kind(call)
        return self._each(call, lambda book: shown.day(self.figures[book], self._market.ticker(book, call.received), call.time, kind))

    def trading_day(self, call: Call) -> bytes:
        kind, zone, now = _kind(call), _zone(call), call.received
        begins = (now + zone) // DAY * DAY - zone

        def document(book: int) -> shown.Document:
            told = shown.window(self.figures[book], self._market.ticker(book, now, begins), call.time, kind)
            return told | {"openTime": call.time(begins), "closeTime": call.time(begins + DAY) - 1}

        return self._each(call, document, must=True)

    def window(self, call: Call) -> bytes:
        kind, now = _kind(call), call.received
        since = (now - _window(call)) // MINUTE * MINUTE

        def document(book: int) -> shown.Document:
            return shown.window(self.figures[book], self._market.ticker(book, now, since), call.time, kind)

        return self._each(call, document, must=True)

    def price(self, call: Call) -> bytes:
        return self._each(call, self._price)

    def _price(self, book: int) -> shown.Document:
        figures, last = self.figures[book], self._market.last_trade(book)
        return {"symbol": figures.symbol, "price": figures.price(0 if last is None else int(last["price"]))}

    def top(self, call: Call) -> bytes:
        return self._each(call, lambda book: shown.top(self.figures[book], self._market.top(book)))

    def _each(self, call: Call, document: Callable[[int], shown.Document], *, must: bool = False) -> bytes:
        """One document of `symbol`, a list of `symbols`, of all where neither is asked and none must be."""
        if "symbol" in call.params and "symbols" in call.params:
            raise errors.combination()
        books = self._asked(call)
        if books is None:
            if must:
                raise errors.missing("symbol")
            books = range(len(self.figures))
        elif must and len(books) > MOST_SYMBOLS:
            raise errors.not_valid("symbols")
        if "symbol" in call.params:
            return encode(document(books[0]))
        return encode([document(book) for book in books if self._has_status(call, book)])

    # what is asked

    def _book(self, call: Call) -> int:
        return self._named(call.text("symbol"), "symbol")

    def _named(self, symbol: str, parameter: str) -> int:
        book = self._books.get(symbol)
        if book is None:
            raise errors.invalid_symbol() if SYMBOL.fullmatch(symbol) else errors.illegal(parameter, SYMBOL_RANGE)
        return book

    def _asked(self, call: Call) -> "list[int] | range | None":
        """The books of `symbol` or `symbols`; None where neither was sent."""
        if "symbol" in call.params:
            return [self._book(call)]
        if "symbols" not in call.params:
            return None
        books = [self._named(symbol, "symbols") for symbol in _list(call.text("symbols"), "symbols")]
        if len(set(books)) != len(books):
            raise Refusal(-1151, "Symbol is present multiple times in the list.")
        return books


_texts: Final = msgspec.json.Decoder(list[str])


def _list(text: str, parameter: str) -> list[str]:
    """A JSON list of texts, not empty."""
    try:
        texts = _texts.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise Refusal(-1135, f"JSON sent for parameter '{parameter}' is not valid.") from None
    if not texts:
        raise errors.empty(parameter)
    return texts


def _words(call: Call, name: str, known: Iterable[str]) -> list[str]:
    """One word or a list of them."""
    text = call.text(name)
    words = _list(text, name) if text.startswith("[") else [text]
    if not set(words) <= set(known):
        raise errors.not_valid(name)
    return words


def _limit(call: Call, default: int, most: int) -> int:
    """How many are asked; above the most there are the most."""
    return min(call.integer("limit", default, 1), most)


def _times(call: Call) -> tuple[int | None, int | None]:
    """startTime and endTime in ns; in microseconds where the number is one of those."""
    return tuple(_moment(call, name) for name in ("startTime", "endTime"))  # type: ignore[return-value]


def _moment(call: Call, name: str) -> int | None:
    if name not in call.params:
        return None
    moment = call.integer(name, -1)
    if moment >= 10**15:  # milliseconds reach this in the year 33,658
        moment //= 1000
    return min(moment, 10**12 * 9) * MILLISECOND


def _zone(call: Call) -> int:
    """timeZone in ns east of UTC: "0", "8", "-1:00", "05:45"."""
    text = call.optional("timeZone")
    found = ZONE.fullmatch(text) if text is not None else ZONE.fullmatch("0")
    minutes = (int(found[2]) * 60 + int(found[3] or 0)) * (-1 if found[1] == "-" else 1) if found else None
    if minutes is None or not -12 * 60 <= minutes <= 14 * 60:
        raise errors.not_valid("timeZone")
    return minutes * MINUTE


def _window(call: Call) -> int:
    """windowSize in ns: 1m .. 59m, 1h .. 23h, 1d .. 7d."""
    found = WINDOW.fullmatch(call.optional("windowSize") or "1d")
    if found is None or int(found[1]) > WINDOWS[found[2]][1]:
        raise errors.not_valid("windowSize")
    return int(found[1]) * WINDOWS[found[2]][0]


def _kind(call: Call) -> str:
    return call.choice("type", (shown.FULL, shown.MINI), shown.FULL)


# what they cost


def depth_weight(params: Params) -> int:
    """By how many levels are asked."""
    text = params.get("limit", "100")
    limit = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 1
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def day_weight(params: Params) -> int:
    if "symbol" in params:
        return 2
    named = _named_symbols(params)
    return 80 if not named or named > 100 else 2 if named <= 20 else 40


def symbols_weight(params: Params) -> int:
    return min(4 * max(1, _named_symbols(params)), 200)


def rules_weight(params: Params) -> int:
    if "symbol" in params:
        return 2
    named = _named_symbols(params)
    return min(2 * named, 40) if named else 40


def one_weight(params: Params) -> int:
    return 2 if "symbol" in params else 4


def _named_symbols(params: Params) -> int:
    text = params.get("symbols", "")
    return text.count(",") + 1 if text else 0
