"""Coinbase events to rows.

A book's update carries its own `event_time`, a trade its `time`: these become `ts_event`. The row's update id is the
frame's sequence number.
"""

from collections.abc import Iterable

from polaris.domain.errors import UnreadableNumber
from polaris.domain.instrument import Instrument
from polaris.domain.market import ASK, DEPTH, LAST, QUOTE, TRADE, RowBuffer
from polaris.venues.coinbase.messages import LevelUpdate, MarketTrade, Tick
from polaris.venues.reading import Numbers, Times


class Decoder:
    """Reads the texts of one product. Raises UnreadableNumber, having written some of the rows: cut them off."""

    def __init__(self, instrument: Instrument, rows: RowBuffer, times: Times) -> None:
        self.id = instrument.id
        self._rows = rows
        self._prices = Numbers(instrument.price_decimals, f"price of {instrument.symbol}")
        self._quantities = Numbers(instrument.quantity_decimals, f"quantity of {instrument.symbol}")
        self._times = times

    def levels(self, updates: Iterable[LevelUpdate], sequence: int, ts: int) -> None:
        """DEPTH rows, in the order given."""
        append, prices, quantities, times, instrument = self._rows.append, self._prices, self._quantities, self._times, self.id
        for update in updates:
            append(
                times[update.event_time],
                ts,
                instrument,
                DEPTH,
                ASK if update.side == "offer" else 0,
                prices[update.price_level],
                quantities[update.new_quantity],
                sequence,
            )

    def trade(self, trade: MarketTrade, ts: int) -> None:
        """One TRADE row. The venue gives the maker's side: the taker sold where the maker bought."""
        if not (trade.trade_id.isdigit() and len(trade.trade_id) < 19):
            raise UnreadableNumber(trade.trade_id, "trade id", 0)
        self._rows.append(
            self._times[trade.time],
            ts,
            self.id,
            TRADE,
            LAST | ASK if trade.side == "BUY" else LAST,
            self._prices[trade.price],
            self._quantities[trade.size],
            int(trade.trade_id),
        )

    def quote(self, tick: Tick, timestamp: str, ts: int) -> None:
        """One QUOTE row."""
        self._rows.append(
            self._times[timestamp],
            ts,
            self.id,
            QUOTE,
            LAST,
            self._prices[tick.best_bid],
            self._quantities[tick.best_bid_quantity],
            self._prices[tick.best_ask],
            self._quantities[tick.best_ask_quantity],
        )
