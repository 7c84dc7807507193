"""Binance payloads to rows.

`ts_event` is the matching engine's time where the venue gives it (futures, trades), else the time the event was sent,
else 0 (spot's bookTicker). The row's update id is the last of the update.
"""

from collections.abc import Iterable

from polaris.domain.instrument import Instrument
from polaris.domain.market import ASK, LAST, QUOTE, TRADE, RowBuffer
from polaris.venues.binance.messages import AggregateTrade, BookTicker, DepthSnapshot, DepthUpdate, Trade
from polaris.venues.reading import Numbers

MS = 1_000_000  # ns


class Decoder:
    """Reads the texts of one symbol. Raises UnreadableNumber, having written some of the rows: cut them off."""

    def __init__(self, instrument: Instrument, rows: RowBuffer) -> None:
        self.id = instrument.id
        self._rows = rows
        self._prices = Numbers(instrument.price_decimals, f"price of {instrument.symbol}")
        self._quantities = Numbers(instrument.quantity_decimals, f"quantity of {instrument.symbol}")

    def update(self, update: DepthUpdate, ts: int) -> None:
        """DEPTH rows: bids, then asks, each in the venue's order."""
        event = (update.transaction_ms or update.event_ms) * MS
        self._levels(update.bids, 0, update.last_id, event, ts)
        self._levels(update.asks, ASK, update.last_id, event, ts)

    def snapshot(self, snapshot: DepthSnapshot, ts: int) -> None:
        """DEPTH rows: bids, then asks, the best last."""
        event = snapshot.transaction_ms * MS
        self._levels(reversed(snapshot.bids), 0, snapshot.last_id, event, ts)
        self._levels(reversed(snapshot.asks), ASK, snapshot.last_id, event, ts)

    def trade(self, trade: Trade | AggregateTrade, ts: int) -> None:
        """One TRADE row."""
        flags = LAST | ASK if trade.buyer_is_maker else LAST
        self._rows.append(trade.trade_ms * MS, ts, self.id, TRADE, flags, self._prices[trade.price], self._quantities[trade.quantity], trade.id)

    def quote(self, ticker: BookTicker, ts: int) -> tuple[int, int, int, int]:
        """One QUOTE row; returns (bid, its lots, ask, its lots)."""
        bid, bid_lots = self._prices[ticker.bid], self._quantities[ticker.bid_quantity]
        ask, ask_lots = self._prices[ticker.ask], self._quantities[ticker.ask_quantity]
        self._rows.append(ticker.transaction_ms * MS, ts, self.id, QUOTE, LAST, bid, bid_lots, ask, ask_lots)
        return bid, bid_lots, ask, ask_lots

    def _levels(self, levels: Iterable[tuple[str, str]], flags: int, update_id: int, event: int, ts: int) -> None:
        self._rows.append_levels(event, ts, self.id, flags, levels, self._prices, self._quantities, update_id)
