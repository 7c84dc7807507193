"""The live view: one Status drawn on a terminal, from 80 x 24 up.

`render` is a pure function of a status and a size. It is all lines of text: each part says how many it needs, the parts
that matter most come first, and the blotter takes what is left, so nothing wraps and nothing jumps. Loss is marked by
sign and shape as well as colour, and what is stale turns grey and shows its age: a feed that looks connected but is mute
must not look well.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from polaris.app.latency import StageLatency
from polaris.app.status import NEVER, AccountStatus, Happening, InstrumentStatus, OrderVenueStatus, Status, VenueStatus

STALE_NS: Final = 2_000_000_000  # older data turns grey
MUTE_NS: Final = 10_000_000_000  # older data turns red: the gate refuses orders on it
BLOCKS: Final = " ▁▂▃▄▅▆▇█"
MODES: Final = {
    "observe": ("OBSERVE", "bold black on cyan", "no orders are sent"),
    "paper": ("PAPER", "bold black on green", "simulated fills, no real money"),
    "live": ("LIVE", "bold white on red", "REAL MONEY"),
}
TRADING: Final = {"running": "green", "paused": "bold yellow", "killed": "bold white on red", "observe": "cyan"}
BOOKS: Final = {"LIVE": "green", "SYNCING": "yellow", "STALE": "red", "DISCONNECTED": "bright_black"}
HAPPENINGS: Final = {"fill": "bold", "refused": "yellow", "rejected": "red", "halt": "bold red", "cancel": "bright_black", "cancelled": "bright_black"}
SHOWN_LAST: Final = frozenset({"mid", "spread_ticks", "weighted_mid", "microprice", "age"})  # they say again what the books say above

Lines = list[RenderableType]


def render(status: Status, width: int, height: int) -> RenderableType:
    """The whole view, at most `height` lines of at most `width` cells."""
    room = height
    parts: list[Lines] = []

    def place(part: Lines, *, keep: int = 0) -> None:
        """Take the part where it fits and leaves `keep` lines for what follows."""
        nonlocal room
        if part and _height(part) <= room - keep:
            parts.append(part)
            room -= _height(part)

    tall = height >= 36
    place([_headline(status, width), _venues(status.venues, width)])
    place(_money(status.account, width, 5 if height >= 44 else 3 if tall else 1))
    place(_orders_at(status.orders_at, tall, width))
    shown = _fitting(status.instruments, room, tall)
    place(_books(shown, len(status.instruments) - len(shown), width))
    place(_forecasts(status, shown, width), keep=4)
    if tall:
        place(_features(shown, width), keep=8)
        place(_stages(status.latency), keep=6)
    else:
        place(_stages_line(status.latency, width), keep=3)
    place(_blotter(status, width, room))
    return Group(*(line for part in parts for line in part))


def line(status: Status) -> str:
    """The desk in one line, for where there is no terminal."""
    live = sum(book.state == "LIVE" for book in status.instruments)
    counts, account = status.counts, status.account
    refused = sum(counts.refusals.values())
    return (
        f"{_clock(status.now_ns)} {status.mode} {status.trading} · books {live}/{len(status.instruments)} live · equity {_money_text(account.equity)} "
        f"({_signed(account.day_profit)} today) · {counts.orders:,} orders, {counts.fills:,} fills, {refused:,} refused · "
        f"{_latency_text(status.latency)} · log seq {status.log.seq:,}"
        + "".join(f" · no orders to {venue.name}: {venue.held}" for venue in status.orders_at if venue.held)
    )


def _headline(status: Status, width: int) -> Text:
    name, style, meaning = MODES.get(status.mode, (status.mode.upper(), "bold", ""))
    if status.mode == "paper" and status.orders_at:
        meaning = "orders go to an exchange of our own, no real money"
    left = Text.assemble((f" {name} ", style), " ", (status.trading if status.trading != status.mode else "", TRADING.get(status.trading, "bold")))
    if status.trading_reason:
        left.append(f" ({status.trading_reason})", TRADING.get(status.trading, ""))
    elif width >= 110 or status.trading == status.mode:
        left.append(f" {meaning}" if status.trading == status.mode else f" · {meaning}", "bright_black")
    left.append(f" · {status.market or 'no market'}", "bright_black")
    lag = f", {_age(status.log.lag_ns)} behind" if status.log.lag_ns else ""
    right = Text(f"log {status.log.seq:,}{lag} · up {_age(status.now_ns - status.started_ns)} · {_clock(status.now_ns)} UTC")
    return _ends(left, right, width)


def _venues(venues: Sequence[VenueStatus], width: int) -> Text:
    if not venues:
        return _cut(Text("no venue yet", "bright_black"), width)
    text = Text()
    for place, venue in enumerate(venues):
        fresh = venue.connected and venue.age_ns != NEVER and venue.age_ns < STALE_NS
        text.append("   " if place else "")
        text.append("● " if fresh else "○ ", "green" if fresh else _age_style(venue.age_ns))
        text.append(venue.name, "" if fresh else "bright_black")
        text.append(f" {_age(venue.age_ns)} {_count(venue.frames)} frames", "bright_black")
        if venue.reconnects or venue.bad_messages:
            text.append(f" reconnects {venue.reconnects}, bad {venue.bad_messages}", "yellow")
    return _cut(text, width)


def _orders_at(venues: Sequence[OrderVenueStatus], tall: bool, width: int) -> Lines:
    """Where orders go: whether they are heard, and what the accounts hold. On a small screen only what is wrong."""
    lines: Lines = []
    for venue in venues:
        well = venue.agrees and venue.listening and not venue.held
        if well and not tall:
            continue
        text = Text.assemble(("● " if well else "○ ", "green" if well else "red" if venue.held else "yellow"), f"{venue.name:<9}")
        if venue.held:
            text.append(f" no new orders: {venue.held}", "bold red")
        else:
            text.append(" orders heard" if venue.listening else f" orders asked for: {venue.stream}", "bright_black" if venue.listening else "yellow")
        held = "  ".join(f"{asset} {float(amount):,.8f}".rstrip("0").rstrip(".") for asset, amount in venue.balances.items())
        if held:
            text.append(" · account ", "bright_black").append(held)
            said = "as the desk's books say" if venue.agrees else "NOT as the desk's books say"
            text.append(f" · {said}, {_age(venue.compared_age_ns)} ago", "bright_black" if venue.agrees else "red")
        lines.append(_cut(text, width))
    return [_rule("Orders go to", width), *lines] if lines and tall else lines


def _money(account: AccountStatus, width: int, chart_height: int) -> Lines:
    drawdown = Text(f"{account.drawdown:.2%}", "red" if account.drawdown > 0.02 else "")
    figures = [
        ("Equity", Text(_money_text(account.equity), "bold")),
        ("Today", _profit(account.day_profit)),
        ("Realised", _profit(account.realised)),
        ("Open", _profit(account.unrealised)),
        ("Drawdown", drawdown),
    ]
    if width >= 120:
        figures += [("Cash", Text(_money_text(account.cash))), ("Fees", Text(_money_text(account.fees))), ("Turnover", Text(_money_text(account.turnover)))]
        figures += [("Sharpe", Text(f"{account.sharpe:.2f}"))] if account.sharpe else []
    text = Text()
    for place, (name, value) in enumerate(figures):
        text.append("  " if place else "")
        text.append(f"{name} ", "bright_black")
        text.append_text(value)
    curve = account.equity_curve
    if not curve:
        return [_rule(f"Account · {account.currency}", width), _cut(text, width), Text("equity curve: no samples yet", "bright_black")]
    rising = curve[-1] >= curve[0]
    label = f" {min(curve):,.2f} to {max(curve):,.2f}"
    drawn = chart(curve, max(10, width - len(label)), chart_height)
    rows = [Text(row, "green" if rising else "red") for row in drawn]
    rows[-1].append(label, "bright_black")
    return [_rule(f"Account · {account.currency}", width), _cut(text, width), *rows]


def _books(books: Sequence[InstrumentStatus], hidden: int, width: int) -> Lines:
    wide = width >= 120
    counted = {">Levels": 13, ">Gaps": 5, ">Resyncs": 7} if wide else {}
    table = _table({"Instrument": 16, "Book": 7, ">Age": 6, ">Bid": 9, ">Ask": 9, **counted, ">Position": 9, ">Target": 8, ">Profit": 8})
    for book in books:
        stale = book.state != "LIVE" or book.age_ns == NEVER or book.age_ns > STALE_NS
        price_style = "bright_black" if stale else ""
        levels = (f"{book.bid_levels:,}/{book.ask_levels:,}", _alarm(book.gaps), _alarm(book.resyncs)) if wide else ()
        table.add_row(
            book.symbol,
            Text(book.state.lower(), BOOKS.get(book.state, "")),
            Text(_age(book.age_ns), _age_style(book.age_ns)),
            Text(trimmed(book.bid, 2) or "-", price_style),
            Text(trimmed(book.ask, 2) or "-", price_style),
            *levels,
            Text(trimmed(book.position), "bold" if book.position.strip("-0.") else "bright_black"),
            Text(trimmed(book.target), "" if book.target.strip("-0.") else "bright_black"),
            _profit(_sum(book.realised, book.unrealised)),
        )
    if not books:
        return [_rule("Books", width), Text("no instrument yet", "bright_black")]
    return [_rule("Books" + (f" · {hidden} more" if hidden else ""), width), table]


def _forecasts(status: Status, books: Sequence[InstrumentStatus], width: int) -> Lines:
    alphas = list(dict.fromkeys(forecast.alpha for book in books for forecast in book.forecasts))
    if not alphas:
        return []
    alphas = alphas[: max(1, (width - 30) // 12)]
    ensemble = status.ensemble
    table = _table({"Instrument": 16, **{f">{_short(alpha, 11)}": 11 for alpha in alphas}, ">ensemble": 11})
    for book in books:
        by_alpha = {forecast.alpha: forecast for forecast in book.forecasts}
        cells = [_forecast(by_alpha[alpha].bps, by_alpha[alpha].confidence) if alpha in by_alpha else Text("-") for alpha in alphas]
        table.add_row(book.symbol, *cells, _forecast(book.forecast_bps, book.confidence, "bold"))
    if ensemble.weights:
        table.add_row("weight", *(f"{ensemble.weights.get(alpha, 0.0):.2f}" for alpha in alphas), "", style="bright_black")
    quality = f" · Brier {ensemble.brier:.4f} over {_count(ensemble.outcomes)} outcomes" if ensemble.outcomes else ""
    return [_rule(f"Forecasts · basis points and confidence{quality}", width), table]


def _features(books: Sequence[InstrumentStatus], width: int) -> Lines:
    known = dict.fromkeys(name for book in books for name in book.features)
    names = sorted(known, key=lambda name: name in SHOWN_LAST)
    names = names[: max(1, (width - 18) // 14)]
    if not names:
        return []
    table = _table({"Instrument": 16, **{f">{_short(name, 13)}": 13 for name in names}})
    for book in books:
        table.add_row(book.symbol, *(Text(_figure(book.features[name]) if name in book.features else "-") for name in names))
    return [_rule("Features", width), table]


def _stages(latency: Sequence[StageLatency]) -> Lines:
    if not latency:
        return []
    table = _table({"Latency": 16, **{f">{stage.stage.replace('_', ' ')}": 9 for stage in latency}})
    table.add_row("p50", *(_duration(stage.p50_ns) for stage in latency))
    table.add_row("p99", *(_duration(stage.p99_ns) for stage in latency))
    return [Text(""), table]


def _stages_line(latency: Sequence[StageLatency], width: int) -> Lines:
    if not latency:
        return []
    text = Text("Latency p50/p99  ", "bright_black")
    for stage in sorted(latency, key=lambda stage: stage.stage != "tick_to_order"):
        text.append(f"{stage.stage.replace('_', ' ')} ", "bright_black")
        text.append(f"{_duration(stage.p50_ns)}/{_duration(stage.p99_ns)}  ")
    return [_cut(text, width)]


def _blotter(status: Status, width: int, room: int) -> Lines:
    counts = status.counts
    refused = sum(counts.refusals.values())
    title = f"Orders · {counts.orders:,} sent, {counts.working} working, {counts.fills:,} fills, {refused:,} refused"
    if refused:
        reason, most = max(counts.refusals.items(), key=lambda item: item[1])
        title += f" (mostly {reason}, {most:,})"
    rows: Lines = [_happening(what, width) for what in status.recent]
    return [_rule(title, width), *(rows or [Text("none yet", "bright_black")])][: max(0, room)]


def _happening(what: Happening, width: int) -> Text:
    style = HAPPENINGS.get(what.kind, "")
    side = {"buy": ("▲ buy ", "green"), "sell": ("▼ sell", "red")}.get(what.side, ("      ", ""))
    text = Text.assemble((f"{_clock(what.ts)} ", "bright_black"), (f"{what.kind:<9.9} ", style), side)
    text.append(f" {trimmed(what.quantity):>11} {what.symbol:<17}")
    if what.price:
        text.append(f"@ {trimmed(what.price, 2):<11}")
    if what.type:
        text.append(f" {what.type}", "bright_black")
    if what.reason:
        text.append(f" {what.reason}", style or "bright_black")
    return _cut(text, width)


def chart(values: Sequence[float], width: int, height: int) -> list[str]:
    """An area chart of block characters: `height` rows of `width` cells, the newest sample rightmost.

    A value at the bottom still shows as the lowest block; a flat curve stands at half height.
    """
    if not values:
        return [" " * width for _ in range(height)]
    sampled = _resampled(values, width)
    low, high = min(sampled), max(sampled)
    steps = 8 * height - 1
    rows = []
    filled = [1 + (round((value - low) / (high - low) * steps) if high > low else steps // 2) for value in sampled]
    for row in range(height - 1, -1, -1):
        rows.append("".join(BLOCKS[max(0, min(8, level - 8 * row))] for level in filled).ljust(width))
    return rows


def _resampled(values: Sequence[float], width: int) -> list[float]:
    """At most `width` values; of each stretch the last, so that the newest is always shown."""
    if len(values) <= width:
        return list(values)
    return [values[(place + 1) * len(values) // width - 1] for place in range(width)]


def _fitting(books: Sequence[InstrumentStatus], room: int, tall: bool) -> Sequence[InstrumentStatus]:
    """As many instruments as leave room for their forecasts (and features) and some of the blotter."""
    tables = 3 if tall else 2
    return books[: max(1, (room - 6 - 2 * tables) // tables)]


def _height(part: Lines) -> int:
    return sum(item.row_count + 1 if isinstance(item, Table) else 1 for item in part)


def _table(columns: dict[str, int]) -> Table:
    """A table without lines: heading to least width; a heading that begins with > is aligned right."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bright_black")
    for heading, least in columns.items():
        table.add_column(heading.removeprefix(">"), justify="right" if heading.startswith(">") else "left", min_width=least, no_wrap=True, overflow="ellipsis")
    return table


def _rule(title: str, width: int) -> Text:
    text = Text.assemble(("─ ", "bright_black"), (title, "bold"), " ")
    text.truncate(width, overflow="ellipsis")
    text.append("─" * max(0, width - text.cell_len), "bright_black")
    return text


def _ends(left: Text, right: Text, width: int) -> Text:
    left.truncate(max(0, width - right.cell_len - 1), overflow="ellipsis")
    left.append(" " * max(1, width - left.cell_len - right.cell_len))
    left.append_text(right)
    return _cut(left, width)


def _cut(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    text.no_wrap = True
    return text


def _forecast(bps: float, confidence: float, style: str = "") -> Text:
    colour = "green" if bps > 0.005 else "red" if bps < -0.005 else "bright_black"
    return Text(f"{bps:+.2f} {confidence:4.0%}", f"{style} {colour}".strip())


def _profit(amount: str) -> Text:
    sign = -1 if amount.startswith("-") else 1 if amount.strip("0.") else 0
    shape, style = {-1: ("▼", "red"), 0: (" ", "bright_black"), 1: ("▲", "green")}[sign]
    return Text(f"{_signed(amount)}{shape}", style)


def _signed(amount: str) -> str:
    return f"{float(amount):+,.2f}"


def _money_text(amount: str) -> str:
    return f"{float(amount):,.2f}"


def trimmed(number: str, decimals: int = 0) -> str:
    """A venue's decimal text without its trailing zeros, but with at least `decimals` decimals where it has them."""
    whole, dot, part = number.partition(".")
    kept = part[:decimals] + part[decimals:].rstrip("0")
    return f"{whole}.{kept}" if dot and kept else whole


def _sum(*amounts: str) -> str:
    return f"{sum(float(amount) for amount in amounts):.8f}"


def _alarm(count: int) -> Text:
    return Text(str(count), "yellow" if count else "bright_black")


def _figure(value: float) -> str:
    """A feature in at most nine cells."""
    size = abs(value)
    if size >= 1e7 or 0 < size < 1e-4:
        return f"{value:.2e}"
    return f"{value:,.2f}" if size >= 100 else f"{value:.4f}"


def _count(count: int) -> str:
    return f"{count:,}" if count < 100_000 else f"{count / 1e6:.2f}M" if count >= 1_000_000 else f"{count / 1e3:.0f}k"


def _short(name: str, length: int) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"


def _age(ns: int) -> str:
    if ns == NEVER:
        return "never"
    seconds = ns / 1e9
    scales: list[tuple[float, Callable[[], str]]] = [
        (1.0, lambda: f"{ns // 1_000_000} ms"),
        (60.0, lambda: f"{seconds:.1f} s"),
        (3600.0, lambda: f"{seconds // 60:.0f}:{seconds % 60:02.0f} min"),
    ]
    for below, words in scales:
        if seconds < below:
            return words()
    return f"{seconds // 3600:.0f}:{seconds % 3600 // 60:02.0f} h"


def _age_style(ns: int) -> str:
    if ns == NEVER:
        return "bright_black"
    return "red" if ns > MUTE_NS else "bright_black" if ns > STALE_NS else ""


def _duration(ns: int) -> str:
    return f"{ns} ns" if ns < 1_000 else f"{ns / 1e3:.0f} µs" if ns < 1_000_000 else f"{ns / 1e6:.1f} ms" if ns < 1_000_000_000 else f"{ns / 1e9:.1f} s"


def _latency_text(latency: Sequence[StageLatency]) -> str:
    whole = next((stage for stage in latency if stage.stage == "tick_to_order"), None)
    return f"tick to order p50 {_duration(whole.p50_ns)}, p99 {_duration(whole.p99_ns)}" if whole else "no order yet"


def _clock(ns: int) -> str:
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).strftime("%H:%M:%S")
