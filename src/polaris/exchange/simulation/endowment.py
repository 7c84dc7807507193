"""What the people of a market own at the start, and the exchange they own it on."""

import numpy as np

from polaris.exchange.listing import Asset, Listing, Rules
from polaris.exchange.simulation.settings import Settings
from polaris.exchange.words import COMMAND, DEPOSIT, Commands

DECIMALS = 8  # of every asset
OTHERS = 1000  # accounts beyond the simulated people's, for whoever comes


def rules(settings: Settings, venue: int, tiers: tuple[tuple[int, int], ...] = ((0, 0),), capacity: int = 1 << 15) -> Rules:
    """What a venue of these settings lists: a book a symbol in their order; its assets are the symbols' and, last, its quote currency.

    tiers  (maker ppm, taker ppm) of each fee tier
    """
    place = settings.places[venue]
    bases, quote = [Asset(symbol.base, DECIMALS) for symbol in settings.symbols], Asset(place.quote, DECIMALS)
    listings = [
        Listing(f"{symbol.base}-{place.quote}", base, quote, symbol.tick, symbol.lot, lowest_price=str(symbol.lowest * symbol.step))
        for symbol, base in zip(settings.symbols, bases, strict=True)
    ]
    return Rules((*bases, quote), tuple(listings), tiers, accounts=settings.accounts.stop + OTHERS, capacity=capacity)


def deposits(settings: Settings, rules: Rules) -> Commands:
    """What everybody brings: of each symbol he trades `wealth` usual orders, and their worth in the quote currency.

    rules    of the venue
    returns  COMMAND[n], deposits
    """
    people, quote = settings.people, len(rules.listings)
    asked = []
    for book, (symbol, listing) in enumerate(zip(settings.symbols, rules.listings, strict=True)):
        lots = int(people.wealth * symbol.lots)
        first = settings.first_account + book * settings.accounts_a_symbol
        for account in range(first, first + settings.accounts_a_symbol):
            asked += [(account, book, lots * listing.lot_units), (account, quote, lots * symbol.ticks * listing.value)]
    commands = np.zeros(len(asked), COMMAND)
    commands["operation"] = DEPOSIT
    commands["account"], commands["book"], commands["quantity"] = np.array(asked, np.int64).T
    return commands

