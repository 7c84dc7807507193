"""The books as Coinbase's products: found by "BTC-USDT", described with what traded in a day."""

from collections.abc import Sequence
from typing import Any, Final

from polaris.exchange.gateway.coinbase import errors
from polaris.exchange.gateway.coinbase.figures import Figures, money, percent
from polaris.exchange.listing import Rules
from polaris.exchange.marketdata import MarketData
from polaris.exchange.marketdata.market import Ticker
from polaris.exchange.marketdata.rows import DAY
from polaris.exchange.words import AUCTION, CLOSED, CONTINUOUS, HALTED, MAX_UNITS

YEAR: Final = 364 * DAY  # 52 weeks
FIAT: Final = frozenset({"USD", "EUR", "GBP", "CHF", "JPY", "CAD", "AUD", "SGD", "BRL"})


class Products:
    """What is listed.

    phases   of each book, as they are now
    figures  of each book
    """

    def __init__(self, rules: Rules, market: MarketData, phases: Sequence[int]) -> None:
        self.rules, self.market = rules, market
        self.figures = [Figures(listing) for listing in rules.listings]
        self._phases = phases
        self._books = {figures.product: book for book, figures in enumerate(self.figures)}

    @property
    def names(self) -> list[str]:
        """Every product."""
        return list(self._books)

    def known(self, product: str) -> int:
        """The book of a product; -1 where there is none."""
        return self._books.get(product, -1)

    def find(self, product: str) -> tuple[int, Figures]:
        """The book of a product. Raises Refusal 404."""
        book = self._books.get(product)
        if book is None:
            raise errors.not_found(f"{product[:40]} is not a valid product")
        return book, self.figures[book]

    def select(self, products: Sequence[str]) -> set[int]:
        """The books of these products; of none of them all. One that is not listed is no book."""
        return {self._books.get(product, -1) for product in products} if products else set(range(len(self.figures)))

    def day(self, book: int, now: int) -> Ticker:
        """What traded in 24 hours."""
        return self.market.ticker(book, now)

    def describe(self, book: int, now: int) -> dict[str, Any]:
        """One product of GET market/products."""
        figures = self.figures[book]
        listing, phase = figures.listing, self._phases[book]
        day = self.day(book, now)
        volume_before = self.market.ticker(book, now, now - 2 * DAY).volume - day.volume
        return {
            "product_id": figures.product,
            "price": figures.price(day.last),
            "price_percentage_change_24h": percent(day.change, day.open),
            "volume_24h": figures.size(day.volume),
            "volume_percentage_change_24h": percent(day.volume - volume_before, volume_before),
            "base_increment": figures.size(1),
            "quote_increment": figures.price(1),
            "quote_min_size": money(listing.quote, listing.min_units),
            "quote_max_size": money(listing.quote, MAX_UNITS),
            "base_min_size": figures.size(listing.min_lots),
            "base_max_size": figures.size(listing.max_lots),
            "base_name": listing.base.name,
            "quote_name": listing.quote.name,
            "watched": False,
            "is_disabled": False,
            "new": False,
            "status": status(phase),
            "cancel_only": phase == HALTED,
            "limit_only": phase == AUCTION,
            "post_only": False,
            "trading_disabled": phase == CLOSED,
            "auction_mode": phase == AUCTION,
            "product_type": "SPOT",
            "quote_currency_id": listing.quote.name,
            "base_currency_id": listing.base.name,
            "fcm_trading_session_details": None,
            "mid_market_price": figures.average(day.bid + day.ask, 2) if day.bid and day.ask else "",
            "alias": "",
            "alias_to": [],
            "base_display_symbol": listing.base.name,
            "quote_display_symbol": listing.quote.name,
            "view_only": False,
            "price_increment": figures.price(1),
            "display_name": figures.product,
            "product_venue": "CBE",
            "approximate_quote_24h_volume": figures.amount(day.quote_volume),
            "new_at": None,
            "market_cap": "",
            "base_cbrn": "",
            "quote_cbrn": "",
            "product_cbrn": "",
            "icon_color": "",
            "icon_url": "",
            "display_name_overwrite": "",
            "is_alpha_testing": False,
            "about_description": "",
            "best_bid_price": figures.price(day.bid) if day.bid else "",
            "best_ask_price": figures.price(day.ask) if day.ask else "",
            "high_24h": figures.price(day.high),
            "low_24h": figures.price(day.low),
        }

    def status_of(self, book: int) -> dict[str, Any]:
        """One product of the channel `status`."""
        figures = self.figures[book]
        listing = figures.listing
        return {
            "product_type": "SPOT",
            "id": figures.product,
            "base_currency": listing.base.name,
            "quote_currency": listing.quote.name,
            "base_increment": figures.size(1),
            "quote_increment": figures.price(1),
            "display_name": figures.product.replace("-", "/"),
            "status": status(self._phases[book]),
            "status_message": "",
            "min_market_funds": money(listing.quote, listing.min_units),
        }


def status(phase: int) -> str:
    """As a product's status says it."""
    return "online" if phase in (CONTINUOUS, AUCTION) else "offline"
