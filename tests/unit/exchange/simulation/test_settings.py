"""Settings: what can't be a market is refused, and what everybody brings is exact."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from polaris.exchange.simulation import Moods, Place, Settings, Symbol
from polaris.exchange.simulation.endowment import deposits, rules
from polaris.exchange.words import DEPOSIT, TICKS

BTC = Settings().symbols[0]


def test_every_default_symbol_starts_inside_of_its_book():
    for symbol in Settings().symbols:
        assert symbol.lowest < symbol.ticks < symbol.lowest + TICKS
        assert symbol.ticks * symbol.step == Decimal(symbol.price)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"symbols": ()}, "expected at least one of each"),
        ({"places": ()}, "expected at least one of each"),
        ({"step_ns": 15_000_000}, "expected whole beats"),
        ({"beat_ns": 0}, "expected whole beats"),
        ({"first_account": 0}, "0 is nobody's"),
        ({"symbols": (replace(BTC, volatility=0.0),)}, "moves 0.0 bp a minute"),
        ({"symbols": (replace(BTC, tide=1.5),)}, "1.5 of it with all"),
        ({"symbols": (replace(BTC, price="78000.001"),)}, "expected a multiple of '0.01'"),
        ({"symbols": (replace(BTC, usual="much"),)}, "expected numbers above 0"),
        ({"places": (Place("slow", lag_ns=10**12),)}, "slow lags"),
        ({"places": tuple(Place(str(n)) for n in range(17))}, "17 venues; expected at most 16"),
        ({"moods": Moods(contrast=1.0)}, "contrast"),
    ],
)
def test_settings_that_make_no_market_are_refused_in_words(wrong, message):
    with pytest.raises(ValueError, match=message):
        [symbol.ticks for symbol in Settings(**wrong).symbols]


def test_every_account_brings_its_symbol_and_as_much_money():
    settings = Settings()
    listed = rules(settings, 0)
    commands = deposits(settings, listed)
    assert (commands["operation"] == DEPOSIT).all()
    assert (commands["quantity"] > 0).all()
    assert sorted(set(commands["account"].tolist())) == list(settings.accounts)
    assert listed.assets[-1].name == "USDT"
    first = commands[commands["account"] == settings.first_account]
    bitcoin, money = int(first[0]["quantity"]), int(first[1]["quantity"])
    assert (listed.assets[0].text(bitcoin), listed.assets[-1].text(money)) == ("250.00000000", "19500000.00000000")
    assert first["book"].tolist() == [0, len(settings.symbols)]


def test_a_venue_lists_every_symbol_for_its_own_money():
    settings = Settings()
    assert [listing.symbol for listing in rules(settings, 1).listings] == ["BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD"]
    assert [listing.lowest for listing in rules(settings, 1).listings] == settings.lowest


def test_accounts_of_symbols_do_not_meet():
    settings = replace(Settings(), symbols=(BTC, Symbol("DOGE", "0.20000", "0.00001", "1", "9000", 9.0, 0.7)))
    assert len(settings.accounts) == 2 * settings.accounts_a_symbol
    assert np.unique(deposits(settings, rules(settings, 0))["account"]).size == len(settings.accounts)
