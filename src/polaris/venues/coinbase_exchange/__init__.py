"""Coinbase Exchange: public market data over one socket, books without numbers beside trades that are counted."""

from polaris.venues.coinbase_exchange.feed import CoinbaseExchangeFeed
from polaris.venues.coinbase_exchange.orders import CoinbaseExchangeOrders
from polaris.venues.coinbase_exchange.symbols import NAME, discover, instruments, listings, metadata, recognises, tag
from polaris.venues.endpoint import VenueEndpoint, VenueLimits
from polaris.venues.protocol import Venue

VENUE = Venue(
    name=NAME,
    recorded_as=("COINBASE_EXCHANGE", "COINBASE_PRO", "GDAX"),
    metadata=metadata,
    instruments=instruments,
    discover=discover,
    recognises=recognises,
    tag=tag,
    feed=CoinbaseExchangeFeed,
    public=VenueEndpoint(NAME, "wss://ws-feed.exchange.coinbase.com", "https://api.exchange.coinbase.com"),
    # 8 requests a second, 20 at once; 100 messages a second; heartbeats come every second
    limits=VenueLimits(rest_per_second=8, rest_burst=20, messages_per_second=50, messages_burst=50, silence_s=10.0),
    trades_numbered=True,
    orders=CoinbaseExchangeOrders,
    listings=listings,
    guard="trades counted; compared with its ticker, and its own best prices every minute",
)
