"""The venues there are: those of this package, and any that another package names under `polaris.venues`.

An entry point gives the `Venue` object: `kraken = "polaris.venues.kraken:VENUE"`. Ours are also listed here, so that a
checkout without an installation knows them.
"""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Final

from polaris.domain.errors import BadConfig
from polaris.venues.capture import Line
from polaris.venues.protocol import Venue

GROUP: Final = "polaris.venues"
OURS: Final = {
    "coinbase": "polaris.venues.coinbase:VENUE",
    "binance": "polaris.venues.binance:VENUE",
    "binance-us": "polaris.venues.binance:US_VENUE",
    "binance-usdm": "polaris.venues.binance:USDM_VENUE",
    "binance-coinm": "polaris.venues.binance:COINM_VENUE",
    "kraken": "polaris.venues.kraken:VENUE",
    "kucoin": "polaris.venues.kucoin:VENUE",
    "bitstamp": "polaris.venues.bitstamp:VENUE",
    "kraken-v1": "polaris.venues.kraken:V1_VENUE",
    "gemini": "polaris.venues.gemini:VENUE",
    "coinbase-exchange": "polaris.venues.coinbase_exchange:VENUE",
    "alpaca": "polaris.venues.alpaca:VENUE",
}


def names() -> list[str]:
    """Every venue's name, ours first."""
    return list(_places())


def folder(name: str) -> str:
    """The module that a venue of `names` comes from: "polaris.venues.kraken"."""
    return _places()[name].partition(":")[0]


def venue(name: str) -> Venue:
    """The venue of that name. Raises BadConfig naming the known ones."""
    place = _places().get(name)
    if place is None:
        raise BadConfig(f"no venue {name!r}; known are {', '.join(names())}")
    return _load(name, place)


def recorded_as(name: str) -> Venue | None:
    """The venue a capture's header calls `name`; None where it is none of ours."""
    for ours in names():
        found = venue(ours)
        if name == ours or name in found.recorded_as:
            return found
    return None


def recognise(head: Sequence[Line]) -> Venue | None:
    """The one venue whose frames these can only be; None where they tell too little."""
    for line in head:
        if line.kind == "recv":
            found = [each for each in map(venue, names()) if each.recognises(line.data)]
            if len(found) == 1:
                return found[0]
    return None


@cache
def _places() -> dict[str, str]:
    return OURS | {point.name: point.value for point in entry_points(group=GROUP)}


@cache
def _load(name: str, place: str) -> Venue:
    module, _, attribute = place.partition(":")
    found = getattr(import_module(module), attribute, None)
    if not isinstance(found, Venue):
        raise BadConfig(f"venue {name!r}: {place} is no polaris.venues.protocol.Venue")
    return found
