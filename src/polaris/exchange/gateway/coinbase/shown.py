"""The market as Coinbase shows it: the documents of trades, candles and levels, and the events of the channels.

An event is JSON text, made once however many clients read it; a frame around it has each client's own number.
"""

from collections.abc import Iterable
from typing import Any, Final

from polaris.domain.orders import BUY
from polaris.exchange.gateway.coinbase.call import encode
from polaris.exchange.gateway.coinbase.figures import Figures, percent
from polaris.exchange.gateway.coinbase.times import SECOND, spoken, written
from polaris.exchange.marketdata.market import Ticker

Level = tuple[str, int, int]  # "bid" or "offer", ticks, lots
BID: Final = "bid"
OFFER: Final = "offer"


def price_size(figures: Figures, price: int, lots: int) -> dict[str, str]:
    """One level of a document."""
    return {"price": figures.price(price), "size": figures.size(lots)}


def trade(figures: Figures, row: Any) -> dict[str, str]:
    """A TRADE; `side` is the maker's."""
    return {
        "product_id": figures.product,
        "trade_id": str(row["trade_id"]),
        "price": figures.price(int(row["price"])),
        "size": figures.size(int(row["quantity"])),
        "time": written(int(row["ts"])),
        "side": "SELL" if row["side"] == BUY else "BUY",
    }


def candle(figures: Figures, row: Any) -> dict[str, str]:
    """A KLINE."""
    prices = {name: figures.price(int(row[name])) for name in ("high", "low", "open", "close")}
    return {"start": str(int(row["open_time"]) // SECOND), **prices, "volume": figures.size(int(row["volume"]))}


# events of channels


def levels(figures: Figures, kind: str, changed: Iterable[Level], ts: int) -> bytes:
    """Of level2: a whole book, best levels first, or levels that changed."""
    head = f'","event_time":"{written(ts)}","price_level":"'
    price, size = figures.price, figures.size
    told = ",".join([f'{{"side":"{side}{head}{price(ticks)}","new_quantity":"{size(lots)}"}}' for side, ticks, lots in changed])
    return f'{{"type":"{kind}","product_id":"{figures.product}","updates":[{told}]}}'.encode()


def trades(figures: Figures, kind: str, rows: Iterable[Any]) -> bytes:
    """Of market_trades, the newest first."""
    return encode({"type": kind, "trades": [trade(figures, row) for row in rows]})


def candles(figures: Figures, kind: str, rows: Iterable[Any]) -> bytes:
    """Of candles, the oldest first."""
    return encode({"type": kind, "candles": [{**candle(figures, row), "product_id": figures.product} for row in rows]})


def ticker(figures: Figures, kind: str, day: Ticker, year: Ticker, batch: bool = False) -> bytes:
    """Of ticker and ticker_batch: the last price, the day, the year; the batch is told without the best prices' quantities."""
    told = {
        "type": "ticker",
        "product_id": figures.product,
        "price": figures.price(day.last),
        "volume_24_h": figures.size(day.volume),
        "low_24_h": figures.price(day.low),
        "high_24_h": figures.price(day.high),
        "low_52_w": figures.price(year.low),
        "high_52_w": figures.price(year.high),
        "price_percent_chg_24_h": percent(day.change, day.open),
    }
    if not batch:
        told["best_bid"], told["best_ask"] = figures.price(day.bid), figures.price(day.ask)
        told["best_bid_quantity"], told["best_ask_quantity"] = figures.size(day.bid_lots), figures.size(day.ask_lots)
    return encode({"type": kind, "tickers": [told]})


def heartbeat(now: int, count: int) -> bytes:
    return encode({"current_time": spoken(now), "heartbeat_counter": count})


def frame(channel: str, now: str, number: int, event: bytes) -> bytes:
    """One event as a client reads it: every frame of a connection has the next number."""
    return f'{{"channel":"{channel}","timestamp":"{now}","sequence_num":{number},"events":['.encode() + event + b"]}"
