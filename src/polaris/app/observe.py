"""What the running desk looks like: one `Status` out of core, feeds, log and the view, made when somebody asks."""

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from polaris import __version__
from polaris.app.compose import LoggedDesk
from polaris.app.desk_orders import DeskOrders
from polaris.app.settings import Settings
from polaris.app.status import (
    NEVER,
    AccountStatus,
    Counts,
    EnsembleStatus,
    FeedStatus,
    ForecastStatus,
    Happening,
    InstrumentStatus,
    LogStatus,
    Status,
    VenueStatus,
)
from polaris.domain.instrument import Instrument
from polaris.domain.market import BOOK_STATE_NAMES, Rows
from polaris.domain.numbers import MONEY_DECIMALS, text
from polaris.domain.orders import (
    CANCELED,
    DAILY_LOSS,
    DRAWDOWN,
    EXPIRED_ORDER,
    FILL,
    HALT,
    RECORD_NAMES,
    REFUSAL_NAMES,
    REFUSED,
    REJECTED_ORDER,
    SUBMIT,
    TRADING_NAMES,
    TYPE_NAMES,
    Records,
)
from polaris.research.evaluate import periods_a_year, returns, sharpe
from polaris.venues.live import LiveFeeds
from polaris.venues.protocol import SymbolStats
from polaris.views.desk import DeskView
from polaris.views.quality import QualityMeter

TOLD: Final = (SUBMIT, REFUSED, FILL, CANCELED, EXPIRED_ORDER, REJECTED_ORDER, HALT)  # what the blotter shows
HIDDEN: Final = ("probability", "brier", "outcomes")  # columns shown elsewhere or not at all


class Observer:
    """Looks at a running desk. Costs nothing until asked, but for folding records into the view."""

    def __init__(
        self, settings: Settings, logged: LoggedDesk, feeds: LiveFeeds, directory: Path, clock: Callable[[], int], orders: DeskOrders | None = None
    ) -> None:
        self.settings, self.logged, self.feeds, self.directory, self.clock, self.orders = settings, logged, feeds, directory, clock, orders
        self.view = DeskView(logged.desk.instruments)
        self.quality = QualityMeter(len(logged.desk.instruments))
        self._crossed = [0] * len(logged.desk.instruments)
        self.started_ns = self.clock()
        self.recent: deque[Happening] = deque(maxlen=30)

    def hear(self, records: Records) -> None:
        """Records that were just written."""
        self.view.apply(records)
        for record in records[np.isin(records["kind"], TOLD)][-30:]:
            self.recent.appendleft(self._happening(record))

    def looked(self, rows: Rows) -> None:
        """Rows went through: how many, how late, and how long since they reached us."""
        if len(rows):
            self.quality.hear(rows)
            self.logged.latencies["tick_to_order"].record(self.clock() - int(rows["ts_recv"][-1]))

    def second(self, now: int) -> None:
        """A second is over: how good the feeds were in it goes to the log."""
        crossed = [self._symbol(item).crossed_until(now) for item in self.logged.desk.instruments]
        self.logged.sequencer.tell(self.quality.second(now, [after - before for before, after in zip(self._crossed, crossed, strict=True)]))
        self._crossed = crossed

    def status(self) -> Status:
        """The whole desk now."""
        desk = self.logged.desk
        account = desk.account
        now = self.clock()
        halt = int(account["halt"])
        return Status(
            version=__version__,
            mode=self.settings.mode,
            trading=TRADING_NAMES[int(account["trading"])],
            trading_reason=REFUSAL_NAMES[halt] if halt in (DAILY_LOSS, DRAWDOWN) else "",
            market=self.settings.market.source,
            pid=os.getpid(),
            started_ns=self.started_ns,
            now_ns=now,
            venues=self._venues(now),
            orders_at=self.orders.status(now) if self.orders else (),
            instruments=tuple(self._instrument(item, now) for item in desk.instruments),
            feeds=self._feeds(),
            ensemble=self._ensemble(),
            account=self._account(),
            latency=self.logged.latencies.snapshot(),
            counts=self._counts(),
            recent=tuple(self.recent),
            log=self._log(now),
            state_digest=self.logged.proved.state_digest if self.logged.proved else "",
            decisions_digest=self.logged.proved.decisions_digest if self.logged.proved else "",
        )

    def _venues(self, now: int) -> tuple[VenueStatus, ...]:
        found = []
        for name, session in self.feeds.sessions.items():
            stats = self.feeds.feeds[name].stats
            last = max((one.last_update_ns for one in stats.symbols.values()), default=0)
            found.append(
                VenueStatus(
                    name=name,
                    endpoint=self.feeds.endpoints[name].ws_url,
                    connected=session.connected,
                    age_ns=now - last if last else NEVER,
                    frames=stats.frames,
                    bytes=stats.bytes,
                    reconnects=max(0, session.connects - 1),
                    bad_messages=stats.bad_messages,
                    unknown_fields=stats.unknown_fields,
                )
            )
        return tuple(found)

    def _symbol(self, item: Instrument) -> SymbolStats:
        return self.feeds.feeds[item.key.venue].stats.symbols[item.wire]

    def _feeds(self) -> tuple[FeedStatus, ...]:
        if self.quality.latest is None:
            return ()
        found = []
        for item, one in zip(self.logged.desk.instruments, self.quality.latest.symbols, strict=True):
            stats = self._symbol(item)
            found.append(
                FeedStatus(
                    symbol=item.symbol,
                    venue=item.key.venue,
                    state=BOOK_STATE_NAMES[one.state],
                    messages=one.messages,
                    gaps=stats.gaps,
                    resyncs=stats.resyncs,
                    checksums_ok=stats.checksums_ok,
                    checksums_failed=stats.checksums_failed,
                    stale_ns=one.stale_ns,
                    offset_p50_ns=one.offset_p50_ns,
                    offset_p99_ns=one.offset_p99_ns,
                    crossed_ns=one.crossed_ns,
                )
            )
        return tuple(found)

    def _instrument(self, item: Instrument, now: int) -> InstrumentStatus:
        desk = self.logged.desk
        position = desk.positions[item.id]
        stats = self._symbol(item)
        columns = desk.latest(item.id)
        lots, cost, value = int(position["lots"]), int(position["cost"]), int(position["value"])
        bids, asks = desk.market.counts[item.id].tolist()[2:]
        age = now - int(position["ts"]) if position["ts"] else NEVER
        forecasts = tuple(
            ForecastStatus(
                alpha=kernel.name,
                bps=columns[f"{kernel.name}.forecast"] * 1e4,
                confidence=columns[f"{kernel.name}.confidence"],
                horizon_ns=kernel.horizon_ns,
            )
            for kernel in desk.bank.kernels
            if f"{kernel.name}.forecast" in columns
        )
        return InstrumentStatus(
            symbol=item.symbol,
            venue=item.key.venue,
            state=BOOK_STATE_NAMES[int(position["book"])] if position["ts"] else BOOK_STATE_NAMES[stats.state],
            age_ns=age,
            bid=item.price_text(int(position["bid"])) if position["bid"] else "",
            ask=item.price_text(int(position["ask"])) if position["ask"] else "",
            bid_levels=bids,
            ask_levels=asks,
            gaps=stats.gaps,
            resyncs=stats.resyncs,
            checksums_failed=stats.checksums_failed,
            features={name: value for name, value in columns.items() if "." not in name and name not in HIDDEN},
            forecasts=forecasts,
            forecast_bps=columns.get("forecast", 0.0) * 1e4,
            confidence=columns.get("confidence", 0.0),
            position=item.quantity_text(lots),
            target=item.quantity_text(int(position["target"])),
            notional=_money(value),
            average_price=f"{abs(cost) / abs(lots) / float(desk.terms[item.id]['money_per_tick_lot']) / 10**item.price_decimals:.{item.price_decimals}f}"
            if lots
            else "",
            realised=_money(int(position["realised"])),
            unrealised=_money(value - cost),
        )

    def _ensemble(self) -> EnsembleStatus:
        desk = self.logged.desk
        columns = desk.latest(0)
        weights = {name.removeprefix("weight."): value for name, value in columns.items() if name.startswith("weight.")}
        return EnsembleStatus(weights=weights, brier=columns.get("brier", 0.0), outcomes=int(columns.get("outcomes", 0)))

    def _account(self) -> AccountStatus:
        account = self.logged.desk.account
        positions = self.logged.desk.positions
        equity, peak = int(account["equity"]), int(account["peak"])
        return AccountStatus(
            cash=_money(int(account["cash"])),
            equity=_money(equity),
            realised=_money(int(account["realised"])),
            unrealised=_money(int(positions["value"].sum() - positions["cost"].sum())),
            fees=_money(int(account["fees"])),
            day_profit=_money(equity - int(account["day_equity"])),
            drawdown=(peak - equity) / peak if peak > 0 else 0.0,
            max_drawdown=float(account["max_drawdown"]),
            sharpe=self._sharpe(),
            turnover=_money(int(account["turnover"])),
            equity_curve=tuple(value / 10**MONEY_DECIMALS for _, value in self.view.curve.points()[-240:]),
        )

    def _counts(self) -> Counts:
        account = self.logged.desk.account
        return Counts(
            rows=self.logged.rows,
            boundaries=self.logged.desk.boundaries,
            forecasts=self.logged.desk.boundaries,
            decisions=int(account["decisions"]),
            orders=int(account["submits"]),
            fills=int(account["fills"]),
            cancels=int(account["cancels"]),
            working=int(account["active"]),
            in_doubt=self.orders.courier.in_doubt if self.orders else 0,
            troubles=self.orders.courier.troubles if self.orders else 0,
            mutes=self.orders.courier.mutes if self.orders else 0,
            refusals=dict(self.view.refusals_by_reason),
        )

    def _sharpe(self) -> float:
        points = self.view.curve.points()
        if len(points) < 30:
            return 0.0
        ts, values = np.array(points, np.int64).T
        found = sharpe(returns(values.astype(np.float64)), periods_a_year(ts))
        return found if np.isfinite(found) else 0.0

    def _happening(self, record: Any) -> Happening:
        kind, instrument = int(record["kind"]), int(record["instrument"])
        reason = REFUSAL_NAMES[int(record["reason"])] if record["reason"] else ""
        if kind == REFUSED:
            reason += f" ({record['figure']:,.6g}, allowed {record['limit']:,.6g})"
        ts, seq, name = int(record["ts"]), int(record["seq"]), RECORD_NAMES[kind]
        if instrument < 0:
            return Happening(ts=ts, seq=seq, kind=name, reason=reason)
        item = self.logged.desk.instruments[instrument]
        return Happening(
            ts=ts,
            seq=seq,
            kind=name,
            reason=reason,
            symbol=item.symbol,
            order=int(record["order"]),
            side="buy" if record["side"] > 0 else "sell",
            type=TYPE_NAMES[int(record["type"])],
            price=item.price_text(int(record["price"])),
            quantity=item.quantity_text(int(record["lots"])),
        )

    def _log(self, now: int) -> LogStatus:
        writer = self.logged.writer
        return LogStatus(directory=str(self.directory), seq=writer.next_seq - 1, resumed_from=self.logged.resumed_from)


def _money(amount: int) -> str:
    return text(amount, MONEY_DECIMALS, trim=True)
