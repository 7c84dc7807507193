"""Alpaca: US stocks, bars and trades over one socket for customers, history over REST. No order book.

Even public data needs a key: it is read from the environment, under the names that the venue itself proposes.
"""

import os
from typing import Final

from polaris.domain.errors import BadConfig
from polaris.domain.instrument import Instruments, Product
from polaris.domain.market import RowBuffer
from polaris.venues.alpaca.feed import AlpacaFeed
from polaris.venues.alpaca.orders import AlpacaOrders, Key
from polaris.venues.alpaca.symbols import NAME, asks, discover, instruments, listings, metadata, recognises, tag
from polaris.venues.endpoint import VenueEndpoint, VenueLimits
from polaris.venues.protocol import Venue
from polaris.venues.secrets import Secret

KEY_ID: Final = "APCA_API_KEY_ID"
SECRET: Final = "APCA_API_SECRET_KEY"


def environment_key() -> Key | None:
    """The key in the environment; None where there is none."""
    key_id, secret = os.environ.get(KEY_ID, ""), os.environ.get(SECRET, "")
    return Key(Secret(key_id), Secret(secret)) if key_id and secret else None


def _headers() -> dict[str, Secret]:
    key = environment_key()
    if key is None:
        raise BadConfig(f"alpaca gives its data to customers only: set {KEY_ID} and {SECRET}")
    return key.headers()


def _feed(instruments: Instruments, rows: RowBuffer | None = None) -> AlpacaFeed:
    return AlpacaFeed(instruments, rows, key=environment_key())


VENUE = Venue(
    name=NAME,
    recorded_as=("ALPACA",),
    metadata=metadata,
    instruments=instruments,
    discover=discover,
    recognises=recognises,
    tag=tag,
    feed=_feed,
    public=VenueEndpoint(NAME, "wss://stream.data.alpaca.markets", "https://data.alpaca.markets"),
    # 200 requests a minute on the free plan; the feed asks for a sign of life every ten seconds
    limits=VenueLimits(rest_per_second=3, rest_burst=10, messages_per_second=5, messages_burst=5, silence_s=30.0, overlaps=False),
    headers=_headers,
    books=False,
    orders=AlpacaOrders,
    orders_url="https://api.alpaca.markets",  # paper accounts: https://paper-api.alpaca.markets
    listings=listings,
    asks=asks,
    products=(Product.STOCK,),
    guard="minutes without a bar are asked for again",
)
