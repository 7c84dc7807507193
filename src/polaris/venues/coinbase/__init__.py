"""Coinbase Advanced Trade: public market data over one socket, books with a connection-wide sequence number."""

from polaris.domain.instrument import Instruments, Product
from polaris.venues.coinbase.feed import CoinbaseFeed
from polaris.venues.coinbase.symbols import discover, instruments, listings, metadata, recognises
from polaris.venues.endpoint import VenueEndpoint, VenueLimits
from polaris.venues.orders import Key, Orders
from polaris.venues.private import Private
from polaris.venues.protocol import Venue


def _orders(instruments: Instruments, key: Key) -> Orders:
    from polaris.venues.coinbase.orders import CoinbaseOrders  # its elliptic curves are loaded where they are needed

    return CoinbaseOrders(instruments, key)


def _private(instruments: Instruments, key: Key) -> Private:
    from polaris.venues.coinbase.private import CoinbasePrivate

    return CoinbasePrivate(instruments, key)


VENUE = Venue(
    name="coinbase",
    recorded_as=("COINBASE", "COINBASE_ADVANCED"),
    metadata=metadata,
    instruments=instruments,
    discover=discover,
    recognises=recognises,
    tag=lambda url: "",  # its snapshots come over the socket
    feed=CoinbaseFeed,
    public=VenueEndpoint("coinbase", "wss://advanced-trade-ws.coinbase.com", "https://api.coinbase.com"),
    # 10 requests and 8 messages a second; heartbeats come every second
    limits=VenueLimits(rest_per_second=8, rest_burst=8, messages_per_second=7, messages_burst=8, silence_s=10.0),
    trades_numbered=True,
    orders=_orders,
    private=_private,
    private_url="wss://advanced-trade-ws-user.coinbase.com",
    listings=listings,
    products=(Product.SPOT, Product.FUTURE),
    guard="one number counts every frame of a connection",
)
