"""What came out of a backtest: the desk's records, read as equity, fills, trades, a summary, files and a page."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from polaris.desk.settings import DeskSettings
from polaris.desk.state import money, terms_of
from polaris.domain.instrument import Instruments
from polaris.domain.market import BAR, QUOTE, TRADE, Rows
from polaris.domain.numbers import MONEY_DECIMALS
from polaris.domain.orders import BUY, EQUITY, FILL, MAKER, REFUSAL_NAMES, REFUSED, SUBMIT, Records
from polaris.research import evaluate
from polaris.research.data import Gap

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

UNIT: Final = 10.0**-MONEY_DECIMALS


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One run in figures. Money in the account's currency, fractions as fractions; NaN (null in JSON) has no meaning there."""

    rows: int
    start: int  # ns UTC, of the data
    end: int
    orders: int  # sent
    refusals: int
    fills: int
    trades: int  # from flat to flat
    start_equity: float
    end_equity: float
    total_return: float
    annual_return: float
    max_drawdown: float
    drawdown_days: float  # the longest time below an earlier peak
    sharpe: float  # annualised from returns per `frequency`
    sortino: float
    calmar: float
    probabilistic_sharpe: float  # that the true Sharpe ratio is above 0
    frequency: str
    periods: int
    turnover: float  # notional traded / starting equity
    exposure: float  # share of time with any position
    hit_rate: float
    profit_factor: float
    average_trade: float
    best_trade: float
    worst_trade: float
    fees: float
    spread_paid: float  # fills against the mid of their moment
    gross_profit: float  # before fees
    maker_share: float  # of notional
    state_digest: str
    decisions_digest: str
    cpu_seconds: float
    rows_per_second: float


@dataclass(frozen=True)
class Result:
    """One finished run.

    config       as plain data, for the page
    records      RECORD[n], everything the desk said
    rows         ROW[n], what it was given
    """

    name: str
    config: dict[str, Any]
    settings: DeskSettings
    instruments: Instruments
    rows: Rows
    records: Records
    gaps: tuple[Gap, ...]
    state_digest: str
    decisions_digest: str
    cpu_seconds: float

    @property
    def fills(self) -> Records:
        """RECORD[n] of every fill."""
        chosen: Records = self.records[self.records["kind"] == FILL]
        return chosen

    @property
    def equity(self) -> tuple[Ints, Floats]:
        """The equity curve: (int64 ns, float64 in the account's currency), led by the starting equity."""
        ts, exact = self.equity_e8
        values: Floats = exact.astype(np.float64) * UNIT
        return ts, values

    @property
    def equity_e8(self) -> tuple[Ints, Ints]:
        """The equity curve in exact integers of 1e-8: (int64 ns, int64)."""
        samples = self.records[self.records["kind"] == EQUITY]
        start = self.rows["ts_recv"][:1] if len(self.rows) else np.zeros(1, np.int64)
        first = np.array([money(self.settings.equity)], np.int64)
        return np.concatenate((start, samples["ts"])), np.concatenate((first, samples["money"]))

    def notional(self, fills: Records) -> Floats:
        """Price times quantity of each fill, in the account's currency."""
        amount: Floats = fills["price"] * (fills["lots"] * self._value[fills["instrument"]])  # ticks times lots would wrap
        return amount

    def trips(self) -> npt.NDArray[Any]:
        """Round trips, see evaluate.TRIP."""
        fills = self.fills
        instrument, ts, side, lots = (fills[name].astype(np.int64) for name in ("instrument", "ts", "side", "lots"))
        return evaluate.round_trips(instrument, ts, side, lots, self.notional(fills), fills["money"] * UNIT)

    def summary(self) -> Summary:
        """The run in figures."""
        fills, records = self.fills, self.records
        ts, equity = self.equity
        name = evaluate.frequency(ts)
        at, values = evaluate.sampled(ts, equity, evaluate.FREQUENCIES[name])
        change = evaluate.returns(values)
        a_year = evaluate.periods_a_year(at)
        ratio = evaluate.sharpe(change)
        fall = evaluate.drawdown(ts, equity)
        trips = self.trips()
        profit = trips["profit"]
        notional = self.notional(fills)
        fees = float(fills["money"].sum()) * UNIT
        start, end = (int(self.rows["ts_recv"][0]), int(self.rows["ts_recv"].max())) if len(self.rows) else (0, 0)
        return Summary(
            rows=len(self.rows),
            start=start,
            end=end,
            orders=int((records["kind"] == SUBMIT).sum()),
            refusals=int((records["kind"] == REFUSED).sum()),
            fills=len(fills),
            trades=len(trips),
            start_equity=self.settings.equity,
            end_equity=float(equity[-1]),
            total_return=float(equity[-1] / equity[0] - 1.0),
            annual_return=evaluate.annual_return(ts, equity),
            max_drawdown=fall.depth,
            drawdown_days=fall.longest_ns / evaluate.FREQUENCIES["day"],
            sharpe=ratio * a_year**0.5 if a_year > 0 else evaluate.NAN,
            sortino=evaluate.sortino(change, a_year) if a_year > 0 else evaluate.NAN,
            calmar=evaluate.calmar(ts, equity),
            probabilistic_sharpe=evaluate.probabilistic_sharpe(ratio, 0.0, change.size, evaluate.skewness(change), evaluate.kurtosis(change)),
            frequency=name,
            periods=int(change.size),
            turnover=float(notional.sum()) / self.settings.equity,
            exposure=evaluate.exposure(fills["ts"].astype(np.int64), self._any_position(fills), end) * self._since_first_fill(fills, start, end),
            hit_rate=evaluate.hit_rate(profit),
            profit_factor=evaluate.profit_factor(profit),
            average_trade=float(profit.mean()) if profit.size else evaluate.NAN,
            best_trade=float(profit.max()) if profit.size else evaluate.NAN,
            worst_trade=float(profit.min()) if profit.size else evaluate.NAN,
            fees=fees,
            spread_paid=float(self.spread_paid(fills).sum()),
            gross_profit=float(equity[-1] - equity[0]) + fees,
            maker_share=float(notional[fills["liquidity"] == MAKER].sum() / notional.sum()) if len(fills) else evaluate.NAN,
            state_digest=self.state_digest,
            decisions_digest=self.decisions_digest,
            cpu_seconds=self.cpu_seconds,
            rows_per_second=len(self.rows) / self.cpu_seconds if self.cpu_seconds > 0 else evaluate.NAN,
        )

    def spread_paid(self, fills: Records) -> Floats:
        """What each fill lost against the mid of its moment (negative: a maker earned it), in the account's currency."""
        paid: Floats = fills["side"] * (fills["price"] - 0.5 * fills["mid2"]) * fills["lots"] * self._value[fills["instrument"]]
        return paid

    def prices(self, instrument: int) -> tuple[Ints, Floats]:
        """(int64 ns, float64 in the quote currency): closes, trades or mids, whichever its rows hold; else mids of its records."""
        own = self.rows[self.rows["instrument"] == instrument]
        tick = 10.0 ** -self.instruments[instrument].price_decimals
        for kind in (BAR, QUOTE, TRADE):
            rows = own[own["kind"] == kind]
            if len(rows):
                ticks = 0.5 * (rows["price"] + rows["other"]) if kind == QUOTE else rows["price"]
                return rows["ts_recv"].astype(np.int64), ticks * tick
        said = self.records[(self.records["instrument"] == instrument) & (self.records["mid2"] > 0)]
        return said["ts"].astype(np.int64), 0.5 * said["mid2"] * tick

    def exposure(self) -> tuple[Ints, Floats]:
        """Gross notional over equity at every sample of the equity curve: (int64 ns, float64)."""
        ts, equity = self.equity
        gross = np.zeros(ts.size)
        fills = self.fills
        for item in self.instruments:
            own = fills[fills["instrument"] == item.id]
            at, price = self.prices(item.id)
            if len(own) and at.size:
                held = np.append(0, own["position"])[np.searchsorted(own["ts"], ts, side="right")]
                now = price[np.maximum(np.searchsorted(at, ts, side="right") - 1, 0)]
                gross += np.abs(held) * 10.0**-item.quantity_decimals * now
        return ts, np.where(equity > 0, gross / np.where(equity > 0, equity, 1.0), 0.0)

    def refusals(self) -> list[tuple[str, int]]:
        """(reason, count), most frequent first."""
        reasons = self.records["reason"][self.records["kind"] == REFUSED]
        return [(REFUSAL_NAMES[reason], count) for reason, count in Counter(reasons.tolist()).most_common()]

    def to_parquet(self, folder: Path) -> list[Path]:
        """Write fills.parquet and equity.parquet; returns their paths.

        Beside each float stands its exact integer: ticks, lots, and money in 1e-8 of the account's currency.
        """
        folder.mkdir(parents=True, exist_ok=True)
        fills = self.fills
        items = [self.instruments[which] for which in fills["instrument"].tolist()]
        integers = {name: fills[column].astype(np.int64) for name, column in EXACT.items()}
        table = pl.DataFrame(
            {
                "ts": _stamps(fills["ts"]),
                "symbol": [item.symbol for item in items],
                "side": np.where(fills["side"] == BUY, "buy", "sell"),
                "price": [ticks / 10**item.price_decimals for ticks, item in zip(fills["price"].tolist(), items, strict=True)],
                "quantity": [lots / 10**item.quantity_decimals for lots, item in zip(fills["lots"].tolist(), items, strict=True)],
                "liquidity": np.where(fills["liquidity"] == MAKER, "maker", "taker"),
                "fee": fills["money"] * UNIT,
                **integers,
            }
        )
        ts, equity = self.equity
        curve = pl.DataFrame({"ts": _stamps(ts), "equity": equity, "drawdown": -evaluate.underwater(equity), "equity_e8": self.equity_e8[1]})
        paths = [folder / "fills.parquet", folder / "equity.parquet"]
        for frame, path in zip((table, curve), paths, strict=True):
            frame.write_parquet(path, compression="zstd")
        return paths

    @property
    def _value(self) -> Floats:
        """Money of one tick times one lot, by instrument, in the account's currency."""
        value: Floats = terms_of(self.settings, self.instruments)["money_per_tick_lot"] * UNIT
        return value

    def _any_position(self, fills: Records) -> Ints:
        """How many instruments hold a position after each fill."""
        open_ = np.zeros(len(self.instruments), np.bool_)
        count = np.zeros(len(fills), np.int64)
        for i, (instrument, position) in enumerate(zip(fills["instrument"].tolist(), fills["position"].tolist(), strict=True)):
            open_[instrument] = position != 0
            count[i] = open_.sum()
        return count

    def _since_first_fill(self, fills: Records, start: int, end: int) -> float:
        """The share of the run's time after its first fill."""
        return (end - int(fills["ts"][0])) / (end - start) if len(fills) and end > start else 0.0


EXACT: Final = {"order": "order", "seq": "seq", "price_ticks": "price", "lots": "lots", "fee_e8": "money", "cash_e8": "cash", "position_lots": "position"}


def _stamps(ts: Ints) -> pl.Series:
    return pl.Series(ts).cast(pl.Datetime("ns", "UTC"))
