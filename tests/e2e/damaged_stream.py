"""A relay before a venue's socket that damages what the venue tells: it loses, repeats, mixes up, falls silent, and breaks off."""

import asyncio
import contextlib
import random

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

WELL, DAMAGED, MUTE = "well", "damaged", "mute"


class DamagedStream:
    """What a client says goes through whole.

    how      WELL, DAMAGED or MUTE: nothing comes through of what `spares` does not name
    spares   what stands in a message that a mute stream tells all the same: it looks alive
    """

    def __init__(self, upstream: str, spares: str = "heartbeats", seed: int = 7) -> None:
        self.upstream, self.spares, self.how = upstream, spares, WELL
        self.lost = self.repeated = self.mixed = self.muted = self.cuts = 0
        self._dice = random.Random(seed)
        self._open: set[ServerConnection] = set()

    async def __aenter__(self) -> "DamagedStream":
        self._server = await serve(self._relay, "127.0.0.1", 0, max_size=None)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    def cut(self) -> None:
        """Every connection breaks, without a word."""
        for client in self._open:
            client.transport.abort()
            self.cuts += 1

    async def _relay(self, client: ServerConnection) -> None:
        assert client.request is not None
        self._open.add(client)
        try:
            async with connect(self.upstream + client.request.path, max_size=None, max_queue=None) as venue:
                works = [asyncio.create_task(self._up(client, venue)), asyncio.create_task(self._down(client, venue))]
                await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
                for work in works:
                    work.cancel()
                await asyncio.gather(*works, return_exceptions=True)
        finally:
            self._open.discard(client)

    async def _up(self, client, venue) -> None:
        async for said in client:
            await venue.send(said)

    async def _down(self, client, venue) -> None:
        kept: list[str] = []
        with contextlib.suppress(ConnectionClosed):
            async for said in venue:
                told = [said, *kept]
                kept = []
                if self.how == MUTE and self.spares not in str(said):
                    told, self.muted = [], self.muted + 1
                elif self.how == DAMAGED:
                    match self._dice.randrange(5):
                        case 0:
                            told, self.lost = told[1:], self.lost + 1
                        case 1:
                            told, self.repeated = [said, *told], self.repeated + 1
                        case 2:
                            told, kept, self.mixed = told[1:], [said], self.mixed + 1  # behind the next
                for each in told:
                    await client.send(each)


