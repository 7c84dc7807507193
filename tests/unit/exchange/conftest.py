"""Both engines, the plain and the compiled one, told commands and heard in words."""

from collections.abc import Callable
from typing import Any

import pytest

from polaris.exchange import MatchingEngine
from polaris.exchange.accounts import Money
from polaris.exchange.book_reference import ReferenceEngine
from polaris.exchange.words import EVENT_NAMES, FILL, IN_AUCTION, KEPT_PLACE, PENDING, PHASE, PREVENTED, REASON_NAMES, SETTING
from tests.unit.exchange.commands import Fields, commands

Step = Fields | list[Fields]


class Heard:
    """An engine, and what it told after the last step."""

    def __init__(self, engine: Any, events: Any) -> None:
        self.engine, self.events = engine, events

    @property
    def words(self) -> list[str]:
        return [in_words(event) for event in self.events]

    def order(self, order_id: int) -> Any:
        """Its row; None where it lives no more."""
        rows = self.engine.orders()
        found = rows[rows["order_id"] == order_id]
        return found[0] if len(found) else None

    def has(self, account: int, asset: int) -> tuple[int, int]:
        """(free, locked) units."""
        row = self.engine.ledger().balances[account, asset]
        return int(row["free"]), int(row["locked"])


@pytest.fixture(params={"plain": ReferenceEngine, "compiled": MatchingEngine}.values(), ids=("plain", "compiled"))
def hear(request: pytest.FixtureRequest) -> Callable[..., Heard]:
    """Runs steps on a fresh engine, each a command or a list of orders; returns it with what the last step caused."""

    def run(*steps: Step, capacity: int = 100, money: Money | None = None) -> Heard:
        engine = request.param((1,), capacity, money)
        parts = [step if isinstance(step, list) else [step] for step in steps]
        told = engine.run(commands(*(one for part in parts for one in part)))
        return Heard(engine, told[told["seq"] > sum(len(part) for part in parts[:-1])])

    return run


@pytest.fixture
def tell(hear: Callable[..., Heard]) -> Callable[..., list[str]]:
    """As `hear`, in words."""
    return lambda *steps, **given: hear(*steps, **given).words


def in_words(event: Any) -> str:
    """One event in words: "fill 2 x 1: 5 @ 100, leaves 0 / 3"."""
    kind, order = event["kind"], f"{EVENT_NAMES[event['kind']]} {event['order_id']}"
    flags = "".join(f", {name}" for flag, name in ((KEPT_PLACE, "kept its place"), (PENDING, "pending"), (IN_AUCTION, "auction")) if event["flags"] & flag)
    if kind in (FILL, PREVENTED):
        return f"{order} x {event['maker_id']}: {event['quantity']} @ {event['price']}, leaves {event['leaves']} / {event['maker_leaves']}{flags}"
    if kind == PHASE:
        return f"phase {event['quantity']}: {event['maker_leaves']} @ {event['price']}"
    if kind == SETTING:
        return f"{order}: {event['price']}"
    why = f", {REASON_NAMES[event['reason']]}" if event["reason"] else ""
    return f"{order}: {event['quantity']} @ {event['price']}{why}{flags}"
