"""Bitstamp's socket messages as typed structs: {event, channel, data}. Exact numbers are texts; the floats beside them are left alone."""

from typing import Annotated, Any, Literal

import msgspec

Level = tuple[str, str]  # price, amount; amounts absolute


class Diff(msgspec.Struct, gc=False):
    """The changes of a book at a moment, in microseconds."""

    microtimestamp: str
    bids: list[Level]
    asks: list[Level]

    @property
    def last_id(self) -> int:
        """The moment as a number. Raises ValueError where it is none."""
        return int(self.microtimestamp)


class Trade(msgspec.Struct, gc=False):
    """One trade; type 0 means that the taker bought, 1 that the taker sold."""

    id: Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
    price_str: str
    amount_str: str
    type: Literal[0, 1]
    microtimestamp: str


class Envelope(msgspec.Struct):
    """Any message. `data` is read once its channel is known."""

    event: str
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class BookDocument(msgspec.Struct):
    """A whole book as it was at a moment: best level first."""

    microtimestamp: str
    bids: msgspec.Raw
    asks: msgspec.Raw

    @property
    def last_id(self) -> int:
        """The moment as a number. Raises ValueError where it is none."""
        return int(self.microtimestamp)


ENVELOPE: Any = msgspec.json.Decoder(Envelope)
DIFF: Any = msgspec.json.Decoder(Diff)
TRADE: Any = msgspec.json.Decoder(Trade)
BOOK: Any = msgspec.json.Decoder(BookDocument)
SIDE: Any = msgspec.json.Decoder(list[Level])
