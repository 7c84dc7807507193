"""What holds a secret goes out and is written down nowhere."""

import asyncio

import httpx

from polaris.venues.protocol import Login
from polaris.venues.rest import Rest
from polaris.venues.secrets import Secret
from polaris.venues.throttle import Throttle


def test_headers_go_out_with_every_request():
    heard = []

    def answer(request: httpx.Request) -> httpx.Response:
        heard.append(request.headers.get("APCA-API-SECRET-KEY"))
        return httpx.Response(200, content=b"{}")

    async def ask() -> None:
        async with Rest("https://nowhere.example", Throttle(100, 100), headers={"APCA-API-SECRET-KEY": Secret("sdevA")}, transport=httpx.MockTransport(answer)) as host:
            assert (await host.get("/v2/stocks/bars")).status == 200
            assert "sdevA" not in repr(host)

    asyncio.run(ask())
    assert heard == ["sdevA"]


def test_a_login_does_not_show_its_text():
    assert repr(Login(Secret("sdevA"))) == "Login(text=***)"
