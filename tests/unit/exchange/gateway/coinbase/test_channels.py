"""The channels, one fact at a time: what is told when, and nothing before it is durable."""

import json

import pytest

from polaris.domain.orders import BUY, SELL
from polaris.exchange import words as w
from polaris.exchange.gateway.coinbase.channel_socket import ChannelSocket
from polaris.exchange.gateway.venue import command, note
from tests.unit.exchange.gateway.bare import Held
from tests.unit.exchange.gateway.coinbase.asked import SECOND, Asker, Here

LIMIT = {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "50000"}}


@pytest.fixture
async def here():
    async with Here() as venue:
        yield venue


class Read(ChannelSocket):
    """A client without a socket: what he is sent is kept."""

    def __init__(self, here):
        super().__init__(here.server.channels, "127.0.0.1")
        self.here, self.sent, self.dropped = here, [], ""
        self.opened()

    def send(self, text):
        self.sent.append(json.loads(text))

    def drop(self, reason):
        self.dropped = reason

    def ask(self, channel, *products, what="subscribe", **more):
        self.heard(json.dumps({"type": what, "channel": channel, "product_ids": list(products), **more}).encode())
        self.here.venue.turn()

    def of(self, channel):
        return [event for frame in self.sent if frame.get("channel") == channel for event in frame["events"]]


def tick(here, seconds=1.0):
    here.clock.now += int(seconds * SECOND)
    here.broadcast.tick(here.clock())
    here.server.channels.tick(here.clock())


async def test_nothing_is_told_before_it_is_durable():
    journal = Held()
    async with Here(journal=journal) as here:
        reader = Read(here)
        for channel in ("level2", "market_trades", "ticker"):
            reader.ask(channel, "BTC-USDT")
        for side, account in ((SELL, 1), (BUY, 2)):
            number = here.venue.new_order_id()
            fields = {"side": side, "order_type": w.LIMIT, "price": 5_000_000, "quantity": 1_000, "account": account}
            here.venue.ask([command(w.SUBMIT, order_id=number, **fields)], [note(0, f"n{number}")])
        here.venue.turn()
        late = Read(here)
        late.ask("market_trades", "BTC-USDT")
        assert reader.of("market_trades") == [{"type": "snapshot", "trades": []}] and late.sent == []
        journal.sync(here.venue)
        assert [len(event["trades"]) for event in reader.of("market_trades")] == [0, 1]
        assert [len(event["trades"]) for event in late.of("market_trades")] == [1], "in its snapshot, and not again"


async def test_level2_begins_with_the_book_and_goes_on_with_what_changed(here):
    me, reader = Asker(here), Read(here)
    await me.limit("BUY", "0.01", "50000")
    await me.limit("SELL", "0.02", "60000")
    tick(here)
    reader.ask("level2", "BTC-USDT")
    (snapshot,) = reader.of("l2_data")
    assert [(each["side"], each["price_level"], each["new_quantity"]) for each in snapshot["updates"]] == [("bid", "50000", "0.01"), ("offer", "60000", "0.02")]
    await me.limit("BUY", "0.03", "50000")
    assert len(reader.of("l2_data")) == 1, "in a while, with all that changes meanwhile"
    tick(here)
    update = reader.of("l2_data")[1]
    assert (update["type"], [(each["side"], each["price_level"], each["new_quantity"]) for each in update["updates"]]) == ("update", [("bid", "50000", "0.04")])
    reader.ask("level2", "BTC-USDT", what="unsubscribe")
    await me.limit("BUY", "0.03", "50000")
    tick(here)
    assert len(reader.of("l2_data")) == 2
    assert reader.of("subscriptions")[-1] == {"subscriptions": {}}


async def test_tickers_follow_trades_and_the_best_prices_and_the_batch_comes_every_five_seconds(here):
    maker, taker, reader = Asker(here), Asker(here, 2), Read(here)
    reader.ask("ticker", "BTC-USDT")
    reader.ask("ticker_batch", "BTC-USDT")
    await maker.limit("SELL", "0.02", "60000")
    await taker.place("BUY", {"market_market_ioc": {"base_size": "0.01"}})
    tick(here, 0.1)
    (told,) = reader.of("ticker")[1]["tickers"]
    assert (told["price"], told["best_ask"], told["best_ask_quantity"], told["volume_24_h"], told["high_52_w"]) == ("60000", "60000", "0.01", "0.01", "60000")
    tick(here, 0.1)
    assert len(reader.of("ticker")) == 2, "nothing moved"
    for _ in range(6):
        tick(here)
    batch = reader.of("ticker_batch")
    assert [each["type"] for each in batch][:2] == ["snapshot", "update"] and len(batch) in (2, 3)
    assert "best_bid" not in batch[-1]["tickers"][0] and batch[-1]["tickers"][0]["price"] == "60000"


async def test_a_candle_is_told_again_when_something_traded_in_it(here):
    maker, taker, reader = Asker(here), Asker(here, 2), Read(here)
    await maker.limit("SELL", "0.05", "60000")
    reader.ask("candles", "BTC-USDT")
    await taker.place("BUY", {"market_market_ioc": {"base_size": "0.01"}})
    tick(here)
    (candle,) = reader.of("candles")[1]["candles"]
    assert (candle["open"], candle["volume"], candle["product_id"]) == ("60000", "0.01", "BTC-USDT") and int(candle["start"]) % 300 == 0
    tick(here)
    assert len(reader.of("candles")) == 2
    await taker.place("BUY", {"market_market_ioc": {"base_size": "0.01"}})
    tick(here)
    assert reader.of("candles")[2]["candles"][0]["volume"] == "0.02"


async def test_heartbeats_count_the_seconds(here):
    reader = Read(here)
    reader.ask("heartbeats")
    for _ in range(3):
        tick(here)
    counts = [event["heartbeat_counter"] for event in reader.of("heartbeats")]
    assert counts == list(range(counts[0], counts[0] + 3))


async def test_a_products_status_is_told_when_its_phase_changes(here):
    reader = Read(here)
    reader.ask("status")
    (snapshot,) = reader.of("status")
    assert [(each["id"], each["status"]) for each in snapshot["products"]] == [("BTC-USDT", "online"), ("ETH-USDT", "online")]
    here.broadcast.phases[0] = w.HALTED
    tick(here)
    assert [(each["id"], each["status"]) for each in reader.of("status")[1]["products"]] == [("BTC-USDT", "offline")]
    told = await Asker(here).ask("GET", "market/products/BTC-USDT")
    assert (told["cancel_only"], told["trading_disabled"], told["status"]) == (True, False, "offline")
    tick(here)
    assert len(reader.of("status")) == 2


async def test_who_is_told_nothing_for_long_or_subscribes_to_nothing_is_sent_away(here):
    idle, quiet, alive = Read(here), Read(here), Read(here)
    quiet.ask("market_trades", "BTC-USDT")
    alive.ask("heartbeats")
    for _ in range(6):
        tick(here)
    assert "no subscription" in idle.dropped and not quiet.dropped
    for _ in range(90):
        tick(here)
    assert "nothing to tell" in quiet.dropped and not alive.dropped


async def test_the_user_channel_tells_each_order_once_a_command_as_it_then_is(here):
    me, other, reader = Asker(here), Asker(here, 2), Read(here)
    for price in ("50000", "50001", "50002"):
        await me.limit("SELL", "0.01", price)
    reader.ask("user", jwt=me.signer.token(here.clock() // SECOND))
    assert [order["limit_price"] for order in reader.of("user")[0]["orders"]] == ["50000", "50001", "50002"]
    await other.place("BUY", {"market_market_ioc": {"base_size": "0.025"}})
    (update,) = reader.of("user")[1:]
    assert [(order["status"], order["cumulative_quantity"], order["leaves_quantity"]) for order in update["orders"]] == [
        ("FILLED", "0.01", "0"),
        ("FILLED", "0.01", "0"),
        ("OPEN", "0.005", "0.005"),
    ]
    assert update["orders"][2]["total_fees"] == "0.25001"


async def test_what_a_revoked_key_listens_to_ends_within_a_second(here):
    me, reader, other = Asker(here), Read(here), Read(here)
    for each in (reader, other):
        each.ask("user", jwt=(me if each is reader else Asker(here, 2)).signer.token(here.clock() // SECOND))
    here.keys.revoke(me.signer.key.name)
    tick(here)
    assert (reader.dropped, other.dropped) == ("the key was revoked", "")


async def test_the_user_channel_of_some_products_is_of_those_only(here):
    me, reader = Asker(here), Read(here)
    reader.ask("user", "ETH-USDT", jwt=me.signer.token(here.clock() // SECOND))
    await me.place("BUY", LIMIT)
    assert len(reader.of("user")) == 1
    await me.place("BUY", {"limit_limit_gtc": {"base_size": "0.1", "limit_price": "1000"}}, product="ETH-USDT")
    assert [order["product_id"] for order in reader.of("user")[1]["orders"]] == ["ETH-USDT"]
