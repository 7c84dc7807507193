"""The private side of the Binance dialect, put together: trading, queries, accounts, user streams, the WebSocket API."""

from polaris.exchange.gateway.binance.account import Account
from polaris.exchange.gateway.binance.books import Books
from polaris.exchange.gateway.binance.history import History
from polaris.exchange.gateway.binance.lists import Lists
from polaris.exchange.gateway.binance.quick import Quick
from polaris.exchange.gateway.binance.server import BinanceServer
from polaris.exchange.gateway.binance.session import Sessions
from polaris.exchange.gateway.binance.trading import Trading
from polaris.exchange.gateway.binance.user import UserStreams
from polaris.exchange.gateway.venue import Venue


def serve_accounts(server: BinanceServer, venue: Venue) -> None:
    """Let a server take orders for the venue and answer what its accounts ask."""
    books = Books(venue.rules)
    users = UserStreams(venue, books, server.gate)
    sessions = Sessions(venue, server, users)
    trading = Trading(venue, server, books)
    sessions.quick = Quick(venue, server, books, trading)
    server.add(*trading.endpoints(), *Lists(venue, server, books, trading).endpoints(), *History(venue, books).endpoints(), *Account(venue, server, books).endpoints())
    server.add(*users.endpoints(), *sessions.endpoints())
    server.add_sockets("/ws-api/v3", sessions.open)
    server.private = users
    venue.hear(server.orders.changed)
