"""Binance: spot, USD-margined and coin-margined futures. One dialect, three markets with their own rules and names."""

from functools import partial

from polaris.venues.binance.feed import BinanceFeed
from polaris.venues.binance.symbols import COINM, SPOT, USDM, Market, discover, instruments, metadata, recognises, tag
from polaris.venues.protocol import Venue


def _venue(market: Market) -> Venue:
    return Venue(
        name=market.name,
        recorded_as=market.recorded_as,
        metadata=partial(metadata, market),
        instruments=partial(instruments, market),
        discover=partial(discover, market),
        recognises=partial(recognises, market),
        tag=partial(tag, market),
        feed=partial(BinanceFeed, market),
    )


VENUE = _venue(SPOT)
USDM_VENUE = _venue(USDM)
COINM_VENUE = _venue(COINM)
