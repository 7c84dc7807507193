"""Where a venue is: the host of its sockets and the host of its documents.

The built-in market, a served recording and the public venue differ in nothing else, so the code that reaches them is
the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from polaris.domain.errors import BadConfig


@dataclass(frozen=True)
class VenueEndpoint:
    """One venue's addresses: scheme, host and port, without a path."""

    name: str
    ws_url: str
    rest_url: str

    def __post_init__(self) -> None:
        for url, schemes in ((self.ws_url, ("ws://", "wss://")), (self.rest_url, ("http://", "https://"))):
            if not url.startswith(schemes) or url.endswith("/"):
                raise BadConfig(f"endpoint of {self.name}: {url!r} should be {schemes[0]} or {schemes[1]} with a host and no path")


PUBLIC: Final[Mapping[str, VenueEndpoint]] = {
    "coinbase": VenueEndpoint("coinbase", "wss://advanced-trade-ws.coinbase.com", "https://api.coinbase.com"),
    "binance": VenueEndpoint("binance", "wss://stream.binance.com:9443", "https://api.binance.com"),
}


def endpoint(name: str, ws_url: str = "", rest_url: str = "") -> VenueEndpoint:
    """The public endpoint of a venue, with what is given in its place. Raises BadConfig for a venue nobody knows."""
    public = PUBLIC.get(name)
    if public is None and not (ws_url and rest_url):
        raise BadConfig(f"no public endpoint for venue {name!r}; known are {', '.join(PUBLIC)}; for another give both ws_url and rest_url")
    return VenueEndpoint(name, ws_url or public.ws_url if public else ws_url, rest_url or public.rest_url if public else rest_url)
