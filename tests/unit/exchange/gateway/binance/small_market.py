"""A market in memory: the matching engine, its market data and the public endpoints, asked without a socket."""

import json
from typing import Any

import numpy as np

from polaris.domain.orders import BUY, SELL
from polaris.exchange import MatchingEngine
from polaris.exchange import words as w
from polaris.exchange.gateway.binance.call import Call, texts
from polaris.exchange.gateway.binance.limits import Limits
from polaris.exchange.gateway.binance.public import Public
from polaris.exchange.gateway.broadcast import Broadcast
from polaris.exchange.listing import Asset, Listing, Rules
from polaris.exchange.marketdata import MINUTE, SECOND, MarketData

BTC, ETH, USDT = Asset("BTC", 8), Asset("ETH", 18), Asset("USDT", 8)
RULES = Rules(
    assets=(BTC, ETH, USDT),
    listings=(
        Listing("BTCUSDT", BTC, USDT, "0.01", "0.00001", min_notional="5", max_quantity="9000", band_ppm=200_000, lowest_price="50000"),
        Listing("ETHUSDT", ETH, USDT, "0.1", "0.001", lowest_price="1000"),
        Listing("ETHBTC", ETH, BTC, "0.00001", "0.001"),
    ),
    max_orders=200,
)
START = 1_795_219_200 * SECOND  # a full day of UTC


class SmallMarket:
    """Books of RULES; `now` is its time."""

    def __init__(self) -> None:
        self.rules = RULES
        self.engine = MatchingEngine([listing.lowest for listing in RULES.listings], capacity=4096)
        self.broadcast = Broadcast(MarketData(self.engine._arena))
        self.public = Public(RULES, self.broadcast.market, self.broadcast.phases, Limits().documents())
        self.handlers = {endpoint.rest[0].removeprefix("GET /api/v3/"): endpoint for endpoint in self.public.endpoints()}
        self.now = START
        self.news: list[Any] = []
        self._orders = self._seq = 0

    def run(self, *commands: dict[str, int]) -> None:
        """Run commands after a CLOCK, and fold what they did."""
        rows = np.zeros(1 + len(commands), w.COMMAND)
        rows[0]["operation"], rows[0]["price"] = w.CLOCK, self.now
        for row, fields in zip(rows[1:], commands, strict=True):
            for name, value in fields.items():
                row[name] = value
        rows["seq"] = np.arange(self._seq + 1, self._seq + 1 + len(rows))
        self._seq += len(rows)
        news = self.broadcast.fold(self.engine.run(rows))
        self.news.append(news)
        self.broadcast.tell(news)

    def order(self, side: int, price: str, quantity: str, symbol: str = "BTCUSDT", **fields: int) -> int:
        """Place a limit order."""
        book = RULES.book(symbol)
        listing = RULES.listings[book]
        self._orders += 1
        self.run(
            {
                "operation": w.SUBMIT, "order_type": w.LIMIT, "side": side, "book": book, "order_id": self._orders,
                "price": listing.ticks(price), "quantity": listing.lots(quantity), **fields,
            }
        )
        return self._orders

    def trade(self, price: str, quantity: str, side: int = BUY, symbol: str = "BTCUSDT") -> None:
        """One trade whose taker is on `side`."""
        self.order(-side, price, quantity, symbol)
        self.order(side, price, quantity, symbol)

    def ask(self, path: str, **params: Any) -> Any:
        """What an endpoint answers; raises its Refusal."""
        call = Call(texts(params), lambda *_: None, self.now)
        return json.loads(self.handlers[path].handler(call))


def lively() -> SmallMarket:
    """A market after some minutes of trading."""
    market = SmallMarket()
    for step, price in enumerate(("60000.00", "60010.50", "59990.25", "60020.00", "60005.00")):
        market.trade(price, "0.00500", BUY if step % 2 else SELL)
        market.now += MINUTE
    for step in range(30):
        market.order(BUY, f"{59900 - step}.5", "0.10000")
        market.order(SELL, f"{60100 + step}.25", "0.20000")
    return market
