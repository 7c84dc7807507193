"""The desk on one screen: positions, money, the equity curve, the newest orders, fills and refusals.

A fold over RECORD batches and nothing else: a screen that comes late reads the log and stands where the others stand,
and any split of the same records gives the same screen.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

from polaris.domain.instrument import Instrument, Instruments
from polaris.domain.numbers import MONEY_DECIMALS, text
from polaris.domain.orders import (
    ACCEPTED,
    CANCEL,
    CANCEL_FAILED,
    CANCELED,
    EQUITY,
    EXPIRED_ORDER,
    FILL,
    FILLED,
    HALT,
    REFUSAL_NAMES,
    REFUSED,
    REJECTED_ORDER,
    RESUMED,
    STATE_NAMES,
    SUBMIT,
    TARGET,
    TYPE_NAMES,
    Records,
)  # fmt: skip
from polaris.views.curve import Curve
from polaris.views.holding import Holding, money
from polaris.views.records import each, liquidity_name, side_name
from polaris.views.screen import FillLine, OrderLine, PositionLine, RefusalLine, Screen

FINAL_STATES = frozenset(STATE_NAMES[FILLED:])


class DeskView:
    """Folds records into what `screen` shows.

    newest         how many orders, fills and refusals are kept; orders still at work are kept beyond it
    curve_buckets  half the number of points of the equity curve
    """

    def __init__(self, instruments: Instruments, newest: int = 50, curve_buckets: int = 512) -> None:
        self.instruments = instruments
        self.holdings = [Holding() for _ in instruments]
        self.curve = Curve(curve_buckets)
        self.seq = self.ts = 0
        self.cash = self.equity = self.peak = 0
        self.drawdown = self.max_drawdown = 0.0
        self.trading = "running"
        self.orders_sent = self.orders_filled = self.fills_seen = 0
        self.closing_fills = self.hits = 0
        self.refusals_by_reason: Counter[str] = Counter()
        self._newest = newest
        self._orders: dict[int, OrderLine] = {}
        self._fills: deque[FillLine] = deque(maxlen=newest)
        self._refusals: deque[RefusalLine] = deque(maxlen=newest)
        self._fold: dict[int, Callable[[Any], None]] = {
            TARGET: self._target, SUBMIT: self._submit, REFUSED: self._refused, FILL: self._fill, EQUITY: self._sample, HALT: self._halt,
        } | dict.fromkeys((ACCEPTED, CANCEL, CANCELED, CANCEL_FAILED, EXPIRED_ORDER, REJECTED_ORDER), self._move)  # fmt: skip

    def apply(self, records: Records) -> None:
        """Fold in RECORD[n] that the core derived, in its order."""
        for record in each(records):
            self.seq, self.ts = record.seq, record.ts
            if record.mid2 > 0 and record.instrument >= 0:
                self.holdings[record.instrument].mid2 = record.mid2
            fold = self._fold.get(record.kind)
            if fold is not None:
                fold(record)

    def screen(self, mids: Mapping[int, int] | None = None) -> Screen:
        """Everything as of now.

        mids  best bid + best ask in ticks (twice the mid) by instrument id; else the newest that a record told
        """
        mids = mids or {}
        marked = [(of, holding, mids.get(of.id, holding.mid2)) for of, holding in zip(self.instruments, self.holdings, strict=True)]
        return Screen(
            seq=self.seq,
            ts=self.ts,
            trading=self.trading,
            cash=_money_text(self.cash),
            equity=_money_text(self.equity),
            realised=_money_text(sum(money(holding.realised, of) for of, holding, _ in marked)),
            unrealised=_money_text(sum(_unrealised(of, holding, mid2) for of, holding, mid2 in marked)),
            fees=_money_text(sum(holding.fees for holding in self.holdings)),
            turnover=_money_text(sum(money(holding.traded, of) for of, holding, _ in marked)),
            drawdown=self.drawdown,
            max_drawdown=self.max_drawdown,
            hit_rate=self.hits / self.closing_fills if self.closing_fills else 0.0,
            orders_sent=self.orders_sent,
            orders_filled=self.orders_filled,
            fills_seen=self.fills_seen,
            refusals_seen=self.refusals_by_reason.total(),
            refusals_by_reason=dict(self.refusals_by_reason.most_common()),
            positions=[_position_line(of, holding, mid2) for of, holding, mid2 in marked],
            orders=list(reversed(self._orders.values())),
            fills=list(self._fills),
            refusals=list(self._refusals),
            curve=[(ts, _money_text(value)) for ts, value in self.curve.points()],
        )

    def _target(self, record: Any) -> None:
        holding = self.holdings[record.instrument]
        holding.target, holding.forecast = record.target, record.forecast

    def _submit(self, record: Any) -> None:
        of = self.instruments[record.instrument]
        self.orders_sent += 1
        self._orders[record.order] = OrderLine(
            order=record.order, seq=record.seq, ts=record.ts, symbol=of.symbol, side=side_name(record.side), type=TYPE_NAMES[record.type],
            state=STATE_NAMES[record.state], price=of.price_text(record.price), quantity=of.quantity_text(record.lots), filled=of.quantity_text(record.filled),
        )  # fmt: skip
        if len(self._orders) > self._newest:
            for order in [order for order, line in self._orders.items() if line.state in FINAL_STATES][:1]:
                del self._orders[order]

    def _move(self, record: Any) -> None:
        line = self._orders.get(record.order)
        if line is None:
            return
        before, line.state = line.state, STATE_NAMES[record.state]
        line.filled = self.instruments[record.instrument].quantity_text(record.filled)
        if record.state == FILLED and before != line.state:
            self.orders_filled += 1

    def _fill(self, record: Any) -> None:
        of = self.instruments[record.instrument]
        self.fills_seen += 1
        self.cash = record.cash
        profit = self.holdings[record.instrument].fill(record.side * record.lots, record.price, record.money)
        if profit is not None:
            self.closing_fills += 1
            self.hits += money(profit, of) > record.money
        self._fills.appendleft(
            FillLine(
                order=record.order, seq=record.seq, ts=record.ts, symbol=of.symbol, side=side_name(record.side), liquidity=liquidity_name(record.liquidity),
                price=of.price_text(record.price), quantity=of.quantity_text(record.lots), fee=_money_text(record.money),
            )
        )  # fmt: skip
        self._move(record)

    def _refused(self, record: Any) -> None:
        of = self.instruments[record.instrument]
        reason = REFUSAL_NAMES[record.reason]
        self.refusals_by_reason[reason] += 1
        self._refusals.appendleft(
            RefusalLine(
                seq=record.seq, ts=record.ts, symbol=of.symbol, side=side_name(record.side), price=of.price_text(record.price),
                quantity=of.quantity_text(record.lots), reason=reason, figure=record.figure, limit=record.limit,
            )
        )  # fmt: skip

    def _sample(self, record: Any) -> None:
        self.cash, self.equity = record.cash, record.money
        self.peak = max(self.peak, self.equity)
        self.drawdown = (self.peak - self.equity) / self.peak if self.peak > 0 else 0.0
        self.max_drawdown = max(self.max_drawdown, self.drawdown)
        self.curve.add(record.ts, record.money)

    def _halt(self, record: Any) -> None:
        self.trading = "running" if record.reason == RESUMED else REFUSAL_NAMES[record.reason]


def _position_line(of: Instrument, holding: Holding, mid2: int) -> PositionLine:
    return PositionLine(
        symbol=of.symbol,
        quantity=of.quantity_text(holding.lots),
        average_price=text(200 * holding.cost // holding.lots + 1 >> 1, of.price_decimals + 2) if holding.lots else "",
        mark=text(mid2 * 5, of.price_decimals + 1, trim=True) if mid2 else "",
        notional=_money_text(money(mid2 * holding.lots, of, 2)),
        unrealised=_money_text(_unrealised(of, holding, mid2)),
        realised=_money_text(money(holding.realised, of)),
        fees=_money_text(holding.fees),
        turnover=_money_text(money(holding.traded, of)),
        target=of.quantity_text(holding.target),
        forecast=holding.forecast,
    )


def _unrealised(of: Instrument, holding: Holding, mid2: int) -> int:
    return money(holding.unrealised(mid2), of, 2) if mid2 else 0


def _money_text(units: int) -> str:
    return text(units, MONEY_DECIMALS)
