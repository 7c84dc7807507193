"""The Coinbase dialect, put together: what anybody may know of a venue, what its accounts may ask, and the channels."""

from polaris.exchange.gateway.broadcast import Broadcast
from polaris.exchange.gateway.coinbase.account import Account
from polaris.exchange.gateway.coinbase.channels import PACE, Channels
from polaris.exchange.gateway.coinbase.history import History
from polaris.exchange.gateway.coinbase.preview import Preview
from polaris.exchange.gateway.coinbase.products import Products
from polaris.exchange.gateway.coinbase.public import Public
from polaris.exchange.gateway.coinbase.server import CoinbaseServer
from polaris.exchange.gateway.coinbase.trading import Trading
from polaris.exchange.gateway.coinbase.user import Users
from polaris.exchange.gateway.venue import Venue


def serve_coinbase(server: CoinbaseServer, venue: Venue, broadcast: Broadcast) -> None:
    """Let a server take orders for the venue and tell of its market and its accounts.

    broadcast  listens to the venue already, and its `tick` is called
    """
    products = Products(venue.rules, broadcast.market, broadcast.phases)
    trading = Trading(venue, products)
    for part in (Public(products, venue.now), trading, Preview(venue, products, trading), History(venue, products), Account(venue, products)):
        server.add(*part.endpoints())
    server.channels = channels = Channels(server, venue, products, Users(venue, products))
    broadcast.join(channels)
    venue.every(PACE, channels.tick)
