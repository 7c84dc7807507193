"""Alpaca's bars and trades to rows.

A bar's `t` is its START; the row carries its end, when it became known. The tape does not say who took: a trade above
the last different price is taken for a buy, one below for a sell, one at the same price for what the last was. That
is the tick rule, an estimate, right for most trades and wrong for some; the first trade counts as a buy.
Source: Lee, Ready (1991), Inferring Trade Direction from Intraday Data, section 2.
"""

from typing import Final

import msgspec

from polaris.domain.errors import UnreadableNumber
from polaris.domain.instrument import Instrument
from polaris.domain.market import ASK, LAST, TRADE, RowBuffer, pack_bar
from polaris.venues.alpaca.documents import BarDocument
from polaris.venues.alpaca.messages import Bar, Trade
from polaris.venues.reading import Numbers, Times

MINUTE: Final = 60_000_000_000  # ns


class Decoder:
    """Reads one stock's numbers, and knows what was told of it. Raises UnreadableNumber, having written nothing."""

    def __init__(self, instrument: Instrument, rows: RowBuffer, times: Times) -> None:
        self.id = instrument.id
        self.told = 0  # ns, the end of the newest bar that became a row
        self._prices = Numbers(instrument.price_decimals, f"price of {instrument.symbol}")
        self._quantities = Numbers(instrument.quantity_decimals, f"quantity of {instrument.symbol}")
        self._rows = rows
        self._times = times
        self._price = 0  # of the last trade
        self._flags = LAST

    def trade(self, trade: Trade, ts: int) -> None:
        """One TRADE row."""
        price, quantity, event = self._prices[_text(trade.price)], self._quantities[_text(trade.size)], self._times[trade.time]
        if self._price and price != self._price:
            self._flags = LAST if price > self._price else LAST | ASK
        self._price = price
        self._rows.append(event, ts, self.id, TRADE, self._flags, price, quantity, trade.id)

    def bar(self, bar: Bar, ts: int) -> bool:
        """One BAR row; False where the minute was told before."""
        prices = (_text(bar.open), _text(bar.high), _text(bar.low), _text(bar.close))
        return self._bar(bar.time, prices, _text(bar.volume), ts)

    def document(self, bar: BarDocument, ts: int) -> bool:
        """One BAR row; False where the minute was told before."""
        return self._bar(bar.t, (str(bar.o), str(bar.h), str(bar.l), str(bar.c)), str(bar.v), ts)

    def _bar(self, start: str, prices: tuple[str, str, str, str], volume: str, ts: int) -> bool:
        end = self._times[start] + MINUTE
        if end <= self.told:
            return False
        open_, high, low, close = (self._prices[each] for each in prices)
        try:
            row = pack_bar(self.id, end, open_, high, low, close, self._quantities[volume])
        except ValueError as cause:
            raise UnreadableNumber(str(cause), "bar", 0) from cause
        self._rows.append(row[0], ts, *row[2:])
        self.told = end
        return True


def _text(number: msgspec.Raw) -> str:
    """A number without quotes as the text it is."""
    return bytes(number).decode("ascii", "replace")
