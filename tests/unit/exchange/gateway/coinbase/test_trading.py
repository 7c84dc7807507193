"""Orders in Coinbase's words: what is taken, refused, found, cancelled, edited."""

import json
import uuid

import pytest

from polaris.domain.orders import SELL
from polaris.exchange import words as w
from polaris.exchange.core import Exchange
from polaris.exchange.gateway.coinbase.products import Products
from polaris.exchange.gateway.coinbase.times import written
from polaris.exchange.gateway.coinbase.user import Users
from polaris.exchange.gateway.keys import READ
from polaris.exchange.gateway.venue import command, note
from tests.e2e.small_venue import until
from tests.unit.exchange.gateway.bare import RICH, START, Held
from tests.unit.exchange.gateway.coinbase.asked import SECOND, Asker, Here

LIMIT = {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "50000"}}


@pytest.fixture
async def here():
    async with Here() as venue:
        yield venue


async def test_a_limit_order_is_taken_found_and_cancelled(here):
    me = Asker(here)
    told = await me.place("BUY", LIMIT, name="mine")
    assert told["success"] is True and told["success_response"]["client_order_id"] == "mine"
    order_id = told["order_id"]
    assert uuid.UUID(order_id)
    order = await me.order_of(order_id)
    assert (order["status"], order["side"], order["product_id"], order["filled_size"]) == ("OPEN", "BUY", "BTC-USDT", "0")
    assert order["order_configuration"] == {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "50000", "post_only": False}}
    assert order["outstanding_hold_amount"] == "500"
    cancelled = await me.ask("POST", "orders/batch_cancel", {"order_ids": [order_id, order_id, "none"]})
    assert [(each["success"], each["failure_reason"]) for each in cancelled["results"]] == [
        (True, "UNKNOWN_CANCEL_FAILURE_REASON"),
        (False, "DUPLICATE_CANCEL_REQUEST"),
        (False, "UNKNOWN_CANCEL_ORDER"),
    ]
    assert (await me.order_of(order_id))["status"] == "CANCELLED"
    again = await me.ask("POST", "orders/batch_cancel", {"order_ids": [order_id]})
    assert again["results"][0]["failure_reason"] == "UNKNOWN_CANCEL_ORDER"


async def test_a_name_that_is_sent_again_gives_the_order_it_made(here):
    me, other = Asker(here), Asker(here, 2)
    first = await me.place("BUY", LIMIT, name="once")
    assert await me.place("SELL", {"market_market_ioc": {"base_size": "1"}}, name="once") == first
    await me.ask("POST", "orders/batch_cancel", {"order_ids": [first["order_id"]]})
    assert (await me.place("BUY", LIMIT, name="once"))["order_id"] == first["order_id"], "also once it ended"
    assert (await other.place("BUY", LIMIT, name="once"))["order_id"] != first["order_id"], "a name is an account's own"
    assert len((await me.ask("GET", "orders/historical/batch"))["orders"]) == 1


async def test_who_sends_a_name_again_while_it_is_on_its_way_waits_for_the_same_order():
    journal = Held()
    async with Here(journal=journal) as here:
        me = Asker(here)
        answers: list[bytes] = []
        for _ in range(3):
            body = me.order("BUY", LIMIT, name="once")
            call = _call(me, body, answers)
            here.server.hear(call)
        here.venue.turn()
        assert not answers
        journal.sync(here.venue)
        assert len(answers) == 3 and len(set(answers)) == 1
        assert len(here.venue.register.open(1)) == 1


async def test_who_sends_a_refused_name_again_meanwhile_may_send_it_once_more():
    journal = Held()
    async with Here(journal=journal) as here:
        me = Asker(here)
        answers: list[bytes] = []
        for _ in range(2):
            here.server.hear(_call(me, me.order("BUY", {"limit_limit_gtc": {"base_size": "3000", "limit_price": "50000"}}, name="once"), answers))
        here.venue.turn()
        journal.sync(here.venue)
        assert b"INSUFFICIENT_FUND" in answers[0] and b"UNAVAILABLE" in answers[1]
        here.server.hear(_call(me, me.order("BUY", LIMIT, name="once"), answers))
        here.venue.turn()
        journal.sync(here.venue)
        assert b'"success":true' in answers[2]


async def test_two_orders_of_one_account_shrink_instead_of_trading(here):
    me = Asker(here)
    sold = await me.limit("SELL", "0.01", "50000")
    bought = await me.limit("BUY", "0.004", "50000")
    assert ((await me.order_of(bought))["status"], (await me.order_of(sold))["outstanding_hold_amount"]) == ("CANCELLED", "0.006")
    assert (await me.ask("GET", "orders/historical/fills"))["fills"] == []


async def test_a_name_as_ccxt_makes_it_is_kept_and_told_as_it_came(here):
    me, name = Asker(here), f"ccxt-{uuid.uuid4()}"
    told = await me.place("BUY", LIMIT, name=name)
    assert told["success_response"]["client_order_id"] == name
    assert (await me.order_of(told["order_id"]))["client_order_id"] == name
    assert len(here.venue.register.open(1)[0].client_id) <= 36
    await me.place("BUY", LIMIT, name="x" * 41)
    assert me.status == 400


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ({"limit_limit_gtc": {"base_size": "0.01", "limit_price": "50000", "post_only": True}}, "OPEN"),
        ({"limit_limit_fok": {"base_size": "0.01", "limit_price": "60000"}}, "FILLED"),
        ({"limit_limit_fok": {"base_size": "3", "limit_price": "60000"}}, "CANCELLED"),
        ({"sor_limit_ioc": {"base_size": "3", "limit_price": "60000"}}, "CANCELLED"),
        ({"market_market_ioc": {"base_size": "0.01"}}, "FILLED"),
        ({"market_market_ioc": {"quote_size": "600"}}, "FILLED"),
        ({"stop_limit_stop_limit_gtc": {"base_size": "0.01", "limit_price": "71000", "stop_price": "70000", "stop_direction": "STOP_DIRECTION_STOP_UP"}}, "OPEN"),
        ({"stop_limit_stop_limit_gtc": {"base_size": "0.01", "limit_price": "51000", "stop_price": "50000", "stop_direction": "STOP_DIRECTION_STOP_DOWN"}}, "OPEN"),
    ],
)
async def test_every_configuration_is_told_back_as_it_was_asked_for(here, configuration, expected):
    me, other = Asker(here), Asker(here, 2)
    await other.limit("SELL", "0.001", "60000")
    await me.place("BUY", {"market_market_ioc": {"base_size": "0.001"}})  # a last price for the stops
    await other.limit("SELL", "1", "60000")
    told = await me.place("BUY", configuration)
    assert told["success"], told
    order = await me.order_of(told["order_id"])
    assert order["status"] == expected
    ((kind, terms),) = configuration.items()
    assert {**order["order_configuration"][kind], **terms} == order["order_configuration"][kind]


async def test_an_order_with_an_end_ends_then_and_says_when(here):
    me = Asker(here)
    end = written(START + 60 * SECOND)
    told = await me.place("BUY", {"limit_limit_gtd": {"base_size": "0.01", "limit_price": "50000", "end_time": end, "post_only": False}})
    order = await me.order_of(told["order_id"])
    assert (order["status"], order["time_in_force"]) == ("OPEN", "GOOD_UNTIL_DATE_TIME")
    assert order["order_configuration"]["limit_limit_gtd"]["end_time"] == end
    here.clock.now += 61 * SECOND
    here.venue.ask((), ())
    await until(lambda: not here.venue.register.open(1))
    assert (await me.order_of(told["order_id"]))["status"] == "EXPIRED"


@pytest.mark.parametrize("configuration", ["limit_limit_gtd", "trigger_bracket_gtd"])
async def test_an_end_that_passed_while_the_venue_was_down_is_made_up_for(configuration):
    """Who runs the journal's commands again has an order that ends by itself."""
    journal = Held()
    async with Here(journal=journal) as here:
        me, answers = Asker(here), []
        terms = {"base_size": "0.01", "limit_price": "50000", "end_time": written(START + 60 * SECOND)}
        if configuration == "trigger_bracket_gtd":
            terms["stop_trigger_price"] = "60000"
        here.server.hear(_call(me, me.order("BUY", {configuration: terms}), answers))
        here.venue.turn()
        journal.sync(here.venue)
        assert b'"success":true' in answers[0]
    again = Exchange(here.venue.rules)
    for asset in range(3):
        again.deposit(1, asset, RICH)
    for commands in journal.commands:
        again.run(commands)
    assert len(again) == (1 if configuration == "limit_limit_gtd" else 2)
    again.clock(START + 59 * SECOND)
    assert len(again) > 0
    again.clock(START + 60 * SECOND)
    assert len(again) == 0


BRACKET = {"trigger_bracket_gtc": {"base_size": "0.01", "limit_price": "55000", "stop_trigger_price": "45000"}}


async def trade(here, price):
    """A last price."""
    await Asker(here, 3).limit("SELL", "0.001", price)
    await Asker(here, 2).limit("BUY", "0.001", price)


async def test_a_bracket_is_one_order_and_a_cancel_ends_all_of_it(here):
    await trade(here, "50000")
    me = Asker(here)
    told = await me.place("SELL", BRACKET, name="mine")
    assert told["success"] and told["order_configuration"] == BRACKET
    order = await me.order_of(told["order_id"])
    assert [order[name] for name in ("status", "order_type", "trigger_status", "order_configuration", "client_order_id", "outstanding_hold_amount")] == [
        "OPEN", "BRACKET", "STOP_PENDING", BRACKET, "mine", "0.01",
    ]  # fmt: skip
    assert (await me.ask("GET", "orders/historical/batch"))["orders"] == [order]
    assert (await me.ask("GET", "orders/historical/batch", order_types="BRACKET"))["orders"] == [order]
    assert (await me.place("SELL", BRACKET, name="mine"))["order_id"] == told["order_id"]
    edited = await me.ask("POST", "orders/edit", {"order_id": told["order_id"], "size": "0.02"})
    assert edited["errors"][0]["edit_failure_reason"] == "ONLY_LIMIT_ORDER_EDITS_SUPPORTED"
    held = {each["currency"]: each["hold"]["value"] for each in (await me.ask("GET", "accounts"))["accounts"]}
    assert held["BTC"] == "0.01", "only one of the two will trade"
    cancelled = await me.ask("POST", "orders/batch_cancel", {"order_ids": [told["order_id"]]})
    assert cancelled["results"] == [{"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": told["order_id"]}]
    assert (await me.order_of(told["order_id"]))["status"] == "CANCELLED"
    assert here.venue.register.open(1) == []


async def test_a_bracket_takes_its_profit(here):
    await trade(here, "50000")
    me, other = Asker(here), Asker(here, 2)
    bracket = (await me.place("SELL", BRACKET))["order_id"]
    await other.limit("BUY", "0.004", "55000")
    order = await me.order_of(bracket)
    assert (order["status"], order["filled_size"], order["trigger_status"]) == ("OPEN", "0.004", "STOP_PENDING")
    assert (order["outstanding_hold_amount"], order["order_configuration"], order["completion_percentage"]) == ("0.006", BRACKET, "40")
    await other.limit("BUY", "0.006", "55000")
    order = await me.order_of(bracket)
    assert (order["status"], order["filled_size"], order["average_filled_price"], order["number_of_fills"]) == ("FILLED", "0.01", "55000", "2")
    assert {fill["order_id"] for fill in (await me.ask("GET", "orders/historical/fills", order_ids=bracket))["fills"]} == {bracket}
    assert here.venue.register.open(1) == []


async def test_what_a_bracket_has_not_sold_at_its_limit_its_stop_still_sells(here):
    await trade(here, "50000")
    me, other = Asker(here), Asker(here, 2)
    bracket = (await me.place("SELL", BRACKET))["order_id"]
    await other.limit("BUY", "0.004", "55000")
    await other.limit("BUY", "0.004", "44000")
    await trade(here, "45000")
    order = await me.order_of(bracket)
    assert [order[name] for name in ("status", "trigger_status", "filled_size", "average_filled_price", "number_of_fills", "outstanding_hold_amount")] == [
        "OPEN", "STOP_TRIGGERED", "0.008", "49500", "2", "0.002",
    ]  # fmt: skip
    assert (await me.ask("GET", "orders/historical/batch"))["orders"] == [order]
    await other.limit("BUY", "0.002", "42750")
    order = await me.order_of(bracket)
    assert (order["status"], order["filled_size"], order["completion_percentage"], order["order_configuration"]) == ("FILLED", "0.01", "100", BRACKET)
    assert {fill["order_id"] for fill in (await me.ask("GET", "orders/historical/fills"))["fills"]} == {bracket}


@pytest.mark.parametrize(("side", "limit", "stop", "worst"), [("SELL", "55000", "45000", "42750"), ("BUY", "45000", "55000", "57750")])
async def test_a_bracket_stops_its_loss_five_percent_beyond_its_trigger_at_worst(here, side, limit, stop, worst):
    await trade(here, "50000")
    me, other = Asker(here), Asker(here, 2)
    told = await me.place(side, {"trigger_bracket_gtc": {"base_size": "0.01", "limit_price": limit, "stop_trigger_price": stop}})
    assert told["success"]
    await trade(here, stop)
    order = await me.order_of(told["order_id"])
    assert (order["status"], order["trigger_status"], order["order_type"]) == ("OPEN", "STOP_TRIGGERED", "BRACKET")
    (resting,) = here.venue.register.open(1)
    assert here.venue.rules.listings[0].price_text(resting.price) == f"{worst}.00"
    await other.limit("BUY" if side == "SELL" else "SELL", "0.01", worst)
    order = await me.order_of(told["order_id"])
    assert (order["status"], order["average_filled_price"], order["order_configuration"]["trigger_bracket_gtc"]["stop_trigger_price"]) == ("FILLED", worst, stop)
    (fill,) = (await me.ask("GET", "orders/historical/fills"))["fills"]
    assert (fill["order_id"], fill["size"]) == (told["order_id"], "0.01")


async def test_a_bracket_that_meets_its_own_account_shrinks_and_its_stop_with_it(here):
    await trade(here, "50000")
    me = Asker(here)
    bracket = (await me.place("SELL", BRACKET))["order_id"]
    await me.limit("BUY", "0.004", "55000")
    order = await me.order_of(bracket)
    assert (order["status"], order["trigger_status"], order["outstanding_hold_amount"], order["filled_size"]) == ("OPEN", "STOP_PENDING", "0.006", "0")
    held = {each["currency"]: each["hold"]["value"] for each in (await me.ask("GET", "accounts"))["accounts"]}
    assert held["BTC"] == "0.006"
    dear = (await me.place("BUY", {"trigger_bracket_gtc": {"base_size": "0.01", "limit_price": "45000", "stop_trigger_price": "60000"}}))["order_id"]
    assert (await me.order_of(dear))["outstanding_hold_amount"] == "630", "0.01 at 63,000, where its stop would trade at worst"


async def test_a_triggered_bracket_is_cancelled_by_its_name(here):
    await trade(here, "50000")
    me = Asker(here)
    bracket = (await me.place("SELL", BRACKET))["order_id"]
    await trade(here, "45000")
    assert (await me.ask("POST", "orders/batch_cancel", {"order_ids": [bracket]}))["results"][0]["success"]
    assert (await me.order_of(bracket))["status"] == "CANCELLED" and here.venue.register.open(1) == []


async def test_a_bracket_with_an_end_ends_then_also_once_it_is_triggered(here):
    await trade(here, "50000")
    me = Asker(here)
    end = written(START + 60 * SECOND)
    brackets = [(await me.place("SELL", {"trigger_bracket_gtd": {**BRACKET["trigger_bracket_gtc"], "stop_trigger_price": stop, "end_time": end}})) for stop in ("45000", "40000")]
    await trade(here, "45000")
    first, second = [each["order_id"] for each in brackets]
    assert [(await me.order_of(each))["trigger_status"] for each in (first, second)] == ["STOP_TRIGGERED", "STOP_PENDING"]
    here.clock.now += 61 * SECOND
    here.venue.ask((), ())
    await until(lambda: not here.venue.register.open(1))
    for each in (first, second):
        order = await me.order_of(each)
        assert (order["status"], order["time_in_force"], order["order_configuration"]["trigger_bracket_gtd"]["end_time"]) == ("EXPIRED", "GOOD_UNTIL_DATE_TIME", end)


async def test_the_channel_tells_of_a_bracket_as_one_order(here):
    await trade(here, "50000")
    me, heard = Asker(here), []
    users = Users(here.venue, Products(here.venue.rules, here.broadcast.market, here.broadcast.phases))
    stop = users.listen(1, [], lambda event: heard.append(json.loads(event)))
    bracket = (await me.place("SELL", BRACKET))["order_id"]
    await Asker(here, 2).limit("BUY", "0.004", "55000")
    await trade(here, "45000")
    stop()
    told = [[(order["order_id"], order["order_type"], order["trigger_status"], order["stop_price"]) for order in event["orders"]] for event in heard]
    assert told == [[(bracket, "Bracket", state, "45000")] for state in ("STOP_PENDING", "STOP_PENDING", "STOP_TRIGGERED")]
    assert [event["orders"][0]["leaves_quantity"] for event in heard] == ["0.01", "0.006", "0.006"]
    (event,) = [json.loads(each) for each in users.open_orders(1, [])]
    assert [order["order_id"] for order in event["orders"]] == [bracket]


async def test_a_pair_of_another_dialect_is_two_orders(here):
    await trade(here, "50000")
    me, terms = Asker(here), {"book": 0, "side": SELL, "quantity": 100, "account": 1}
    first, list_id = here.venue.new_order_id(), here.venue.new_list_id()
    here.venue.ask(
        [
            command(w.SUBMIT, order_id=first, order_type=w.LIMIT, price=5_500_000, role=w.OCO_FIRST, **terms),
            command(w.SUBMIT, order_id=here.venue.new_order_id(), order_type=w.STOP_LIMIT, price=4_400_000, trigger=4_500_000, role=w.OCO_SECOND, **terms),
        ],
        [note(START, name, list_id=list_id) for name in ("a", "b")],
    )
    await until(lambda: len(here.venue.register.open(1)) == 2)
    assert [order["order_type"] for order in (await me.ask("GET", "orders/historical/batch"))["orders"]] == ["STOP_LIMIT", "LIMIT"]


async def test_a_fill_is_told_to_both_with_fees_in_the_quote(here):
    maker, taker = Asker(here), Asker(here, 2)
    sold = await maker.limit("SELL", "0.01", "50000")
    bought = await taker.place("BUY", {"market_market_ioc": {"quote_size": "200"}})
    order = await taker.order_of(bought["order_id"])
    assert (order["status"], order["filled_size"], order["average_filled_price"], order["filled_value"]) == ("FILLED", "0.004", "50000", "200")
    assert (order["total_fees"], order["total_value_after_fees"], order["number_of_fills"]) == ("0.2", "200.2", "1")
    (mine,) = (await maker.ask("GET", "orders/historical/fills"))["fills"]
    (his,) = (await taker.ask("GET", "orders/historical/fills", product_ids="BTC-USDT"))["fills"]
    assert (mine["order_id"], mine["liquidity_indicator"], mine["side"], mine["commission"]) == (sold, "MAKER", "SELL", "0.2")
    assert (his["trade_id"], his["liquidity_indicator"], his["size"], his["commission"]) == (mine["trade_id"], "TAKER", "0.004", "0.2")
    half = await maker.order_of(sold)
    assert (half["status"], half["completion_percentage"], half["outstanding_hold_amount"]) == ("OPEN", "40", "0.006")


@pytest.mark.parametrize(
    ("side", "configuration", "error"),
    [
        ("BUY", {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "50000.001"}}, "INVALID_PRICE_PRECISION"),
        ("BUY", {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "1"}}, "INVALID_LIMIT_PRICE"),
        ("BUY", {"limit_limit_gtc": {"base_size": "0.000001", "limit_price": "50000"}}, "INVALID_SIZE_PRECISION"),
        ("BUY", {"limit_limit_gtc": {"base_size": "1e-2", "limit_price": "50000"}}, "INVALID_REQUEST"),
        ("BUY", {"limit_limit_gtc": {"base_size": "0", "limit_price": "50000"}}, "INVALID_REQUEST"),
        ("BUY", {"limit_limit_gtc": {"base_size": "3000", "limit_price": "50000"}}, "INSUFFICIENT_FUND"),
        ("BUY", {"limit_limit_gtc": {"base_size": "1", "limit_price": "60000", "post_only": True}}, "INVALID_LIMIT_PRICE_POST_ONLY"),
        ("BUY", {"limit_limit_gtc": {"quote_size": "1", "base_size": "1", "limit_price": "60000"}}, "UNSUPPORTED_ORDER_CONFIGURATION"),
        ("BUY", {"market_market_ioc": {"quote_size": "1", "base_size": "1"}}, "UNSUPPORTED_ORDER_CONFIGURATION"),
        ("BUY", {"market_market_ioc": {"quote_size": "0.5"}}, "INVALID_REQUEST"),
        ("BUY", {"trigger_bracket_gtc": {"base_size": "1", "limit_price": "50000", "stop_trigger_price": "49000"}}, "INVALID_REQUEST"),
        ("SELL", {"trigger_bracket_gtc": {"base_size": "1", "limit_price": "50000", "stop_trigger_price": "51000"}}, "INVALID_REQUEST"),
        ("BUY", {"twap_limit_gtd": {"base_size": "1"}}, "UNSUPPORTED_ORDER_CONFIGURATION"),
        ("HOLD", LIMIT, "INVALID_SIDE"),
        ("BUY", {"limit_limit_gtd": {"base_size": "0.01", "limit_price": "50000", "end_time": "2001-01-01T00:00:00Z"}}, "INVALID_REQUEST"),
    ],
)
async def test_an_order_that_can_t_be_is_refused_with_coinbases_reason_and_makes_nothing(here, side, configuration, error):
    me = Asker(here)
    await Asker(here, 2).limit("SELL", "1", "60000")
    told = await me.place(side, configuration)
    assert (me.status, told["success"], told["error_response"]["error"]) == (200, False, error)
    assert told["order_configuration"] == configuration
    assert here.venue.register.open(1) == []


async def test_a_request_that_is_none_is_refused_whole(here):
    me = Asker(here)
    for change in ({"order_configuration": {}}, {"order_configuration": {"limit_limit_gtc": 1}}, {"client_order_id": ""}, {"side": 1}, {"order_configuration": LIMIT | {"sor_limit_ioc": {}}}):
        told = await me.ask("POST", "orders", {**me.order("BUY", LIMIT), **change})
        assert (me.status, told["error"]) == (400, "INVALID_ARGUMENT")
    told = await me.place("BUY", LIMIT, product="NO-ONE")
    assert told["error_response"]["error"] == "INVALID_PRODUCT_ID"
    assert here.venue.register.open(1) == []


async def test_an_edit_counts_what_is_filled_and_a_smaller_size_keeps_its_place(here):
    me, other, late = Asker(here), Asker(here, 2), Asker(here, 3)
    mine = await me.limit("SELL", "0.01", "50000")
    behind = await late.limit("SELL", "0.01", "50000")
    await other.place("BUY", {"market_market_ioc": {"base_size": "0.004"}})
    told = await me.ask("POST", "orders/edit", {"order_id": mine, "size": "0.008"})
    assert told == {"success": True, "success_response": {"order_id": mine}, "errors": []}
    await other.place("BUY", {"market_market_ioc": {"base_size": "0.004"}})
    order = await me.order_of(mine)
    assert (order["status"], order["filled_size"], (await late.order_of(behind))["filled_size"]) == ("FILLED", "0.008", "0")
    assert [each["size"] for each in order["edit_history"]] == ["0.008"]
    told = await late.ask("POST", "orders/edit", {"order_id": behind, "price": "51000", "size": "0.02"})
    assert told["success"] is True
    assert (await late.order_of(behind))["order_configuration"]["limit_limit_gtc"] == {"base_size": "0.02", "limit_price": "51000", "post_only": False}


async def test_an_edit_that_can_t_be_changes_nothing(here):
    me, other = Asker(here), Asker(here, 2)
    mine = await me.limit("SELL", "0.01", "50000")
    await other.place("BUY", {"market_market_ioc": {"base_size": "0.004"}})
    for body, reason in (
        ({"size": "0.004"}, "CANNOT_EDIT_TO_BELOW_FILLED_SIZE"),
        ({"size": "0.0000001"}, "INVALID_EDITED_SIZE"),
        ({"price": "0.001"}, "INVALID_EDITED_PRICE"),
        ({"order_id": "none", "size": "1"}, "ORDER_NOT_FOUND"),
    ):
        told = await me.ask("POST", "orders/edit", {"order_id": mine, **body})
        assert (told["success"], told["errors"][0]["edit_failure_reason"]) == (False, reason)
    told = await other.ask("POST", "orders/edit", {"order_id": mine, "size": "0.02"})
    assert told["errors"][0]["edit_failure_reason"] == "ORDER_NOT_FOUND", "another's"
    assert (await me.order_of(mine))["order_configuration"]["limit_limit_gtc"]["base_size"] == "0.01"


async def test_a_preview_says_what_an_order_would_cost_and_makes_none(here):
    me = Asker(here)
    await Asker(here, 2).limit("SELL", "0.01", "50000")
    await Asker(here, 2).limit("SELL", "0.01", "50100")
    body = me.order("BUY", {"market_market_ioc": {"base_size": "0.02"}})
    told = await me.ask("POST", "orders/preview", body)
    assert (told["errs"], told["base_size"], told["quote_size"], told["commission_total"]) == ([], "0.02", "1001", "1.001")
    assert (told["average_filled_price"], told["slippage"], told["best_ask"], told["order_total"]) == ("50050", "50", "50000", "1002.001")
    assert here.venue.register.open(1) == []
    mine = await me.limit("BUY", "0.01", "40000")
    told = await me.ask("POST", "orders/edit_preview", {"order_id": mine, "price": "41000", "size": "0.02"})
    assert (told["errors"], told["quote_size"], told["base_size"]) == ([], "820", "0.02")
    assert (await me.order_of(mine))["order_configuration"]["limit_limit_gtc"]["limit_price"] == "40000"


async def test_orders_are_listed_the_newest_first_page_by_page(here):
    me = Asker(here)
    placed = [await me.limit("BUY", "0.01", str(40_000 + n)) for n in range(5)]
    await me.ask("POST", "orders/batch_cancel", {"order_ids": placed[:2]})
    page = await me.ask("GET", "orders/historical/batch", limit=2)
    assert ([each["order_id"] for each in page["orders"]], page["has_next"]) == (placed[:2:-1], True)
    rest = await me.ask("GET", "orders/historical/batch", limit=10, cursor=page["cursor"])
    assert ([each["order_id"] for each in rest["orders"]], rest["has_next"], rest["cursor"]) == (placed[2::-1], False, "")
    still = await me.ask("GET", "orders/historical/batch", order_status="OPEN", product_ids=["BTC-USDT", "ETH-USDT"])
    assert [each["order_id"] for each in still["orders"]] == placed[:1:-1]
    assert (await me.ask("GET", "orders/historical/batch", product_ids="ETH-USDT"))["orders"] == []
    assert (await Asker(here, 2).ask("GET", "orders/historical/batch"))["orders"] == []
    other = Asker(here, 2)
    assert (await other.ask("GET", f"orders/historical/{placed[0]}"))["error"] == "NOT_FOUND" and other.status == 404


async def test_fills_are_listed_the_newest_first_page_by_page(here):
    maker, taker = Asker(here), Asker(here, 2)
    for n in range(5):
        await maker.limit("SELL", "0.01", str(50_000 + n))
    await taker.place("BUY", {"market_market_ioc": {"base_size": "0.05"}})
    first = await taker.ask("GET", "orders/historical/fills", limit=3)
    rest = await taker.ask("GET", "orders/historical/fills", limit=3, cursor=first["cursor"])
    assert [each["price"] for each in first["fills"] + rest["fills"]] == ["50004", "50003", "50002", "50001", "50000"]
    assert rest["cursor"] == ""
    assert (await taker.ask("GET", "orders/historical/fills", start_sequence_timestamp=written(START + SECOND)))["fills"] == []


async def test_balances_say_what_is_free_and_what_is_held(here):
    me = Asker(here)
    await me.limit("BUY", "0.01", "50000")
    told = await me.ask("GET", "accounts", limit=250)
    held = {each["currency"]: each for each in told["accounts"]}
    assert list(held) == ["BTC", "ETH", "USDT"] and not told["has_next"]
    assert (held["USDT"]["hold"]["value"], held["USDT"]["available_balance"]["value"]) == ("500", "99999500")
    assert (await me.ask("GET", f"accounts/{held['USDT']['uuid']}"))["account"] == held["USDT"]
    other = Asker(here, 2)
    assert (await other.ask("GET", f"accounts/{held['USDT']['uuid']}"))["error"] == "NOT_FOUND"
    paged = await me.ask("GET", "accounts", limit=2)
    assert (paged["has_next"], [each["currency"] for each in (await me.ask("GET", "accounts", cursor=paged["cursor"]))["accounts"]]) == (True, ["USDT"])


async def test_an_account_knows_its_fees_and_its_rights(here):
    me = Asker(here, scopes=frozenset({READ}))
    assert (await me.ask("GET", "transaction_summary"))["fee_tier"]["taker_fee_rate"] == "0.001"
    told = await me.ask("GET", "key_permissions")
    assert (told["can_view"], told["can_trade"], told["can_transfer"]) == (True, False, False)
    assert (await me.place("BUY", LIMIT))["error"] == "PERMISSION_DENIED" and me.status == 403


async def test_where_the_venue_takes_nothing_the_name_stays_free():
    journal = Held()
    async with Here(journal=journal) as here:
        me = Asker(here)
        journal.refuses = "the disk is full"
        told = await me.place("BUY", LIMIT, name="mine")
        assert (me.status, told["error"]) == (503, "UNAVAILABLE")
        journal.refuses = ""
        answers: list[bytes] = []
        here.server.hear(_call(me, me.order("BUY", LIMIT, name="mine"), answers))
        here.venue.turn()
        journal.sync(here.venue)
        assert b'"success":true' in answers[0]


def _call(me, body, answers):
    from types import SimpleNamespace

    token = me.signer.token(me.here.clock() // SECOND, "POST api.coinbase.com/api/v3/brokerage/orders")
    return SimpleNamespace(
        method="POST", path="/api/v3/brokerage/orders", query="", body=json.dumps(body).encode(), address="127.0.0.1",
        headers={"authorization": f"Bearer {token}"}, answer=lambda told, status=200, headers=None: answers.append(told),
    )  # fmt: skip
