"""Market data as Binance shows it: trades, candles, tickers and books, of REST and of streams.

Each function makes one document from rows of integers; `time` turns ns UTC into what the asker counts in. Streams say in one
letter what REST says in a word.
Source: Binance spot API documentation, "Market data endpoints", "WebSocket streams".
"""

from collections.abc import Callable
from typing import Any, Final

from polaris.domain.orders import SELL
from polaris.exchange.gateway.binance.figures import Figures, percent
from polaris.exchange.marketdata import Ticker

Document = dict[str, Any]
Time = Callable[[int], int]
Levels = list[Any]  # of (price, lots)
Row = Any  # np.void of TRADE, AGGREGATE, KLINE, TOP
FULL: Final = "FULL"
MINI: Final = "MINI"


def millis(ns: int) -> int:
    return ns // 1_000_000


def micros(ns: int) -> int:
    return ns // 1_000


# what REST and the WebSocket API show


def trade(figures: Figures, row: Row, time: Time) -> Document:
    """One trade."""
    price, quantity = int(row["price"]), int(row["quantity"])
    return {
        "id": int(row["trade_id"]),
        "price": figures.price(price),
        "qty": figures.quantity(quantity),
        "quoteQty": figures.amount(price * quantity),
        "time": time(int(row["ts"])),
        "isBuyerMaker": bool(row["side"] == SELL),
        "isBestMatch": True,
    }


def aggregate(figures: Figures, row: Row, time: Time) -> Document:
    """What one taker traded at one price, one after the other."""
    return {
        "a": int(row["aggregate_id"]),
        "p": figures.price(int(row["price"])),
        "q": figures.quantity(int(row["quantity"])),
        "f": int(row["first_id"]),
        "l": int(row["last_id"]),
        "T": time(int(row["ts"])),
        "m": bool(row["side"] == SELL),
        "M": True,
    }


def kline(figures: Figures, row: Row, time: Time) -> list[Any]:
    """One candle."""
    return [
        time(int(row["open_time"])),
        *(figures.price(int(row[name])) for name in ("open", "high", "low", "close")),
        figures.quantity(int(row["volume"])),
        time(int(row["end"])) - 1,
        figures.amount(int(row["quote_volume"])),
        int(row["trades"]),
        figures.quantity(int(row["taker_volume"])),
        figures.amount(int(row["taker_quote_volume"])),
        "0",
    ]


def window(figures: Figures, ticker: Ticker, time: Time, kind: str = FULL) -> Document:
    """A window's statistics: of `ticker` and `ticker/tradingDay`; MINI without what changed."""
    change: Document = {"symbol": figures.symbol}
    if kind == FULL:
        change |= {
            "priceChange": figures.price(ticker.change),
            "priceChangePercent": percent(ticker.change, ticker.open),
            "weightedAvgPrice": figures.average(ticker.quote_volume, ticker.volume),
        }
    return {
        **change,
        "openPrice": figures.price(ticker.open),
        "highPrice": figures.price(ticker.high),
        "lowPrice": figures.price(ticker.low),
        "lastPrice": figures.price(ticker.last),
        **_volumes(figures, ticker, time),
    }


def day(figures: Figures, ticker: Ticker, time: Time, kind: str = FULL) -> Document:
    """The last 24 hours: of `ticker/24hr`."""
    if kind == MINI:
        return window(figures, ticker, time, MINI)
    return {
        "symbol": figures.symbol,
        "priceChange": figures.price(ticker.change),
        "priceChangePercent": percent(ticker.change, ticker.open),
        "weightedAvgPrice": figures.average(ticker.quote_volume, ticker.volume),
        "prevClosePrice": figures.price(ticker.previous_close),
        "lastPrice": figures.price(ticker.last),
        "lastQty": figures.quantity(ticker.last_quantity),
        "bidPrice": figures.price(ticker.bid),
        "bidQty": figures.quantity(ticker.bid_lots),
        "askPrice": figures.price(ticker.ask),
        "askQty": figures.quantity(ticker.ask_lots),
        "openPrice": figures.price(ticker.open),
        "highPrice": figures.price(ticker.high),
        "lowPrice": figures.price(ticker.low),
        **_volumes(figures, ticker, time),
    }


def _volumes(figures: Figures, ticker: Ticker, time: Time) -> Document:
    return {
        "volume": figures.quantity(ticker.volume),
        "quoteVolume": figures.amount(ticker.quote_volume),
        "openTime": time(ticker.open_time),
        "closeTime": time(ticker.close_time),
        "firstId": ticker.first_id,
        "lastId": ticker.last_id,
        "count": ticker.trades,
    }


def top(figures: Figures, row: Row) -> Document:
    """Best bid and offer."""
    return {
        "symbol": figures.symbol,
        "bidPrice": figures.price(int(row["bid"])),
        "bidQty": figures.quantity(int(row["bid_lots"])),
        "askPrice": figures.price(int(row["ask"])),
        "askQty": figures.quantity(int(row["ask_lots"])),
    }


# what streams show


def trade_event(figures: Figures, row: Row, time: Time, now: int) -> Document:
    return {
        "e": "trade",
        "E": time(now),
        "s": figures.symbol,
        "t": int(row["trade_id"]),
        "p": figures.price(int(row["price"])),
        "q": figures.quantity(int(row["quantity"])),
        "T": time(int(row["ts"])),
        "m": bool(row["side"] == SELL),
        "M": True,
    }


def aggregate_event(figures: Figures, row: Row, time: Time, now: int) -> Document:
    return {"e": "aggTrade", "E": time(now), "s": figures.symbol, **aggregate(figures, row, time)}


def top_event(figures: Figures, row: Row, time: Time) -> Document:
    """The best prices; no time is told."""
    return {
        "u": int(row["update_id"]),
        "s": figures.symbol,
        "b": figures.price(int(row["bid"])),
        "B": figures.quantity(int(row["bid_lots"])),
        "a": figures.price(int(row["ask"])),
        "A": figures.quantity(int(row["ask_lots"])),
    }


def depth_event(figures: Figures, first: int, last: int, bids: Levels, asks: Levels, time: Time, now: int) -> Document:
    """Levels that changed; a quantity of 0 is a level that is gone."""
    return {
        "e": "depthUpdate",
        "E": time(now),
        "s": figures.symbol,
        "U": first,
        "u": last,
        "b": figures.levels(bids),
        "a": figures.levels(asks),
    }


def book(figures: Figures, update_id: int, bids: Levels, asks: Levels, time: Time = millis) -> Document:
    """A book's best levels, of REST and of the partial depth streams; no time is told."""
    return {"lastUpdateId": update_id, "bids": figures.levels(bids), "asks": figures.levels(asks)}


def kline_event(figures: Figures, interval: str, row: Row, time: Time, now: int, *, closed: bool) -> Document:
    first, trades = int(row["first_id"]), int(row["trades"])
    return {
        "e": "kline",
        "E": time(now),
        "s": figures.symbol,
        "k": {
            "t": time(int(row["open_time"])),
            "T": time(int(row["end"])) - 1,
            "s": figures.symbol,
            "i": interval,
            "f": first,
            "L": first + trades - 1 if trades else -1,
            "o": figures.price(int(row["open"])),
            "c": figures.price(int(row["close"])),
            "h": figures.price(int(row["high"])),
            "l": figures.price(int(row["low"])),
            "v": figures.quantity(int(row["volume"])),
            "n": trades,
            "x": closed,
            "q": figures.amount(int(row["quote_volume"])),
            "V": figures.quantity(int(row["taker_volume"])),
            "Q": figures.amount(int(row["taker_quote_volume"])),
            "B": "0",
        },
    }


def mini_event(figures: Figures, ticker: Ticker, time: Time, now: int) -> Document:
    return {
        "e": "24hrMiniTicker",
        "E": time(now),
        "s": figures.symbol,
        "c": figures.price(ticker.last),
        "o": figures.price(ticker.open),
        "h": figures.price(ticker.high),
        "l": figures.price(ticker.low),
        "v": figures.quantity(ticker.volume),
        "q": figures.amount(ticker.quote_volume),
    }


def day_event(figures: Figures, ticker: Ticker, time: Time, now: int) -> Document:
    return {
        "e": "24hrTicker",
        "E": time(now),
        "s": figures.symbol,
        "p": figures.price(ticker.change),
        "P": percent(ticker.change, ticker.open),
        "w": figures.average(ticker.quote_volume, ticker.volume),
        "x": figures.price(ticker.previous_close),
        "c": figures.price(ticker.last),
        "Q": figures.quantity(ticker.last_quantity),
        "b": figures.price(ticker.bid),
        "B": figures.quantity(ticker.bid_lots),
        "a": figures.price(ticker.ask),
        "A": figures.quantity(ticker.ask_lots),
        "o": figures.price(ticker.open),
        "h": figures.price(ticker.high),
        "l": figures.price(ticker.low),
        "v": figures.quantity(ticker.volume),
        "q": figures.amount(ticker.quote_volume),
        "O": time(ticker.open_time),
        "C": time(ticker.close_time),
        "F": ticker.first_id,
        "L": ticker.last_id,
        "n": ticker.trades,
    }


def window_event(figures: Figures, size: str, ticker: Ticker, time: Time, now: int) -> Document:
    """`size`: 1h, 4h, 1d."""
    whole = day_event(figures, ticker, time, now) | {"e": f"{size}Ticker"}
    return {name: whole[name] for name in "eEspPohlcwvqOCFLn"}


def average_event(figures: Figures, ticks_lots: int, lots: int, last: int, time: Time, now: int) -> Document:
    return {
        "e": "avgPrice",
        "E": time(now),
        "s": figures.symbol,
        "i": "5m",
        "w": figures.average(ticks_lots, lots),
        "T": time(last),
    }
