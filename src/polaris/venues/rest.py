"""One venue's documents over HTTP: asked for politely, answered whatever happens.

A `get` never raises: where no answer came its status is 0 and the body says why. A 429 or 418 closes the throttle for
as long as the venue asked, so the next `get` waits instead of making things worse.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from polaris.venues.capture import CaptureWriter
from polaris.venues.secrets import Secret
from polaris.venues.throttle import Throttle

SECOND: Final = 1_000_000_000
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
STOP_S: Final = {429: 10.0, 418: 120.0}  # how long to stay away where the venue gave no Retry-After


@dataclass(frozen=True)
class Answer:
    """What came back. Status 0: nothing did, and the body says why."""

    status: int
    body: bytes
    ts: int  # ns, when the last byte was here


class Rest:
    """A venue's REST host.

    base_url   scheme, host and port
    throttle   shared by everyone who asks this host
    timeout_s  for connecting, and for each pause between bytes
    clock      wall time in ns
    headers    sent with every request
    capture    keeps answers with status 200 under the name `conn`
    """

    def __init__(
        self,
        base_url: str,
        throttle: Throttle,
        *,
        timeout_s: float = 10.0,
        clock: Callable[[], int] = time.time_ns,
        headers: Mapping[str, Secret] | None = None,
        capture: CaptureWriter | None = None,
        conn: str = "http",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.base_url = base_url
        self._throttle = throttle
        self._clock = clock
        self._capture = capture
        self._conn = conn
        away = urlsplit(base_url).hostname not in LOOPBACK  # a proxy of the environment is for hosts elsewhere
        revealed = {name: value.reveal() for name, value in (headers or {}).items()}
        self._client = httpx.AsyncClient(base_url=base_url, timeout=timeout_s, trust_env=away, transport=transport, headers=revealed)

    async def get(self, path: str, method: str = "GET") -> Answer:
        """GET a path with its query (or POST nothing to it), after the throttle's wait; who waits while the venue says stop queues anew."""
        wait = self._throttle.reserve(self._clock())
        while wait:
            await asyncio.sleep(wait / SECOND)
            now = self._clock()
            wait = self._throttle.reserve(now) if self._throttle.closed(now) else 0
        try:
            response = await self._client.request(method, path)
        except (httpx.HTTPError, httpx.InvalidURL) as cause:
            return Answer(0, f"{type(cause).__name__}: {cause}".encode(), self._clock())
        now = self._clock()
        if response.status_code in STOP_S:
            self._throttle.close_until(now + round(retry_after_s(response, now) * SECOND))
        if self._capture is not None and response.status_code == 200 and method == "GET":
            self._capture.http(self._conn, now, self.base_url + path, response.content)
        return Answer(response.status_code, response.content, now)

    async def close(self) -> None:
        """Close idle connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


def retry_after_s(response: Any, now: int) -> float:
    """Retry-After, in seconds or as a date; the venue's usual where it is missing or no number of seconds above 0."""
    asked = response.headers.get("Retry-After", "").strip()
    try:
        seconds = float(asked) if asked.replace(".", "", 1).isdigit() else parsedate_to_datetime(asked).timestamp() - now / SECOND
    except (TypeError, ValueError):
        seconds = 0.0
    return seconds if seconds > 0 else STOP_S[response.status_code]
