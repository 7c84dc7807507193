"""Kraken spot: the v2 socket; and the frozen v1 dialect, for recordings. Books prove themselves by checksum."""

from polaris.venues.endpoint import VenueEndpoint, VenueLimits
from polaris.venues.kraken.feed import KrakenFeed, KrakenV1Feed
from polaris.venues.kraken.orders import KrakenOrders
from polaris.venues.kraken.symbols import V1, V2, discover, instruments, listings, metadata, recognises_v1, recognises_v2
from polaris.venues.protocol import Venue

# some 150 connections in ten minutes; a heartbeat comes every second, and five without one mean that the line is dead
LIMITS = VenueLimits(rest_per_second=1, rest_burst=5, messages_per_second=5, messages_burst=5, silence_s=10.0)

VENUE = Venue(
    name=V2,
    recorded_as=("KRAKEN_V2",),
    metadata=metadata,
    instruments=lambda document, wires, first: instruments(V2, document, wires, first),
    discover=lambda head: discover(V2, head),
    recognises=recognises_v2,
    tag=lambda url: "",  # its snapshots come over the socket
    feed=KrakenFeed,
    public=VenueEndpoint(V2, "wss://ws.kraken.com", "https://api.kraken.com"),
    limits=LIMITS,
    trades_numbered=True,
    orders=KrakenOrders,
    listings=lambda document: listings(V2, document),
    guard="a checksum of every update",
)
V1_VENUE = Venue(
    name=V1,
    recorded_as=("KRAKEN",),
    metadata=metadata,
    instruments=lambda document, wires, first: instruments(V1, document, wires, first),
    discover=lambda head: discover(V1, head),
    recognises=recognises_v1,
    tag=lambda url: "",
    feed=KrakenV1Feed,
    public=VenueEndpoint(V1, "wss://ws.kraken.com", "https://api.kraken.com"),
    limits=LIMITS,
    listings=lambda document: listings(V1, document),
    guard="a checksum of every update",
)
