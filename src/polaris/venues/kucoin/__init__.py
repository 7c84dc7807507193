"""KuCoin spot: numbered changes joined with a book over REST, and a token for every connection."""

from polaris.venues.endpoint import VenueEndpoint, VenueLimits
from polaris.venues.kucoin.feed import OPENING, KucoinFeed
from polaris.venues.kucoin.orders import KucoinOrders
from polaris.venues.kucoin.symbols import NAME, discover, instruments, listings, metadata, recognises, tag
from polaris.venues.protocol import Venue

VENUE = Venue(
    name=NAME,
    recorded_as=("KUCOIN",),
    metadata=metadata,
    instruments=instruments,
    discover=discover,
    recognises=recognises,
    tag=tag,
    feed=KucoinFeed,
    public=VenueEndpoint(NAME, "wss://ws-api-spot.kucoin.com", "https://api.kucoin.com"),
    # 100 messages in ten seconds; a pool of 2,000 weights in thirty seconds, of which a book takes five
    limits=VenueLimits(rest_per_second=3, rest_burst=10, messages_per_second=8, messages_burst=20, silence_s=30.0),
    opening=OPENING,
    orders=KucoinOrders,
    listings=listings,
    guard="changes numbered one by one",
)
