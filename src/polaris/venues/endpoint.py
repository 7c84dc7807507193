"""Where a venue is, and what it allows: the hosts of its sockets and its documents, and how often one may ask.

The built-in market, a served recording and the public venue differ in nothing else, so the code that reaches them is
the same.
"""

from dataclasses import dataclass

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


@dataclass(frozen=True, kw_only=True)
class VenueLimits:
    """What a venue allows a client, and when its silence means that it is gone.

    overlaps  a second connection may be open beside the first, before we leave that
    """

    rest_per_second: float = 1.0
    rest_burst: int = 5
    messages_per_second: float = 5.0
    messages_burst: int = 5
    silence_s: float = 30.0
    overlaps: bool = True
