"""A run's figures in words: what the report shows of a Result, and how it is written."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from polaris.research import evaluate
from polaris.research.report import Page, Traded, html
from polaris.research.result import Result, Summary


def write_page(result: Result, path: Path) -> None:
    """Write a run as one HTML file that opens offline."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html(page_of(result)), encoding="utf-8")


def page_of(result: Result) -> Page:
    """The report of a run, as plain figures and arrays."""
    summary = result.summary()
    fills = result.fills
    ts, equity = result.equity
    trips = result.trips()
    exposure_ts, exposure = result.exposure()
    traded = []
    for item in result.instruments:
        own = fills[fills["instrument"] == item.id]
        at, price = result.prices(item.id)
        if len(own):
            traded.append(Traded(item.symbol, at, price, own["ts"].astype(np.int64), own["price"] * 10.0**-item.price_decimals, own["side"].astype(np.int64)))
    symbols = ", ".join(item.symbol for item in result.instruments)
    gaps = sum(gap.missing for gap in result.gaps)
    return Page(
        title=result.name,
        subtitle=f"{result.config['strategy']} on {symbols} · {_day(summary.start)} to {_day(summary.end)} UTC · {summary.rows:,} rows",
        figures=_figures(summary),
        equity_ts=ts,
        equity=equity,
        underwater=evaluate.underwater(equity),
        traded=traded,
        months=evaluate.months(ts, equity),
        exposure_ts=exposure_ts,
        exposure=exposure,
        costs=_costs(summary),
        trade_returns=trips["profit"] / np.where(trips["paid"] > 0, trips["paid"], 1.0),
        refusals=result.refusals(),
        facts=[*_flat(result.config), ("state digest", summary.state_digest), ("decisions digest", summary.decisions_digest)],
        notes=[f"The data has {len(result.gaps):,} gaps ({gaps:,} bars are missing)."] if result.gaps else [],
    )


def _figures(summary: Summary) -> list[tuple[str, str, str]]:
    return [
        ("Return", _percent(summary.total_return), f"{summary.start_equity:,.2f} became {summary.end_equity:,.2f}"),
        ("A year", _percent(summary.annual_return), "if this pace went on"),
        ("Deepest drawdown", _percent(-summary.max_drawdown), f"longest under water {summary.drawdown_days:,.1f} days"),
        ("Sharpe", _number(summary.sharpe), f"a year, from {summary.periods:,} returns per {summary.frequency}"),
        ("Sortino", _number(summary.sortino), "a year, losses alone as risk"),
        ("Calmar", _number(summary.calmar), "yearly return / deepest drawdown"),
        ("Probability of skill", _percent(summary.probabilistic_sharpe), "that the true Sharpe ratio is above 0"),
        ("Trades", f"{summary.trades:,}", f"{summary.orders:,} orders, {summary.fills:,} fills"),
        ("Hit rate", _percent(summary.hit_rate), "of trades, after fees"),
        ("Profit factor", _number(summary.profit_factor), "won / lost"),
        ("Average trade", _money(summary.average_trade), f"best {_money(summary.best_trade)}, worst {_money(summary.worst_trade)}"),
        ("Time in market", _percent(summary.exposure), f"turnover {summary.turnover:,.1f} x equity"),
    ]


def _costs(summary: Summary) -> list[tuple[str, str]]:
    traded = summary.turnover * summary.start_equity
    return [
        ("before fees", _money(summary.gross_profit)),
        ("fees", _money(-summary.fees)),
        ("after fees", _money(summary.end_equity - summary.start_equity)),
        ("spread paid against the mid (in the above)", _money(summary.spread_paid)),
        ("fees per notional", f"{1e4 * summary.fees / traded:.2f} bp" if traded else "none traded"),
        ("filled as maker", _percent(summary.maker_share)),
    ]


def _flat(config: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as (dotted name, value)."""
    told: list[tuple[str, str]] = []
    for name, value in config.items():
        if isinstance(value, dict) and value:
            told += _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for i, item in enumerate(value):
                told += _flat(item, f"{prefix}{name}[{i}].")
        elif value not in ("", {}, []):
            told.append((f"{prefix}{name}", str(value)))
    return told


def _percent(value: float) -> str:
    return "\N{EN DASH}" if math.isnan(value) else f"{100 * value:,.2f} %"


def _number(value: float) -> str:
    return "\N{EN DASH}" if math.isnan(value) else f"{value:,.2f}"


def _money(value: float) -> str:
    return "\N{EN DASH}" if math.isnan(value) else f"{round(value, 2) + 0.0:,.2f}"  # no "-0.00"


def _day(ts: int) -> str:
    return str(np.datetime64(ts, "ns").astype("datetime64[m]")).replace("T", " ")
