"""Documents over HTTP: answered whatever happens, and no venue is asked again before it said so."""

import asyncio
import time
from email.utils import formatdate

import httpx
import pytest

from polaris.venues.rest import SECOND, Rest
from polaris.venues.throttle import Throttle

NOW = 1_760_000_000 * SECOND


def venue(answer, **options) -> tuple[Rest, Throttle]:
    """A REST host that answers as told, at a clock that stands still."""
    throttle = Throttle(100, 10)
    return Rest("http://venue.test", throttle, clock=lambda: NOW, transport=httpx.MockTransport(answer), **options), throttle


async def test_status_and_body_are_passed_on_as_they_came():
    rest, _ = venue(lambda request: httpx.Response(400, text=f"no {request.url.raw_path.decode()}"))
    async with rest:
        answer = await rest.get("/api/v3/depth?symbol=BTCUSDT&symbols=%5B%22A%22%5D")
    assert (answer.status, answer.body, answer.ts) == (400, b"no /api/v3/depth?symbol=BTCUSDT&symbols=%5B%22A%22%5D", NOW)


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ReadTimeout("late"), httpx.RemoteProtocolError("cut")])
async def test_where_no_answer_came_the_status_is_zero_and_the_body_says_why(error):
    def fail(request):
        raise error

    rest, _ = venue(fail)
    async with rest:
        answer = await rest.get("/")
    assert answer.status == 0 and str(error).encode() in answer.body


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, "7", 7),
        (418, "300", 300),
        (429, formatdate(NOW // SECOND + 42, usegmt=True), 42),
        (429, None, 10),
        (418, None, 120),
        (429, "soon", 10),
        (429, "-5", 10),
    ],
)
async def test_a_venue_that_says_stop_is_left_alone_as_long_as_it_asked(status, header, seconds):
    rest, throttle = venue(lambda request: httpx.Response(status, headers={"Retry-After": header} if header else {}))
    async with rest:
        assert (await rest.get("/")).status == status
    assert throttle.reserve(NOW) == seconds * SECOND


async def test_who_waited_already_when_the_venue_said_stop_waits_until_it_may_be_asked():
    asked: list[float] = []

    async def busy(request: httpx.Request) -> httpx.Response:
        asked.append(time.monotonic())
        await asyncio.sleep(0.01)
        return httpx.Response(429, headers={"Retry-After": "0.5"}) if len(asked) == 1 else httpx.Response(200)

    rest = Rest("http://venue.test", Throttle(20, 1), transport=httpx.MockTransport(busy))
    async with rest:
        answers = await asyncio.gather(*(rest.get("/") for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 200, 429]
    assert len(asked) == 5 and asked[1] - asked[0] >= 0.5, "four of them had their place already, within the half second"
    assert asked[4] - asked[1] >= 0.1, "and do not come all at once afterwards"


async def test_the_throttle_is_waited_for():
    rest = Rest("http://venue.test", Throttle(20, 1), transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    async with rest:
        began = time.monotonic()
        for _ in range(3):
            await rest.get("/")
    assert time.monotonic() - began >= 0.09


async def test_only_documents_that_came_are_kept_in_the_capture():
    kept = []

    class Sink:
        def http(self, conn, ts, url, data):
            kept.append((conn, ts, url, data))

    rest, _ = venue(lambda request: httpx.Response(200 if request.url.path == "/good" else 500, text="body"), capture=Sink(), conn="TEST.http.0")
    async with rest:
        await rest.get("/good?a=1")
        await rest.get("/bad")
    assert kept == [("TEST.http.0", NOW, "http://venue.test/good?a=1", b"body")]
