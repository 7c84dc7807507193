"""What anybody may know of the market over REST; the private paths of the same documents need a key.

Source: Coinbase Advanced Trade API documentation, "Public" and "Products" endpoints.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from polaris.domain.numbers import text
from polaris.exchange.gateway.coinbase import errors
from polaris.exchange.gateway.coinbase.call import Call
from polaris.exchange.gateway.coinbase.figures import Figures
from polaris.exchange.gateway.coinbase.products import FIAT, Products
from polaris.exchange.gateway.coinbase.server import ROOT, Endpoint
from polaris.exchange.gateway.coinbase.shown import candle, price_size, trade
from polaris.exchange.gateway.coinbase.times import SECOND, written
from polaris.exchange.gateway.keys import READ

MOST_TRADES: Final = 1_000
MOST_CANDLES: Final = 350
SEARCHED: Final = 1 << 16  # trades looked through for a window of time
GRANULARITIES: Final = {
    "ONE_MINUTE": "1m", "FIVE_MINUTE": "5m", "FIFTEEN_MINUTE": "15m", "THIRTY_MINUTE": "30m", "ONE_HOUR": "1h", "TWO_HOUR": "2h", "FOUR_HOUR": "4h",
    "SIX_HOUR": "6h", "ONE_DAY": "1d",
}  # fmt: skip
PRODUCT_TYPES: Final = ("UNKNOWN_PRODUCT_TYPE", "SPOT", "FUTURE")


class Public:
    """The market's endpoints."""

    def __init__(self, products: Products, clock: Callable[[], int]) -> None:
        self._products = products
        self._market = products.market
        self._clock = clock

    def endpoints(self) -> Iterable[Endpoint]:
        """What they are, for `CoinbaseServer.add`."""
        yield Endpoint(self.time, f"GET {ROOT}/time")
        for root, scope in ((f"{ROOT}/market", ""), (ROOT, READ)):
            yield Endpoint(self.products, f"GET {root}/products", scope)
            yield Endpoint(self.product, f"GET {root}/products/{{product_id}}", scope)
            yield Endpoint(self.trades, f"GET {root}/products/{{product_id}}/ticker", scope)
            yield Endpoint(self.candles, f"GET {root}/products/{{product_id}}/candles", scope)
            yield Endpoint(self.book, f"GET {root}/product_book", scope)
        yield Endpoint(self.best, f"GET {ROOT}/best_bid_ask", READ)
        yield Endpoint(self.epoch, "GET /v2/time")
        yield Endpoint(partial(self.currencies, fiat=True), "GET /v2/currencies")
        yield Endpoint(partial(self.currencies, fiat=False), "GET /v2/currencies/crypto")
        yield Endpoint(self.rates, "GET /v2/exchange-rates")

    def time(self, call: Call) -> Any:
        now = call.received
        return {"iso": written(now), "epochSeconds": str(now // SECOND), "epochMillis": str(now // 1_000_000)}

    def products(self, call: Call) -> Any:
        """Every product, or those asked for."""
        if call.choice("product_type", PRODUCT_TYPES) == "FUTURE":
            books: list[int] = []
        else:
            books = sorted(self._products.select(call.many("product_ids")) - {-1})
        start = call.integer("offset", 0, len(books))
        told = [self._products.describe(book, call.received) for book in books[start : start + call.integer("limit", len(books), len(books))]]
        pagination = {"prev_cursor": "", "next_cursor": "", "has_next": False, "has_prev": False}
        return {"products": told, "num_products": len(told), "pagination": pagination}

    def product(self, call: Call) -> Any:
        book, _ = self._products.find(call.named["product_id"])
        return self._products.describe(book, call.received)

    def trades(self, call: Call) -> Any:
        """The last trades, the newest first, and the best prices."""
        book, figures = self._products.find(call.named["product_id"])
        limit, start, end = call.integer("limit", 100, MOST_TRADES), call.seconds("start"), call.seconds("end")
        if start is None and end is None:
            rows = self._market.trades(book, None, limit)
        else:
            rows = self._market.trades(book, None, SEARCHED)
            rows = rows[(rows["ts"] >= (start or 0)) & (rows["ts"] < (end if end is not None else 2**62))][-limit:] if limit else rows[:0]
        top = self._market.top(book)
        told = [{**trade(figures, row), "bid": "", "ask": "", "exchange": "coinbase"} for row in rows[::-1]]
        return {"trades": told, "best_bid": _price(figures, top["bid"]), "best_ask": _price(figures, top["ask"])}

    def candles(self, call: Call) -> Any:
        """Candles in which something traded, the newest first."""
        book, figures = self._products.find(call.named["product_id"])
        interval = GRANULARITIES[call.choice("granularity", GRANULARITIES, "") or "ONE_MINUTE"]
        start, end = call.seconds("start"), call.seconds("end")
        if start is None or end is None:
            raise errors.missing("start" if start is None else "end")
        rows = self._market.klines(book, interval, self._clock(), start, end, call.integer("limit", MOST_CANDLES, MOST_CANDLES))
        return {"candles": [candle(figures, row) for row in rows[::-1] if row["trades"]]}

    def book(self, call: Call) -> Any:
        """The best levels of both sides."""
        book, figures = self._products.find(call.text("product_id"))
        most = self._products.rules.capacity
        pricebook = self._pricebook(book, figures, call.integer("limit", most, most))
        top, last = self._market.top(book), self._market.last_trade(book)
        bid, ask = int(top["bid"]), int(top["ask"])
        told = {"pricebook": pricebook, "last": figures.price(int(last["price"])) if last is not None else ""}
        if not bid or not ask:
            return {**told, "mid_market": "", "spread_bps": "", "spread_absolute": ""}
        spread = {"spread_bps": text((ask - bid) * 20_000 * 10**12 // (ask + bid), 12), "spread_absolute": figures.price(ask - bid)}
        return {**told, "mid_market": figures.average(bid + ask, 2), **spread}

    def best(self, call: Call) -> Any:
        """The best level of each side, of the products asked for or all."""
        books = sorted(self._products.select(call.many("product_ids")) - {-1})
        return {"pricebooks": [self._pricebook(book, self._products.figures[book], 1) for book in books]}

    # what clients ask at their start of the older API

    def epoch(self, call: Call) -> Any:
        return {"data": {"iso": written(call.received), "epoch": call.received // SECOND}}

    def currencies(self, call: Call, fiat: bool) -> Any:
        assets = [asset for asset in self._products.rules.assets if (asset.name in FIAT) == fiat]
        if fiat:
            return {"data": [{"id": asset.name, "name": asset.name, "min_size": text(1, asset.decimals)} for asset in assets]}
        about = {"color": "", "sort_index": 0, "address_regex": ""}
        return {"data": [{"code": each.name, "name": each.name, "exponent": each.decimals, "type": "crypto", "asset_id": each.name, **about} for each in assets]}

    def rates(self, call: Call) -> Any:
        """What one unit of a currency is worth in those it trades for."""
        currency = call.text("currency", "USD")
        rates = {currency: "1"}
        for book, figures in enumerate(self._products.figures):
            last = self._market.last_trade(book)
            if figures.listing.base.name == currency and last is not None:
                rates[figures.listing.quote.name] = figures.price(int(last["price"]))
        return {"data": {"currency": currency, "rates": rates}}

    def _pricebook(self, book: int, figures: Figures, levels: int) -> dict[str, Any]:
        depth = self._market.depth(book, levels)
        sides = {name: [price_size(figures, *level) for level in side.tolist()] for name, side in (("bids", depth.bids), ("asks", depth.asks))}
        return {"product_id": figures.product, **sides, "time": written(self._clock())}


def _price(figures: Figures, ticks: Any) -> str:
    return figures.price(int(ticks)) if ticks else ""
