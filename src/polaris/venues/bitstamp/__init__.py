"""Bitstamp spot: diffs by their microsecond joined with a book over REST, compared with the venue's own from time to time."""

from polaris.domain.instrument import Product
from polaris.venues.bitstamp.feed import BitstampFeed
from polaris.venues.bitstamp.orders import BitstampOrders
from polaris.venues.bitstamp.symbols import NAME, discover, instruments, listings, metadata, recognises, tag
from polaris.venues.endpoint import VenueEndpoint, VenueLimits
from polaris.venues.protocol import Venue

VENUE = Venue(
    name=NAME,
    recorded_as=("BITSTAMP",),
    metadata=metadata,
    instruments=instruments,
    discover=discover,
    recognises=recognises,
    tag=tag,
    feed=BitstampFeed,
    public=VenueEndpoint(NAME, "wss://ws.bitstamp.net", "https://www.bitstamp.net"),
    # 10,000 requests in ten minutes
    limits=VenueLimits(rest_per_second=5, rest_burst=20, messages_per_second=10, messages_burst=50, silence_s=60.0),
    orders=BitstampOrders,
    listings=listings,
    products=(Product.SPOT, Product.PERPETUAL),
    guard="compared with its own book every minute",
)
