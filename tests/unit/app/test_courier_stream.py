"""The courier hears a venue's user stream: quicker than asking, believed for what it says, and never for its silence."""

import asyncio
import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polaris.app import courier as couriers
from polaris.app import silence
from polaris.domain.orders import BUY, CANCELLED, EXPIRED, OPEN, PARTIAL, SELL
from polaris.venues.orders import Fill, Refusal, Report, Verdict
from polaris.venues.private import Deaf, Listening, Missed, Told
from tests.steady_time import steadily, steady
from tests.unit.app.test_courier import House, Venue
from tests.unit.desk.rows import balances

TELLS_ALL, TELLS_STATES = Listening(fills=True), Listening(fills=False)


@pytest.fixture(autouse=True)
def short_clocks(monkeypatch):
    monkeypatch.setattr(couriers, "PATIENCE_S", 0.0)
    monkeypatch.setattr(couriers, "HELD_S", 0.001)
    monkeypatch.setattr(silence, "MUTE_S", 0.02)


class Asked(Venue):
    """A venue that counts what it is asked, and says of each order what its stream would."""

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[str] = []

    async def open_orders(self, instrument):
        self.questions.append("open orders")
        return await super().open_orders(instrument)

    async def fills(self, instrument, since):
        self.questions.append("fills")
        return await super().fills(instrument, since)

    def said(self, client: str, whole: bool = True) -> Told:
        """How the order stands, with its newest execution."""
        mine = [fill for fill in self.executions if fill.venue_id == client]
        return Told(self._report(client), mine[-1] if mine and whole else None)


class Stream:
    """A user stream that can be asked to begin anew."""

    def __init__(self) -> None:
        self.renewed: list[str] = []

    def renew(self, reason: str) -> None:
        self.renewed.append(reason)


def a_house(venue: Asked | None = None, check_s: float = 3600.0) -> House:
    house = House(venue or Asked())
    house.courier._check_s = check_s
    house.stream = Stream()
    house.courier.streams["sim"] = house.stream
    return house


async def listening(house: House, how: Listening = TELLS_ALL) -> None:
    house.courier.heard("sim", how)
    await house.settled(5)
    house.venue.questions.clear()


@steady
async def test_a_fill_that_the_stream_tells_whole_is_told_at_once_and_nobody_is_asked():
    house = a_house()
    await listening(house)
    client = house.send(BUY, 10)
    await house.settled(5)
    house.venue.trade(client, 4)
    house.courier.heard("sim", house.venue.said(client))
    assert house.state(client) == "partial" and int(house.desk.positions[0]["lots"]) == 4, "before anything else happens"
    house.venue.trade(client, 6)
    house.courier.heard("sim", house.venue.said(client))
    await house.settled()
    assert house.told == ["submit", "accepted", "fill", "fill"] and not house.venue.questions and not house.courier.carried
    assert balances(house.desk) and not int(house.desk.account["faults"])


@steady
async def test_a_stream_without_executions_has_them_asked_for_once():
    house = a_house()
    await listening(house, TELLS_STATES)
    client = house.send(BUY, 10)
    await house.settled(5)
    house.venue.trade(client, 10)
    house.courier.heard("sim", house.venue.said(client, whole=False))
    await house.settled(5)
    assert house.state(client) == "filled" and house.venue.questions == ["fills"]


@steady
async def test_a_message_that_comes_twice_or_late_changes_nothing():
    house = a_house()
    await listening(house)
    client = house.send(BUY, 10)
    await house.settled(5)
    accepted = house.venue.said(client)
    house.venue.trade(client, 4)
    first = house.venue.said(client)
    house.venue.trade(client, 5)
    for word in (house.venue.said(client), first, first, accepted, house.venue.said(client)):
        house.courier.heard("sim", word)
    await house.settled()
    assert int(house.desk.positions[0]["lots"]) == 9 and house.told == ["submit", "accepted", "fill", "fill"]


@steady
async def test_the_stream_may_be_quicker_than_the_answer():
    venue = Asked()
    house = a_house(venue)
    await listening(house)
    place = venue.place

    async def slow(order):
        said = await place(order)
        venue.trade(order.client, order.lots)
        house.courier.heard("sim", venue.said(order.client))
        await asyncio.sleep(0.01)
        return said

    venue.place = slow  # type: ignore[method-assign]
    client = house.send(BUY, 3)
    await house.settled()
    assert house.state(client) == "filled" and int(house.desk.positions[0]["lots"]) == 3 and not int(house.desk.account["faults"])


@steady
async def test_while_a_stream_tells_nothing_is_asked_and_while_none_does_it_is_asked_all_the_time():
    house = a_house()
    client = house.send(BUY, 10)
    await house.settled()
    assert len(house.venue.questions) > 3
    await listening(house)
    await house.settled()
    assert not house.venue.questions
    house.courier.heard("sim", Deaf("gone"))
    await house.settled()
    assert len(house.venue.questions) > 3 and house.state(client) == "open"


@steady
async def test_after_a_reconnection_the_venue_is_asked_what_is_open_before_anything_else_and_nothing_is_sent_again():
    house = a_house()
    await listening(house)
    filled, gone = house.send(BUY, 10), house.send(BUY, 3, 99)
    await house.settled(5)
    house.courier.heard("sim", Deaf("the connection is gone"))
    house.venue.trade(filled, 10)
    house.venue.book[gone][0] = CANCELLED
    house.courier.heard("sim", TELLS_ALL)
    await house.settled()
    assert (house.state(filled), house.state(gone)) == ("filled", "cancelled") and house.venue.questions[0] == "open orders"
    assert house.venue.placed == [filled, gone] and not house.stream.renewed, "what happened while nobody listened is no silence"


@steady
async def test_a_loss_has_everything_asked_for_at_once():
    house = a_house()
    await listening(house)
    client = house.send(BUY, 10)
    await house.settled(5)
    house.venue.trade(client, 4)
    house.courier.heard("sim", Missed("frames 3 to 4 did not come"))
    await house.settled(5)
    assert int(house.desk.positions[0]["lots"]) == 4 and not house.stream.renewed


@steady
async def test_a_stream_that_is_open_and_does_not_tell_is_found_out_and_made_anew():
    house = a_house(check_s=0.001)
    await listening(house)
    client = house.send(BUY, 10)
    await house.settled(5)
    house.venue.trade(client, 4)
    await house.settled(50)
    assert int(house.desk.positions[0]["lots"]) == 4, "the check found it"
    assert house.stream.renewed == ["it did not tell"] and house.courier.mutes == 1 and "sim" not in house.courier.listening


@steady
async def test_a_stream_that_is_only_late_is_left_alone():
    house = a_house(check_s=0.001)
    await listening(house)
    client = house.send(BUY, 10)
    await house.settled(5)
    house.venue.trade(client, 4)
    await house.settled(2)
    house.courier.heard("sim", house.venue.said(client))
    await house.settled(50)
    assert not house.stream.renewed and int(house.desk.positions[0]["lots"]) == 4


@steady
async def test_orders_of_nobody_we_know_are_nobodys():
    house = a_house()
    await listening(house)
    house.courier.heard("sim", Told(Report("somebody", "9", PARTIAL, BUY, 100, 5, 2)))
    await house.settled(5)
    assert house.told == [] and not house.courier.troubles


@steady
async def test_a_fill_that_can_not_be_booked_is_told_as_a_trouble_and_not_lost():
    house = a_house()
    await listening(house)
    client = house.send(BUY, 10)
    await house.settled(5)
    house.venue.trade(client, 4, fee="0.1", asset="BNB")
    house.courier.heard("sim", house.venue.said(client))
    await house.settled(5)
    assert house.courier.troubles and house.told == ["submit", "accepted"] and not house.courier.settled("sim")
    house.venue.executions[0] = Fill("1", client, 0, BUY, 100, 4, Decimal(0), "USD", 0, 1)
    await house.settled(5)
    assert int(house.desk.positions[0]["lots"]) == 4 and house.courier.settled("sim")


@steady
async def test_an_order_that_has_not_left_yet_is_not_asked_for():
    house = a_house()
    house.courier.look("sim")
    client = house.send(BUY, 5)
    await house.settled(5)
    assert house.told == ["submit", "accepted"] and house.venue.placed == [client], "that a venue does not know it means nothing yet"


@steady
async def test_a_venue_that_is_held_gets_no_new_order_and_every_cancel():
    house = a_house()
    await listening(house)
    before = house.send(BUY, 10)
    await house.settled(5)
    house.courier.held["sim"] = "its balances differ"
    refused = house.send(SELL, 3, 102)
    house.cancel(before)
    await house.settled()
    assert (house.state(refused), house.state(before)) == ("rejected", "cancelled") and house.venue.placed == [before]
    del house.courier.held["sim"]
    after = house.send(BUY, 1)
    await house.settled()
    assert house.state(after) == "open"


@settings(deadline=None, max_examples=60)
@given(
    steps=st.lists(st.sampled_from(["send", "trade", "trade", "cancel", "end", "stream", "repeat", "mix up", "lose", "cut", "connect", "missed", "wait"]), max_size=40),
    seed=st.integers(0, 2**32),
    fills=st.booleans(),
)
def test_whatever_becomes_of_the_stream_no_fill_is_lost_and_none_is_doubled(steps, seed, fills):
    dice = random.Random(seed)

    async def run() -> None:
        venue = Asked()
        house = a_house(venue, check_s=0.003)
        said: list[Told] = []  # by the venue, not heard yet
        heard: list[Told] = []
        running = asyncio.create_task(house.courier.run())
        await asyncio.sleep(0)

        def alive() -> list[str]:
            return [client for client, order in venue.book.items() if order[0] in (OPEN, PARTIAL)]

        def tell(word: Told) -> None:
            heard.append(word)
            house.courier.heard("sim", word)

        for step in steps:
            match step:
                case "send":
                    if len(house.courier.carried) < 4:
                        house.send(BUY, dice.randint(1, 9), 100)
                case "trade" if alive():
                    client = dice.choice(alive())
                    venue.trade(client, dice.randint(1, venue.book[client][3] - venue.book[client][4]))
                    said.append(venue.said(client, fills))
                case "cancel" if alive():
                    house.cancel(dice.choice(alive()))
                case "end" if alive():
                    client = dice.choice(alive())
                    venue.book[client][0] = dice.choice([CANCELLED, EXPIRED])
                    said.append(Told(venue._report(client)))
                case "stream" if said:
                    tell(said.pop(0))
                case "repeat" if heard:
                    tell(dice.choice(heard))
                case "mix up":
                    dice.shuffle(said)
                case "lose" if said:
                    said.pop(dice.randrange(len(said)))
                case "cut":
                    said.clear()
                    house.courier.heard("sim", Deaf("cut"))
                case "connect":
                    house.courier.heard("sim", Listening(fills))
                case "missed":
                    house.courier.heard("sim", Missed("a number was left out"))
                case "wait":
                    await asyncio.sleep(0.002)
            await asyncio.sleep(0)

        def told_all() -> bool:
            ended = any(client not in alive() for client in house.courier._names)
            return not ended and int(house.desk.positions[0]["lots"]) == sum(fill.lots for fill in venue.executions)

        async with asyncio.timeout(5):
            while not told_all():  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        for word in said + heard:
            house.courier.heard("sim", word)
        await asyncio.sleep(0.005)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert told_all() and house.told.count("fill") == len(venue.executions) and house.courier.settled("sim")
        assert len(venue.placed) == len(set(venue.placed)), "an order was sent again"
        assert not int(house.desk.account["faults"]) and balances(house.desk)

    steadily(run())


@steady
async def test_an_order_in_doubt_that_the_stream_tells_of_is_known_to_be_there():
    house = a_house()
    await listening(house)
    house.venue.says, house.venue.taken_although = Refusal(Verdict.DOUBT, "ReadTimeout"), True
    client = house.send(BUY, 5)
    await house.settled(5)
    house.venue.trade(client, 2)
    house.courier.heard("sim", house.venue.said(client))
    assert house.state(client) == "partial" and house.venue.placed == [client] and not house.venue.doubtful


@steady
async def test_an_order_that_ended_before_its_answer_was_lost_leaves_no_doubt():
    house = a_house()
    await listening(house)
    place = house.venue.place

    async def lost(order):
        house.venue.says, house.venue.taken_although = Refusal(Verdict.DOUBT, "ReadTimeout"), True
        said = await place(order)
        house.venue.trade(order.client, order.lots)
        house.courier.heard("sim", house.venue.said(order.client))
        house.venue.doubtful[order.client] = order
        return said

    house.venue.place = lost  # type: ignore[method-assign]
    client = house.send(BUY, 5)
    await house.settled(5)
    assert house.state(client) == "filled" and not house.venue.doubtful and house.courier.settled("sim")
