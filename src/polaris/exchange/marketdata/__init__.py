"""Market data: events of the core in, what the world may see out. No clock, no socket: `market` is all of it on a page."""

from polaris.exchange.marketdata.market import Average, Kept, MarketData, Ticker, Told
from polaris.exchange.marketdata.periods import INTERVALS
from polaris.exchange.marketdata.rows import ADD, CHANGE, DAY, HOUR, MINUTE, REMOVE, SECOND

__all__ = ["ADD", "CHANGE", "DAY", "HOUR", "INTERVALS", "MINUTE", "REMOVE", "SECOND", "Average", "Kept", "MarketData", "Ticker", "Told"]
