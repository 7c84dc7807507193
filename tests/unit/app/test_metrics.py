"""Metrics and the door they are read through."""

import asyncio
import json
from http import HTTPStatus
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from polaris.app.http import Response, Server, text
from polaris.app.metrics import registry_of, serve
from polaris.app.status import Status
from polaris.domain.errors import Unavailable


def samples(body: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value for family in text_string_to_metric_families(body) for sample in family.samples
    }


async def fetched(url: str) -> tuple[str, bytes]:
    def get() -> tuple[str, bytes]:
        with urlopen(url, timeout=60) as answer:
            return answer.headers["Content-Type"], answer.read()

    return await asyncio.to_thread(get)


async def test_a_scrape_tells_what_the_screen_draws(busy):
    server = await serve("127.0.0.1", 0, lambda: busy)
    kind, body = await fetched(f"http://127.0.0.1:{server.port}/metrics")
    await server.close()
    found = samples(body.decode())
    assert kind.startswith("text/plain; version=0.0.4")
    assert found["polaris_frames_total", (("venue", "coinbase"),)] == 12_345
    assert found["polaris_gaps_total", (("instrument", "BTC-USDT.binance"),)] == 2
    assert found["polaris_resyncs_total", (("instrument", "BTC-USDT.binance"),)] == 1
    assert found["polaris_book_age_seconds", (("instrument", "BTC-USDT.binance"),)] == 12.0
    assert ("polaris_book_age_seconds", (("instrument", "ETH-USDT.binance"),)) not in found
    assert found["polaris_book_state", (("instrument", "ETH-USDT.binance"), ("state", "syncing"))] == 1
    assert found["polaris_book_state", (("instrument", "ETH-USDT.binance"), ("state", "live"))] == 0
    assert found["polaris_refusals_total", (("reason", "stale data"),)] == 12
    assert found["polaris_orders_total", ()] == 1_234
    assert found["polaris_fills_total", ()] == 801
    assert found["polaris_equity", ()] == 100_023.11
    assert found["polaris_drawdown_ratio", ()] == 0.0032
    assert found["polaris_position", (("instrument", "ETH-USD.coinbase"),)] == -1.5
    assert found["polaris_trading", (("state", "running"),)] == 1
    assert found["polaris_up_seconds", ()] == 751
    binance = ("venue", "binance")
    assert (found["polaris_orders_held", (binance,)], found["polaris_balances_agree", (binance,)], found["polaris_order_stream_listening", (binance,)]) == (1, 0, 0)
    assert (found["polaris_order_stream_reconnects_total", (binance,)], found["polaris_order_stream_missed_total", (binance,)]) == (3, 2)
    assert found["polaris_balance_difference", (("asset", "BTC"), binance)] == 0.01 and found["polaris_balance_difference", (("asset", "USDT"), binance)] == 0
    assert found["polaris_balances_age_seconds", (("venue", "coinbase"),)] == 4


async def test_the_latency_histogram_is_one_that_prometheus_can_sum(busy):
    server = await serve("127.0.0.1", 0, lambda: busy)
    _, body = await fetched(f"http://127.0.0.1:{server.port}/metrics")
    await server.close()
    found = samples(body.decode())
    stage = ("stage", "tick_to_order")
    edges = sorted((float(dict(labels)["le"]), value) for (name, labels), value in found.items() if name == "polaris_latency_seconds_bucket" and stage in labels)
    assert [value for _, value in edges] == sorted(value for _, value in edges)
    assert edges[-1] == (float("inf"), 5)
    assert edges[0] == (pytest.approx(1.024e-6), 1)
    assert found["polaris_latency_seconds_count", (stage,)] == 5


async def test_a_desk_that_has_just_started_can_be_scraped():
    server = await serve("127.0.0.1", 0, Status)
    _, body = await fetched(f"http://127.0.0.1:{server.port}/metrics")
    assert samples(body.decode())["polaris_equity", ()] == 0
    kind, status = await fetched(f"http://127.0.0.1:{server.port}/status")
    assert (kind, json.loads(status)["mode"]) == ("application/json", "observe")
    assert (await fetched(f"http://127.0.0.1:{server.port}/healthz"))[1] == b"ok\n"
    await server.close()


def test_two_desks_in_one_process_do_not_meet(busy):
    assert registry_of(lambda: busy) is not registry_of(Status)


async def test_a_taken_port_says_what_to_do():
    server = await serve("127.0.0.1", 0, Status)
    with pytest.raises(Unavailable, match=rf"port {server.port} .* choose another with server\.port"):
        await serve("127.0.0.1", server.port, Status)
    await server.close()


def broken() -> Response:
    raise RuntimeError("secret detail")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /ok HTTP/1.1\r\nHost: 127.0.0.1:9464\r\n\r\n", HTTPStatus.OK),
        (b"GET /ok?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", HTTPStatus.OK),
        (b"GET /ok HTTP/1.0\r\nHost: [::1]:9464\r\n\r\n", HTTPStatus.OK),
        (b"GET /none HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", HTTPStatus.NOT_FOUND),
        (b"POST /ok HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", HTTPStatus.METHOD_NOT_ALLOWED),
        (b"GET /ok HTTP/1.1\r\nHost: rebound.example\r\n\r\n", HTTPStatus.MISDIRECTED_REQUEST),
        (b"GET /ok HTTP/1.1\r\n\r\n", HTTPStatus.MISDIRECTED_REQUEST),
        (b"\x16\x03\x01 nonsense\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET /broken HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", HTTPStatus.INTERNAL_SERVER_ERROR),
    ],
)
def test_every_request_gets_the_answer_it_deserves(head, status):
    response = Server({"/ok": lambda: text("ok\n"), "/broken": broken}).respond(head)
    assert response.status == status
    assert b"secret detail" not in response.body


async def test_a_request_that_is_too_long_is_turned_away():
    server = await Server.start("127.0.0.1", 0, {"/ok": lambda: text("ok\n")})
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /ok HTTP/1.1\r\n" + b"X: " + b"a" * 20_000 + b"\r\n\r\n")
    answer = await reader.read(64)
    assert answer.startswith(b"HTTP/1.1 431 ")
    writer.close()
    await server.close()
