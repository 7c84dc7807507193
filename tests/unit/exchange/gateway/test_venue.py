import asyncio

import numpy as np
import pytest

from polaris.domain.orders import BUY, SELL
from polaris.exchange.gateway.register import Register
from polaris.exchange.gateway.venue import Refused, Venue, command, note
from polaris.exchange.words import ACCEPTED, CANCEL, CANCELLED, CLOCK, DEPOSIT, FILL, GTC, LIMIT, REJECTED, SUBMIT, WITHDRAW
from tests.unit.exchange.gateway.bare import ANY_SIZE, START, Bare, Clock, Held

PRICE = 5_000_000


def venue_of(journal=None, **settings):
    core = Bare(ANY_SIZE)
    return Venue(ANY_SIZE, core, Register(ANY_SIZE), Clock(), journal, pulse_s=0, **settings)


def submit(venue, account=1, side=BUY, price=PRICE, quantity=100, name="", told=None):
    order_id = venue.new_order_id()
    asked = command(SUBMIT, order_id=order_id, side=side, order_type=LIMIT, time_in_force=GTC, price=price, quantity=quantity, account=account)
    venue.ask([asked], [note(START, name or f"n{order_id}")], told.append if told is not None else None)
    return order_id


class Watched:
    def __init__(self):
        self.told = []

    def changed(self, changes):
        self.told += [("order", change.kind, change.order.state, change.order.executed) for change in changes]

    def balances(self, ts, assets, balances):
        self.told.append(("balances", tuple(assets)))

    def paid(self, ts, asset, change):
        self.told.append(("paid", asset, change))


class Market:
    def __init__(self):
        self.folded, self.told = [], []

    def fold(self, events):
        self.folded.append(len(events))
        return len(self.folded)

    def tell(self, told):
        self.told.append(told)


async def test_nothing_is_told_before_it_is_durable():
    journal = Held()
    venue, told, watched, market = venue_of(journal), [], Watched(), Market()
    venue.watch(1, watched)
    venue.listen(market)
    order_id = submit(venue, told=told)
    read = []
    venue.read(lambda: venue.core.open(order_id), read.append)
    venue.turn()
    assert venue.core.open(order_id) == 100  # the core has it ...
    assert (told, watched.told, market.told, read, venue.register.open(1)) == ([], [], [], [], [])  # ... and nobody knows
    assert market.folded == [1]  # but the market's state goes on with the core
    journal.sync(venue)
    assert [change.kind for change in told[0]] == [ACCEPTED]
    assert (watched.told, market.told, read) == ([("order", ACCEPTED, 1, 0), ("balances", (0, 2))], [1], [100])
    assert [order.order_id for order in venue.register.open(1)] == [order_id]


async def test_an_answer_finds_the_order_as_its_own_command_left_it():
    venue, told = venue_of(), []
    seen = []
    order_id = venue.new_order_id()
    first = command(SUBMIT, order_id=order_id, side=BUY, order_type=LIMIT, time_in_force=GTC, price=PRICE, quantity=100, account=1)
    venue.ask([first], [note(START, "a")], lambda changes: seen.append((changes[0].kind, changes[0].order.executed)))
    submit(venue, 2, SELL, told=told)
    venue.turn()
    assert seen == [(ACCEPTED, 0)]
    assert [change.kind for change in told[0]] == [ACCEPTED, FILL]  # the maker's side is not the asker's
    assert venue.register.order(1, 0, order_id).executed == 100


async def test_a_turn_begins_with_the_time_and_its_seqs_continue_the_journals():
    journal = Held()
    venue = venue_of(journal)
    submit(venue)
    submit(venue)
    venue.turn()
    submit(venue)
    venue.turn()
    operations = [commands["operation"].tolist() for commands in journal.commands]
    assert operations == [[CLOCK, SUBMIT, SUBMIT], [CLOCK, SUBMIT]]
    assert np.concatenate(journal.commands)["seq"].tolist() == [1, 2, 3, 4, 5]
    assert journal.commands[0]["price"][0] == START
    assert [notes["client_id"].tolist() for notes in journal.notes] == [[b"", b"n1", b"n2"], [b"", b"n3"]]


async def test_the_loop_runs_a_turn_by_itself():
    venue, told = venue_of(), []
    submit(venue, told=told)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(told) == 1
    assert venue.turns == 1


async def test_the_venues_time_never_goes_back():
    venue = venue_of()
    assert venue.now() == START
    venue._clock.now = START - 5
    assert venue.now() == START


async def test_a_full_intake_refuses_and_takes_again_after_the_turn():
    venue = venue_of(intake=2)
    submit(venue)
    submit(venue)
    with pytest.raises(Refused, match="intake is full"):
        submit(venue)
    venue.turn()
    submit(venue)


async def test_a_journal_that_refuses_is_not_traded_past():
    journal = Held()
    venue = venue_of(journal)
    journal.refuses = "the disk is full"
    with pytest.raises(Refused, match="the disk is full"):
        submit(venue)
    venue.turn()
    assert journal.commands == []
    assert len(venue.core.engine) == 0


async def test_a_core_that_fails_stops_the_venue_for_good(caplog):
    venue, told = venue_of(), []
    submit(venue, told=told)

    def broken(commands):
        raise MemoryError("no")

    venue.core.run = broken
    venue.turn()
    assert told == [[]]
    with pytest.raises(Refused, match="core failed"):
        submit(venue)


async def test_a_name_is_taken_from_the_moment_it_is_asked_for_until_its_order_ends():
    venue, told = venue_of(), []
    assert venue.claim(1, "mine", 1, 0)
    assert not venue.claim(1, "mine", 2, 0)
    assert venue.claim(2, "mine", 3, 0)  # another account's
    assert venue.claimed(1, "mine", 0) == 1
    assert venue.claimed(1, "mine", 1) == 0  # it is of another book
    venue.release(1, "mine")
    order_id = submit(venue, name="mine", told=told)
    venue.turn()
    assert not venue.claim(1, "mine", 9, 0)
    assert venue.claim(1, "mine", 9, 0, instead_of=order_id)
    venue.release(1, "mine")
    venue.ask([command(CANCEL, order_id=order_id, account=1)], [note(START, "gone")])
    venue.turn()
    assert venue.claim(1, "mine", 9, 0)


async def test_what_follows_is_decided_by_what_just_happened_before_anything_else_runs():
    journal = Held()
    venue, told = venue_of(journal), []
    old, new = submit(venue), venue.new_order_id()
    seen = []

    def decide(events):
        seen.append(events["kind"].tolist())
        asked = command(SUBMIT, order_id=new, side=BUY, order_type=LIMIT, time_in_force=GTC, price=PRICE - 1, quantity=5, account=1)
        return [asked], [note(START, "new")]

    venue.ask([command(CANCEL, order_id=old, account=1)], [note(START, "c")], told.append, decide)
    later = submit(venue, 2, SELL, price=PRICE - 1, quantity=5)  # comes after the one that was decided, and takes it
    venue.turn()
    journal.sync(venue)
    assert seen == [[CANCELLED]]
    assert [(change.kind, change.order_id) for change in told[0]] == [(CANCELLED, old), (ACCEPTED, new)]
    assert journal.commands[0]["order_id"].tolist() == [0, old, old, new, later]
    assert venue.register.order(2, 0, later).executed == 5


async def test_what_decides_for_nothing_adds_nothing():
    venue, told = venue_of(), []
    venue.ask([command(CANCEL, order_id=77, account=1)], [note(START)], told.append, lambda events: None)
    venue.turn()
    assert [change.kind for change in told[0]] == [REJECTED]


async def test_a_question_waits_for_what_was_asked_before_and_only_for_that():
    journal = Held()
    venue, order = venue_of(journal), []
    venue.after(lambda: order.append("at once"), pytest.fail)
    submit(venue)
    venue.after(lambda: order.append(len(venue.register.open(1))), pytest.fail)
    venue.turn()
    assert order == ["at once"]
    journal.sync(venue)
    assert order == ["at once", 1]


async def test_a_question_about_what_the_disk_does_not_get_is_answered_that_nobody_knows():
    journal = Held()
    venue, order = venue_of(journal), []
    submit(venue)
    venue.after(lambda: order.append("known"), lambda: order.append("asked before it was full"))
    venue.turn()
    journal.refuses = "the disk is full"
    venue.give_up()
    venue.after(lambda: order.append("known"), lambda: order.append("asked after"))
    venue.read(lambda: 1, order.append)
    await asyncio.sleep(0)
    assert order == ["asked before it was full", "asked after", None]
    journal.refuses = ""
    journal.sync(venue)
    venue.after(lambda: order.append("known"), pytest.fail)
    assert order[3:] == ["known"]


async def test_only_what_is_watched_is_told_until_it_is_unwatched():
    venue, watched = venue_of(), Watched()
    venue.watch(1, watched)
    submit(venue, 2)
    venue.turn()
    assert watched.told == []
    venue.unwatch(1, watched)
    submit(venue, 1)
    venue.turn()
    assert watched.told == []


async def test_what_touches_an_account_as_maker_is_told_to_it():
    venue, watched = venue_of(), Watched()
    submit(venue, 1)
    venue.turn()
    venue.watch(1, watched)
    submit(venue, 2, SELL, quantity=40)
    venue.turn()
    assert watched.told == [("order", FILL, 2, 40), ("balances", (0, 2))]


async def test_who_is_paid_hears_of_it_and_of_what_he_has_now():
    venue, watched, other = venue_of(), Watched(), Watched()
    venue.watch(1, watched)
    venue.watch(2, other)
    venue.ask([command(DEPOSIT, account=1, book=2, quantity=77), command(WITHDRAW, account=1, book=0, quantity=5)], [note(START), note(START)])
    venue.turn()
    assert watched.told == [("paid", 2, 77), ("paid", 0, -5), ("balances", (0, 2))]
    assert other.told == []


async def test_time_goes_on_though_nobody_asks():
    journal = Held()
    venue = venue_of(journal)
    venue._pulse_s = 0.001
    venue.start()
    for _ in range(200):
        await asyncio.sleep(0.001)
        if journal.commands:
            break
    venue.close()
    assert journal.commands[0]["operation"].tolist() == [CLOCK]


async def test_a_closed_venue_runs_what_it_took_and_takes_nothing_more():
    venue, told, ticks = venue_of(), [], []
    venue.every(1_000_000, ticks.append)
    submit(venue, told=told)
    venue.close()
    assert len(told) == 1
    with pytest.raises(Refused, match="closed"):
        submit(venue)
    await asyncio.sleep(0.01)
    assert ticks == []
