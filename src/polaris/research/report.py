"""A run on one page: HTML with everything inside, so it opens offline, prints, and can be mailed.

The chart library is inlined once; no host is asked for anything. Long series are thinned to what a screen can show,
keeping every extreme, so the file stays below about 8 MB however long the run.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from polaris.research.evaluate import Month

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

POINTS = 6_000  # of one line
MARKERS = 500  # of one side's trades on a price
INK, QUIET, LINE, RISE, FALL = "#14213d", "#6b7280", "#1d4ed8", "#0f766e", "#b91c1c"


@dataclass(frozen=True)
class Traded:
    """One instrument's prices and fills: times int64 ns, prices in its quote currency."""

    symbol: str
    ts: Ints
    price: Floats
    fill_ts: Ints
    fill_price: Floats
    fill_side: Ints


@dataclass(frozen=True)
class Page:
    """What a report shows, in the order it shows it."""

    title: str
    subtitle: str
    figures: Sequence[tuple[str, str, str]]  # name, value, what it means
    equity_ts: Ints
    equity: Floats
    underwater: Floats
    traded: Sequence[Traded]
    months: Sequence[Month]
    exposure_ts: Ints
    exposure: Floats  # gross notional over equity
    costs: Sequence[tuple[str, str]]
    trade_returns: Floats
    refusals: Sequence[tuple[str, int]]
    facts: Sequence[tuple[str, str]]  # config and digests
    notes: Sequence[str] = field(default_factory=tuple)


def html(page: Page) -> str:
    """The whole page as one text."""
    from plotly.offline import get_plotlyjs

    charts = [("Equity and drawdown", _equity(page))]
    charts += [(f"Trades on {item.symbol}", _trades(item)) for item in page.traded]
    if page.exposure.size:
        charts.append(("Exposure", _exposure(page)))
    if page.trade_returns.size:
        charts.append(("Returns of closed trades", _distribution(page)))
    sections = [
        f'<section class="figures">{"".join(map(_figure, page.figures))}</section>',
        _section(charts[0][0], charts[0][1]),
        _section("Months", _months(page.months)),
        *(_section(name, body) for name, body in charts[1:]),
        f'<div class="pair">{_section("Costs", _pairs(page.costs))}{_section("Refusals by the gate", _refusals(page.refusals))}</div>',
        _section("This run", f'<div class="facts">{_pairs(page.facts)}</div>'),
    ]
    notes = "".join(f"<p>{escape(note)}</p>" for note in page.notes)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{escape(page.title)}</title><style>{STYLE}</style><script>{get_plotlyjs()}</script></head>\n<body><main>'
        f"<header><h1>{escape(page.title)}</h1><p>{escape(page.subtitle)}</p>{notes}</header>\n" + "\n".join(sections) + "\n</main></body></html>\n"
    )


def thin(ts: Ints, values: Floats, points: int = POINTS) -> tuple[Ints, Floats]:
    """At most about `points` points that draw the same line: of each stretch its first, lowest, highest and last."""
    if ts.size <= points:
        return ts, values
    edges = np.linspace(0, ts.size, max(2, points // 4) + 1).astype(np.int64)
    keep = {0, int(ts.size) - 1}
    for start, stop in itertools.pairwise(edges):
        part = values[start:stop]
        keep.update((int(start), int(start + part.argmin()), int(start + part.argmax()), int(stop) - 1))
    chosen = np.array(sorted(keep))
    return ts[chosen], values[chosen]


def _figure(item: tuple[str, str, str]) -> str:
    name, value, meaning = map(escape, item)
    sign = " fall" if value.startswith(("-", "\N{MINUS SIGN}")) else ""
    return f'<div title="{meaning}"><dt>{name}</dt><dd class="{sign.strip()}">{value}</dd><small>{meaning}</small></div>'


def _section(name: str, body: str) -> str:
    return f"<section><h2>{escape(name)}</h2>{body}</section>"


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in pairs)
    return f'<table class="pairs">{rows}</table>'


def _refusals(reasons: Sequence[tuple[str, int]]) -> str:
    if not reasons:
        return "<p>None.</p>"
    most = max(count for _, count in reasons)
    rows = "".join(
        f'<tr><th>{escape(name)}</th><td class="bar"><i style="width:{100 * count / most:.1f}%"></i></td><td>{count:,}</td></tr>' for name, count in reasons
    )
    return f'<table class="pairs">{rows}</table>'


def _months(months: Sequence[Month]) -> str:
    if not months:
        return "<p>No month has data.</p>"
    by_month = {(item.year, item.month): item.change for item in months}
    head = "".join(f"<th>{name}</th>" for name in ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Year"])
    body = []
    for year in range(months[0].year, months[-1].year + 1):
        cells = [by_month.get((year, month)) for month in range(1, 13)]
        known = [change for change in cells if change is not None]
        whole = math.prod(1.0 + change for change in known) - 1.0 if known else None
        body.append(f"<tr><th>{year}</th>{''.join(map(_month, [*cells, whole]))}</tr>")
    return f'<div class="scroll"><table class="months"><tr><th></th>{head}</tr>{"".join(body)}</table></div>'


def _month(change: float | None) -> str:
    if change is None:
        return "<td></td>"
    strength = min(0.55, 0.08 + abs(change) * 4)
    colour = f"rgba(15,118,110,{strength:.2f})" if change >= 0 else f"rgba(185,28,28,{strength:.2f})"
    return f'<td style="background:{colour}">{100 * change:+.2f}</td>'


def _equity(page: Page) -> str:
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.04)
    ts, equity = thin(page.equity_ts, page.equity)
    figure.add_scatter(x=_dates(ts), y=equity, name="equity", line={"color": LINE, "width": 1.5}, row=1, col=1)
    ts, fall = thin(page.equity_ts, 100 * page.underwater)
    figure.add_scatter(x=_dates(ts), y=fall, name="drawdown, %", fill="tozeroy", line={"color": FALL, "width": 1}, row=2, col=1)
    figure.update_yaxes(title_text="equity", row=1, col=1)
    figure.update_yaxes(title_text="drawdown, %", row=2, col=1)
    return _chart(figure, "equity", 430)


def _trades(item: Traded) -> str:
    import plotly.graph_objects as go

    figure = go.Figure()
    ts, price = thin(item.ts, item.price)
    figure.add_scatter(x=_dates(ts), y=price, name=item.symbol, line={"color": QUIET, "width": 1})
    shown = ""
    for name, side, shape, colour in (("bought", 1, "triangle-up", RISE), ("sold", -1, "triangle-down", FALL)):
        own = np.flatnonzero(item.fill_side == side)
        if own.size > MARKERS:
            step = -(-own.size // MARKERS)
            shown = f"<p>{item.fill_side.size:,} fills; one in {step} is drawn.</p>"
            own = own[::step]
        figure.add_scatter(
            x=_dates(item.fill_ts[own]), y=item.fill_price[own], name=name, mode="markers", marker={"symbol": shape, "size": 7, "color": colour, "opacity": 0.7}
        )
    return _chart(figure, f"trades-{item.symbol}", 360) + shown


def _exposure(page: Page) -> str:
    import plotly.graph_objects as go

    ts, share = thin(page.exposure_ts, 100 * page.exposure)
    figure = go.Figure()
    figure.add_scatter(x=_dates(ts), y=share, name="gross notional, % of equity", line={"color": LINE, "width": 0.5, "shape": "hv"}, fill="tozeroy")
    figure.update_yaxes(title_text="% of equity")
    return _chart(figure, "exposure", 240)


def _distribution(page: Page) -> str:
    import plotly.graph_objects as go

    change = 100 * page.trade_returns
    low, high = np.quantile(change, [0.005, 0.995]) if change.size > 200 else (change.min(), change.max())
    counts, edges = np.histogram(np.clip(change, low, high), bins=min(60, max(10, round(change.size**0.5))))
    middle = (edges[1:] + edges[:-1]) / 2
    figure = go.Figure()
    figure.add_bar(x=middle, y=counts, width=np.diff(edges) * 0.94, marker_color=np.where(middle >= 0, RISE, FALL).tolist(), name="trades")
    figure.update_xaxes(title_text="return after fees, %")
    figure.update_yaxes(title_text="trades")
    return _chart(figure, "distribution", 260)


def _chart(figure: Any, name: str, height: int) -> str:
    import plotly.io as pio

    figure.update_layout(
        height=height,
        margin={"l": 58, "r": 12, "t": 8, "b": 36},
        template="plotly_white",
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        legend={"orientation": "h", "y": 1.08, "x": 0},
        hovermode="x unified",
        showlegend=len(figure.data) > 1,
    )
    text: str = pio.to_html(figure, include_plotlyjs=False, full_html=False, div_id=name, config={"displayModeBar": False, "responsive": True})
    return text


def _dates(ts: Ints) -> Any:
    return ts.astype("datetime64[ns]").astype("datetime64[ms]")


STYLE = """
:root{--ink:#14213d;--quiet:#6b7280;--rule:#e5e7eb;--paper:#fff;--wash:#f8fafc}
*{box-sizing:border-box}
body{margin:0;background:var(--wash);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 20px 60px}
header{border-bottom:3px solid var(--ink);margin-bottom:20px;padding-bottom:10px}
h1{font-size:26px;margin:0;letter-spacing:-.01em}h2{font-size:14px;margin:0 0 10px;text-transform:uppercase;letter-spacing:.06em;color:var(--quiet)}
header p{margin:4px 0;color:var(--quiet)}
section{background:var(--paper);border:1px solid var(--rule);border-radius:8px;padding:16px 18px;margin:0 0 16px}
section>p{margin:4px 0;color:var(--quiet);font-size:13px}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(158px,1fr));gap:1px;padding:0;overflow:hidden;background:var(--rule)}
.figures div{background:var(--paper);padding:12px 14px}
dt{font-size:12px;color:var(--quiet)}dd{margin:0;font-size:21px;font-weight:600;font-variant-numeric:tabular-nums}
dd.fall::after{content:" \\25BC";font-size:11px;color:#b91c1c}
small{color:var(--quiet);font-size:11px;line-height:1.3;display:block}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:13px}
th{text-align:left;font-weight:500;color:var(--quiet);padding:4px 10px 4px 0;vertical-align:top;white-space:nowrap}
td{padding:4px 0;overflow-wrap:anywhere;text-align:right}
.pairs tr+tr>*{border-top:1px solid var(--rule)}
.bar{width:45%;text-align:left}.bar i{display:block;height:9px;margin-top:5px;border-radius:2px;background:#94a3b8}
.months td,.months th{text-align:center;padding:5px 4px;border:1px solid var(--paper);white-space:nowrap;min-width:46px}
.facts table{display:block;columns:2;column-gap:32px}.facts tbody{display:contents}.facts tr{display:flex;justify-content:space-between;break-inside:avoid;border-top:1px solid var(--rule)}
.facts tr>*{border:0!important}
.months td:last-child{font-weight:600}
.scroll{overflow-x:auto}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:16px}
@media(max-width:720px){main{padding:16px 10px}.pair{grid-template-columns:1fr;gap:0}.facts table{columns:1}section{padding:12px 10px}.figures{padding:0;grid-template-columns:1fr 1fr}}
@media print{body{background:#fff;font-size:12px}main{padding:0;max-width:none}section{break-inside:avoid;border-color:#ccc}.modebar{display:none!important}}
"""
