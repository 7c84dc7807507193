"""Our names for what a venue trades, and the symbols the venue has for it.

    BTC-USD  ·  BTC-USD-perpetual  ·  BTC-USD.coinbase  ·  XXBTZUSD  ─▶  the key (venue, product, base, quote)  ─▶  BTC/USD

What a name means stands in the venue's own document and nowhere else: no symbol is taken apart by guessing where its
base ends, and USD is never taken for USDT. A name that leads to nothing, or to two things, is refused.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from polaris.domain.errors import BadConfig, SymbolCollision
from polaris.domain.instrument import Key

NEAREST: Final = 6  # names that a refusal shows


@dataclass(frozen=True)
class Listing:
    """One symbol of a venue's document.

    wire  how its frames call it
    key   what it is
    also  what else the venue calls it, in other documents or dialects
    """

    wire: str
    key: Key
    also: tuple[str, ...] = ()

    @property
    def ours(self) -> str:
        """Our name for it, without the venue: "BTC-USD-perpetual"."""
        return str(self.key).removesuffix(f".{self.key.venue}")

    @property
    def names(self) -> tuple[str, ...]:
        """Everything it may be called by."""
        return (self.ours, str(self.key), self.wire, *self.also)


class NotListed(BadConfig):
    """A name that a venue's document does not have."""

    def __init__(self, name: str, venue: str, nearest: Sequence[str]) -> None:
        super().__init__(f"{venue} has no {name}" + (f"; its nearest are {', '.join(nearest)}" if nearest else ""))
        self.name, self.venue, self.nearest = name, venue, tuple(nearest)


def resolve(venue: str, listings: Sequence[Listing], wanted: Iterable[str]) -> list[str]:
    """The venue's own symbols of the wanted names, in their order; two names of one instrument are one symbol.

    wanted  our names or the venue's, with .venue behind or not; in capitals or not, as long as that leaves one meaning
    raises  NotListed with the nearest names there are; SymbolCollision where two symbols share the name, or the key
    """
    exact, folded = _by_name(listings, str), _by_name(listings, str.casefold)
    same: dict[Key, list[Listing]] = {}
    for listing in listings:
        same.setdefault(listing.key, []).append(listing)
    found: dict[str, None] = {}
    for name in wanted:
        bare = name.removesuffix(f".{venue}")
        meant = exact.get(name) or folded.get(name.casefold()) or exact.get(bare) or folded.get(bare.casefold())
        if not meant:
            raise NotListed(bare, venue, _nearest(bare, listings))
        for alike, read_as in ((meant, name), (same[meant[0].key], str(meant[0].key))):
            if len(alike) > 1:
                raise SymbolCollision(alike[0].wire, alike[1].wire, read_as)
        found[meant[0].wire] = None
    return list(found)


def by_venue(names: Iterable[str], venues: Sequence[str], known: Collection[str]) -> dict[str, list[str]]:
    """Which venue is asked for which names: BTC-USD.coinbase is for that one alone, BTC-USD for each of `venues`.

    venues  in this order; where empty, those that the names end with
    known   every venue there is
    raises  BadConfig for an unknown venue, a name for none, a venue without a name
    """
    for venue in venues:
        if venue not in known:
            near = get_close_matches(venue, known, 1)
            raise BadConfig(f"no venue {venue!r}; " + (f"did you mean {near[0]}? " if near else "") + f"known are {', '.join(known)}")
    wishes: dict[str, list[str]] = {venue: [] for venue in venues}
    for name in names:
        venue = name.rpartition(".")[2]
        if venue in known and venues and venue not in wishes:
            raise BadConfig(f"{name} is a symbol of {venue}, which is not among the venues {', '.join(venues)}")
        if venue in known:
            wishes.setdefault(venue, []).append(name)
        elif not venues:
            raise BadConfig(f"{name} is a symbol of which venue? Name the venues, or write {name}.{next(iter(known))}")
        else:
            for venue in venues:
                wishes[venue].append(name)
    idle = [venue for venue, asked in wishes.items() if not asked]
    if idle:
        raise BadConfig(f"no symbol for {idle[0]}")
    return wishes


def _by_name(listings: Sequence[Listing], spelt: Callable[[str], str]) -> dict[str, list[Listing]]:
    found: dict[str, list[Listing]] = {}
    for listing in listings:
        for name in dict.fromkeys(map(spelt, listing.names)):
            found.setdefault(name, []).append(listing)
    return found


def _nearest(name: str, listings: Sequence[Listing]) -> list[str]:
    """Our names nearest to a name, as its writer may have meant ours or the venue's."""
    meant = {name.casefold(): listing.ours for listing in listings for name in listing.names}
    near = get_close_matches(name.casefold(), meant, 2 * NEAREST)
    return list(dict.fromkeys(meant[each] for each in near))[:NEAREST]
