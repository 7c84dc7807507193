"""The market side of the Binance dialect, put together: endpoints, streams, and the news they are fed."""

from polaris.exchange.gateway.binance.public import Public
from polaris.exchange.gateway.binance.server import BinanceServer
from polaris.exchange.gateway.binance.stream_names import FAST
from polaris.exchange.gateway.binance.streams import LIFE, Streams
from polaris.exchange.gateway.broadcast import Broadcast
from polaris.exchange.gateway.venue import Venue


def serve_market(server: BinanceServer, venue: Venue, broadcast: Broadcast, life_ns: int = LIFE) -> Streams:
    """Let a server answer and stream what anybody may know of the venue.

    broadcast  listens to the venue already, and its `tick` is called
    """
    public = Public(venue.rules, broadcast.market, broadcast.phases, server.limits.documents())
    server.add(*public.endpoints())
    streams = Streams(public.figures, broadcast.market, server, venue.now, life_ns)
    for path in ("/ws", "/stream"):
        server.add_sockets(path, streams.open)
    broadcast.join(streams)
    venue.every(FAST, streams.tick)
    return streams
