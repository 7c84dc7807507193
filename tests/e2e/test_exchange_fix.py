"""FIX 4.4 over real sockets: simplefix writes and reads every message, quickfix trades by its own engine where it is installed."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from polaris.domain.orders import BUY, SELL
from polaris.exchange import words as core
from polaris.exchange.gateway.fix import phases
from polaris.exchange.gateway.fix.acceptor import Acceptor
from polaris.exchange.gateway.keys import READ
from polaris.exchange.gateway.venue import command, note
from tests.e2e.fix_client import FixClient, now_text
from tests.e2e.small_venue import SmallVenue, until

MINUTE = 60_000_000_000
DAY_S = 86_400
ACCOUNT = 2


@contextlib.asynccontextmanager
async def acceptor(here: SmallVenue, folder: Path | None = None):
    """The FIX side of a small venue, with a key for account 2."""
    accepting = await Acceptor(here.venue, here.broadcast, here.keys, folder).start()
    try:
        yield accepting
    finally:
        await accepting.close()


class Desk:
    """A venue, its FIX side, and a client that logged on."""

    def __init__(self, folder: Path | None = None, *, name: str = "ME", logon: tuple[tuple[int, str], ...] = (), scopes: frozenset[str] | None = None) -> None:
        self._folder = folder
        self._name = name
        self._logon = logon
        self._scopes = scopes

    async def __aenter__(self) -> "Desk":
        self._stack = contextlib.AsyncExitStack()
        self.here = await self._stack.enter_async_context(SmallVenue())
        self.acceptor = await self._stack.enter_async_context(acceptor(self.here, self._folder))
        key, self.secret = self.here.keys.create_hmac(ACCOUNT, **({"scopes": self._scopes} if self._scopes else {}))
        self.key = key.name
        self.client = await self.connect(*self._logon)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def stranger(self, name: str) -> FixClient:
        """A connection that said nothing yet."""
        client = await FixClient(name, self.acceptor.port).open()
        self._stack.push_async_callback(client.close)
        return client

    async def connect(self, *extra: tuple[int, str], name: str = "", number: int = 1) -> FixClient:
        client = await self.stranger(name or self._name)
        client.number = number
        client.logon(self.key, self.secret, *extra)
        await client.hear("A")
        return client

    def order(self, name: str, side: int = BUY, quantity: str = "1", price: str = "50000.00", *extra: tuple[int, str], **how) -> None:
        self.client.say("D", (11, name), (55, "BTCUSDT"), (54, 1 if side == BUY else 2), (38, quantity), (40, 2), (44, price), (60, now_text()), *extra, **how)


# logging on


async def test_a_key_and_its_secret_let_in():
    async with Desk() as desk:
        desk.client.say("1", (112, "hello"))
        assert (await desk.client.hear("0"))[112] == "hello"


async def test_a_signature_lets_in_once():
    async with Desk() as desk:
        at = now_text()
        first = await desk.stranger("SIGNED")
        first.signed_logon(desk.key, desk.secret, at)
        assert (await first.hear())[35] == "A"
        await first.close()
        again = await desk.stranger("SIGNED")
        again.signed_logon(desk.key, desk.secret, at)
        [logout] = await again.is_closed()
        assert logout[35] == "5" and "refused" in logout[58]


@pytest.mark.parametrize("wrong", ["key", "secret", "signature", "old", "target", "name"])
async def test_whoever_may_not_is_told_the_same_and_sent_away(wrong):
    async with Desk() as desk:
        client = await desk.stranger("A/B" if wrong == "name" else "OTHER")
        match wrong:
            case "key":
                client.logon("nobody", desk.secret)
            case "secret":
                client.logon(desk.key, desk.secret[:-1])
            case "signature":
                client.signed_logon(desk.key, desk.secret, spoil="0")
            case "old":
                client.signed_logon(desk.key, desk.secret, now_text(-121))
            case "target":
                client.writer.write(client.message("A", (98, 0), (108, 30), (553, desk.key), (554, desk.secret)).replace(b"POLARIS", b"SOMEONE"))
            case "name":
                client.logon(desk.key, desk.secret)
        said = await client.is_closed()
        assert [message[35] for message in said] in (["5"], [])
        assert all(desk.secret not in str(message) for message in said)


async def test_a_session_belongs_to_the_account_that_began_it():
    async with Desk() as desk:
        other, secret = desk.here.keys.create_hmac(3)
        client = await desk.stranger("ME")
        client.logon(other.name, secret)
        [logout] = await client.is_closed()
        assert "refused" in logout[58]


async def test_a_session_is_one_connection():
    async with Desk() as desk:
        client = await desk.stranger("ME")
        client.logon(desk.key, desk.secret)
        [logout] = await client.is_closed()
        assert "connected already" in logout[58]
        desk.client.say("1", (112, "still here"))
        assert (await desk.client.hear("0"))[112] == "still here"


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", b"8=FIX.4.4\x019=5\x0135=0\x0110=163\x01", b"\x00" * 100])
async def test_who_does_not_begin_with_a_logon_is_sent_away(first):
    async with Desk() as desk:
        client = await desk.stranger("X")
        client.writer.write(first)
        assert await client.is_closed() == []


async def test_who_says_nothing_is_sent_away():
    async with Desk() as desk:
        client = await desk.stranger("X")
        await until(lambda: len(desk.acceptor.lines) == 2)
        desk.here.ahead += 10_000_000_000
        assert await client.is_closed() == []


async def test_heartbeats_come_and_silence_ends_the_line():
    async with Desk() as desk:
        desk.here.ahead += 30_000_000_000
        assert (await desk.client.hear())[35] == "0"
        desk.here.ahead += 10_000_000_000
        assert (await desk.client.hear())[35] == "1"
        desk.here.ahead += 40_000_000_000
        assert [message[35] for message in await desk.client.is_closed()][-1] == "5"


async def test_bytes_that_are_no_fix_are_passed_over_within_a_session():
    async with Desk() as desk:
        desk.client.writer.write(b"\x00\xffrubbish8=FIX.4.4\x019=zz\x01")
        desk.client.writer.write(desk.client.message("0").replace(b"10=", b"10=9"))
        desk.client.say("1", (112, "after"), number=2)
        assert (await desk.client.hear("0"))[112] == "after"


# orders


async def test_an_order_rests_trades_in_parts_and_is_filled():
    async with Desk() as desk:
        desk.order("a1", BUY, "1.0", "50000.00")
        new = await desk.client.hear("8")
        assert {tag: new[tag] for tag in (150, 39, 11, 55, 54, 38, 40, 44, 59, 151, 14, 6, 1)} == {
            150: "0", 39: "0", 11: "a1", 55: "BTCUSDT", 54: "1", 38: "1.00000", 40: "2", 44: "50000.00", 59: "0", 151: "1.00000", 14: "0.00000", 6: "0", 1: "2",
        }  # fmt: skip
        desk.here.order(SELL, "49000.00", "0.25")
        part = await desk.client.hear("8")
        assert [part[tag] for tag in (150, 39, 32, 31, 151, 14, 6, 851, 13, 479)] == ["F", "1", "0.25000", "50000.00", "0.75000", "0.25000", "50000", "1", "3", "BTC"]
        desk.here.order(SELL, "49000.00", "0.75")
        filled = await desk.client.hear("8")
        assert [filled[tag] for tag in (150, 39, 151, 14)] == ["F", "2", "0.00000", "1.00000"]
        assert len({report[17] for report in (new, part, filled)}) == 3
        assert new[37] == part[37] == filled[37]


async def test_a_taker_hears_of_each_fill_as_it_stood_then():
    async with Desk() as desk:
        for price in ("50000.00", "50001.00", "50003.00"):
            desk.here.order(SELL, price, "0.1")
        desk.order("t", BUY, "0.4", "50003.00")
        reports = [await desk.client.hear("8") for _ in range(4)]
        assert [(report[150], report[39], report[151], report[14], report[6]) for report in reports] == [
            ("0", "0", "0.40000", "0.00000", "0"),
            ("F", "1", "0.30000", "0.10000", "50000"),
            ("F", "1", "0.20000", "0.20000", "50000.5"),
            ("F", "1", "0.10000", "0.30000", "50001.33333333"),
        ]
        assert [report[31] for report in reports[1:]] == ["50000.00", "50001.00", "50003.00"]
        assert {report[851] for report in reports[1:]} == {"2"}


async def test_market_ioc_fok_and_post_only():
    async with Desk() as desk:
        desk.here.order(SELL, "50000.00", "0.1")
        desk.client.say("D", (11, "m"), (55, "BTCUSDT"), (54, 1), (38, "0.05"), (40, 1), (60, now_text()))
        assert [(await desk.client.hear("8"))[150] for _ in range(2)] == ["0", "F"]
        desk.order("i", BUY, "1", "50000.00", (59, "3"))
        reports = [await desk.client.hear("8") for _ in range(3)]
        assert [(report[150], report[39], report[59]) for report in reports] == [("0", "0", "3"), ("F", "1", "3"), ("C", "C", "3")]
        assert reports[-1][14] == "0.05000" and reports[-1][58] == "remainder"
        desk.order("f", BUY, "1", "50000.00", (59, "4"))
        assert [(await desk.client.hear("8"))[150] for _ in range(2)] == ["0", "C"]
        desk.here.order(SELL, "50000.00", "0.1")
        desk.order("p", BUY, "1", "50000.00", (59, "1"), (18, "6"))
        refused = await desk.client.hear("8")
        assert (refused[150], refused[39], refused[58]) == ("8", "8", "would take")
        desk.order("q", BUY, "1", "49999.00", (59, "1"), (18, "6"))
        resting = await desk.client.hear("8")
        assert (resting[150], resting[18], resting[59]) == ("0", "6", "1")


async def test_a_market_order_may_say_what_it_is_to_cost():
    async with Desk() as desk:
        desk.here.order(SELL, "50000.00", "0.1")
        market = (55, "BTCUSDT"), (54, 1), (40, 1), (60, now_text())
        desk.client.say("D", (11, "m"), *market, (152, "123.45"))
        taken, traded = [await desk.client.hear("8") for _ in range(2)]
        assert (taken[150], taken[152], taken.get(38), traded[150], traded[39]) == ("0", "123.45000000", None, "F", "2")
        assert (traded[32], traded[14], traded[151], traded[152]) == ("0.00246", "0.00246", "0.00000", "123.45000000")
        for wrong, kind, told in (
            ((*market, (152, "100"), (38, "1")), "8", "11"),
            ((*market, (152, "100"), (59, "4")), "8", "11"),
            ((*market[:2], (40, 2), (44, "50000"), market[3], (152, "100")), "8", "11"),
            ((*market, (152, "0.001")), "8", "13"),
            (market, "j", "5"),
        ):
            desk.client.say("D", (11, "w"), *wrong)
            refused = await desk.client.hear(kind)
            assert refused[103 if kind == "8" else 380] == told


async def test_a_leg_that_shrinks_with_its_pair_is_restated():
    async with Desk() as desk:
        desk.here.trade("50000.00", "0.1")
        first = desk.here.venue.new_order_id()
        second, session = desk.here.venue.new_order_id(), next(iter(desk.acceptor.participants.values())).session.record.session
        like = {"side": SELL, "quantity": 1_000, "account": ACCOUNT, "flags": core.SHRINKS}
        limit = command(core.SUBMIT, order_id=first, order_type=core.LIMIT, price=5_100_000, role=core.OCO_FIRST, **like)
        stop = command(core.SUBMIT, order_id=second, order_type=core.STOP_LIMIT, price=4_800_000, trigger=4_900_000, role=core.OCO_SECOND, **like)
        notes = [note(desk.here.clock(), name, session=session, list_id=1) for name in ("limit", "stop")]
        desk.here.venue.ask([limit, stop], notes)
        assert [(await desk.client.hear("8"))[150] for _ in range(2)] == ["0", "0"]
        desk.here.order(BUY, "51000.00", "0.004")
        shrunk, traded = [await desk.client.hear("8") for _ in range(2)]
        assert [shrunk[tag] for tag in (11, 150, 378, 39, 38, 151, 14)] == ["stop", "D", "5", "0", "0.00600", "0.00600", "0.00000"]
        assert (traded[11], traded[150], traded[151]) == ("limit", "F", "0.00600")


async def test_stops_wait_trigger_and_trade():
    async with Desk() as desk:
        desk.here.trade("50000.00", "0.1")
        desk.client.say("D", (11, "s"), (55, "BTCUSDT"), (54, 1), (38, "0.1"), (40, 3), (99, "50500.00"), (59, 1), (60, now_text()))
        desk.client.say("D", (11, "l"), (55, "BTCUSDT"), (54, 1), (38, "0.1"), (40, 4), (99, "50600.00"), (44, "50600.00"), (59, 1), (60, now_text()))
        stop, limit = [await desk.client.hear("8") for _ in range(2)]
        assert (stop[40], stop[99], limit[40], limit[99], limit[44]) == ("3", "50500.00", "4", "50600.00", "50600.00")
        desk.here.order(SELL, "50550.00", "5")
        desk.here.order(BUY, "50550.00", "0.1")
        triggered, traded = await desk.client.hear("8", t11="s"), await desk.client.hear("8", t11="s")
        assert (triggered[150], triggered[378], triggered[636], traded[150], traded[31]) == ("D", "8", "Y", "F", "50550.00")


async def test_an_iceberg_shows_its_floor():
    async with Desk() as desk:
        desk.order("ice", SELL, "1.0", "51000.00", (111, "0.1"))
        assert (await desk.client.hear("8"))[111] == "0.10000"
        assert desk.here.book()[1] == [(51000.0, 0.1)]


async def test_a_day_ends_at_midnight_and_a_date_when_it_comes():
    if (left := -time.time() % DAY_S) < 60:
        await asyncio.sleep(left)  # this day is about to end by itself
    async with Desk() as desk:
        desk.order("day", BUY, "1", "49000.00")
        assert (await desk.client.hear("8"))[59] == "0"
        ends = now_text(20)
        desk.order("gtd", BUY, "1", "49001.00", (59, "6"), (126, ends))
        report = await desk.client.hear("8")
        assert (report[59], report[126]) == ("6", ends)
        desk.here.ahead += 21_000_000_000
        ended = await desk.client.hear("8", t11="gtd")
        assert (ended[150], ended[39], ended[58]) == ("C", "C", "time")
        desk.order("late", BUY, "1", "49001.00", (59, "6"), (126, ends))
        assert "is over" in (await desk.client.hear("8", t11="late"))[58]
        assert desk.here.book()[0] == [(49000.0, 1.0)]
        desk.here.ahead += 24 * 60 * MINUTE
        await until(lambda: not desk.here.book()[0])


async def test_an_order_whose_time_is_over_before_it_can_run_ends_at_once():
    async with Desk() as desk:
        [line] = desk.acceptor.lines
        order = ((11, "a1"), (55, "BTCUSDT"), (54, 1), (38, 1), (40, 2), (44, "50000"), (59, 6), (126, now_text(5)), (60, now_text()))
        line.data_received(desk.client.message("D", *order))  # it runs in the loop's next turn
        desk.here.ahead += 10_000_000_000
        assert [(await desk.client.hear("8"))[150] for _ in range(2)] == ["0", "4"]
        assert desk.here.book()[0] == []


async def test_a_cancel_and_what_can_not_be_cancelled():
    async with Desk() as desk:
        desk.order("a1")
        await desk.client.hear("8")
        desk.client.say("F", (41, "a1"), (11, "c1"), (55, "BTCUSDT"), (54, 1), (60, now_text()))
        gone = await desk.client.hear("8")
        assert [gone[tag] for tag in (150, 39, 11, 41, 151)] == ["4", "4", "c1", "a1", "0.00000"]
        desk.client.say("F", (41, "a1"), (11, "c2"), (55, "BTCUSDT"), (54, 1), (60, now_text()))
        late = await desk.client.hear("9")
        assert [late[tag] for tag in (11, 41, 434, 102)] == ["c2", "a1", "1", "1"]
        desk.client.say("F", (41, "c1"), (11, "c3"), (55, "BTCUSDT"), (54, 1), (60, now_text()))
        assert (await desk.client.hear("9"))[102] == "0"


async def test_an_order_on_its_way_can_be_cancelled():
    async with Desk() as desk:
        desk.client.writer.write(
            desk.client.message("D", (11, "a1"), (55, "BTCUSDT"), (54, 1), (38, 1), (40, 2), (44, "50000"), (60, now_text()))
            + desk.client.message("F", (41, "a1"), (11, "c1"), (55, "BTCUSDT"), (54, 1), (60, now_text()))
        )
        assert [(await desk.client.hear("8"))[150] for _ in range(2)] == ["0", "4"]


async def test_a_replace_changes_price_and_quantity_and_the_name():
    async with Desk() as desk:
        desk.order("a1", BUY, "1.0", "50000.00")
        await desk.client.hear("8")
        desk.here.order(SELL, "50000.00", "0.4")
        await desk.client.hear("8")

        def replace(name, old, quantity, price, *extra):
            desk.client.say("G", (41, old), (11, name), (55, "BTCUSDT"), (54, 1), (38, quantity), (40, 2), (44, price), (60, now_text()), *extra)

        replace("a2", "a1", "0.9", "50010.00")
        replaced = await desk.client.hear("8")
        assert [replaced[tag] for tag in (150, 39, 11, 41, 38, 151, 14, 44)] == ["5", "1", "a2", "a1", "0.90000", "0.50000", "0.40000", "50010.00"]
        assert desk.here.book()[0] == [(50010.0, 0.5)]
        replace("a3", "a2", "0.4", "50010.00")
        refused = await desk.client.hear("9")
        assert [refused[tag] for tag in (11, 41, 39, 434, 102)] == ["a3", "a2", "1", "2", "0"]
        replace("a4", "a2", "0.9", "50010.00", (59, "1"))
        assert "TimeInForce" in (await desk.client.hear("9"))[58]
        replace("a1", "a2", "0.9", "50010.00")
        assert (await desk.client.hear("8"))[11] == "a1"  # what an order was once called is free
        replace("a9", "nobody", "0.9", "50010.00")
        assert (await desk.client.hear("9"))[102] == "1"


async def test_a_replace_meets_what_trades_on_its_way():
    """The trade and the replacement run in one turn: the order is never larger than it was asked to be."""
    async with Desk() as desk:
        desk.order("a1", BUY, "1.0", "50000.00")
        await desk.client.hear("8")
        [line] = desk.acceptor.lines
        desk.here.order(SELL, "50000.00", "0.4")  # asked first, and told after the replacement is asked for
        line.data_received(desk.client.message("G", (41, "a1"), (11, "a2"), (55, "BTCUSDT"), (54, 1), (38, "0.9"), (40, 2), (44, "50000.00"), (60, now_text())))
        reports = [await desk.client.hear("8") for _ in range(2)]
        assert [(report[150], report[14], report[151]) for report in reports] == [("F", "0.40000", "0.60000"), ("5", "0.40000", "0.50000")]


async def test_names_are_taken_once():
    async with Desk() as desk:
        desk.order("a1", BUY, "1", "50000.00")
        desk.order("a1", BUY, "1", "50000.00")
        assert [(await desk.client.hear("8"))[150] for _ in range(2)] in (["0", "8"], ["8", "0"])
        desk.order("a1", BUY, "1", "50000.00", header=((97, "Y"),))
        again = await desk.client.hear("8")
        assert (again[150], again[39]) == ("I", "0")
        assert desk.here.book()[0] == [(50000.0, 1.0)]


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({55: "DOGEUSDT"}, "1", "unknown symbol"),
        ({54: "5"}, "11", "side"),
        ({40: "P"}, "11", "OrdType"),
        ({59: "2"}, "11", "TimeInForce"),
        ({44: "50000.001"}, "99", "PRICE_FILTER"),
        ({44: "-1"}, "99", "PRICE_FILTER"),
        ({38: "0"}, "13", "LOT_SIZE"),
        ({38: "0.000001"}, "13", "LOT_SIZE"),
        ({1: "7"}, "15", "account 7"),
        ({18: "1"}, "11", "ExecInst"),
        ({111: "2"}, "11", "MaxFloor"),
        ({99: "1"}, "11", "tag 99"),
        ({126: "20300101-00:00:00"}, "11", "ExpireTime"),
    ],
)
async def test_an_order_that_can_not_be_had_is_rejected_with_its_reason(changes, reason, words):
    order = {11: "a1", 55: "BTCUSDT", 54: "1", 38: "1", 40: "2", 44: "50000.00", 60: now_text()} | changes
    async with Desk() as desk:
        desk.client.say("D", *order.items())
        report = await desk.client.hear("8")
        assert (report[150], report[39], report[103]) == ("8", "8", reason)
        assert words in report[58]
        assert desk.here.book() == ([], [])


async def test_what_is_missing_is_told_as_the_standard_says():
    async with Desk() as desk:
        desk.client.say("D", (11, "a1"), (55, "BTCUSDT"), (54, 1), (38, 1), (40, 2), (60, now_text()))
        rejected = await desk.client.hear("j")
        assert (rejected[380], rejected[379], rejected[372]) == ("5", "a1", "D")
        desk.client.say("D", (11, "a1"), (55, "BTCUSDT"), (54, 1), (38, 1), (60, now_text()))
        rejected = await desk.client.hear("3")
        assert (rejected[371], rejected[373]) == ("40", "1")
        desk.client.say("AE", (571, "x"))
        assert (await desk.client.hear("j"))[380] == "3"


async def test_status_of_orders_alive_ended_and_unknown():
    async with Desk() as desk:
        desk.order("a1")
        order_id = (await desk.client.hear("8"))[37]
        desk.client.say("H", (11, "a1"), (55, "BTCUSDT"), (54, 1))
        status = await desk.client.hear("8")
        assert (status[150], status[39], status[37]) == ("I", "0", order_id)
        desk.client.say("F", (37, order_id), (11, "c1"), (55, "BTCUSDT"), (54, 1), (60, now_text()))
        await desk.client.hear("8")
        desk.client.say("H", (37, order_id), (55, "BTCUSDT"), (54, 1))
        assert (await desk.client.hear("8"))[39] == "4"
        desk.client.say("H", (11, "never"), (55, "BTCUSDT"), (54, 1))
        unknown = await desk.client.hear("8")
        assert (unknown[150], unknown[39], unknown[103]) == ("I", "8", "5")


async def test_a_mass_status_tells_of_every_order_that_lives_and_marks_the_last():
    async with Desk() as desk:
        desk.client.say("AF", (584, "none"), (585, 7))
        none = await desk.client.hear("8")
        assert [none[tag] for tag in (584, 911, 912, 150, 39, 37, 58)] == ["none", "0", "Y", "I", "8", "NONE", "no orders"]
        for name, side, price in (("b1", BUY, "49000.00"), ("b2", BUY, "49001.00"), ("s1", SELL, "51000.00")):
            desk.order(name, side, "1", price)
            await desk.client.hear("8")
        desk.order("gone", BUY, "1", "51000.00", (59, "3"))

        async def told(*asked):
            desk.client.say("AF", (584, "all"), *asked)
            reports = [await desk.client.hear("8", t584="all")]
            while reports[-1][912] == "N":
                reports.append(await desk.client.hear("8", t584="all"))
            assert {report[911] for report in reports} == {str(len(reports))} and {report[150] for report in reports} == {"I"}
            return [(report[11], report[39], report[151]) for report in reports]

        assert await told((585, 7)) == [("b1", "0", "1.00000"), ("b2", "0", "1.00000")], "the sell is filled"
        assert await told((585, 1), (55, "BTCUSDT"), (54, 1)) == [("b1", "0", "1.00000"), ("b2", "0", "1.00000")]
        for asked, words in (((585, 1), (55, "ETHUSDT")), "no orders"), (((585, 7), (54, 2)), "no orders"), (((585, 3),), "type 3"), (((585, 1), (55, "DOGE")), "unknown symbol"):
            desk.client.say("AF", (584, "x"), *asked)
            report = await desk.client.hear("8", t584="x")
            assert (report[911], report[39]) == ("0", "8") and words in report[58]
        desk.client.say("AF", (584, "x"), (585, 1))
        assert (await desk.client.hear("j"))[380] == "5"


async def test_what_was_missed_comes_unasked_where_the_logon_tells_what_it_expects(tmp_path):
    async with Desk(tmp_path) as desk:
        desk.order("a1", BUY, "1", "50000.00")
        await desk.client.hear("8")
        await desk.client.close()
        await until(lambda: desk.acceptor.participants["ME"].line is None)
        desk.here.order(SELL, "50000.00", "1")
        await until(lambda: not desk.here.book()[0])
        client = await desk.stranger("ME")
        client.number = desk.client.number
        client.logon(desk.key, desk.secret, (789, 3))
        logon, filled = await client.hear(), await client.hear()
        assert (logon[35], logon[34], logon[789]) == ("A", "4", str(client.number))
        assert [filled[tag] for tag in (35, 34, 43, 150, 39)] == ["8", "3", "Y", "F", "2"]


async def test_a_mass_cancel_ends_a_side_a_book_or_all():
    async with Desk() as desk:
        for name, side, price in (("b1", BUY, "49000.00"), ("b2", BUY, "49001.00"), ("s1", SELL, "51000.00")):
            desk.order(name, side, "1", price)
            await desk.client.hear("8")
        desk.client.say("q", (11, "m1"), (530, 1), (55, "BTCUSDT"), (54, 2), (60, now_text()))
        report = await desk.client.hear("r")
        assert [report[tag] for tag in (11, 530, 531, 533)] == ["m1", "1", "1", "1"]
        desk.client.say("q", (11, "m2"), (530, 7), (60, now_text()))
        assert (await desk.client.hear("r"))[533] == "2"
        assert desk.here.book() == ([], [])
        desk.client.say("q", (11, "m3"), (530, 1), (55, "DOGE"), (60, now_text()))
        report = await desk.client.hear("r")
        assert (report[531], report[532]) == ("0", "1")


async def test_a_key_that_may_only_read_orders_nothing():
    async with Desk(scopes=frozenset({READ})) as desk:
        desk.order("a1")
        assert (await desk.client.hear("j"))[380] == "6"
        desk.client.say("H", (11, "a1"), (55, "BTCUSDT"), (54, 1))
        assert (await desk.client.hear("8"))[39] == "8"
        assert desk.here.book() == ([], [])


PAGE = Path(__file__).parents[2] / "docs" / "fix.md"


async def test_the_conversation_of_the_page_is_what_is_said():
    """Every line of it: what begins with > is said, what begins with < is heard, with these fields in this order."""
    told = PAGE.read_text().partition("## A conversation")[2].split("```")[1].strip().splitlines()
    async with Desk() as desk:
        desk.here.order(SELL, "60000.00", "0.2")
        await until(lambda: desk.here.book()[1])
        client = await desk.stranger("PAGE")
        for line in told:
            secrets = line.replace("KEY", desk.key).replace("SECRET", desk.secret)
            fields = [(int(tag), value) for tag, _, value in (field.partition("=") for field in secrets[2:].split("|"))]
            kind = str(fields.pop(0)[1])
            if line.startswith(">"):
                client.say(kind, *fields, *([(60, now_text())] if kind in "DFGq" else []))
                continue
            await client.hear(kind)
            heard = iter([(int(tag), value.decode()) for tag, value in client.raw.pairs])
            assert all(field in heard for field in fields), f"{line}\nheard {client.raw}"


# the session outlives its line


@pytest.mark.parametrize("whose", ["Y", "S", "N"])
async def test_orders_end_with_the_line_where_it_was_asked_for(whose):
    async with Desk(logon=((8013, whose),)) as desk:
        desk.order("mine", BUY, "1", "49000.00")
        await desk.client.hear("8")
        other = await desk.connect(name="OTHER")
        other.say("D", (11, "other"), (55, "BTCUSDT"), (54, 1), (38, 2), (40, 2), (44, "49001.00"), (60, now_text()))
        await other.hear("8")
        await desk.client.close()
        left = {"Y": [], "S": [(49001.0, 2.0)], "N": [(49001.0, 2.0), (49000.0, 1.0)]}[whose]
        await until(lambda: desk.acceptor.participants["ME"].line is None and desk.here.book()[0] == left)
        other.say("H", (11, "other"), (55, "BTCUSDT"), (54, 1))
        await other.hear("8", t150="I")  # whatever a line's end asks for was done before this is answered
        assert desk.here.book()[0] == left


async def test_what_happened_while_nobody_was_connected_is_asked_for_and_sent_again(tmp_path):
    async with Desk(tmp_path) as desk:
        desk.order("a1", BUY, "1", "50000.00")
        await desk.client.hear("8")
        await desk.client.close()
        await until(lambda: desk.acceptor.participants["ME"].line is None)
        desk.here.order(SELL, "50000.00", "1")
        await until(lambda: not desk.here.book()[0])
        desk.client = await desk.connect(number=desk.client.number)
        expected = 3  # logon 1, report 2; the missed one is 3, this logon 4
        desk.client.say("2", (7, expected), (16, 0))
        filled = await desk.client.hear("8")
        assert [filled[tag] for tag in (34, 43, 150, 39)] == ["3", "Y", "F", "2"]
        assert filled[122] <= filled[52]
        gap = await desk.client.hear("4")
        assert [gap[tag] for tag in (34, 123, 36)] == ["4", "Y", "5"]


async def test_a_session_goes_on_in_another_process(tmp_path):
    """A new acceptor takes up the folder: numbers go on, and orders of before still report to their session."""
    async with SmallVenue() as here:
        key, secret = here.keys.create_hmac(ACCOUNT)
        async with acceptor(here, tmp_path) as first:
            client = await FixClient("ME", first.port).open()
            client.logon(key.name, secret)
            await client.hear("A")
            client.say("D", (11, "a1"), (55, "BTCUSDT"), (54, 1), (38, 1), (40, 2), (44, "50000"), (59, 6), (126, now_text(3600)), (60, now_text()))
            await client.hear("8")
            await client.close()
        async with acceptor(here, tmp_path) as second:
            here.order(SELL, "50000.00", "1")
            await until(lambda: not here.book()[0])
            again = await FixClient("ME", second.port).open()
            again.number = client.number
            again.logon(key.name, secret)
            logon = await again.hear("A")
            again.say("2", (7, 1), (16, 0))
            filled = await again.hear("8", t150="F")
            assert (filled[11], filled[59], filled[43]) == ("a1", "6", "Y")
            assert int(logon[34]) > 3
            await again.close()


async def test_a_gap_is_asked_for_and_orders_come_in_their_order():
    async with Desk() as desk:
        desk.client.number = 4
        desk.order("a3", number=4)
        ask = await desk.client.hear("2")
        assert (ask[7], ask[16]) == ("2", "0")
        again = ((43, "Y"), (122, now_text()))
        for number, name in ((2, "a1"), (3, "a2"), (4, "a3")):
            desk.order(name, number=number, header=again)
        assert [(await desk.client.hear("8"))[11] for _ in range(3)] == ["a1", "a2", "a3"]


async def test_a_thousand_messages_in_a_second_are_too_many():
    async with Desk() as desk:
        desk.here.stop_the_clock()
        desk.client.writer.write(b"".join(desk.client.message("0") for _ in range(1_100)))
        said = await desk.client.is_closed()
        assert said[-1][35] == "5" and "in a second" in said[-1][58]


# the market


def request(client: FixClient, name: str, kind: int = 1, *, depth: int = 0, update: int = 1, types: str = "01", symbols: tuple[str, ...] = ("BTCUSDT",)) -> None:
    wanted = [(267, len(types)), *((269, each) for each in types)]
    client.say("V", (262, name), (263, kind), (264, depth), (265, update), *wanted, (146, len(symbols)), *((55, symbol) for symbol in symbols))


def entries(client: FixClient, first: int) -> list[dict[int, str]]:
    """The entries of the last message heard; `first` is the tag each begins with."""
    found: list[dict[int, str]] = []
    for tag, value in client.raw.pairs:
        if int(tag) == first:
            found.append({})
        if found and int(tag) != 10:
            found[-1][int(tag)] = value.decode()
    return found


async def test_a_book_kept_from_snapshot_and_changes_is_the_engines():
    async with Desk() as desk:
        desk.here.order(BUY, "49000.00", "1")
        desk.here.order(SELL, "51000.00", "2")
        await until(lambda: all(desk.here.book()))
        request(desk.client, "r1")
        snapshot = await desk.client.hear("W")
        assert (snapshot[262], snapshot[55], snapshot[268]) == ("r1", "BTCUSDT", "2")
        book = {(entry[269], float(entry[270])): float(entry[271]) for entry in entries(desk.client, 269)}
        desk.here.order(BUY, "49500.00", "0.5")
        desk.here.order(SELL, "49000.00", "0.7")
        desk.here.order(SELL, "50500.00", "0.3")

        def same():
            bids, asks = desk.here.book()
            return book == {("0", price): lots for price, lots in bids} | {("1", price): lots for price, lots in asks}

        await until(lambda: len(desk.here.book()[1]) == 2)
        while not same():
            await desk.client.hear("X")
            for entry in entries(desk.client, 279):
                at = (entry[269], float(entry[270]))
                assert (entry[279] == "0") == (at not in book)
                if entry[279] == "2":
                    del book[at]
                else:
                    book[at] = float(entry[271])
        request(desk.client, "r1", 2)
        desk.here.order(BUY, "45000.00", "1")
        desk.client.say("1", (112, "end"))
        await desk.client.hear("0", t112="end")
        assert all(message[35] != "X" for message in desk.client.heard)


async def test_the_best_prices_and_trades_of_two_books():
    async with Desk() as desk:
        request(desk.client, "r1", depth=1, types="012", symbols=("BTCUSDT", "ETHUSDT"))
        assert {(await desk.client.hear("W"))[55] for _ in range(2)} == {"BTCUSDT", "ETHUSDT"}
        desk.here.trade("3000.00", "0.5", symbol="ETHUSDT")
        trade = await desk.client.hear("X", t269="2")
        assert [trade[tag] for tag in (279, 55, 270, 271)] == ["0", "ETHUSDT", "3000.00", "0.5000"]
        desk.here.order(BUY, "49000.00", "1")
        assert (await desk.client.hear("X", t269="0"))[270] == "49000.00"
        desk.here.order(BUY, "49500.00", "1")
        await desk.client.hear("X", t279="2")
        assert [(entry[279], entry[270]) for entry in entries(desk.client, 279)] == [("2", "49000.00"), ("0", "49500.00")]


async def test_a_whole_book_each_time_it_changed():
    async with Desk() as desk:
        request(desk.client, "r1", depth=5, update=0)
        assert (await desk.client.hear("W"))[268] == "0"
        desk.here.order(BUY, "49000.00", "1")
        assert (await desk.client.hear("W"))[268] == "1"


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"symbols": ("DOGE",)}, "0"),
        ({"name": "r0"}, "1"),
        ({"kind": 7}, "4"),
        ({"kind": 2}, "4"),
        ({"depth": 5001}, "5"),
        ({"update": 3}, "6"),
        ({"types": "07"}, "8"),
    ],
)
async def test_market_data_that_can_not_be_had_is_refused_with_its_reason(how, reason):
    async with Desk() as desk:
        request(desk.client, "r0")
        await desk.client.hear("W")
        request(desk.client, **({"name": "r1"} | how))
        refused = await desk.client.hear("Y")
        assert (refused[262], refused[281]) == (how.get("name", "r1"), reason)


async def test_what_is_listed():
    async with Desk() as desk:
        desk.client.say("x", (320, "s1"), (559, 4))
        listed = await desk.client.hear("y")
        assert (listed[320], listed[560], listed[393], listed[146]) == ("s1", "0", "2", "2")
        assert [entry[55] for entry in entries(desk.client, 55)] == ["BTCUSDT", "ETHUSDT"]
        assert "MinPriceIncrement=0.01" in listed[58]
        desk.client.say("x", (320, "s2"), (559, 0), (55, "DOGE"))
        assert (await desk.client.hear("y"))[560] == "2"



# whether one can trade


def set_phase(desk: Desk, phase: int, book: int = 0) -> None:
    desk.here.venue.ask([command(core.SET_PHASE, book=book, quantity=phase)], [note(desk.here.clock())])


async def test_who_asks_hears_whether_a_book_and_the_venue_trade_and_when_that_changes():
    async with Desk() as desk:
        desk.client.say("e", (324, "b"), (55, "BTCUSDT"), (263, 1))
        desk.client.say("g", (335, "v"), (263, 1))
        book, venue = await desk.client.hear("f"), await desk.client.hear("h")
        assert (book[324], book[55], book[326], book.get(325)) == ("b", "BTCUSDT", "17", None)
        assert (venue[335], venue[336], venue[340], venue.get(325)) == ("v", "POLARIS", "2", None)
        told = []
        for phase in (core.AUCTION, core.HALTED, core.CLOSED, core.CONTINUOUS):
            set_phase(desk, phase)
            told.append(await desk.client.hear("f"))
        assert [(each[324], each[325], each[326]) for each in told] == [("b", "Y", status) for status in ("21", "2", "18", "17")]
        set_phase(desk, core.HALTED, -1)
        assert (await desk.client.hear("h"))[340] == "1", "the other book is open until then"
        desk.client.say("e", (324, "b"), (55, "BTCUSDT"), (263, 2))
        desk.client.say("g", (335, "w"), (336, "POLARIS"), (263, 0))
        assert (await desk.client.hear("h"))[335] == "w"
        set_phase(desk, core.CONTINUOUS, -1)
        assert ((await desk.client.hear("h"))[335], [each[35] for each in desk.client.heard].count("f")) == ("v", 1)


async def test_a_status_that_can_not_be_had_is_refused():
    async with Desk() as desk:
        desk.client.say("e", (324, "b"), (55, "DOGE"), (263, 0))
        assert (await desk.client.hear("f"))[326] == "20"
        desk.client.say("g", (335, "v"), (336, "NIGHT"), (263, 1))
        refused = await desk.client.hear("h")
        assert (refused[340], refused[567]) == ("6", "1")
        desk.client.say("g", (335, "v"), (263, 3))
        refused = await desk.client.hear("3")
        assert (refused[371], refused[373]) == ("263", "5")
        for number in range(phases.MOST_SUBSCRIPTIONS + 1):
            desk.client.say("e", (324, f"b{number}"), (55, "BTCUSDT"), (263, 1))
        assert "at most 200" in (await desk.client.hear("3"))[58]
