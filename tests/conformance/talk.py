"""A feed and the voice of its venue in conversation, without a socket: what the feed asks for, the venue answers at once."""

from typing import Any

from polaris.domain.book import Book
from polaris.domain.instrument import Instruments
from polaris.domain.market import LIVE, RowBuffer
from polaris.venues import registry
from polaris.venues.protocol import Fetch, Login, Send, Venue
from tests.conformance.voices import VOICES, Voice

TS = 1_723_161_256_000_000_000
MILLISECOND = 1_000_000


class Talk:
    """A feed and the voice of its venue: what the feed asks for, the venue answers."""

    def __init__(self, name: str, silent: bool = False) -> None:
        self.venue: Venue = registry.venue(name)
        self.voice: Voice = VOICES[name]()
        self.voice.url = "ws://127.0.0.1:9"
        self.instruments = Instruments(self.venue.instruments(self.voice.document(), self.voice.wires, 0))
        self.feed = self.venue.feed(self.instruments, RowBuffer())
        self.voice.gives_books = not silent  # by its socket
        self.silent = silent  # nor by REST
        self.now = TS
        self.asked: list[object] = []

    def connect(self) -> "Talk":
        if self.venue.opening is not None:
            self.feed.response(self.venue.opening.tag, self.voice.rest(self.venue.opening.path), self.now)
        assert self.feed.url().startswith(("/", "ws://127.0.0.1:9/"))
        self.feed.connected(self.now)
        return self.hear(*self.voice.opened())

    def hear(self, *frames: bytes) -> "Talk":
        """Frames come, and what the feed then asks for is answered."""
        for frame in frames:
            self.now += MILLISECOND
            self.feed.frame(frame, self.now)
            self.settle()
        return self

    def settle(self) -> None:
        while self.feed.wishes:
            wish = self.feed.wishes.pop(0)
            self.asked.append(wish)
            if isinstance(wish, Fetch) and not self.silent:
                self.feed.response(wish.tag, self.voice.rest(wish.path), self.now)
            elif isinstance(wish, Send | Login):
                for frame in self.voice.said(wish.text.reveal() if isinstance(wish, Login) else wish.text):
                    self.feed.frame(frame, self.now)

    def alive(self) -> "Talk":
        """Connected, and every book told; a few moments may pass."""
        self.connect().settle()
        for _ in range(50):
            if all(symbol.state == LIVE for symbol in self.feed.stats.symbols.values()):
                break
            self.passes(100)
        assert self.states == [LIVE, LIVE]
        return self

    def passes(self, milliseconds: int) -> None:
        for _ in range(milliseconds // 100):
            self.now += 100 * MILLISECOND
            self.feed.tick(self.now)
            self.settle()

    @property
    def states(self) -> list[int]:
        return [self.feed.stats.symbols[wire].state for wire in self.voice.wires]

    def rows(self, kind: int | None = None) -> Any:
        """What was told downstream."""
        rows = self.feed.rows.view()
        return rows if kind is None else rows[rows["kind"] == kind]

    def fresh(self) -> "Talk":
        self.feed.rows.clear()
        self.asked.clear()
        return self

    def numbers(self, wire: str) -> list[list[tuple[int, int]]]:
        """The venue's own book, in ticks and lots, best first."""
        item = self.instruments.by_wire(self.venue.name, wire)
        scale = (10**item.price_decimals, 10**item.quantity_decimals)
        sides = (self.voice.side(wire, "bid"), self.voice.side(wire, "ask"))
        return [[(round(float(price) * scale[0]), round(float(size) * scale[1])) for price, size in side] for side in sides]

    def heard(self, wire: str) -> list[list[tuple[int, int]]]:
        """The book of one who heard only the rows."""
        book = Book()
        book.apply(self.rows(), self.instruments.by_wire(self.venue.name, wire).id)
        return [list(book.bids()), list(book.asks())]
