"""What an account hears at Coinbase Advanced Trade: the channel `user`, subscribed to with a token that names no call.

An event tells orders as they are now, with what is filled in all; executions one by one are asked for over REST. One number counts
every frame of the connection, so a lost one shows within a second: heartbeats keep the number moving.
Source: Coinbase Advanced Trade API documentation, "WebSocket Authentication", "User Channel".
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from polaris.domain.errors import BadMessage, UnreadableNumber
from polaris.domain.instrument import Instruments
from polaris.domain.orders import OPEN, PARTIAL
from polaris.venues.coinbase.documents import UserFrame, UserOrder
from polaris.venues.coinbase.messages import Heartbeats
from polaris.venues.coinbase.orders import NAME, SECOND, STATES, token
from polaris.venues.orders import Key, Report, side_of
from polaris.venues.private import Deaf, Listening, Missed, Told, Word
from polaris.venues.protocol import Login, Send, Wish
from polaris.venues.reading import UNREADABLE
from polaris.venues.secrets import Secret

USER: Final = "user"


class _Named(msgspec.Struct):
    subscriptions: dict[str, list[str]] = {}


class _Subscriptions(msgspec.Struct, tag_field="channel", tag="subscriptions"):
    sequence_num: int
    events: list[_Named]


class _Fault(msgspec.Struct):
    type: str
    message: str = ""


_FRAME: Final = msgspec.json.Decoder(UserFrame | Heartbeats | _Subscriptions)
_FAULT: Final = msgspec.json.Decoder(_Fault)


class CoinbasePrivate:
    """One account's user channel; see `venues.private.Private`."""

    venue = NAME
    path = "/"
    silence_s = 10.0  # heartbeats come every second

    def __init__(self, instruments: Instruments, key: Key) -> None:
        self._by_wire = {item.wire: item for item in instruments if item.key.venue == self.venue}
        self._key = key
        self._expected = 0  # the number of the next frame

    def subscribe(self, ts: int) -> Sequence[Wish]:
        """The channel with its token, and heartbeats."""
        self._expected = 0
        products = list(self._by_wire)
        user = {"type": "subscribe", "channel": USER, "product_ids": products, "jwt": token(self._key, None, ts // SECOND, f"{ts:x}")}
        beats = {"type": "subscribe", "channel": "heartbeats"}
        return [Login(Secret(msgspec.json.encode(user).decode())), Send(msgspec.json.encode(beats).decode())]

    def read(self, payload: bytes) -> Sequence[Word]:
        """One frame. One that came before is told again all the same: it says how an order was, and nothing is unsaid by it."""
        try:
            frame = _FRAME.decode(payload)
        except UNREADABLE as cause:
            return self._fault(payload, cause)
        words: list[Word] = []
        if frame.sequence_num > self._expected:
            words.append(Missed(f"frames {self._expected} to {frame.sequence_num - 1} did not come"))
        self._expected = max(self._expected, frame.sequence_num + 1)
        try:
            match frame:
                case _Subscriptions(events=events):
                    if any(USER in each.subscriptions for each in events):
                        words.append(Listening(fills=False))
                case UserFrame(events=events):
                    words += [Told(self._report(order)) for event in events for order in event.orders if order.product_id in self._by_wire]
        except (UnreadableNumber, ValueError, KeyError) as cause:
            raise BadMessage(self.venue, f"an order of the user channel that can't be read: {cause}", payload) from cause
        return words

    def _fault(self, payload: bytes, cause: Exception) -> Sequence[Word]:
        try:
            fault = _FAULT.decode(payload)
        except UNREADABLE:
            fault = _Fault("")
        if fault.type == "error":
            return [Deaf(f"the venue said: {fault.message}")]
        raise BadMessage(self.venue, f"a frame of the user channel that can't be read: {cause}", payload) from cause

    def _report(self, said: UserOrder) -> Report:
        item = self._by_wire[said.product_id]
        filled, state = item.lots(said.cumulative_quantity), STATES[said.status]
        if state == OPEN and filled:
            state = PARTIAL
        price = item.ticks(said.limit_price) if said.limit_price else 0
        return Report(said.client_order_id, said.order_id, state, side_of(said.order_side), price, filled + item.lots(said.leaves_quantity), filled)
