"""Rows for tests: a market written down update by update, and a desk to hand it to.

    market = Market()
    market.quote(100, 102)
    market.trade(100, 5, sells=True)
    records = desk.advance(market.take())

One tick times one lot is one unit of money (prices have 2 decimals, quantities 6), so a test's figures can be read.
"""

from typing import Any

import numpy as np

from polaris.desk.columns import Bank, Kernel
from polaris.desk.pipeline import Desk
from polaris.desk.settings import DeskSettings, ExecutionSettings, RiskSettings, SizingSettings
from polaris.domain.instrument import Instrument, InstrumentId, Instruments, Key, Product
from polaris.domain.market import ASK, CLEAR, CONTROL, DEPTH, LAST, QUOTE, REPORT, ROW, SNAPSHOT, STATUS, TIMER, TRADE, Rows, pack_bar
from polaris.domain.orders import RECORD_NAMES, Records

MILLI = 1_000_000
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND  # 2023-11-14 22:13:20 UTC
DOLLAR = 10**8  # units of money


def some_instruments(n: int = 1, **changes: Any) -> Instruments:
    """n spot instruments of one venue, in dollars."""
    names = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOT")
    return Instruments([
        Instrument(**({"id": InstrumentId(i), "key": Key("sim", Product.SPOT, names[i], "USD"), "wire": names[i], "price_decimals": 2, "quantity_decimals": 6} | changes))
        for i in range(n)
    ])  # fmt: skip


class Market:
    """Rows in the order they are said. Every saying takes `step_ns`, unless it says how long after the one before it comes."""

    def __init__(self, at: int = START, step_ns: int = MILLI) -> None:
        self.now, self.step_ns, self.seq = at, step_ns, 1
        self._rows: list[tuple[int, ...]] = []

    def quote(self, bid: int, ask: int, bid_lots: int = 1000, ask_lots: int = 1000, *, instrument: int = 0, after: int | None = None) -> None:
        """The best bid and ask."""
        self._add(after, instrument, QUOTE, LAST, bid, bid_lots, ask, ask_lots)

    def depth(
        self, bids: dict[int, int], asks: dict[int, int], *, instrument: int = 0, snapshot: bool = False, closed: bool = True, after: int | None = None
    ) -> None:
        """Levels by price, as one update; a snapshot replaces the book. closed: whether its last row says LAST."""
        levels = [(0, price, lots) for price, lots in bids.items()] + [(ASK, price, lots) for price, lots in asks.items()]
        for k, (side, price, lots) in enumerate(levels):
            flags = side | (LAST if closed and k == len(levels) - 1 else 0) | ((SNAPSHOT | (CLEAR if k == 0 else 0)) if snapshot else 0)
            self._add(after if k == 0 else 0, instrument, DEPTH, flags, price, lots)

    def trade(self, price: int, lots: int, *, sells: bool = False, instrument: int = 0, after: int | None = None) -> None:
        """A trade; sells: the taker did."""
        self._add(after, instrument, TRADE, LAST | (ASK if sells else 0), price, lots)

    def bar(self, open_: int, high: int, low: int, close: int, volume: int = 1000, *, instrument: int = 0, after: int | None = None) -> None:
        """A bar that ends now."""
        _, _, *fields = pack_bar(instrument, 0, open_, high, low, close, volume)
        self._add(after, *fields)

    def status(self, state: int, *, instrument: int = 0, after: int | None = None) -> None:
        """The book is in this state from now on."""
        self._add(after, instrument, STATUS, 0, state, 0)

    def timer(self, *, after: int | None = None) -> None:
        """Time passed."""
        self._add(after, -1, TIMER, 0, 0, 0)

    def control(self, command: int, amount: int = 0, *, after: int | None = None) -> None:
        """An operator's command."""
        self._add(after, -1, CONTROL, 0, command, amount)

    def report(self, order: int, what: int, price: int = 0, lots: int = 0, fee: int = 0, *, instrument: int = 0, after: int | None = None) -> None:
        """A real venue's word about one of our orders."""
        self._add(after, instrument, REPORT, what, price, lots, order, fee)

    def take(self) -> Rows:
        """Everything said since the last time, with seqs that go on."""
        rows = np.array([(self.seq + k, *row) for k, row in enumerate(self._rows)], ROW)
        self.seq += len(rows)
        self._rows = []
        return rows

    def __len__(self) -> int:
        return len(self._rows)

    def _add(self, after: int | None, instrument: int, kind: int, flags: int, price: int, lots: int, other: int = 0, other_lots: int = 0) -> None:
        self.now += self.step_ns if after is None else after
        self._rows.append((self.now, self.now, instrument, kind, flags, price, lots, other, other_lots))


FREE = RiskSettings(
    max_position_notional=1e6, max_total_notional=1e6, max_order_notional=1e6, price_band=1.0, max_orders_per_second=1e9, order_burst=10**6,
    max_open_orders=256, max_daily_loss=1e6, max_drawdown=1.0, max_data_age_ns=10**18, duplicate_window_ns=0, refusal_pause_ns=0,
)  # fmt: skip
AT_ONCE = ExecutionSettings(latency_ns=0, maker_fee=0.0, taker_fee=0.0)


def a_desk(
    instruments: int | Instruments = 1,
    *,
    risk: RiskSettings = FREE,
    execution: ExecutionSettings = AT_ONCE,
    sizing: SizingSettings = SizingSettings(mode="direct"),  # noqa: B008 - frozen
    kernels: tuple[Kernel, ...] = (),
    mode: Any = "paper",
    equity: float = 100_000.0,
) -> Desk:
    """A desk that holds nothing, limits nothing and, without kernels, wants nothing: orders come from outside."""
    items = some_instruments(instruments) if isinstance(instruments, int) else instruments
    return Desk(DeskSettings(mode=mode, equity=equity, risk=risk, execution=execution, sizing=sizing), items, Bank(kernels, items))


def _say(tops: Any, depth: Any, columns: Any, inputs: Any, first: int, state: Any, params: Any) -> None:
    for j, name in enumerate(state.dtype.names):
        columns[first + j, : len(tops)] = state[name][tops["instrument"]]


def told(*names: str, depth: bool = False) -> Kernel:
    """A kernel that writes what a test put into its memory: `bank.states[0]["target"][instrument] = lots`."""
    return Kernel(name="told", outputs=names, units=("",) * len(names), run=_say, state=np.dtype([(name, "<f8") for name in names]), depth=depth)


def kinds(records: Records) -> list[str]:
    """What the records tell, in words."""
    return [RECORD_NAMES[int(kind)] for kind in records["kind"]]


def balances(desk: Desk) -> bool:
    """Whether the books do: cash + cost of positions = deposits + realised profit - fees."""
    account = desk.account
    positions = desk.positions
    return (
        int(account["cash"]) + int(positions["cost"].sum()) == int(account["deposits"]) + int(account["realised"]) - int(account["fees"])
        and int(positions["realised"].sum()) == int(account["realised"])
        and int(positions["fees"].sum()) == int(account["fees"])
    )
