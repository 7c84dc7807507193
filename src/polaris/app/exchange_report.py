"""A simulated market on one page: HTML with everything inside, so it opens offline.

`polaris exchange report` writes it: the price and its regimes, spreads and depth, returns against the normal distribution, memories,
the law of impact, and what venues' prices differ by.
"""

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from polaris.exchange.simulation.facts import BOUNDS, Facts, Floats, faults
from polaris.exchange.simulation.report import DISTANCES, LAGS, SIGN_LAGS, Ints, Observed, observe
from polaris.exchange.simulation.settings import Settings
from polaris.research.report import FALL, INK, LINE, QUIET, RISE, STYLE, thin

COLOURS = (LINE, RISE, "#c2410c", "#7c3aed")  # of venues
CALM, WILD = 0.6, 1.6  # regimes: volatility below and above, in usual ones
OPEN_BPS = 1.0  # a gap across venues worth a word
NEAR_S = 600  # of the cross-venue picture
ACROSS = "Left: ten minutes about the widest gap. Right: how far venues are apart; above 0 a bid is above another venue's ask."
MEANINGS = {
    "tails.excess_kurtosis": "a normal distribution has 0",
    "tails.hill": "exponent of the tail of returns; a normal one has none",
    "memory.first": "of one-minute returns, lag 1",
    "memory.linear": "mean of the absolute autocorrelations, lags 2 to 20",
    "memory.size": "of absolute returns, mean of lags 1 to 30: volatility clusters",
    "spread.variation": "deviation over mean of the quoted spread",
    "depth.variation": "deviation over mean of what the best prices show",
    "signs.lag_10": "buys follow buys: ten trades later",
    "signs.lag_100": "and a hundred trades later",
    "signs.decay": "it fades like lag to the minus this; below 1 is long memory",
    "impact.exponent": "a parent order moves the price with its size to this power",
}


def write_report(path: Path, settings: Settings | None = None, seed: int = 1, hours: float = 24.0, symbol: int = 0) -> Observed:
    """Live so many hours of a market, write the page, and return what it shows. Raises ValueError for less than 5 hours."""
    seen = observe(settings or Settings(), seed, hours, symbol)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(seen), encoding="utf-8")
    return seen


def page(seen: Observed) -> str:
    """The whole page as one text."""
    from plotly.offline import get_plotlyjs

    first = seen.venues[0]
    title = f"A simulated market: {seen.symbol}"
    subtitle = f"{seen.hours:g} hours on {', '.join(venue.name for venue in seen.venues)} · seed {seen.seed} · {seen.orders:,} orders and cancels in the whole market"
    facts = first.facts
    figures = [
        ("Trades", f"{sum(venue.trades for venue in seen.venues):,}", "on all venues"),
        ("Volume", f"{sum(venue.volume for venue in seen.venues):,.0f} {seen.symbol}", "on all venues"),
        ("One minute", f"{facts.tails.deviation_bps:.1f} bp", "standard deviation of a return"),
        ("Excess kurtosis", f"{facts.tails.excess_kurtosis:.1f}", "of one-minute returns; normal: 0"),
        ("Tail exponent", f"{facts.tails.hill:.1f}", "Hill, 5 % of the returns"),
        ("Median spread", f"{facts.spread.median:.2f} bp", f"5 % above {facts.spread.high:.2f}"),
        ("Impact exponent", f"{facts.impact.exponent:.2f}", f"± {facts.impact.error:.2f}, {facts.impact.parents:,} parents"),
        ("Best depth", f"{facts.depth.median:.1f}", "usual orders at a best price, median"),
        ("Return memory", f"{facts.memory.first:+.3f}", "autocorrelation, one minute"),
        ("Size memory", f"{facts.memory.size:.3f}", "of absolute returns, 1 to 30 minutes"),
        ("Side memory", f"{facts.signs.lag_100:.3f}", "of takers, 100 trades later"),
        ("Venues apart", f"{100 * float((seen.gap_bps > OPEN_BPS).mean()):.1f} %", f"of the time by more than {OPEN_BPS:g} bp"),
    ]
    sections = [
        f'<section class="figures">{"".join(f"<div><dt>{escape(a)}</dt><dd>{escape(b)}</dd><small>{escape(c)}</small></div>" for a, b, c in figures)}</section>',
        _section("Price and regimes", _price(seen), f"Shaded: the hours whose volatility is above {WILD:g} times the usual, and below {CALM:g}."),
        _section("Spread and depth", _shown(seen)),
        f'<div class="pair">{_section("Spreads", _spreads(seen))}{_section("The book", _depth(seen))}</div>',
        f'<div class="pair">{_section("Returns of a minute", _returns(seen))}{_section("Their memory", _memory(seen))}</div>',
        f'<div class="pair">{_section("Impact of parent orders", _impact(seen))}{_section("Memory of the side of trades", _signs(seen))}</div>',
        _section("Across venues", _across(seen), ACROSS),
        f'<div class="pair">{_section("Facts of a market", _facts(facts))}{_section("Who takes", _takers(seen))}</div>',
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{escape(title)}</title><style>{STYLE}</style><script>{get_plotlyjs()}</script></head>\n<body><main>'
        f"<header><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></header>\n" + "\n".join(sections) + "\n</main></body></html>\n"
    )


def _section(name: str, body: str, note: str = "") -> str:
    return f"<section><h2>{escape(name)}</h2>{f'<p>{escape(note)}</p>' if note else ''}{body}</section>"


def _price(seen: Observed) -> str:
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.04)
    first = seen.venues[0]
    for ts, values, name, colour, row in (
        (first.ts, first.mid, f"mid on {first.name}", LINE, 1),
        (first.ts, seen.fair, "fundamental", QUIET, 1),
        (first.ts, seen.heat, "volatility, usual ones", FALL, 2),
    ):
        at, line = _thinned(ts, values)
        figure.add_scatter(x=_dates(at), y=line, name=name, line={"color": colour, "width": 1.2 if row == 1 else 1}, row=row, col=1)
    for begins, ends, colour in _regimes(first.ts, seen.heat):
        figure.add_vrect(x0=str(begins), x1=str(ends), fillcolor=colour, opacity=0.07, line_width=0, row=1, col=1)
    figure.update_yaxes(title_text="price", tickformat=",", row=1, col=1)
    figure.update_yaxes(title_text="volatility", rangemode="tozero", row=2, col=1)
    return _chart(figure, "price", 430)


def _regimes(ts: Ints, heat: Floats) -> list[tuple[Any, Any, str]]:
    """(begin, end, colour) of each calm and each wild time of a few minutes or more, of what a ten minutes' median says."""
    length = 600
    blocks = len(heat) // length
    if blocks == 0:
        return []
    median = np.median(heat[: blocks * length].reshape(blocks, length), axis=1)
    kind = np.where(median > WILD, 2, np.where(median < CALM, 1, 0))
    edges = np.flatnonzero(np.diff(kind)) + 1
    spans = zip([0, *edges.tolist()], [*edges.tolist(), blocks], strict=True)
    dates = _dates(ts)
    return [(dates[a * length], dates[min(len(dates) - 1, b * length)], FALL if kind[a] == 2 else RISE) for a, b in spans if kind[a]]


def _shown(seen: Observed) -> str:
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    for venue, colour in zip(seen.venues, COLOURS, strict=False):
        for row, values in ((1, venue.spread_bps), (2, venue.depth)):
            blocks = len(values) // 300
            means = np.nanmedian(values[: 300 * blocks].reshape(blocks, 300), axis=1)
            figure.add_scatter(
                x=_dates(venue.ts[: 300 * blocks : 300]), y=means, name=venue.name, line={"color": colour, "width": 1.2}, showlegend=row == 1, row=row, col=1
            )
    figure.update_yaxes(title_text="spread, bp", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="best depth, usual orders", rangemode="tozero", row=2, col=1)
    return _chart(figure, "shown", 360) + "<p>Medians of five minutes.</p>"


def _spreads(seen: Observed) -> str:
    import plotly.graph_objects as go

    figure = go.Figure()
    top = max(float(np.nanquantile(venue.spread_bps, 0.995)) for venue in seen.venues)
    for venue, colour in zip(seen.venues, COLOURS, strict=False):
        counts, edges = np.histogram(venue.spread_bps[np.isfinite(venue.spread_bps)], bins=60, range=(0.0, top))
        share = 100.0 * counts / max(1, counts.sum())
        figure.add_scatter(x=(edges[1:] + edges[:-1]) / 2, y=share, name=venue.name, line={"color": colour, "width": 1.4, "shape": "hvh"})
    figure.update_xaxes(title_text="quoted spread, bp")
    figure.update_yaxes(title_text="% of time", type="log")
    return _chart(figure, "spreads", 300)


def _depth(seen: Observed) -> str:
    import plotly.graph_objects as go

    figure = go.Figure()
    for venue, colour in zip(seen.venues, COLOURS, strict=False):
        figure.add_scatter(x=DISTANCES, y=venue.profile, name=venue.name, mode="lines+markers", line={"color": colour, "width": 1.4})
    figure.update_xaxes(title_text="within, bp of the mid", type="log")
    figure.update_yaxes(title_text="usual orders, both sides", type="log")
    return _chart(figure, "depth", 300)


def _returns(seen: Observed) -> str:
    import plotly.graph_objects as go

    scaled = seen.returns / seen.returns.std()
    counts, edges = np.histogram(np.clip(scaled, -9.0, 9.0), bins=61, range=(-9.15, 9.15))
    middle, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    density = counts / len(scaled) / width
    figure = go.Figure()
    figure.add_scatter(x=middle[counts > 0], y=density[counts > 0], name="simulated", mode="markers", marker={"color": LINE, "size": 6})
    near = np.abs(middle) < 4.2
    figure.add_scatter(x=middle[near], y=np.exp(-0.5 * middle[near] ** 2) / (2 * np.pi) ** 0.5, name="normal", line={"color": QUIET, "width": 1.2})
    figure.update_xaxes(title_text="standard deviations")
    figure.update_yaxes(title_text="density", type="log")
    return _chart(figure, "returns", 300)


def _memory(seen: Observed) -> str:
    import plotly.graph_objects as go

    lags = LAGS[: len(seen.return_memory)]
    figure = go.Figure()
    figure.add_scatter(x=lags, y=seen.size_memory, name="of their size", line={"color": LINE, "width": 1.3})
    figure.add_scatter(x=lags, y=seen.return_memory, name="of returns", line={"color": FALL, "width": 1})
    bound = 2.0 / max(1, len(seen.returns)) ** 0.5
    figure.add_hrect(y0=-bound, y1=bound, fillcolor=QUIET, opacity=0.12, line_width=0)
    figure.update_xaxes(title_text="lag, minutes")
    figure.update_yaxes(title_text="autocorrelation")
    return _chart(figure, "memory", 300)


def _impact(seen: Observed) -> str:
    import plotly.graph_objects as go

    law = seen.venues[0].facts.impact
    figure = go.Figure()
    bars = {"type": "data", "array": 2.0 * law.move_error, "color": LINE, "thickness": 1}
    figure.add_scatter(x=law.quantity, y=law.move, name="parents", mode="markers", marker={"color": LINE, "size": 7}, error_y=bars)
    for exponent, name, colour in ((law.exponent, f"size to the {law.exponent:.2f}", INK), (0.5, "square root", QUIET)):
        scale = law.scale if exponent == law.exponent else law.scale * float(law.quantity[0]) ** (law.exponent - 0.5)
        style = {"color": colour, "width": 1.2, "dash": "solid" if exponent == law.exponent else "dot"}
        figure.add_scatter(x=law.quantity, y=scale * law.quantity**exponent, name=name, line=style)
    figure.update_xaxes(title_text="size, usual orders", type="log")
    figure.update_yaxes(title_text="move, one-minute deviations", type="log")
    return _chart(figure, "impact", 300)


def _signs(seen: Observed) -> str:
    import plotly.graph_objects as go

    positive = seen.sign_memory > 0
    lags = np.array(SIGN_LAGS)
    figure = go.Figure()
    figure.add_scatter(x=lags[positive], y=seen.sign_memory[positive], name="sides", mode="markers", marker={"color": LINE, "size": 6})
    figure.update_xaxes(title_text="lag, trades", type="log")
    figure.update_yaxes(title_text="autocorrelation", type="log")
    return _chart(figure, "signs", 300)


def _across(seen: Observed) -> str:
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.09)
    middle = int(np.argmax(seen.gap_bps))
    window = slice(max(0, middle - NEAR_S // 2), middle + NEAR_S // 2)
    for venue, colour in zip(seen.venues, COLOURS, strict=False):
        figure.add_scatter(x=_dates(venue.ts[window]), y=venue.mid[window], name=venue.name, line={"color": colour, "width": 1.2, "shape": "hv"}, row=1, col=1)
    low, high = np.quantile(seen.gap_bps, [0.001, 0.999])
    counts, edges = np.histogram(seen.gap_bps, bins=60, range=(low, high))
    centre = (edges[1:] + edges[:-1]) / 2
    colours = np.where(centre > OPEN_BPS, FALL, QUIET).tolist()
    figure.add_bar(x=centre, y=100.0 * counts / len(seen.gap_bps), marker_color=colours, name="gap", showlegend=False, row=1, col=2)
    figure.update_yaxes(title_text="mid", tickformat=",", row=1, col=1)
    figure.update_xaxes(title_text="best bid anywhere over best ask anywhere, bp", row=1, col=2)
    figure.update_yaxes(title_text="% of time", row=1, col=2)
    return _chart(figure, "across", 330)


def _facts(facts: Facts) -> str:
    wrong = {fault.split(" ")[0] for fault in faults(facts)}
    rows, pad = [], '<td style="padding-left:14px;white-space:nowrap">'
    for name, (least, most) in BOUNDS.items():
        part, field = name.split(".")
        value = getattr(getattr(facts, part), field)
        mark = f'<b style="color:{FALL}">no</b>' if name in wrong else f'<b style="color:{RISE}">yes</b>'
        label = name.replace(".", ": ").replace("_", " ")
        said = f"{label}<br><small>{escape(MEANINGS[name])}</small>"
        rows.append(f"<tr><th>{said}</th>{pad}{value:.3g}</td>{pad}{least:g} .. {most:g}</td>{pad}{mark}</td></tr>")
    return f'<table class="pairs">{"".join(rows)}</table>'


def _takers(seen: Observed) -> str:
    most = max(seen.takers.values())
    rows = (
        f'<tr><th>{escape(name)}</th><td class="bar"><i style="width:{100 * share / most:.1f}%"></i></td><td>{100 * share:.1f} %</td></tr>'
        for name, share in sorted(seen.takers.items(), key=lambda item: -item[1])
    )
    return f'<table class="pairs">{"".join(rows)}</table><p>Share of the volume, by who took it.</p><p>Digest of the market: {escape(seen.digest[:32])}</p>'


def _thinned(ts: Ints, values: Floats) -> tuple[Ints, Floats]:
    known = np.isfinite(values)
    return thin(ts[known], values[known], 4000)


def _dates(ts: Ints) -> Any:
    return ts.astype("datetime64[ns]").astype("datetime64[ms]")


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
