"""FIX 4.4 by simplefix."""

import asyncio
import contextlib
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import simplefix

from clients.line import ENDED, FILLED, OPEN, Gone, Heard, Identity, Line, Order, Refused, Standing, cut, end
from polaris.domain.orders import BUY
from polaris.exchange.listing import Rules

PACE: Final = 900  # requests a second; the acceptor cuts who makes more than 1,000


class Fix(Line):
    """One session, whose numbers begin anew with every line."""

    resends = True
    STATES: ClassVar = {b"0": OPEN, b"1": OPEN, b"2": FILLED, b"4": ENDED, b"C": ENDED}

    def __init__(self, identity: Identity, rules: Rules, heard: Heard) -> None:
        super().__init__(identity, rules, heard)
        self._name, self._seq, self._last = f"T{identity.account}", 0, b""
        self._waiting: dict[str, asyncio.Future[Any]] = {}  # by ClOrdID
        self._statuses: deque[asyncio.Future[Any]] = deque()  # answered in their order
        self._writer: asyncio.StreamWriter | None = None
        self._sent: deque[float] = deque([0.0] * PACE, PACE)  # when the last requests were made

    async def open(self, ports: dict[str, int]) -> None:
        try:
            reader, self._writer = await asyncio.open_connection("127.0.0.1", ports["fix"])
        except OSError:
            raise Gone("no connection") from None
        self._on = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(reader))
        sent = _time()
        signature = self.identity.signed("\x01".join(("A", self._name, "POLARIS", "1", sent)))
        self._send("A", (98, 0), (108, 30), (141, "Y"), (553, self.identity.key), (95, len(signature)), (96, signature), sent=sent)
        await self.answer(self._on)

    def _send(self, kind: str, *fields: tuple[int, Any], sent: str = "") -> None:
        self._seq += 1
        message = simplefix.FixMessage()
        for tag, value in ((8, "FIX.4.4"), (35, kind), (49, self._name), (56, "POLARIS"), (34, self._seq), (52, sent or _time()), *fields):
            message.append_pair(tag, value)
        if self._writer is None or self._writer.is_closing():
            raise Gone("the line ended")
        self._writer.write(message.encode())

    async def _read(self, reader: asyncio.StreamReader) -> None:
        parser = simplefix.FixParser()
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                parser.append_buffer(data)
                while (message := parser.get_message()) is not None:
                    self._take(message)
        self.ended.set()
        for waiting in (*self._waiting.values(), *self._statuses, self._on):
            end(waiting, f"the line ended; last came {self._last!r}")

    def _take(self, message: simplefix.FixMessage) -> None:
        kind = message.get(35)
        self._last = message.encode(raw=True).replace(b'\x01', b'|')
        if kind == b"A" and not self._on.done():
            self._on.set_result(None)
        elif kind == b"1":
            self._send("0", (112, message.get(112).decode()))
        elif kind == b"8":
            self._report(message)
        elif kind in (b"9", b"j"):  # cancel reject, business reject: by the ClOrdID it is of
            name = message.get(11 if kind == b"9" else 379).decode()
            self._settle(name, Refused((message.get(58) or b"").decode()))

    def _report(self, message: simplefix.FixMessage) -> None:
        name, of, status = message.get(11).decode(), (message.get(41) or b"").decode(), message.get(39)
        if message.get(150) == b"I" and not (name in self._waiting and status != b"8"):
            if self._statuses:
                self._answer(self._statuses.popleft(), None if status == b"8" else self._standing(message))
            return
        if status == b"8":
            self._settle(name, Refused((message.get(58) or b"").decode()))
            return
        standing = self._standing(message)
        self.heard(of or name, standing)
        self._settle(name, standing)

    def _standing(self, message: simplefix.FixMessage) -> Standing:
        book = self.rules.book(message.get(55).decode())
        listing, fills = self.rules.listings[book], {}
        if message.get(150) == b"F":
            fills[message.get(527).decode()] = listing.ticks(message.get(31).decode()), listing.lots(message.get(32).decode())
        return Standing(message.get(37).decode(), self.STATES[message.get(39)], self.lots(book, message.get(14).decode()), fills)

    async def _turn(self) -> None:
        """Until one more request is no more than the acceptor takes of a line in a second."""
        while (wait := self._sent[0] + 1.0 - time.monotonic()) > 0:  # noqa: ASYNC110 - time alone is waited for
            await asyncio.sleep(wait)
        self._sent.append(time.monotonic())

    def _settle(self, name: str, outcome: Standing | Exception) -> None:
        if (waiting := self._waiting.pop(name, None)) is not None:
            self._answer(waiting, outcome)

    def _answer(self, waiting: "asyncio.Future[Any]", outcome: Any) -> None:
        if not waiting.done():
            if isinstance(outcome, Exception):
                waiting.set_exception(outcome)
            else:
                waiting.set_result(outcome)

    async def place(self, order: Order, again: bool = False) -> Standing:
        await self._turn()
        waiting = self._waiting[order.name] = asyncio.get_running_loop().create_future()
        listing = self.rules.listings[order.book]
        size = ((38, listing.quantity_text(order.quantity)), (40, 2), (44, listing.price_text(order.price)), (59, 1))
        self._send("D", *(((97, "Y"),) if again else ()), (11, order.name), *self._about(order), *size)
        standing: Standing = await self.answer(waiting)
        return standing

    async def cancel(self, order: Order, name: str) -> Standing:
        await self._turn()
        waiting = self._waiting[name] = asyncio.get_running_loop().create_future()
        self._send("F", (11, name), (37, order.order_id), (41, order.name), *self._about(order))
        standing: Standing = await self.answer(waiting)
        return standing

    async def find(self, order: Order) -> Standing | None:
        await self._turn()
        waiting = asyncio.get_running_loop().create_future()
        self._statuses.append(waiting)
        self._send("H", (11, order.name), (55, self.rules.listings[order.book].symbol), (54, 1 if order.side == BUY else 2))
        standing: Standing | None = await self.answer(waiting)
        return standing

    async def close(self) -> None:
        if self._writer is not None:
            await cut(self._writer)
            await self._reading

    def _about(self, order: Order) -> tuple[tuple[int, Any], ...]:
        return (55, self.rules.listings[order.book].symbol), (54, 1 if order.side == BUY else 2), (60, _time())


def _time() -> str:
    return datetime.now(UTC).strftime("%Y%m%d-%H:%M:%S.%f")[:-3]
