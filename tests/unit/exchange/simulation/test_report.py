"""What the page shows is what the market did."""

from dataclasses import replace

import numpy as np
import pytest

from polaris.app.exchange_report import MEANINGS, page
from polaris.exchange.simulation import Settings
from polaris.exchange.simulation.facts import BOUNDS
from polaris.exchange.simulation.report import Observed, observe

TWO = replace(Settings(), symbols=Settings().symbols[1:2], places=Settings().places[:2])


@pytest.fixture(scope="module")
def seen() -> Observed:
    return observe(TWO, 5, hours=5.0)


def test_a_page_shows_one_symbol_of_every_venue(seen):
    assert (seen.symbol, [venue.name for venue in seen.venues]) == ("ETH", ["binance", "coinbase"])
    assert 17_900 < len(seen.venues[0].ts) <= 18_000
    assert np.nanmin(seen.venues[0].mid) > 1500
    assert sum(seen.takers.values()) == pytest.approx(1.0)
    assert seen.venues[0].trades > 10_000


def test_the_book_within_a_distance_grows_with_the_distance(seen):
    for venue in seen.venues:
        assert (np.diff(venue.profile) >= 0).all()
        assert 20 < venue.profile[-1] < 1000


def test_a_gap_is_the_best_bid_anywhere_over_the_best_ask_anywhere(seen):
    first, second = seen.venues
    edge = first.mid * (1 - first.spread_bps / 2e4), second.mid * (1 - second.spread_bps / 2e4)
    offer = first.mid * (1 + first.spread_bps / 2e4), second.mid * (1 + second.spread_bps / 2e4)
    assert seen.gap_bps == pytest.approx(1e4 * (np.maximum(*edge) / np.minimum(*offer) - 1), abs=0.01)
    assert (seen.gap_bps > 0).any()
    assert (seen.gap_bps < 0).any()


def test_the_page_is_whole_and_asks_no_host_for_anything(seen):
    text = page(seen)
    assert set(MEANINGS) == set(BOUNDS)
    for name in ("price", "shown", "spreads", "depth", "returns", "memory", "impact", "signs", "across"):
        assert f'id="{name}"' in text
    body = text.replace(text[text.index("<script>") : text.index("</script>")], "", 1)
    assert 'src="http' not in body
    assert "NaN" not in body.replace("isNaN", "")


def test_a_day_too_short_to_say_anything_is_refused():
    with pytest.raises(ValueError, match="expected at least 5"):
        observe(TWO, 5, hours=1.0)
