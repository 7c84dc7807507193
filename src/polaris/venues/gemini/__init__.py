"""Gemini: spot and perpetual market data over one socket, books without numbers that are compared over REST."""

from polaris.domain.instrument import Product
from polaris.venues.endpoint import VenueEndpoint, VenueLimits
from polaris.venues.gemini.feed import GeminiFeed
from polaris.venues.gemini.orders import GeminiOrders
from polaris.venues.gemini.symbols import discover, instruments, listings, metadata, recognises, tag
from polaris.venues.protocol import Venue

VENUE = Venue(
    name="gemini",
    recorded_as=("GEMINI",),
    metadata=metadata,
    instruments=instruments,
    discover=discover,
    recognises=recognises,
    tag=tag,
    feed=GeminiFeed,
    public=VenueEndpoint("gemini", "wss://api.gemini.com", "https://api.gemini.com"),
    # 120 public requests a minute, one a second advised, five may wait; heartbeats come every five seconds
    limits=VenueLimits(rest_per_second=1, rest_burst=5, messages_per_second=5, messages_burst=10, silence_s=15.0),
    orders=GeminiOrders,
    listings=listings,
    products=(Product.SPOT, Product.PERPETUAL),
    guard="compared with its own book every minute",
)
