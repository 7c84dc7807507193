"""Whatever is asked, over REST or a socket: an answer of the dialect, no fault of ours, and nothing done that was not signed for."""

import asyncio
import json
import logging
import string

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polaris.exchange.gateway.coinbase.channel_socket import ChannelSocket
from tests.unit.exchange.gateway.bare import RICH
from tests.unit.exchange.gateway.coinbase.asked import Asker, Here

QUICK = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
NUMBERS = ["0.01", "50000", "0", "-1", "1e5", "", "NaN", "1.000000000000000000001", "9" * 60, "٣", ".", "1.", ".5", "+1", " 1", "1_0"]
TERMS = ["base_size", "quote_size", "limit_price", "stop_price", "stop_direction", "stop_trigger_price", "end_time", "post_only"]
KINDS = [
    "market_market_ioc", "limit_limit_gtc", "limit_limit_gtd", "limit_limit_fok", "sor_limit_ioc", "stop_limit_stop_limit_gtc", "stop_limit_stop_limit_gtd",
    "trigger_bracket_gtc", "trigger_bracket_gtd", "twap_limit_gtd",
]  # fmt: skip
ENDS = ["2030-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]
PATHS = [
    "time", "market/products", "market/products/BTC-USDT", "market/products/BTC-USDT/ticker", "market/products/BTC-USDT/candles", "market/product_book",
    "products", "products/ETH-USDT", "product_book", "best_bid_ask", "accounts", "orders/historical/batch", "orders/historical/fills",
    "orders/historical/00000000-0000-4000-8000-000000000001", "transaction_summary", "key_permissions", "/v2/time", "/v2/currencies", "/v2/exchange-rates", "/v2/accounts",
]  # fmt: skip
NAMES = [
    "limit", "offset", "cursor", "product_id", "product_ids", "product_type", "start", "end", "granularity", "order_status", "order_side", "order_types",
    "start_date", "end_date", "start_sequence_timestamp", "trade_ids", "order_ids", "currency", "time_in_forces",
]  # fmt: skip
WORDS = [*NUMBERS, "BTC-USDT", "FUTURE", "SPOT", "ONE_MINUTE", "OPEN", "BUY", "1-2-3-4", "1700000000", *ENDS]
junk = st.recursive(st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8), lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=6), each, max_size=3), max_leaves=5)
terms = st.dictionaries(st.sampled_from(TERMS), st.sampled_from(NUMBERS) | st.sampled_from(ENDS) | st.booleans() | junk, max_size=6)
configurations = st.dictionaries(st.sampled_from(KINDS), terms, min_size=1, max_size=1) | junk
bodies = st.fixed_dictionaries(
    {},
    optional={
        "client_order_id": st.text(max_size=50) | st.uuids().map(str),
        "product_id": st.sampled_from(["BTC-USDT", "ETH-USDT", "BTCUSDT"]) | junk,
        "side": st.sampled_from(["BUY", "SELL"]) | junk,
        "order_configuration": configurations,
        "order_ids": st.lists(st.sampled_from(["00000000-0000-4000-8000-000000000001", "x"]), max_size=3) | junk,
        "order_id": st.just("00000000-0000-4000-8000-000000000001") | junk,
        "price": st.sampled_from(NUMBERS),
        "size": st.sampled_from(NUMBERS),
    },
)
posts = st.sampled_from(["orders", "orders/batch_cancel", "orders/edit", "orders/edit_preview", "orders/preview"])


def run(attack):
    """Run it on a venue of its own; no line of a fault may be written."""
    faults = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = faults.append
    log = logging.getLogger("polaris.exchange.gateway")
    log.addHandler(handler)
    try:

        async def whole():
            async with Here() as here:
                await attack(here)

        asyncio.run(whole())
    finally:
        log.removeHandler(handler)
    assert [fault.getMessage() for fault in faults] == []


def owned(here):
    return [here.core.balances(account).sum(axis=0).tolist() for account in (1, 2)]


@given(st.lists(st.tuples(posts, bodies), min_size=1, max_size=6))
@QUICK
def test_whatever_is_posted_is_answered_in_the_dialect_and_money_is_whole(asked):
    async def attack(here):
        me, maker = Asker(here), Asker(here, 2)
        await maker.limit("SELL", "0.5", "50000")
        for path, body in asked:
            told = await me.ask("POST", path, body)
            assert me.status in (200, 400)
            if me.status == 400:
                assert told["error"] == "INVALID_ARGUMENT"
        total = here.core.balances(1) + here.core.balances(2) + here.core.balances(0)
        assert total.sum(axis=1).tolist() == [2 * RICH] * 3 and (here.core.balances(1) >= 0).all()

    run(attack)


@given(st.sampled_from(PATHS), st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(WORDS) | st.text(max_size=6)), max_size=5))
@QUICK
def test_whatever_is_asked_is_answered_in_the_dialect(path, query):
    async def attack(here):
        me, maker = Asker(here), Asker(here, 2)
        await maker.limit("SELL", "0.5", "50000")
        await me.place("BUY", {"market_market_ioc": {"base_size": "0.01"}})
        values = {}
        for name, value in query:
            values.setdefault(name, []).append(value)
        told = await me.ask("GET", path, **values)
        assert (me.status == 200) == ("error" not in told) and me.status in (200, 400, 404)

    run(attack)


@given(st.sampled_from(["GET", "POST", "PUT", "x"]), st.sampled_from(["orders", *PATHS]) | st.text(max_size=10), st.text(max_size=40), st.binary(max_size=60), st.text(max_size=30))
@QUICK
def test_nothing_private_is_told_and_nothing_done_without_a_token(method, path, query, body, authorization):
    async def attack(here):
        me, before = Asker(here), owned(here)
        whole = path if path.startswith("/") else f"/api/v3/brokerage/{path}"
        told = await me.send(method, whole, query, body, authorization)
        assert me.status in (200, 400, 401, 404, 405)
        if me.status == 200:
            assert "/market/" in whole or whole.endswith("/time") or whole.startswith("/v2/")
            assert "accounts" not in told
        assert owned(here) == before

    run(attack)


@given(
    st.lists(
        st.binary(max_size=40)
        | st.fixed_dictionaries(
            {"type": st.sampled_from(["subscribe", "unsubscribe", ""])},
            optional={
                "channel": st.sampled_from(["level2", "market_trades", "ticker", "ticker_batch", "candles", "heartbeats", "status", "user", "x"]),
                "product_ids": st.lists(st.sampled_from(["BTC-USDT", "ETH-USDT", "x"]), max_size=3) | junk,
                "jwt": st.just("good") | st.text(string.printable, max_size=10),
            },
        ).map(lambda told: json.dumps(told).encode()),
        max_size=12,
    )
)
@QUICK
def test_whatever_a_socket_sends_every_frame_has_the_next_number_and_leaving_leaves_nothing(messages):
    async def attack(here):
        me = Asker(here)
        token = me.signer.token(here.clock() // 1_000_000_000)
        socket = ChannelSocket(here.server.channels, "127.0.0.1")
        sent = []
        socket.send = lambda text: sent.append(json.loads(text))
        socket.opened()
        for message in messages:
            socket.heard(message.replace(b'"good"', b'"%b"' % token.encode()))
        here.venue.turn()
        await Asker(here, 2).limit("SELL", "0.5", "50000")
        await me.place("BUY", {"market_market_ioc": {"base_size": "0.01"}})
        here.clock.now += 5_000_000_000
        here.broadcast.tick(here.clock())
        here.server.channels.tick(here.clock())
        frames = [each for each in sent if "sequence_num" in each]
        assert [each["sequence_num"] for each in frames] == list(range(len(frames)))
        assert len(sent) >= len(messages), "every message is answered"
        socket.closed()
        assert not any(here.server.channels._readers.values()) and not here.venue._watchers

    run(attack)
