"""A dialect's port, as the operator of an exchange sees it: HTTP requests and sockets together."""

from collections import Counter

from polaris.exchange.gateway.http import HttpServer
from polaris.exchange.gateway.socket import Sockets


class Door:
    """What every server over HTTP tells of itself; its `__init__` makes `sockets` and `_http`."""

    sockets: Sockets
    _http: HttpServer

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._http.port

    @property
    def clients(self) -> int:
        """How many are connected now, by HTTP or a socket."""
        return len(self._http.connections) + len(self.sockets.open)

    @property
    def sent_away(self) -> Counter[str]:
        """How many were sent away, by what for."""
        return self._http.sent_away + self.sockets.sent_away
