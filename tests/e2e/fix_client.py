"""A FIX client whose messages simplefix writes and reads; what it says, and when, is the test's."""

import asyncio
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any, Self

import simplefix

SOH = "\x01"


def now_text(seconds: float = 0) -> str:
    return f"{datetime.fromtimestamp(datetime.now(UTC).timestamp() + seconds, UTC):%Y%m%d-%H:%M:%S.%f}"[:-3]


def fields(message: simplefix.FixMessage) -> dict[int, str]:
    """The first of each tag."""
    found: dict[int, str] = {}
    for tag, value in message.pairs:
        found.setdefault(int(tag), value.decode("latin-1"))
    return found


class FixClient:
    """One connection; `heard` holds what came and was not asked for."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.port = port
        self.number = 1
        self.heard: list[dict[int, str]] = []
        self._parser = simplefix.FixParser()

    async def open(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def close(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)

    def message(self, kind: str, *body: tuple[int, Any], number: int | None = None, header: tuple[tuple[int, Any], ...] = (), time: str = "") -> bytes:
        message = simplefix.FixMessage()
        if number is None:
            number, self.number = self.number, self.number + 1
        for tag, value in ((8, "FIX.4.4"), (35, kind), (49, self.name), (56, "POLARIS"), (34, number), (52, time or now_text()), *header, *body):
            message.append_pair(tag, value)
        return message.encode()

    def say(self, kind: str, *body: tuple[int, Any], **how: Any) -> None:
        self.writer.write(self.message(kind, *body, **how))

    def logon(self, key: str, secret: str, *extra: tuple[int, Any], heartbeat: int = 30, **how: Any) -> None:
        self.say("A", (98, 0), (108, heartbeat), (553, key), (554, secret), *extra, **how)

    def signed_logon(self, key: str, secret: str, time: str = "", spoil: str = "") -> None:
        """A logon whose RawData signs it, in hex HMAC-SHA256."""
        time = time or now_text()
        payload = SOH.join(["A", self.name, "POLARIS", str(self.number), time])
        signature = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest() + spoil
        self.say("A", (98, 0), (108, 30), (553, key), (95, len(signature)), (96, signature), time=time)

    async def hear(self, kind: str = "", seconds: float = 60, **wanted: str) -> dict[int, str]:
        """The next message of this type, with these values: t11="a1". Those before it are kept in `heard`."""
        async with asyncio.timeout(seconds):
            while True:
                while (message := self._parser.get_message()) is None:
                    data = await self.reader.read(65536)
                    if not data:
                        raise ConnectionResetError("the acceptor closed the line")
                    self._parser.append_buffer(data)
                self.raw = message
                found = fields(message)
                if kind in ("", found[35]) and all(found.get(int(tag[1:])) == value for tag, value in wanted.items()):
                    return found
                self.heard.append(found)

    async def is_closed(self, seconds: float = 60) -> list[dict[int, str]]:
        """What was said until the line was closed."""
        said = []
        while True:
            try:
                said.append(await self.hear(seconds=seconds))
            except ConnectionError:
                return said
