"""What an order, or an edit, would do: walked through the book as it is, without doing it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from polaris.domain.orders import BUY
from polaris.exchange import words as w
from polaris.exchange.gateway.coinbase.call import Call
from polaris.exchange.gateway.coinbase.errors import Failure
from polaris.exchange.gateway.coinbase.figures import Figures, money
from polaris.exchange.gateway.coinbase.products import Products
from polaris.exchange.gateway.coinbase.server import ROOT, Endpoint
from polaris.exchange.gateway.coinbase.trading import Trading, not_edited
from polaris.exchange.gateway.coinbase.wanted import Wanted
from polaris.exchange.gateway.keys import TRADE
from polaris.exchange.gateway.venue import Venue

MILLION = 1_000_000
WALKED = 5_000  # levels


class Walk(NamedTuple):
    """What would trade now: lots, and ticks times lots; and what the whole order is worth with what would rest."""

    lots: int
    paid: int
    whole_lots: int
    whole_paid: int


class Preview:
    """The endpoints that only say what would be."""

    def __init__(self, venue: Venue, products: Products, trading: Trading) -> None:
        self._venue = venue
        self._products = products
        self._trading = trading

    def endpoints(self) -> Iterable[Endpoint]:
        """What they are, for `CoinbaseServer.add`."""
        yield Endpoint(self.order, f"POST {ROOT}/orders/preview", TRADE)
        yield Endpoint(self.edit, f"POST {ROOT}/orders/edit_preview", TRADE)

    def order(self, call: Call) -> Any:
        """What a new order would cost."""
        try:
            wanted, figures = self._trading.read(call)
        except Failure as failure:
            return {"errs": [failure.preview if not failure.preview.startswith("UNKNOWN") else failure.reason], "warning": [], "order_total": "0"}
        walk = self.walk(wanted)
        rests = wanted.time_in_force in (w.GTC, w.POST_ONLY)
        empty = not walk.lots and not rests
        return {**self._told(call, figures, wanted, walk), "errs": ["PREVIEW_INVALID_NO_LIQUIDITY"] if empty else [], "warning": [], "is_max": False, "preview_id": ""}

    def edit(self, call: Call) -> Any:
        """What an order would cost with another price or size."""
        try:
            order, price, lots = self._trading.edited(call)
        except Failure as failure:
            return not_edited(failure)
        figures = self._products.figures[order.book]
        wanted = Wanted(order.book, order.side, order.order_type, order.time_in_force, price or order.price, max(0, lots - order.executed), 0, 0)
        return {**self._told(call, figures, wanted, self.walk(wanted)), "errors": []}

    def walk(self, wanted: Wanted) -> Walk:
        """Through the other side of the book."""
        depth = self._products.market.depth(wanted.book, WALKED)
        lots = paid = 0
        by_amount = wanted.order_type == w.MARKET_AMOUNT
        waits = wanted.order_type in (w.STOP_LIMIT, w.TAKE_PROFIT_LIMIT) or wanted.time_in_force == w.POST_ONLY
        for price, there in [] if waits else (depth.asks if wanted.side == BUY else depth.bids).tolist():
            if wanted.price and (price - wanted.price) * wanted.side > 0:
                break
            many = min(there, (wanted.quantity - paid) // price if by_amount else wanted.quantity - lots)
            if many <= 0:
                break
            lots, paid = lots + many, paid + many * price
        if wanted.price and wanted.time_in_force in (w.GTC, w.POST_ONLY):
            return Walk(lots, paid, wanted.quantity, paid + (wanted.quantity - lots) * wanted.price)
        return Walk(lots, paid, lots, paid)

    def _told(self, call: Call, figures: Figures, wanted: Wanted, walk: Walk) -> dict[str, Any]:
        quote = figures.listing.quote
        top = self._products.market.top(wanted.book)
        maker, taker = self._venue.core.fees(call.account)
        units, taken = walk.whole_paid * figures.listing.value, walk.paid * figures.listing.value
        fee = -(-(taken * taker + (units - taken) * maker) // MILLION)
        bid, ask = int(top["bid"]), int(top["ask"])
        best = ask if wanted.side == BUY else bid
        slip = abs(walk.paid - best * walk.lots) if best else 0
        return {
            "order_total": money(quote, units + fee if wanted.side == BUY else units - fee),
            "commission_total": money(quote, fee),
            "quote_size": money(quote, units),
            "base_size": figures.size(walk.whole_lots),
            "best_bid": figures.price(bid) if bid else "",
            "best_ask": figures.price(ask) if ask else "",
            "slippage": figures.average(slip, walk.lots),
            "average_filled_price": figures.average(walk.whole_paid, walk.whole_lots),
        }
