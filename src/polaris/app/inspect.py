"""Looking into a desk's log: the state at any seq, and why an order was sent."""

from pathlib import Path
from typing import Any

from polaris.app.compose import Replay
from polaris.app.why import Why
from polaris.desk.pipeline import Desk
from polaris.domain.errors import BadConfig
from polaris.domain.market import BOOK_STATE_NAMES
from polaris.domain.numbers import MONEY_DECIMALS, text
from polaris.domain.orders import RECORD_NAMES, REFUSAL_NAMES, STATE_NAMES, TRADING_NAMES, Records
from polaris.log.read import context_of


def replay_log(directory: Path, to_seq: int | None = None, order: int | None = None) -> dict[str, Any]:
    """Replay a log and say what the desk looked like, and why an order was sent.

    to_seq   stop after this seq; None takes it all
    order    an order's id; its why and its whole life are in the answer
    returns  {"log", "seq", "account", "instruments", "working_orders", "state_digest", "decisions_digest", ..., "order"}
    raises   BadLog for damage or a checkpoint that is not reached, BadConfig for an order the log does not know
    """
    replay = Replay(directory)
    life: list[dict[str, Any]] = []

    def hear(records: Records, desk: Desk) -> None:
        if order is not None:
            life.extend(_told(record, desk) for record in records[records["order"] == order])

    desk = replay.run(to_seq, hear)
    found: dict[str, Any] = {
        "log": str(directory),
        "seq": replay.seq,
        "version": replay.started.version,
        "mode": replay.started.mode,
        "checkpoints_verified": replay.verified,
        "records_logged": replay.logged,
        "records_derived": replay.derived,
        "state_digest": desk.state_digest(),
        "decisions_digest": desk.decisions_digest(),
        "account": _account(desk),
        "instruments": [_instrument(desk, item.id) for item in desk.instruments],
        "working_orders": desk.working_orders(),
    }
    if order is not None:
        if not life:
            raise BadConfig(f"the log has no order {order} up to seq {replay.seq}; it sent {int(desk.account['submits'])}")
        context = context_of(directory, order)
        found["order"] = {"life": life, "why": context.read(Why) if context else None}
    return found


def _account(desk: Desk) -> dict[str, Any]:
    account = desk.account
    money = {name: text(int(account[name]), MONEY_DECIMALS, trim=True) for name in ("cash", "equity", "realised", "fees", "deposits", "turnover")}
    counts = {name: int(account[name]) for name in ("decisions", "submits", "fills", "cancels", "refusals", "faults")}
    return {"trading": TRADING_NAMES[int(account["trading"])], "halt": REFUSAL_NAMES[int(account["halt"])], **money, **counts}


def _instrument(desk: Desk, instrument: int) -> dict[str, Any]:
    item, position = desk.instruments[instrument], desk.positions[instrument]
    return {
        "symbol": item.symbol,
        "book": BOOK_STATE_NAMES[int(position["book"])],
        "bid": item.price_text(int(position["bid"])),
        "ask": item.price_text(int(position["ask"])),
        "position": item.quantity_text(int(position["lots"])),
        "target": item.quantity_text(int(position["target"])),
        "cost": text(int(position["cost"]), MONEY_DECIMALS, trim=True),
        "columns": desk.latest(instrument),
    }


def _told(record: Any, desk: Desk) -> dict[str, Any]:
    item = desk.instruments[int(record["instrument"])]
    return {
        "seq": int(record["seq"]),
        "ts": int(record["ts"]),
        "what": RECORD_NAMES[int(record["kind"])],
        "state": STATE_NAMES[int(record["state"])],
        "price": item.price_text(int(record["price"])),
        "quantity": item.quantity_text(int(record["lots"])),
        "filled": item.quantity_text(int(record["filled"])),
        "fee": text(int(record["money"]), MONEY_DECIMALS, trim=True),
        "reason": REFUSAL_NAMES[int(record["reason"])],
    }
