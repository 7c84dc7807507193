"""The market over FIX: snapshots (W), what changes (X), and what is listed (y).

A subscription shows a snapshot at once and from then on, every 100 ms, the levels that changed (MDUpdateType 1) or the book anew
(0); trades come as they happen. A level is new, changed or gone against what this subscriber was shown, so he may begin at any
time and needs nothing but what he was sent.
"""

from collections.abc import Iterable
from typing import Any, Final

from polaris.domain.orders import BUY
from polaris.exchange.gateway.fix import words as w
from polaris.exchange.gateway.fix.codec import Field, Message, timestamp
from polaris.exchange.gateway.fix.grammar import groups
from polaris.exchange.gateway.fix.session import Session
from polaris.exchange.listing import Listing, Rules
from polaris.exchange.marketdata import MarketData, Told
from polaris.exchange.marketdata.depth import Changes

SNAPSHOT, SUBSCRIBE, UNSUBSCRIBE = "0", "1", "2"  # SubscriptionRequestType
BID, OFFER, TRADE = "0", "1", "2"  # MDEntryType
NEW, CHANGE, DELETE = "0", "1", "2"  # MDUpdateAction
WHOLE_BOOK, CHANGES_ONLY = "0", "1"  # MDUpdateType
PACE_NS: Final = 100_000_000
MOST_LEVELS: Final = 5_000
MOST_SUBSCRIPTIONS: Final = 200
# MDReqRejReason
UNKNOWN_SYMBOL: Final = "0"
DUPLICATE: Final = "1"
TOO_MANY: Final = "3"
BAD_REQUEST_TYPE: Final = "4"
BAD_DEPTH: Final = "5"
BAD_UPDATE_TYPE: Final = "6"
BAD_ENTRY_TYPE: Final = "8"
Level = tuple[str, int]  # entry type, ticks


class Subscription:
    """What one request shows.

    books   numbers of books
    kinds   entry types: bids, offers, trades
    levels  of each side; 0 = all
    whole   the book anew where it changed, not what changed
    shown   lots at every level he was shown, by book
    """

    def __init__(self, name: str, books: list[int], kinds: frozenset[str], levels: int, whole: bool) -> None:
        self.name = name
        self.books = books
        self.kinds = kinds
        self.levels = levels
        self.whole = whole
        self.shown: dict[int, dict[Level, int]] = {}


class Refusal(Exception):
    """Why a request can't be had: (MDReqRejReason, text)."""


class MarketDesk:
    """Shows every session the market; a reader of the broadcast.

    clock  the venue's, ns UTC
    """

    def __init__(self, rules: Rules, market: MarketData, clock: Any) -> None:
        self._rules = rules
        self._market = market
        self._clock = clock
        self._open: dict[Session, dict[str, Subscription]] = {}

    # what is asked

    def take(self, session: Session, message: Message) -> None:
        """A MarketDataRequest."""
        name = message.get(w.MD_REQ_ID)
        try:
            if message.get(w.SUBSCRIPTION_REQUEST_TYPE) == UNSUBSCRIBE:
                if self._open.get(session, {}).pop(name, None) is None:
                    raise Refusal(BAD_REQUEST_TYPE, f"nothing is subscribed as {name}")
                return
            subscription = self._read(session, message)
        except Refusal as refusal:
            reason, text = refusal.args
            session.send(w.MARKET_DATA_REJECT, [(w.MD_REQ_ID, name), (w.MD_REQ_REJ_REASON, reason), (w.TEXT, text)], self._clock())
            return
        for book in subscription.books:
            self._snapshot(session, subscription, book)
        if message.get(w.SUBSCRIPTION_REQUEST_TYPE) == SUBSCRIBE:
            self._open.setdefault(session, {})[name] = subscription

    def leave(self, session: Session) -> None:
        """The line is gone, and all it was shown with it."""
        self._open.pop(session, None)

    def list_securities(self, session: Session, message: Message) -> None:
        """A SecurityListRequest: the one of its Symbol, or all."""
        symbol = message.get(w.SYMBOL)
        found = [listing for listing in self._rules.listings if symbol in ("", listing.symbol)]
        fields = [
            (w.SECURITY_REQ_ID, message.get(w.SECURITY_REQ_ID)),
            (w.SECURITY_RESPONSE_ID, message.get(w.SECURITY_REQ_ID)),
            (w.SECURITY_REQUEST_RESULT, "0" if found else "2"),
        ]
        if found:
            fields += [(w.TOTAL_NUM_SECURITIES, str(len(found))), (w.NO_RELATED_SYM, str(len(found)))]
            for listing in found:
                fields += _security(listing)
        session.send(w.SECURITY_LIST, fields, self._clock())

    def _read(self, session: Session, message: Message) -> Subscription:
        name, kind = message.get(w.MD_REQ_ID), message.get(w.SUBSCRIPTION_REQUEST_TYPE)
        mine = self._open.get(session, {})
        if kind not in (SNAPSHOT, SUBSCRIBE):
            raise Refusal(BAD_REQUEST_TYPE, f"SubscriptionRequestType {kind}; expected 0, 1 or 2")
        if name in mine:
            raise Refusal(DUPLICATE, f"{name} is subscribed already")
        if len(mine) >= MOST_SUBSCRIPTIONS:
            raise Refusal(TOO_MANY, f"at most {MOST_SUBSCRIPTIONS} subscriptions")
        update = message.get(w.MD_UPDATE_TYPE, WHOLE_BOOK if kind == SNAPSHOT else CHANGES_ONLY)
        if update not in (WHOLE_BOOK, CHANGES_ONLY):
            raise Refusal(BAD_UPDATE_TYPE, f"MDUpdateType {update}; expected 0 or 1")
        levels = int(message.get(w.MARKET_DEPTH))
        if levels > MOST_LEVELS:
            raise Refusal(BAD_DEPTH, f"MarketDepth {levels}; expected 0 (all) to {MOST_LEVELS}")
        kinds = frozenset(entry[w.MD_ENTRY_TYPE] for entry in groups(message, w.NO_MD_ENTRY_TYPES))
        if not kinds or not kinds <= {BID, OFFER, TRADE}:
            raise Refusal(BAD_ENTRY_TYPE, "MDEntryType is some of 0 (bid), 1 (offer), 2 (trade)")
        books = []
        for entry in groups(message, w.NO_RELATED_SYM):
            try:
                books.append(self._rules.book(entry[w.SYMBOL]))
            except KeyError:
                raise Refusal(UNKNOWN_SYMBOL, f"unknown symbol {entry[w.SYMBOL]}") from None
        if not books or len(set(books)) != len(books):
            raise Refusal(UNKNOWN_SYMBOL, "NoRelatedSym names each symbol once, at least one")
        return Subscription(name, books, kinds, levels, update == WHOLE_BOOK)

    # what is shown

    def told(self, told: Told) -> None:
        """Trades, as they happen."""
        if not len(told.trades):
            return
        for session, subscription in self._all():
            if TRADE not in subscription.kinds:
                continue
            entries = [self._trade(trade, action=True) for trade in told.trades if trade["book"] in subscription.books]
            self._refresh(session, subscription, entries)

    def due(self, interval_ns: int, changes: Changes) -> None:
        """Levels that changed in an interval."""
        if interval_ns != PACE_NS:
            return
        for session, subscription in self._all():
            if subscription.kinds.isdisjoint((BID, OFFER)):
                continue
            for diff in changes.diffs:
                book = int(diff["book"])
                if book not in subscription.books:
                    continue
                if subscription.whole:
                    self._snapshot(session, subscription, book)
                elif subscription.levels:
                    self._differences(session, subscription, book, self._levels(subscription, book))
                else:
                    rows = changes.levels[diff["start"] : diff["end"]][["side", "price", "lots"]].tolist()
                    levels = {(BID if side == BUY else OFFER, price): lots for side, price, lots in rows}
                    known = subscription.shown[book]
                    self._differences(session, subscription, book, {**known, **{at: lots for at, lots in levels.items() if at[0] in subscription.kinds}})

    def _all(self) -> Iterable[tuple[Session, Subscription]]:
        return [(session, subscription) for session, mine in self._open.items() for subscription in mine.values()]

    def _levels(self, subscription: Subscription, book: int) -> dict[Level, int]:
        """The best levels of a book as they are."""
        depth = self._market.depth(book, subscription.levels or MOST_LEVELS)
        sides = ((BID, depth.bids.tolist()), (OFFER, depth.asks.tolist()))
        return {(side, price): lots for side, levels in sides if side in subscription.kinds for price, lots in levels}

    def _snapshot(self, session: Session, subscription: Subscription, book: int) -> None:
        levels = subscription.shown[book] = self._levels(subscription, book)
        listing = self._rules.listings[book]
        entries = [_level(listing, *at, lots) for at, lots in levels.items()]
        last = self._market.last_trade(book) if TRADE in subscription.kinds else None
        if last is not None:
            entries.append(self._trade(last, action=False))
        fields = [(w.MD_REQ_ID, subscription.name), (w.SYMBOL, listing.symbol), (w.NO_MD_ENTRIES, str(len(entries)))]
        session.send(w.MARKET_DATA_SNAPSHOT, [*fields, *(field for entry in entries for field in entry)], self._clock())

    def _differences(self, session: Session, subscription: Subscription, book: int, levels: dict[Level, int]) -> None:
        """Send what makes `levels` of what was shown; a level of no lots is gone."""
        listing, shown = self._rules.listings[book], subscription.shown[book]
        entries = []
        for at in [at for at in shown if not levels.get(at)]:
            entries.append([(w.MD_UPDATE_ACTION, DELETE), *_level(listing, *at, shown[at], listing.symbol)[:-1]])
        now = {at: lots for at, lots in levels.items() if lots}
        for at, lots in now.items():
            if shown.get(at) != lots:
                entries.append([(w.MD_UPDATE_ACTION, CHANGE if at in shown else NEW), *_level(listing, *at, lots, listing.symbol)])
        subscription.shown[book] = now
        self._refresh(session, subscription, entries)

    def _refresh(self, session: Session, subscription: Subscription, entries: list[list[Field]]) -> None:
        if entries:
            fields = [(w.MD_REQ_ID, subscription.name), (w.NO_MD_ENTRIES, str(len(entries)))]
            session.send(w.MARKET_DATA_REFRESH, [*fields, *(field for entry in entries for field in entry)], self._clock())

    def _trade(self, trade: Any, *, action: bool) -> list[Field]:
        """One trade as an entry: of a refresh with what is to be done, its number and its symbol."""
        listing = self._rules.listings[trade["book"]]
        day, _, time = timestamp(int(trade["ts"])).partition("-")
        head = [(w.MD_UPDATE_ACTION, NEW)] if action else []
        named = [(w.MD_ENTRY_ID, f"{listing.symbol}-{trade['trade_id']}"), (w.SYMBOL, listing.symbol)] if action else []
        return [
            *head,
            (w.MD_ENTRY_TYPE, TRADE),
            *named,
            (w.MD_ENTRY_PX, listing.price_text(int(trade["price"]))),
            (w.MD_ENTRY_SIZE, listing.quantity_text(int(trade["quantity"]))),
            (w.MD_ENTRY_DATE, day),
            (w.MD_ENTRY_TIME, time),
        ]


def _level(listing: Listing, side: str, price: int, lots: int, symbol: str = "") -> list[Field]:
    """A level as an entry, its quantity last."""
    named = [(w.SYMBOL, symbol)] if symbol else []
    return [(w.MD_ENTRY_TYPE, side), *named, (w.MD_ENTRY_PX, listing.price_text(price)), (w.MD_ENTRY_SIZE, listing.quantity_text(lots))]


def _security(listing: Listing) -> list[Field]:
    """What is listed; FIX 4.4 has no field for the price step, so it stands in the text."""
    return [
        (w.SYMBOL, listing.symbol),
        (w.CURRENCY, listing.quote.name),
        (w.ROUND_LOT, listing.quantity_text(1)),
        (w.MIN_TRADE_VOL, listing.quantity_text(listing.min_lots)),
        (w.TEXT, f"MinPriceIncrement={listing.price_text(1)} MinNotional={listing.min_notional}"),
    ]
