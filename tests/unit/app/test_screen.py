"""The live view: it fits, it never fails, and it does not make a mute feed look well."""

import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from polaris.app.screen import chart, line, render
from polaris.app.status import Status, VenueStatus, from_json, to_json


def drawn(status: Status, width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, color_system=None, file=io.StringIO(), legacy_windows=False)
    console.print(render(status, width, height))
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (120, 36), (160, 50), (240, 70), (80, 50), (200, 24)])
def test_the_view_fits_its_terminal(busy, width, height):
    for status in (busy, Status()):
        lines = drawn(status, width, height)
        assert len(lines) <= height
        assert max(map(len, lines)) <= width


def test_the_smallest_view_shows_what_matters(busy):
    text = "\n".join(drawn(msgspec.structs.replace(busy, orders_at=()), 80, 24))
    for words in (
        "PAPER", "running", "builtin", "log 812,345", "up 12:31 min",
        "● coinbase 12 ms", "○ binance 3.2 s",
        "Equity 100,023.11", "Today +23.11▲", "Realised -12.30▼", "Drawdown 0.32%",
        "BTC-USD.coinbase", "live", "stale", "syncing", "never", "-9.11▼",
        "pressure", "momentum", "reversion", "flow", "ensemble", "+0.84  55%", "0.41",
        "Brier 0.2431", "tick to order",
        "1,234 sent, 3 working, 801 fills, 15 refused (mostly stale data, 12)", "▲ buy", "▼ sell",
    ):  # fmt: skip
        assert words in text, words


def test_the_larger_view_adds_features_levels_and_stages(busy):
    text = "\n".join(drawn(busy, 160, 50))
    for words in ("spread_bps", "imbalance_1", "19,283/27,238", "p99", "Turnover 812,345.11", "stale data: 12.1 s, limit 10 s", "REAL MONEY"):
        assert (words in text) == (words != "REAL MONEY"), words
    assert "REAL MONEY" in "\n".join(drawn(msgspec.structs.replace(busy, mode="live"), 160, 50))


def test_a_venue_that_gets_no_orders_says_why_on_every_screen(busy):
    for size in ((80, 24), (160, 50)):
        assert any(text.startswith("○ binance   no new orders: its balances differ from the desk's books by 0.01") for text in drawn(busy, *size))
    assert "no orders to binance: its balances differ" in line(busy)


def test_the_larger_view_shows_what_the_accounts_hold(busy):
    text = "\n".join(drawn(busy, 160, 50))
    assert "● coinbase  orders heard · account BTC 12.82051  USD 1,004,994.875614 · as the desk's books say, 4.0 s ago" in text
    assert "BTC 12.5  USDT 1,000,000 · NOT as the desk's books say" in text
    asked = msgspec.structs.replace(busy.orders_at[1], held="", agrees=True, differences={})
    assert "○ binance   orders asked for: no connection: OSError" in "\n".join(drawn(msgspec.structs.replace(busy, orders_at=(asked,)), 160, 50))


def test_a_mute_feed_does_not_look_connected():
    mute = Status(venues=(VenueStatus(name="coinbase", connected=True, age_ns=60_000_000_000, frames=9),))
    assert "○ coinbase 1:00 min" in "\n".join(drawn(mute, 80, 24))


def test_many_instruments_are_cut_and_counted(busy):
    many = msgspec.structs.replace(busy, instruments=busy.instruments * 20)
    for size in ((80, 24), (160, 50)):
        lines = drawn(many, *size)
        assert len(lines) <= size[1]
        assert any("more" in text for text in lines)


def test_a_venues_padding_is_not_shown(busy):
    (book, *_) = busy.instruments
    padded = msgspec.structs.replace(book, bid="64896.10000000", position="-0.50000000", target="0.00000000")
    row = next(text for text in drawn(msgspec.structs.replace(busy, instruments=(padded,)), 80, 24) if "64896.10 " in text)
    assert " -0.5 " in row
    assert "00000" not in row


def test_markup_in_a_name_is_shown_and_not_obeyed(busy):
    odd = msgspec.structs.replace(busy, trading="paused", trading_reason="[bold]by [red]me", market="[link]x")
    assert "[bold]by [red]me" in drawn(odd, 160, 50)[0]


def test_one_line_says_how_the_desk_is(busy):
    assert "paper running · books 2/4 live · equity 100,023.11 (+23.11 today) · 1,234 orders, 801 fills, 15 refused" in line(busy)
    assert "no order yet" in line(Status())


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.integers(1, 200), st.integers(1, 6))
def test_a_chart_has_its_size_and_its_newest_value_last(values, width, height):
    rows = chart(values, width, height)
    assert len(rows) == height
    assert {len(row) for row in rows} == {width}
    used = min(width, len(values))
    tallest = [sum(row[column] != " " for row in rows) for column in range(used)]
    assert min(tallest) >= 1
    if rows[0].strip() and values[-1] == max(values):  # a flat curve stays below the top
        assert rows[0][used - 1] != " "


def test_a_status_survives_its_json(busy):
    assert from_json(to_json(busy)) == busy
