"""Binance: spot, its US exchange, USD-margined and coin-margined futures. One dialect, four markets with their own rules and names."""

from dataclasses import replace
from functools import partial
from typing import Final

from polaris.domain.instrument import Product
from polaris.venues.binance.feed import BinanceFeed
from polaris.venues.binance.orders import BinanceOrders
from polaris.venues.binance.private import BinancePrivate
from polaris.venues.binance.symbols import COINM, SPOT, US, USDM, Market, discover, instruments, listings, metadata, recognises, tag
from polaris.venues.endpoint import VenueEndpoint, VenueLimits
from polaris.venues.protocol import Venue

# a book of 5,000 levels weighs 250 of the 6,000 a minute; the venue pings every 20 seconds
LIMITS: Final = VenueLimits(rest_per_second=0.2, rest_burst=10, messages_per_second=4, messages_burst=5, silence_s=30.0)
# the same book weighs 50 of the 1,200 a minute; this venue pings every three minutes, and its pairs may be quiet until then
US_LIMITS: Final = VenueLimits(rest_per_second=0.2, rest_burst=10, messages_per_second=4, messages_burst=5, silence_s=200.0)
# futures ping every three minutes too
FUTURES_LIMITS: Final = replace(LIMITS, silence_s=200.0)


def _venue(market: Market, ws_url: str, rest_url: str, limits: VenueLimits = LIMITS) -> Venue:
    return Venue(
        name=market.name,
        recorded_as=market.recorded_as,
        metadata=partial(metadata, market),
        instruments=partial(instruments, market),
        discover=partial(discover, market),
        recognises=partial(recognises, market),
        tag=partial(tag, market),
        feed=partial(BinanceFeed, market),
        public=VenueEndpoint(market.name, ws_url, rest_url),
        limits=limits,
        trades_numbered=True,
        orders=partial(BinanceOrders, market),
        listings=partial(listings, market),
        products=(Product.PERPETUAL, Product.FUTURE) if market.chained else (Product.SPOT,),
        guard="each update names the one before; compared with its ticker" if market.chained else "ids without a hole; compared with its ticker",
    )


VENUE = replace(
    _venue(SPOT, "wss://stream.binance.com:9443", "https://api.binance.com"),
    private=BinancePrivate,
    private_url="wss://ws-api.binance.com:443",
)
US_VENUE = _venue(US, "wss://stream.binance.us:9443", "https://api.binance.us", US_LIMITS)
USDM_VENUE = _venue(USDM, "wss://fstream.binance.com", "https://fapi.binance.com", FUTURES_LIMITS)
COINM_VENUE = _venue(COINM, "wss://dstream.binance.com", "https://dapi.binance.com", FUTURES_LIMITS)
