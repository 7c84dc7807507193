"""KuCoin's socket messages as typed structs: {type, topic, subject, data}. Numbers come as text without needless zeros."""

from typing import Annotated, Any, Literal

import msgspec

Sequence = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
Change = tuple[str, str, str]  # price, size, sequence; price "0" moves the sequence only


class Changes(msgspec.Struct, gc=False):
    """What changed on each side."""

    asks: list[Change]
    bids: list[Change]


class Level2(msgspec.Struct, gc=False):
    """The changes of a book between two sequences, both included."""

    symbol: str
    first: Sequence = msgspec.field(name="sequenceStart")
    last_id: Sequence = msgspec.field(name="sequenceEnd")
    changes: Changes
    time: Annotated[int, msgspec.Meta(ge=0, lt=2**63 // 10**6)] = 0  # ms


class Match(msgspec.Struct, gc=False):
    """One trade; `side` is the taker's, `time` in nanoseconds."""

    symbol: str
    sequence: str
    side: Literal["buy", "sell"]
    size: str
    price: str
    time: str


class Ticker(msgspec.Struct, gc=False):
    """The best bid and ask; it does not say of what symbol, its topic does."""

    bestBid: str
    bestBidSize: str
    bestAsk: str
    bestAskSize: str
    time: Annotated[int, msgspec.Meta(ge=0, lt=2**63 // 10**6)] = 0  # ms


class Envelope(msgspec.Struct):
    """Any message. `data` is read once its subject is known."""

    type: str = ""
    subject: str = ""
    topic: str = ""
    code: int | str = 0
    data: msgspec.Raw = msgspec.Raw(b"null")


class BookDocument(msgspec.Struct):
    """A whole book, or its first hundred levels."""

    sequence: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,18}\Z")]
    bids: msgspec.Raw  # best first: [price, size]
    asks: msgspec.Raw
    time: Annotated[int, msgspec.Meta(ge=0, lt=2**63 // 10**6)] = 0  # ms

    @property
    def last_id(self) -> int:
        """The sequence of the newest change in it."""
        return int(self.sequence)


class BookAnswer(msgspec.Struct):
    """The answer to a book's address; a code other than 200000 is a refusal, with HTTP 200."""

    code: str
    data: BookDocument | None = None
    msg: str = ""


class InstanceServer(msgspec.Struct):
    """A server to connect to."""

    endpoint: Annotated[str, msgspec.Meta(pattern=r"^wss?://[^\s/?#]+")]
    pingInterval: int = 18_000  # ms


class Token(msgspec.Struct):
    """What opens one connection."""

    token: str
    instanceServers: list[InstanceServer]


class TokenAnswer(msgspec.Struct):
    """The answer to bullet-public."""

    code: str
    data: Token | None = None


ENVELOPE: Any = msgspec.json.Decoder(Envelope)
LEVEL2: Any = msgspec.json.Decoder(Level2)
MATCH: Any = msgspec.json.Decoder(Match)
TICKER: Any = msgspec.json.Decoder(Ticker)
BOOK: Any = msgspec.json.Decoder(BookAnswer)
TOKEN: Any = msgspec.json.Decoder(TokenAnswer)
