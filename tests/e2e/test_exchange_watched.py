"""What the operator of an exchange sees of its clients: who is connected, whom it sent away and what for, as text, as JSON, and as metrics."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from polaris.app.cli.exchange import _show
from polaris.app.exchange import metrics
from polaris.app.exchange.control import Control, ask
from polaris.app.exchange.house import House, Plan
from polaris.app.exchange.running import described
from polaris.app.exchange.settings import ExchangeSettings
from polaris.domain.orders import BUY
from polaris.exchange import words as w
from polaris.exchange.gateway.note import NOTE
from polaris.exchange.gateway.venue import command, note

READS_ALL = b"GET /stream?streams=btcusdt@bookTicker/btcusdt@depth@100ms HTTP/1.1\r\n"
UPGRADE = b"Host: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
LOWEST = 6_500_000  # ticks


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """An exchange that keeps nothing, and speaks every dialect."""
    opened = await House.open(Plan(rules=ExchangeSettings().rules(), ports={"binance": 0, "coinbase": 0, "fix": 0}))
    yield opened
    await opened.close()


@contextlib.asynccontextmanager
async def client(port: int, says: bytes) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(says)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def watched(house: House) -> dict:
    return {**described(house), "simulated": False, "metrics": "http://127.0.0.1:1/metrics"}


async def scraped(house: House) -> dict[tuple[str, ...], float]:
    """The metrics that are of clients: {(name, dialect, reason): value}."""
    page = metrics.page(lambda: watched(house))
    await page.listen("127.0.0.1", 0, "exchange.metrics_port")
    try:
        async with httpx.AsyncClient() as asking:
            told = (await asking.get(f"http://127.0.0.1:{page.port}/metrics")).text
    finally:
        await page.close()
    samples = [sample for family in text_string_to_metric_families(told) for sample in family.samples]
    return {(sample.name, sample.labels["dialect"], sample.labels.get("reason", "")): sample.value for sample in samples if "dialect" in sample.labels}


async def test_a_slow_reader_is_shown_with_its_reason_as_text_as_json_and_as_a_metric(house, tmp_path, capsys):
    rules = house.plan.rules
    house.venue.ask([command(w.DEPOSIT, account=1, book=rules.asset("USDT"), quantity=10**17)], [bytes(NOTE.itemsize)])
    assert house.binance is not None
    async with client(house.binance.port, READS_ALL + UPGRADE) as (_, writer):
        while not house.binance.sockets.open:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        (slow,) = house.binance.sockets.open
        slow.queue_bytes = 10_000
        assert watched(house)["clients"] == {"binance": 1, "coinbase": 0, "fix": 0} and watched(house)["sent_away"]["binance"] == {}
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        price = LOWEST
        while not slow.gone:
            orders = [{"book": 0, "side": BUY, "order_type": w.LIMIT, "price": price + step, "quantity": 1_000, "account": 1} for step in range(200)]
            asked = [command(w.SUBMIT, order_id=house.venue.new_order_id(), **order) for order in orders]
            house.venue.ask(asked, [note(house.venue.now(), f"order-{price + step}") for step in range(200)])
            price += 200
            assert price < LOWEST + 200_000, "a slow reader is never dropped"
            await asyncio.sleep(0.01)
    control = Control(house, tmp_path, lambda: None, lambda: watched(house))
    await control.start()
    told = await asyncio.to_thread(ask, tmp_path, do="status")
    await control.close()
    assert told["sent_away"] == {"binance": {"slow reader": 1}, "coinbase": {}, "fix": {}}
    _show(told)
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.replace("sent away", "sent-away").splitlines())
    assert shown["sent-away"] == "1 of binance: slow reader" and shown["clients"] == "binance 0, coinbase 0, fix 0"
    assert (await scraped(house))["polaris_exchange_sent_away_total", "binance", "slow reader"] == 1


async def test_who_floods_http_speaks_no_fix_or_may_not_log_on_is_counted_under_a_reason_without_numbers(house):
    logon = b"35=A\x0149=ME\x0156=POLARIS\x0134=1\x0152=20260101-00:00:00\x0198=0\x01108=30\x01553=nobody\x01554=no\x01"
    body = b"8=FIX.4.4\x019=%d\x01%b" % (len(logon), logon)
    assert house.fix is not None and house.coinbase is not None
    for says in (b"GET / HTTP/1.1\r\n\r\n" * 10, body + b"10=%03d\x01" % (sum(body) % 256)):
        async with client(house.fix.port, says) as (reader, _):
            await reader.read()
    house.coinbase._http.most = 0
    async with client(house.coinbase.port, b"GET /time HTTP/1.1\r\nHost: here\r\n\r\n") as (reader, _):
        with contextlib.suppress(ConnectionError):
            await reader.read()
    assert watched(house)["sent_away"] == {"binance": {}, "coinbase": {"too many connections": 1}, "fix": {"no FIX": 1, "a logon that was denied": 1}}
    assert (await scraped(house))["polaris_exchange_sent_away_total", "fix", "a logon that was denied"] == 1


async def test_a_page_whose_port_is_taken_names_the_setting(house):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Exception, match=r"choose another with exchange\.metrics_port"):
        await metrics.page(lambda: watched(house)).listen("127.0.0.1", taken.getsockname()[1], "exchange.metrics_port")


async def test_an_exchange_without_a_journal_says_nothing_of_the_disk(house):
    names = {family.name for family in metrics.families(watched(house)) if family.samples}
    assert "polaris_exchange_commands" in names and not names & {"polaris_exchange_durable", "polaris_exchange_backlog"}
