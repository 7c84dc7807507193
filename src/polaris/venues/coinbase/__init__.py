"""Coinbase Advanced Trade: public market data over one socket, books with a connection-wide sequence number."""

from polaris.venues.coinbase.feed import CoinbaseFeed
from polaris.venues.coinbase.symbols import discover, instruments, metadata, recognises
from polaris.venues.protocol import Venue

VENUE = Venue(
    name="coinbase",
    recorded_as=("COINBASE", "COINBASE_ADVANCED"),
    metadata=metadata,
    instruments=instruments,
    discover=discover,
    recognises=recognises,
    tag=lambda url: "",  # its snapshots come over the socket
    feed=CoinbaseFeed,
)
