"""What an account hears at Binance spot: the user stream of its WebSocket API, subscribed to with a signed request.

Each executionReport tells one event of an order with the state it left, and an execution whole: price, quantity, fee, trade id and
what is filled with it. Events carry no number, so a lost one shows only in the next one's filled quantity, or when the venue is
asked. The listen keys of REST are the old way to the same events and are not used.
Source: Binance spot API documentation, WebSocket API, "User Data Stream requests"; "User Data Streams".
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from polaris.domain.errors import BadMessage, UnreadableNumber
from polaris.domain.instrument import Instruments
from polaris.domain.orders import MAKER, TAKER
from polaris.venues.binance import order_socket
from polaris.venues.binance.orders import MS, STATES
from polaris.venues.binance.symbols import SPOT
from polaris.venues.binance.user_stream import ExecutionReport, ExternalLock, StreamEnded, UserEvent
from polaris.venues.orders import Fill, Key, Report, side_of
from polaris.venues.private import Deaf, Listening, Missed, Told, Word
from polaris.venues.protocol import Login, Wish
from polaris.venues.reading import UNREADABLE
from polaris.venues.secrets import Secret

ASKED: Final = "listen"  # the id of our one request
TRADE: Final = "TRADE"


class _Error(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _Message(msgspec.Struct):
    """An event, or the answer to a request."""

    event: UserEvent | ExternalLock | StreamEnded | None = None
    id: str | int | None = None
    status: int = 0
    error: _Error | None = None


_MESSAGE: Final = msgspec.json.Decoder(_Message)


class BinancePrivate:
    """One account's user stream; see `venues.private.Private`."""

    venue = SPOT.name
    path = "/ws-api/v3"
    silence_s = 30.0  # the venue pings every 20 seconds

    def __init__(self, instruments: Instruments, key: Key) -> None:
        self._by_wire = {item.wire: item for item in instruments if item.key.venue == self.venue}
        self._key = key

    def subscribe(self, ts: int) -> Sequence[Wish]:
        """One signed request; the answer says that it stands."""
        return [Login(Secret(order_socket.listen(id=ASKED, ts=ts, key=self._key).decode()))]

    def read(self, payload: bytes) -> Sequence[Word]:
        """One event, or the answer to our request."""
        try:
            said = _MESSAGE.decode(payload)
            match said.event:
                case ExecutionReport() as event:
                    return self._told(event)
                case StreamEnded():
                    return [Deaf("the venue ended the stream")]
                case None:
                    return self._answer(said)
            return []  # balances and lists of orders: each order is told by itself
        except (*UNREADABLE, UnreadableNumber, ValueError, KeyError, ArithmeticError) as cause:
            raise BadMessage(self.venue, f"a message of the user stream that can't be read: {cause}", payload) from cause

    def _answer(self, said: _Message) -> Sequence[Word]:
        if said.id != ASKED:
            return [Missed(f"a message that is neither an event nor our answer (status {said.status})")]
        if said.status == 200:
            return [Listening(fills=True)]
        error = said.error or _Error()
        return [Deaf(f"the subscription was refused: {said.status} {error.code} {error.msg}")]

    def _told(self, said: ExecutionReport) -> Sequence[Word]:
        item = self._by_wire.get(said.symbol)
        if item is None:
            return []  # of a symbol we do not trade: not ours
        client = said.orig_client_order_id or said.client_order_id  # a cancel has a name of its own
        side, lots, filled = side_of(said.side), item.lots(said.quantity), item.lots(said.filled_quantity)
        report = Report(client, str(said.order_id), STATES[said.status], side, item.ticks(said.price), lots, filled)
        if said.execution != TRADE:
            return [Told(report)]
        fee, liquidity = Decimal(said.fee), MAKER if said.is_maker else TAKER
        if fee and not said.fee_asset:
            raise ValueError("a fee without its asset")
        price, got = item.ticks(said.last_price), item.lots(said.last_quantity)
        fill = Fill(str(said.trade_id), report.venue_id, item.id, side, price, got, fee, said.fee_asset or item.key.quote, liquidity, said.transaction_ms * MS)
        return [Told(report, fill)]
