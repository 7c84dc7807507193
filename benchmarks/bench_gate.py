"""bench_gate: what the risk gate costs an order, inside the compiled core.

The gate is called 1,024 times between two looks at the clock, so the clock's own cost does not count; half of the orders pass
and half are refused by the last check. Beside it stands an empty kernel of the same arguments.
"""

import platform
import time
from typing import Any

import numpy as np

from polaris.desk.risk.gate import gate
from polaris.desk.settings import DeskSettings, RiskSettings
from polaris.desk.state import ORDER, ORDER_SLOTS, account_of, positions_of, rules_of, terms_of
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.kernel import kernel
from polaris.domain.orders import BUY, LIMIT

CALLS = 1024
QUICK = {"batches": 100}


@kernel
def many(rules, terms, account, positions, orders, active, price, lots, calls):  # type: ignore[no-untyped-def]
    """Ask the gate `calls` times, the price a tick further every second time."""
    passed = 0
    for call in range(calls):
        account[0]["clock"] += 1_000_000
        positions[0]["ts"] = account[0]["clock"]
        reason, _, _ = gate(rules[0], terms, account[0], positions, orders, active, 0, BUY, LIMIT, price + (call >> 1), lots)
        passed += reason == 0
    return passed


@kernel
def nothing(rules, terms, account, positions, orders, active, price, lots, calls):  # type: ignore[no-untyped-def]
    """The loop without the gate."""
    passed = 0
    for call in range(calls):
        account[0]["clock"] += 1_000_000
        positions[0]["ts"] = account[0]["clock"]
        passed += price + (call >> 1) > lots
    return passed


def main(batches: int = 5_000) -> dict[str, Any]:
    """Nanoseconds a call (p50, p99, p99.9) of the gate and of the empty loop."""
    state = state_of_one()
    result: dict[str, Any] = {"gate": _nanoseconds(many, state, batches), "empty": _nanoseconds(nothing, state, batches)}
    return result | {"passed_share": many(*state, 5_000_000, 10, CALLS) / CALLS, "batches": batches}


def show(result: dict[str, Any]) -> None:
    """Print it beside the target."""
    print(f"bench_gate · Python {platform.python_version()} · {result['batches']:,} batches of {CALLS:,} orders, {result['passed_share']:.0%} of them passed")
    print(f"{'ns an order':<16}{'p50':>8}{'p99':>8}{'p99.9':>8}   target")
    for name, part, target in (("the gate", "gate", "p99 1,000"), ("the loop alone", "empty", "")):
        print(f"{name:<16}" + "".join(f"{value:>8,.1f}" for value in result[part].values()) + f"   {target}".rstrip())


def warm() -> None:
    """Compile both loops."""
    for loop in (many, nothing):
        loop(*state_of_one(), 5_000_000, 10, 1)


def state_of_one() -> tuple[Any, ...]:
    """What the gate looks at: a desk of one instrument whose price is fresh."""
    items = Instruments([Instrument(id=InstrumentId(0), key=Key("sim", Product.SPOT, "BTC", "USDT"), wire="BTCUSDT", price_decimals=2, quantity_decimals=3)])
    settings = DeskSettings(risk=RiskSettings(max_orders_per_second=1e6, order_burst=1_000_000, duplicate_window_ns=1_500_000))
    state = (rules_of(settings, 10**9), terms_of(settings, items), account_of(settings), positions_of(items), np.zeros(ORDER_SLOTS, ORDER), np.zeros(ORDER_SLOTS, np.int64))
    state[3]["bid"], state[3]["ask"] = 5_000_000, 5_000_100
    return state


def _nanoseconds(function: Any, state: Any, batches: int) -> dict[str, float]:
    """Per call, over batches of CALLS calls."""
    spent = np.zeros(batches)
    for batch in range(batches):
        start = time.perf_counter_ns()
        function(*state, 5_000_000 + batch % 7, 10, CALLS)
        spent[batch] = (time.perf_counter_ns() - start) / CALLS
    spent = spent[batches // 10 :]
    return {f"p{name}": float(np.percentile(spent, float(name))) for name in ("50", "99", "99.9")}


if __name__ == "__main__":
    show(main())
