"""One account's user stream on its socket, opened again whenever it ends.

It is the session of market data with another feed: the same back-off, the same answer to silence. No capture keeps what it says, and
it leads to this machine only, as orders do.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from polaris.domain.errors import BadConfig
from polaris.domain.instrument import Instruments
from polaris.venues.endpoint import VenueEndpoint
from polaris.venues.ordering import Unlocked
from polaris.venues.private import Private, PrivateFeed, Word
from polaris.venues.rest import LOOPBACK, Rest
from polaris.venues.session import Session, SessionSettings
from polaris.venues.throttle import Throttle

BACKOFF_S: Final = 5.0  # orders are at stake: the longest wait before another attempt


class PrivateSession:
    """Runs one account's user stream.

    private   the venue's dialect for one account
    where     the venue; another machine only with `unlocked`
    hear      gets every word, in the order in which it came; what it raises ends `run`
    clock     wall time in ns
    """

    def __init__(
        self,
        private: Private,
        where: VenueEndpoint,
        instruments: Instruments,
        hear: Callable[[Word], object],
        *,
        clock: Callable[[], int],
        unlocked: Unlocked | None = None,
        settings: SessionSettings | None = None,
        dice: random.Random | None = None,
    ) -> None:
        if urlsplit(where.ws_url).hostname not in LOOPBACK and not isinstance(unlocked, Unlocked):
            raise BadConfig(f"the account at {where.ws_url} is locked: LIVE needs its keys, its switch and its check")
        self.feed = PrivateFeed(private, instruments, hear)
        self._rest = Rest(where.rest_url, Throttle(1.0, 1), clock=clock)
        chosen = settings or SessionSettings(silence_s=private.silence_s, backoff_most_s=BACKOFF_S)
        self.session = Session(self.feed, where.ws_url, self._rest, lambda feed: None, settings=chosen, clock=clock, dice=dice, conn=f"{private.venue.upper()}.user.1")

    @property
    def reason(self) -> str:
        """What it last went through, for people."""
        return "listening" if self.feed.listening else self.session.last_reason

    def renew(self, reason: str) -> None:
        """It is not believed any more."""
        self.feed.renew(reason)

    async def run(self) -> None:
        """Listen until cancelled. Raises what `hear` raised."""
        try:
            await self.session.run()
        finally:
            await asyncio.shield(self._rest.close())
