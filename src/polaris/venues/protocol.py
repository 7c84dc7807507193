"""What every venue's feed is, without a socket: bytes and times in, rows and wishes out.

A `Feed` never does IO and reads no clock. Whoever runs it (the live session, a replayed capture, a test) hands it what
happened and carries out what it asks for, so a recording goes through the very code that the live socket does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from polaris.domain.instrument import Instrument, Instruments, Product
from polaris.domain.market import RowBuffer, Rows
from polaris.venues import books
from polaris.venues.capture import Line
from polaris.venues.endpoint import VenueEndpoint, VenueLimits
from polaris.venues.orders import Key, Orders
from polaris.venues.resolve import Listing
from polaris.venues.secrets import Secret

if TYPE_CHECKING:
    from polaris.venues.private import Private


@dataclass(frozen=True)
class Send:
    """Send this text on the feed's socket."""

    text: str


@dataclass(frozen=True)
class Login:
    """Send this text, which holds a secret, on the feed's socket: no capture keeps it."""

    text: Secret


@dataclass(frozen=True)
class Fetch:
    """Ask the venue's REST host for this path (with its query) and hand the body to `Feed.response`.

    tag says to the feed what came back, for instance "depth:BTCUSDT".
    """

    path: str
    tag: str
    method: str = "GET"


@dataclass(frozen=True)
class Reconnect:
    """Close the socket and open a new one: the stream as a whole can't be trusted."""

    reason: str


Wish = Send | Login | Fetch | Reconnect


@dataclass
class SymbolStats:
    """What happened to one symbol since the feed was made.

    crossed     books given up because they stayed crossed
    crossed_ns  for how long books stood crossed that do so no more
    conflated   times its book was handed over whole, as the reader was behind
    whole       (ts) -> the book as it stands, as a snapshot's rows; None where it has no book
    head        int64[OWN or more]: its words in `venues.books`, which compiled code counts in too
    """

    gaps: int = 0
    resyncs: int = 0
    checksums_failed: int = 0
    crossed: int = 0
    crossed_ns: int = 0
    conflated: int = 0
    whole: Callable[[int], Rows] | None = field(default=None, repr=False, compare=False)
    head: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(books.OWN, np.int64), repr=False)

    @property
    def state(self) -> int:
        """One of domain.market's book states."""
        return int(self.head[books.STATE])

    @property
    def checksums_ok(self) -> int:
        """How often the venue's own word agreed with the book."""
        return int(self.head[books.CHECKED])

    @checksums_ok.setter
    def checksums_ok(self, count: int) -> None:
        self.head[books.CHECKED] = count

    def crossed_until(self, ts: int) -> int:
        """For how long its book stood crossed up to `ts`, in steps of a look (ns)."""
        since = int(self.head[books.CROSSED])
        return self.crossed_ns + (max(0, ts - since) if since else 0)

    @property
    def last_update_ns(self) -> int:
        """When the book last heard something, our clock; 0 for never."""
        return int(self.head[books.LAST_UPDATE])


@dataclass
class FeedStats:
    """Counts since the feed was made.

    gaps     breaks of the sequence: one a lost stretch, however many books it cost
    ignored  messages and entries we know and leave out, by kind: "kline", "trade history", "duplicate"
    head     int64[FEED_OWN or more]: the feed's own words in `venues.books`
    """

    frames: int = 0
    bytes: int = 0
    bad_messages: int = 0
    gaps: int = 0
    ignored: dict[str, int] = field(default_factory=dict)
    symbols: dict[str, SymbolStats] = field(default_factory=dict)
    head: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(books.FEED_OWN, np.int64), repr=False)

    @property
    def unknown_fields(self) -> int:
        """Fields that nobody knows, in messages that were understood."""
        return int(self.head[books.UNKNOWN])

    @unknown_fields.setter
    def unknown_fields(self, count: int) -> None:
        self.head[books.UNKNOWN] = count

    @property
    def fallbacks(self) -> int:
        """Frames that the typed decoder read because the compiled reader did not understand them."""
        return int(self.head[books.FALLBACKS])


class Feed(Protocol):
    """One connection to one venue, for some of its instruments. Times are int nanoseconds UTC."""

    venue: str
    instruments: Instruments
    rows: RowBuffer  # everything decoded; the runner takes from it and clears it
    wishes: list[Wish]  # the runner carries these out in order and clears the list
    stats: FeedStats

    def url(self) -> str:
        """The path (and query) to open on the venue's socket host."""
        ...

    def connected(self, ts: int) -> None:
        """The socket is open: ask for subscriptions, every book is SYNCING."""
        ...

    def frame(self, payload: bytes, ts: int) -> None:
        """One whole message came. Never raises on bad content: it counts it and resyncs the symbol it concerns."""
        ...

    def response(self, tag: str, body: bytes, ts: int, status: int = 200) -> None:
        """The answer to a Fetch; status 0 where no answer came."""
        ...

    def tick(self, ts: int) -> None:
        """Time passed: silence and books that stayed crossed are seen here. Called about ten times a second."""
        ...

    def disconnected(self, ts: int) -> None:
        """The socket is gone: every book is DISCONNECTED."""
        ...

    def book_text(self, wire: str, depth: int) -> tuple[list[list[str]], list[list[str]], int, int]:
        """(top bids, top asks, number of bids, number of asks) as the venue's decimal text."""
        ...


@dataclass(frozen=True)
class Venue:
    """What the folder of a venue gives the house; `registry.venue(name)` finds it.

    name         ours: "binance-usdm"
    recorded_as  how the headers of captures call it
    metadata     (wire symbols) -> path of the REST document that describes them
    instruments  (document, wire symbols, first id) -> their instruments. Raises UnknownSymbol, BadMessage, BadConfig
    listings     (document) -> everything it describes; None: it is known by its own symbols only. Raises BadMessage
    asks         (names) -> the symbols whose document tells of them; none where one document tells of all
    discover     (first lines of a capture) -> the instruments it holds, as well as those lines can tell
    recognises   (raw frame) -> whether it can only be this venue's
    tag          (url of a recorded document) -> the tag `Feed.response` knows it by, "" where it answers no Fetch
    feed         (instruments, rows) -> a feed for those of them that are this venue's, writing into `rows`
    public       where it is
    limits       what it allows
    headers      what every request for a document carries, where even public ones need a key. Raises BadConfig where there is none
    trades_numbered  it numbers the trades of a symbol one by one, so that a missing one shows
    books        whether it has order books
    orders       (instruments, key) -> its private side; None where there is none
    orders_url   the host of the private side, where it is another than the documents'
    private      (instruments, key) -> its user stream; None where there is none
    private_url  the host of its socket, where it is another than the market's
    products     what is traded there that we read
    guard        what shows that something of a book was lost, in a few words for people
    opening      what must be fetched before each connection; the answer goes to `Feed.response`, and `Feed.url` may then be a whole address
    """

    name: str
    recorded_as: tuple[str, ...]
    metadata: Callable[[Sequence[str]], str]
    instruments: Callable[[bytes, Sequence[str], int], list[Instrument]]
    discover: Callable[[Sequence[Line]], list[Instrument]]
    recognises: Callable[[bytes], bool]
    tag: Callable[[str], str]
    feed: Callable[[Instruments, RowBuffer], Feed]
    public: VenueEndpoint
    limits: VenueLimits = field(default_factory=VenueLimits)
    opening: Fetch | None = None
    headers: Callable[[], dict[str, Secret]] = dict
    trades_numbered: bool = False
    books: bool = True
    orders: Callable[[Instruments, Key], Orders] | None = None
    orders_url: str = ""
    private: "Callable[[Instruments, Key], Private] | None" = None
    private_url: str = ""
    listings: Callable[[bytes], list[Listing]] | None = None
    asks: Callable[[Sequence[str]], Sequence[str]] = lambda names: ()
    products: tuple[Product, ...] = (Product.SPOT,)
    guard: str = ""
