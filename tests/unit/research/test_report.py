"""The page holds everything, asks no host for anything, and thins without losing an extreme."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polaris.research.evaluate import Month
from polaris.research.report import Page, Traded, html, thin

HOUR = 3_600 * 10**9


def page(**changes) -> Page:
    ts = np.arange(500) * HOUR + 1_767_225_600 * 10**9
    equity = 1000.0 + np.cumsum(np.sin(np.arange(500)))
    filled = Traded("BTC-USD.x", ts, equity, ts[:4], equity[:4], np.array([1, -1, 1, -1]))
    given_ = {
        "title": "A <run> & more", "subtitle": "of one day", "figures": [("Return", "1.00 %", "a <b>")], "equity_ts": ts, "equity": equity,
        "underwater": np.minimum(equity / np.maximum.accumulate(equity) - 1, 0), "traded": [filled], "months": [Month(2026, 1, 0.01), Month(2026, 2, -0.02)],
        "exposure_ts": ts, "exposure": np.ones(500), "costs": [("fees", "1.00")], "trade_returns": np.array([0.01, -0.02, 0.005]),
        "refusals": [("price band", 3)], "facts": [("seed", "7")], "notes": ["two gaps"],
    }  # fmt: skip
    return Page(**(given_ | changes))


def test_the_page_asks_no_host_for_anything():
    text = html(page())
    head = text[: text.index("<body>")]
    assert "<script>" in head
    assert not re.search(r'<(script|link|img|iframe)[^>]+(src|href)="(https?:)?//', text)
    assert "@import" not in head


def test_every_part_is_on_the_page_and_every_word_is_escaped():
    text = html(page())
    for word in ("Equity and drawdown", "Trades on BTC-USD.x", "Months", "Exposure", "Returns of closed trades", "Costs", "Refusals", "price band", "two gaps"):
        assert word in text
    assert "A &lt;run&gt; &amp; more" in text
    assert "<run>" not in text
    assert "+1.00" in text
    assert "-2.00" in text


def test_a_run_without_trades_still_has_a_page():
    nothing = np.zeros(0, np.int64)
    text = html(page(traded=[], trade_returns=np.zeros(0), refusals=[], exposure_ts=nothing, exposure=np.zeros(0), months=[]))
    assert "None." in text
    assert "No month has data." in text


def test_a_long_run_stays_below_eight_megabytes():
    count = 1_000_000
    ts = np.arange(count) * 10**9
    equity = 1000.0 + np.cumsum(np.random.default_rng(1).normal(size=count))
    many = Traded("BTC-USD.x", ts, equity, ts, equity, np.where(np.arange(count) % 2 == 0, 1, -1))
    text = html(page(equity_ts=ts, equity=equity, underwater=equity * 0, traded=[many], exposure_ts=ts, exposure=equity))
    assert len(text) < 8_000_000


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(8, 100))
def test_thinning_keeps_ends_and_extremes(values, points):
    values = np.array(values)
    ts = np.arange(values.size)
    kept, thinned = thin(ts, values, points)
    assert kept[0] == 0 and kept[-1] == ts[-1]
    assert thinned.max() == values.max() and thinned.min() == values.min()
    assert (np.diff(kept) > 0).all()
    assert kept.size <= points + 8
