"""What can be the state of an engine: a kernel that restores one does not look again."""

from typing import Any

import numpy as np
import numpy.typing as npt

from polaris.exchange.words import (
    CLOSED,
    CONTINUOUS,
    FALLING,
    MARKET,
    MAX_QUANTITY,
    ORDER,
    PARKED,
    RISING,
    STOP,
    TAKE_PROFIT,
    TICKS,
    TRAILING_STOP,
    Orders,
)


def check(
    lowest: npt.NDArray[np.int64], capacity: int, orders: Orders, last_prices: npt.NDArray[np.int64], phases: npt.NDArray[np.int64]
) -> None:
    """Raise ValueError where these can't be the state of an engine of such books and capacity."""
    if orders.dtype != ORDER or len(orders) > capacity or not last_prices.shape == phases.shape == lowest.shape:
        found = f"{len(orders)} orders of {orders.dtype}, {len(last_prices)} last prices and {len(phases)} phases"
        raise ValueError(f"{found}; expected at most {capacity} of ORDER, {len(lowest)} prices and phases")
    if not ((orders["book"] >= 0) & (orders["book"] < len(lowest))).all():
        raise ValueError(f"orders name books {orders['book'].min()} .. {orders['book'].max()}; expected 0 .. {len(lowest) - 1}")
    if not ((last_prices == 0) | ((last_prices >= lowest) & (last_prices < lowest + TICKS))).all():
        raise ValueError(f"last prices {last_prices.tolist()[:5]} are outside of their books: expected 0 or a price of the book")
    if not ((phases >= CONTINUOUS) & (phases <= CLOSED)).all():
        raise ValueError(f"phases {phases.tolist()[:5]}; expected {CONTINUOUS} .. {CLOSED}")
    if len(np.unique(orders["order_id"])) != len(orders):
        raise ValueError("two orders have one id: no such orders can live")
    floor = lowest[orders["book"]]
    parked, waits = orders["ladder"] == PARKED, orders["order_type"] >= STOP
    waiting = np.isin(orders["ladder"], (FALLING, RISING)) | (parked & waits)
    unlimited = np.isin(orders["order_type"], (MARKET, STOP, TAKE_PROFIT, TRAILING_STOP))
    trailing = waiting & (orders["order_type"] >= TRAILING_STOP)
    inside = [(prices >= floor) & (prices < floor + TICKS) for prices in (orders["price"], orders["trigger"], orders["best"])]
    rules = {
        "ladder": (orders["ladder"] >= 0) & (orders["ladder"] <= PARKED),
        "order_id": orders["order_id"] > 0,
        "price": inside[0] | ((waiting | parked) & unlimited & (orders["price"] == 0)),
        "trigger": np.where(waiting, inside[1], orders["trigger"] == 0),
        "shown": (orders["shown"] > 0) & (orders["shown"] <= MAX_QUANTITY),
        "hidden": (orders["hidden"] >= 0) & (orders["hidden"] <= MAX_QUANTITY),
        "display": np.where(trailing, (orders["display"] != 0) & (abs(orders["display"]) < TICKS), orders["display"] >= 0),
        "account": orders["account"] >= 0,
        "ends": orders["ends"] >= 0,
        "best": (orders["best"] == 0) | (trailing & ~parked & inside[2]),
        "partner": (orders["partner"] == 0) | _named(orders, "partner", ("book", "side", "account"), mutual=True),
        "working": np.where(parked, _named(orders, "working", ("book", "account")), orders["working"] == 0),
        "older": (orders["older"] == 0) | (_named(orders, "older", ("book", "side")) & (orders["best"] != 0)),
    }
    for name, holds in rules.items():
        if not holds.all():
            raise ValueError(f"order {orders[~holds][0]['order_id']} has {name} {orders[~holds][0][name]}: no such order can live")


def _named(orders: Orders, link: str, alike: tuple[str, ...], mutual: bool = False) -> npt.NDArray[np.bool_]:
    """Whether the order that a link names lives, is another one and like this one; where it is mutual, names this one."""
    by_id = np.argsort(orders["order_id"])
    at = np.searchsorted(orders["order_id"], orders[link], sorter=by_id).clip(0, max(0, len(orders) - 1))
    others: Any = orders[by_id[at]] if len(orders) else orders
    right = (others["order_id"] == orders[link]) & (others["order_id"] != orders["order_id"])
    for name in alike:
        right &= others[name] == orders[name]
    return np.asarray(right & (others[link] == orders["order_id"]) if mutual else right)
