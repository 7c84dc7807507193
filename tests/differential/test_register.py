"""The compiled register against the plain one: the same changes told, and the same known, after every portion of any commands."""

from itertools import chain
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from polaris.exchange.gateway.note import NOTE
from polaris.exchange.gateway.register import Register
from polaris.exchange.gateway.register_changes import Changes
from polaris.exchange.gateway.register_memory import BY_ID, BY_LIST, BY_NAME, LAST_PREVENTED, MASK
from polaris.exchange.gateway.register_reference import ReferenceRegister
from polaris.exchange.words import COMMAND
from tests.unit.exchange.gateway.bare import ANY_SIZE, Bare
from tests.unit.exchange.gateway.test_register import asked_of, many

KEPT: dict[str, Any] = {"silent": (3,), "history": 4, "lists": 3}
ORDER = (
    "order_id", "account", "book", "side", "order_type", "time_in_force", "price", "quantity", "trigger", "display", "prevention", "flags", "client_id",
    "number", "session", "created", "updated", "first_id", "working", "executed", "paid", "prevented", "prevented_id", "state", "expiry", "list_id",
)  # fmt: skip


def told(changes: Changes) -> list[tuple[Any, ...]]:
    return [
        (
            int(row["seq"]), int(row["owner"]), int(row["kind"]), int(row["reason"]), int(row["of"]), int(row["event_quantity"]),
            int(row["state"]), int(row["executed"]), int(row["paid"]), row["former"].decode(), int(row["of_list"]),
        )
        for row in changes
    ]  # fmt: skip


def compare(fast: Register, plain: ReferenceRegister) -> None:
    """All that may be asked of either."""
    assert [fast.last_order, fast.last_list, fast.last_session, int(fast.memory[LAST_PREVENTED]), fast.executions] == list(plain.counters.values())
    names = {name for _, name in plain.names} | {"a", "b", "c", "all", "nobody"}
    for account in range(5):
        for book in range(2):
            orders = sorted((each for each in plain.orders.values() if (each.account, each.book) == (account, book)), key=lambda each: each.order_id)
            found = fast.orders(account, book)
            assert [[getattr(each, name) for name in ORDER] for each in found] == [[getattr(each, name) for name in ORDER] for each in orders]
            for one, other in zip(found, orders, strict=True):
                amendments = [(each.execution_id, each.before, each.after, each.old_id, each.new_id, each.ts) for each in one.amendments or ()]
                assert amendments == other.amendments
                assert (one.list is not None) == (other.list_id in plain.lists)
            trades = [(each.trade_id, each.order_id, each.side, each.price, each.lots, each.fee, each.maker, each.ts) for each in fast.trades(account, book)]
            assert trades == plain.trades.get((account, book), [])
        assert [each.order_id for each in fast.open(account)] == [each.order_id for each in plain.orders.values() if each.account == account and each.alive]
        lists = [each for each in plain.lists.values() if each.account == account and each.kind]
        for mine, legs in zip(fast.lists(account), sorted(lists, key=lambda each: each.list_id), strict=True):
            assert (mine.list_id, mine.client_id, mine.book, mine.kind, mine.created, mine.updated, mine.done) == (
                legs.list_id, legs.name, legs.book, legs.kind, legs.created, legs.updated, legs.done,
            )  # fmt: skip
            assert [each.order_id for each in mine.orders] == [leg for leg in legs.legs if leg in plain.orders]
        matches = [
            (each.prevented_id, each.book, each.taker_id, each.maker_id, each.prevention, each.price, each.lots, each.ts) for each in fast.prevented(account)
        ]
        assert matches == plain.prevented.get(account, [])
        for name in names:
            found = fast.named(account, name)
            assert (found.order_id if found is not None else 0) == plain.named(account, name)


@given(many, st.data())
@settings(deadline=None)
def test_both_registers_tell_the_same_and_know_the_same(drawn: Any, data: Any) -> None:
    core, fast, plain, seq = Bare(ANY_SIZE), Register(ANY_SIZE, **KEPT), ReferenceRegister(ANY_SIZE, **KEPT), 0
    for table in (BY_ID, BY_NAME, BY_LIST):
        fast.memory[table + MASK] = data.draw(st.sampled_from((0, 1, 3, int(fast.memory[table + MASK]))))  # tables that begin so small grow on the way
    rest = list(asked_of(drawn))
    while rest:
        n = data.draw(st.integers(1, len(rest)))
        pairs, rest = list(chain(*rest[:n])), rest[n:]
        commands = np.frombuffer(bytearray(b"".join(command for command, _ in pairs)), COMMAND)
        commands["seq"] = np.arange(seq + 1, seq + 1 + len(pairs))
        seq += len(pairs)
        notes = np.frombuffer(b"".join(note for _, note in pairs), NOTE)
        events = core.run(commands)
        assert told(fast.fold(commands, notes, events)) == plain.fold(commands, notes, events)
        compare(fast, plain)
