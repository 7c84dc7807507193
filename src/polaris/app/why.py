"""Why an order was sent: what the desk saw, expected, wanted and was allowed, kept beside the order in the log."""

import msgspec

from polaris.desk.pipeline import Desk
from polaris.domain.numbers import MONEY_DECIMALS, text
from polaris.domain.orders import TYPE_NAMES, Records


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """The reasons of one order. Estimates are floats, prices and quantities the venue's text."""

    order: int
    symbol: str
    side: str
    type: str
    price: str
    quantity: str
    bid: str
    ask: str
    columns: dict[str, float]  # features, forecasts, weights: the last value of every column of this instrument
    forecast: float  # expected return over the horizon, as the ensemble blends it
    target: str  # the position wanted, after the limits
    position: str  # held when it was sent
    equity: str
    gate: str = "pass"


def why_of(record: Records, desk: Desk) -> Why:
    """The reasons of the order that this SUBMIT record tells of, as the desk stands now."""
    item = desk.instruments[int(record["instrument"])]
    position = desk.positions[item.id]
    return Why(
        order=int(record["order"]),
        symbol=item.symbol,
        side="buy" if record["side"] > 0 else "sell",
        type=TYPE_NAMES[int(record["type"])],
        price=item.price_text(int(record["price"])),
        quantity=item.quantity_text(int(record["lots"])),
        bid=item.price_text(int(position["bid"])),
        ask=item.price_text(int(position["ask"])),
        columns=desk.latest(item.id),
        forecast=float(record["forecast"]),
        target=item.quantity_text(int(record["target"])),
        position=item.quantity_text(int(record["position"])),
        equity=text(int(desk.account["equity"]), MONEY_DECIMALS),
    )
