"""Orders over a line that fails: whatever is lost, an intent becomes at most one order, and the end is known or said to be unknown."""

import asyncio
import logging
import time
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polaris.domain.errors import BadConfig, Unavailable
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Product
from polaris.domain.instrument import Key as InstrumentKey
from polaris.domain.orders import BUY, CANCELLED, LIMIT, OPEN, SELL
from polaris.venues import ordering, registry
from polaris.venues.binance.orders import BinanceOrders
from polaris.venues.binance.symbols import SPOT
from polaris.venues.kraken.orders import KrakenOrders
from polaris.venues.kucoin.orders import KucoinOrders
from polaris.venues.ordering import OrderEntry
from polaris.venues.orders import Key, NewOrder, Refusal, Report, Verdict
from polaris.venues.secrets import Secret
from polaris.venues.throttle import Throttle
from tests.e2e.small_exchange import (
    ANSWER_LOST,
    BROKEN,
    BUSY,
    FAULTS,
    FINE,
    HIDDEN,
    LATE,
    LATE_S,
    LOST,
    MAINTENANCE,
    POOR,
    TWICE,
    SmallExchange,
)
from tests.steady_time import steadily

KEY = Key(Secret("key"), Secret(b64encode(b"secret").decode()), Secret("passphrase"))
WIRES = {"binance": "BTCUSDT", "kucoin": "BTC-USDT", "once": "BTC-USDT", "kraken": "BTC/USD"}
PAUSES = (0.01, 0.03, 0.06, 0.1)


@pytest.fixture(autouse=True)
def short_clocks(monkeypatch):
    monkeypatch.setattr(ordering, "CLOCKS_S", 0.05)
    monkeypatch.setattr(ordering, "SETTLE_S", 0.1)  # longer than the exchange hides an order


def bitcoin(venue: str, number: int = 0) -> Instrument:
    key = InstrumentKey(venue, Product.SPOT, "BTC", "USDT")
    return Instrument(id=InstrumentId(number), key=key, wire=WIRES[venue], price_decimals=2, quantity_decimals=8)


def orders_of(venue: str):
    instruments = Instruments([bitcoin(venue)])
    if venue == "binance":
        return BinanceOrders(SPOT, instruments, KEY, window_ms=200)
    if venue == "kraken":
        return KrakenOrders(instruments, KEY)
    orders = KucoinOrders(instruments, KEY)
    orders.valid_s, orders.dedups = 0.2, venue == "once"
    return orders


def entry(venue: str, exchange: SmallExchange) -> OrderEntry:
    return OrderEntry(orders_of(venue), exchange.url, Throttle(10_000, 100), clock=time.time_ns, timeout_s=0.1, pauses_s=PAUSES)


def intent(venue: str, number: int = 1, side: int = BUY) -> NewOrder:
    return NewOrder(bitcoin(venue), side, LIMIT, 5_000_025, 1_234_567, orders_of(venue).name("7f3a2c", number))


@pytest.mark.parametrize("venue", WIRES)
@settings(max_examples=25)
@given(faults=st.lists(st.sampled_from(FAULTS), max_size=12))
def test_an_intent_becomes_at_most_one_order_and_the_desk_knows_which(venue, faults):
    async def run() -> None:
        async with SmallExchange(venue) as exchange, entry(venue, exchange) as desk:
            exchange.faults = list(faults)
            order = intent(venue)
            said = await desk.place(order)
            if isinstance(said, Refusal) and said.verdict is Verdict.DOUBT:
                assert list(desk.doubtful) == [order.client]
                exchange.faults.clear()
                said = await desk.settle(order.client)
            assert not desk.doubtful
            await exchange.quiet()
            made = exchange.named(order.client)
            assert len(made) == (1 if isinstance(said, Report) else 0), (said, exchange.asked)
            if isinstance(said, Report):
                assert (said.state, said.side, said.price, said.lots, said.client) == (OPEN, BUY, 5_000_025, 1_234_567, order.client)

    steadily(run())


@pytest.mark.parametrize("venue", WIRES)
def test_an_order_whose_answer_was_lost_is_found_by_its_name_and_never_sent_again(venue):
    async def run() -> None:
        async with SmallExchange(venue) as exchange, entry(venue, exchange) as desk:
            exchange.faults = [ANSWER_LOST]
            said = await desk.place(intent(venue))
            assert isinstance(said, Report) and said.state == OPEN
            assert sum(method == "POST" and not path.endswith("Orders") for method, path in exchange.asked) == 1

    steadily(run())


@pytest.mark.parametrize(("venue", "made"), [("binance", 0), ("kraken", 0), ("kucoin", 0), ("once", 1)])
def test_an_order_that_was_lost_is_known_not_to_be_there_or_is_sent_again_under_the_same_name(venue, made):
    async def run() -> None:
        async with SmallExchange(venue) as exchange, entry(venue, exchange) as desk:
            exchange.faults = [LOST]
            said = await desk.place(intent(venue))
            assert isinstance(said, Report) is bool(made)
            if isinstance(said, Refusal):
                assert (said.verdict, said.code) == (Verdict.REFUSED, "lost")
            assert len(exchange.orders) == made

    steadily(run())


@pytest.mark.parametrize("venue", WIRES)
def test_a_request_that_comes_after_we_gave_up_is_found_or_dead_before_its_order_is_called_absent(venue):
    async def run() -> None:
        async with SmallExchange(venue) as exchange, entry(venue, exchange) as desk:
            exchange.faults = [LATE]
            said = await desk.place(intent(venue))
            await exchange.quiet()
            assert len(exchange.orders) == isinstance(said, Report)

    steadily(run())


def test_what_a_second_try_is_answered_says_nothing_of_the_first(monkeypatch):
    monkeypatch.setattr(ordering, "SETTLE_S", 0.0)  # so that it is sent again before the first try arrives

    async def run() -> None:
        async with SmallExchange("once") as exchange, entry("once", exchange) as desk:
            exchange.faults = [LOST, FINE, FINE, POOR]
            said = await desk.place(intent("once"))
            assert isinstance(said, Refusal) and said.code == "lost", "absent until both tries were dead"
            assert sum(method == "POST" for method, _ in exchange.asked) == 2 and not exchange.orders
            exchange.faults = [LATE, FINE, FINE, POOR]
            said = await desk.place(intent("once", 2))
            await exchange.quiet()
            assert isinstance(said, Report) and len(exchange.orders) == 1

    steadily(run())


@pytest.mark.parametrize("venue", WIRES)
def test_an_order_that_the_venue_shows_late_is_not_taken_for_lost(venue):
    async def run() -> None:
        async with SmallExchange(venue) as exchange, entry(venue, exchange) as desk:
            exchange.faults = [HIDDEN]
            assert isinstance(await desk.place(intent(venue)), Report)
            assert len(exchange.orders) == 1

    steadily(run())


@pytest.mark.parametrize("venue", ["binance", "kucoin", "once"])
def test_an_order_that_came_twice_is_one_order(venue):
    async def run() -> None:
        async with SmallExchange(venue) as exchange, entry(venue, exchange) as desk:
            exchange.faults = [TWICE]
            assert isinstance(await desk.place(intent(venue)), Report)
            assert len(exchange.orders) == 1

    steadily(run())


def test_a_request_ages_from_when_it_left_and_not_from_when_it_had_to_wait():
    async def run() -> None:
        async with SmallExchange("binance") as exchange, entry("binance", exchange) as desk:
            desk._throttle.close_until(time.time_ns() + 500_000_000)
            exchange.faults = [LATE]
            assert isinstance(await desk.place(intent("binance")), Report)
            assert len(exchange.orders) == 1

    steadily(run())


def test_an_order_whose_caller_was_cancelled_is_in_doubt_until_it_is_settled():
    async def run() -> None:
        async with SmallExchange("binance") as exchange, entry("binance", exchange) as desk:
            exchange.faults = [LATE]
            task = asyncio.create_task(desk.place(intent("binance")))
            while not exchange.asked:  # noqa: ASYNC110 - it is on its way
                await asyncio.sleep(LATE_S / 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert list(desk.doubtful) == ["p7f3a2c-1"]
            assert isinstance(await desk.settle("p7f3a2c-1"), Report)
            assert not desk.doubtful and len(exchange.orders) == 1

    steadily(run())


@pytest.mark.parametrize("venue", WIRES)
@pytest.mark.parametrize("made", [True, False])
def test_an_order_of_a_process_that_ended_is_found_or_known_to_be_lost_and_never_sent_again(venue, made):
    async def run() -> None:
        async with SmallExchange(venue) as exchange:
            async with entry(venue, exchange) as before:
                if made:
                    await before.place(intent(venue))
            async with entry(venue, exchange) as desk:
                desk.doubt(intent(venue))
                assert list(desk.doubtful) == [intent(venue).client]
                assert isinstance(await desk.settle(intent(venue).client), Report) is made
                assert len(exchange.orders) == made

    steadily(run())


@pytest.mark.parametrize("venue", WIRES)
def test_two_orders_are_on_their_way_side_by_side_and_each_is_itself(venue):
    async def run() -> None:
        async with SmallExchange(venue) as exchange, entry(venue, exchange) as desk:
            said = await asyncio.gather(desk.place(intent(venue)), desk.place(intent(venue, 2, SELL)))
            assert [each.client for each in said] == [intent(venue).client, intent(venue, 2).client]
            twice = await asyncio.gather(desk.place(intent(venue, 3)), desk.place(intent(venue, 3)), return_exceptions=True)
            assert isinstance(twice[0], Report) and isinstance(twice[1], Unavailable)
            assert len(exchange.orders) == 3

    steadily(run())


def test_two_who_settle_the_same_order_hear_the_same():
    async def run() -> None:
        async with SmallExchange("kucoin") as exchange, entry("kucoin", exchange) as desk:
            desk.doubt(intent("kucoin"))
            said = await asyncio.gather(desk.settle("p7f3a2c-1"), desk.settle("p7f3a2c-1"))
            assert [isinstance(each, Refusal) for each in said] == [True, True] and not desk.doubtful

    steadily(run())


def test_nothing_else_is_placed_while_an_order_of_the_instrument_is_in_doubt():
    async def run() -> None:
        async with SmallExchange("kucoin") as exchange, entry("kucoin", exchange) as desk:
            exchange.faults = [ANSWER_LOST] + [MAINTENANCE] * ordering.LOOKS
            said = await desk.place(intent("kucoin"))
            assert isinstance(said, Refusal) and said.verdict is Verdict.DOUBT
            with pytest.raises(Unavailable, match=r"order p7f3a2c-2 of BTC-USDT.kucoin: order p7f3a2c-1 is in doubt"):
                await desk.place(intent("kucoin", 2, SELL))
            assert isinstance(await desk.settle("p7f3a2c-1"), Report)
            assert isinstance(await desk.place(intent("kucoin", 2, SELL)), Report)
            assert [order["name"] for order in exchange.orders] == ["p7f3a2c-1", "p7f3a2c-2"]

    steadily(run())


@pytest.mark.parametrize("venue", WIRES)
@pytest.mark.parametrize("fault", [FINE, ANSWER_LOST, LOST, BROKEN, LATE])
def test_after_a_cancel_the_order_is_what_the_venue_says_it_is(venue, fault):
    async def run() -> None:
        async with SmallExchange(venue) as exchange, entry(venue, exchange) as desk:
            placed = await desk.place(intent(venue))
            assert isinstance(placed, Report)
            exchange.faults = [fault]
            said = await desk.cancel(bitcoin(venue), placed.client)
            assert isinstance(said, Report)
            assert (said.state == CANCELLED) == (exchange.orders[0]["state"] == "cancelled")

    steadily(run())


def test_a_busy_venue_did_nothing_and_is_left_alone_as_long_as_it_asked():
    async def run() -> None:
        async with SmallExchange("binance") as exchange, entry("binance", exchange) as desk:
            exchange.faults = [BUSY]
            said = await desk.place(intent("binance"))
            assert isinstance(said, Refusal) and (said.verdict, said.after_s) == (Verdict.LIMITED, 0.02)
            assert not exchange.orders and not desk.doubtful
            assert isinstance(await desk.place(intent("binance")), Report)

    steadily(run())


def test_a_venue_that_is_not_there_was_never_reached():
    async def run() -> None:
        async with OrderEntry(orders_of("binance"), "http://127.0.0.1:9", Throttle(100, 100), timeout_s=0.2, pauses_s=PAUSES) as desk:
            said = await desk.place(intent("binance"))
            assert isinstance(said, Refusal) and (said.verdict, said.code) == (Verdict.REFUSED, "unreachable")
            assert not desk.doubtful

    steadily(run())


def test_an_answer_that_drips_is_cut_off_and_its_order_is_in_doubt():
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, OrderEntry(orders_of("binance"), url, Throttle(10_000, 100), timeout_s=0.05, pauses_s=(0.0,)) as desk:
            said = await desk.place(intent("binance"))
            assert isinstance(said, Refusal) and said.verdict is Verdict.DOUBT
            assert list(desk.doubtful) == ["p7f3a2c-1"]

    steadily(run())


@pytest.mark.parametrize("venue", WIRES)
def test_no_secret_and_no_signature_is_logged_at_any_level(venue, caplog):
    async def run() -> None:
        async with SmallExchange(venue) as exchange, entry(venue, exchange) as desk:
            signed = desk.orders.sign(desk.orders.place(intent(venue)), time.time_ns())
            exchange.faults = [ANSWER_LOST, BROKEN]
            await desk.place(intent(venue))
            await desk.open_orders(bitcoin(venue)) if venue == "binance" else None
            secrets = [KEY.secret.reveal(), KEY.passphrase.reveal(), *(value.reveal() for value in signed.headers.values() if len(value.reveal()) > 40)]
            assert not [each for each in secrets if each in caplog.text]
            assert "signature=" not in caplog.text

    with caplog.at_level(logging.DEBUG):
        steadily(run())


def test_orders_to_another_machine_are_locked():
    for name in registry.names():
        venue = registry.venue(name)
        if venue.orders is not None:
            with pytest.raises(BadConfig, match="are locked"):
                OrderEntry(orders_of("binance"), venue.orders_url or venue.public.rest_url, Throttle(1, 1))


def test_the_key_to_the_lock_is_made_nowhere():
    root = ordering.__file__.rpartition("/polaris/")[0]
    made = [path for path in Path(root).rglob("*.py") if "Unlocked()" in path.read_text()]
    assert made == []
