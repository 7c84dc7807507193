"""Orders of one FIX session: requests in, ExecutionReports out.

A request becomes commands of the venue's next turn. What happens to an order of the session is reported as the register tells it,
whoever caused it and whether somebody is connected or not; what was refused is answered to who asked. A ClOrdID is taken once:
one that was seen before is refused, or with PossResend answered with how its order stands.

CancelOrdersOnDisconnect (8013) of the logon: Y cancels every order of the account when the line ends, S those of this session.
"""

from collections.abc import Sequence
from typing import Any, Final

from polaris.exchange import words as core
from polaris.exchange.gateway.ending import ending, ends_of
from polaris.exchange.gateway.fix import words as w
from polaris.exchange.gateway.fix.codec import Field, Message, timestamp
from polaris.exchange.gateway.fix.reports import EXEC_TYPES, REJECTED, STATUS_ASKED, STATUSES, Reports, moments
from polaris.exchange.gateway.fix.session import Session
from polaris.exchange.gateway.fix.wanted import (
    DUPLICATE,
    EXCEEDS_LIMIT,
    EXCHANGE_CLOSED,
    INCORRECT_QUANTITY,
    OTHER,
    UNKNOWN_ACCOUNT,
    UNKNOWN_ORDER,
    UNKNOWN_SYMBOL,
    Missing,
    Refusal,
    Wanted,
    book_of,
    read,
    side_of,
)
from polaris.exchange.gateway.orders import Change, Order
from polaris.exchange.gateway.turns import More
from polaris.exchange.gateway.venue import Refused, Venue, command, note
from polaris.exchange.words import Events

ORIGIN: Final = 2  # of notes: this dialect
NONE: Final = "NONE"
EVERY_ORDER, OWN_ORDERS = "Y", "S"  # CancelOrdersOnDisconnect
ONE_BOOK, ALL_BOOKS = "1", "7"  # MassCancelRequestType, MassStatusReqType
NO_SYMBOL, UNDISCLOSED = "[N/A]", "7"  # Symbol and Side of a report about no order
TO_CANCEL, TO_REPLACE = "1", "2"  # CxlRejResponseTo
# CxlRejReason
TOO_LATE: Final = 0
NO_SUCH_ORDER: Final = 1
BROKER_OPTION: Final = 2
SEEN_BEFORE: Final = 6
# BusinessRejectReason
UNSUPPORTED_TYPE: Final = 3
NOT_AVAILABLE: Final = 4
FIELD_MISSING: Final = 5
NOT_AUTHORIZED: Final = 6
REASONS: Final = {  # OrdRejReason of the core's
    core.NO_SUCH_BOOK: UNKNOWN_SYMBOL,
    core.BOOK_HALTED: EXCHANGE_CLOSED,
    core.DUPLICATE_ORDER: DUPLICATE,
    core.BAD_QUANTITY: INCORRECT_QUANTITY,
    core.LOT_SIZE: INCORRECT_QUANTITY,
    **dict.fromkeys(
        (
            core.INSUFFICIENT_BALANCE, core.ORDER_RATE, core.POSITION_LIMIT, core.TOO_MANY_ORDERS, core.NOTIONAL, core.PRICE_BAND, core.DAILY_LOSS,
            core.ORDER_LOTS, core.ENGINE_FULL,
        ),
        EXCEEDS_LIMIT,
    ),
}  # fmt: skip
TRADING_TYPES: Final = frozenset(
    {
        w.NEW_ORDER_SINGLE, w.ORDER_CANCEL_REQUEST, w.ORDER_CANCEL_REPLACE_REQUEST, w.ORDER_STATUS_REQUEST, w.ORDER_MASS_CANCEL_REQUEST,
        w.ORDER_MASS_STATUS_REQUEST,
    }
)  # fmt: skip
ASKING_TYPES: Final = frozenset({w.ORDER_STATUS_REQUEST, w.ORDER_MASS_STATUS_REQUEST})  # which change nothing


class Trading:
    """The orders of one session.

    account    whose they are
    may_trade  False: he may ask, but not order
    """

    def __init__(self, venue: Venue, session: Session, reports: Reports, account: int) -> None:
        self.may_trade = False
        self.cancels = ""  # what ends with the line: EVERY_ORDER, OWN_ORDERS or nothing
        self.account = account
        self._venue = venue
        self._session = session
        self._reports = reports
        self._pending: dict[str, int] = {}  # orders of ours that are on their way, by ClOrdID
        self._asked: dict[int, int] = {}  # lots that orders were to have in all, by replacements that are on their way
        venue.watch(account, self)

    def retire(self) -> None:
        """Hear nothing more."""
        self._venue.unwatch(self.account, self)

    # what the session's side asks

    def take(self, message: Message) -> None:
        """Work on one request."""
        try:
            if message.kind not in ASKING_TYPES and not self.may_trade:
                self.business_reject(message, NOT_AUTHORIZED, "this key may not trade")
                return
            match message.kind:
                case w.NEW_ORDER_SINGLE:
                    self._new(message)
                case w.ORDER_CANCEL_REQUEST:
                    self._cancel(message)
                case w.ORDER_CANCEL_REPLACE_REQUEST:
                    self._replace(message)
                case w.ORDER_STATUS_REQUEST:
                    self._venue.after(lambda: self._status(message), lambda: self._stuck(message))
                case w.ORDER_MASS_STATUS_REQUEST:
                    self._mass_status(message)
                case _:
                    self._mass_cancel(message)
        except Missing as missing:
            self.business_reject(message, FIELD_MISSING, str(missing))
        except Refused as refused:
            self.business_reject(message, NOT_AVAILABLE, str(refused))

    def line_ended(self) -> None:
        """The connection is gone: cancel what was to end with it."""
        cancels, self.cancels = self.cancels, ""
        try:
            if cancels == EVERY_ORDER:
                self._venue.ask([command(core.MASS_CANCEL, book=-1, account=self.account)], [self._note("")])
            elif cancels == OWN_ORDERS:
                own = [order.order_id for order in self._venue.register.open(self.account) if order.session == self._session.record.session]
                commands = [command(core.CANCEL, order_id=order_id, account=self.account) for order_id in dict.fromkeys([*own, *self._pending.values()])]
                self._venue.ask(commands, [self._note("")] * len(commands))
        except Refused:
            pass  # the venue takes nothing: nothing can be cancelled, and nothing traded

    def business_reject(self, message: Message, reason: int, text: str) -> None:
        """Say that a request is understood, but can't be had."""
        fields = [(w.REF_SEQ_NUM, message.get(w.MSG_SEQ_NUM)), (w.REF_MSG_TYPE, message.kind)]
        if w.CL_ORD_ID in message.values:
            fields.append((w.BUSINESS_REJECT_REF_ID, message.get(w.CL_ORD_ID)))
        self._send(w.BUSINESS_REJECT, [*fields, (w.BUSINESS_REJECT_REASON, str(reason)), (w.TEXT, text)])

    # orders

    def _new(self, message: Message) -> None:
        name = message.get(w.CL_ORD_ID)
        try:
            self._own_account(message)
            wanted = read(message, self._venue.rules, self._venue.now())
            known = self._venue.register.named(self.account, name)
            if known is not None and message.flag(w.POSS_RESEND):
                self._report_status(known)
                return
            order_id = self._venue.new_order_id()
            if known is not None or not self._venue.claim(self.account, name, order_id, wanted.book):
                raise Refusal(DUPLICATE, f"ClOrdID {name} was seen before")
        except Refusal as refusal:
            self._refuse(message, refusal.reason, refusal.text)
            return

        def answer(changes: list[Change]) -> None:
            self._venue.release(self.account, name)
            self._pending.pop(name, None)
            if not changes:
                self.business_reject(message, NOT_AVAILABLE, self._venue.refuses or "the venue stopped")
            elif changes[0].kind == core.REJECTED:
                self._refuse(message, REASONS.get(changes[0].reason, OTHER), core.REASON_NAMES[changes[0].reason], order_id)

        try:
            follow = ending(self._venue, [order_id], wanted.ends, self.account, self._note(""))
            self._venue.ask([wanted.command(order_id, self.account)], [self._note(name, wanted.ends)], answer, follow)
        except Refused:
            self._venue.release(self.account, name)
            raise
        self._pending[name] = order_id

    def _cancel(self, message: Message) -> None:
        order_id, name = self._which(message), message.get(w.CL_ORD_ID)
        if not order_id:
            self._refuse_cancel(message, TO_CANCEL, NO_SUCH_ORDER, "unknown order")
        elif self._seen(name):
            self._refuse_cancel(message, TO_CANCEL, SEEN_BEFORE, f"ClOrdID {name} was seen before", order_id)
        else:

            def answer(changes: list[Change]) -> None:
                self._tell_of_others(changes)
                if not changes:
                    self._refuse_cancel(message, TO_CANCEL, BROKER_OPTION, self._venue.refuses, order_id)
                elif not any(change.kind == core.CANCELLED for change in changes):
                    self._refuse_cancel(message, TO_CANCEL, TOO_LATE, "too late to cancel", order_id)

            self._venue.ask([command(core.CANCEL, order_id=order_id, account=self.account)], [self._note(name)], answer)

    def _replace(self, message: Message) -> None:
        """New terms of an order that rests: its price, its quantity in all. What else differs from the order is refused."""
        order_id, name = self._which(message), message.get(w.CL_ORD_ID)
        order = self._venue.register.alive(order_id) if order_id else None
        if order is None:
            self._refuse_cancel(message, TO_REPLACE, TOO_LATE if order_id else NO_SUCH_ORDER, "the order does not rest in the book", order_id)
            return
        try:
            wanted = read(message, self._venue.rules, self._venue.now())
            _same_terms(order, wanted)
        except Refusal as refusal:
            self._refuse_cancel(message, TO_REPLACE, OTHER, refusal.text, order_id)
            return
        if self._seen(name) or not self._venue.claim(self.account, name, order_id, order.book):
            self._refuse_cancel(message, TO_REPLACE, SEEN_BEFORE, f"ClOrdID {name} was seen before", order_id)
            return

        def follow(_: Events) -> More | None:
            """With what traded until now, so that no fill on the way makes the order larger than it was asked for."""
            open_now = self._venue.core.open(order_id)
            traded = self._asked.get(order_id, order.quantity) - order.prevented - open_now
            if not open_now or wanted.quantity <= traded:
                return None
            self._asked[order_id] = wanted.quantity + order.prevented
            terms = {"order_id": order_id, "price": wanted.price, "quantity": wanted.quantity - traded, "account": self.account}
            return [command(core.AMEND, **terms)], [self._note(name)]

        def answer(changes: list[Change]) -> None:
            self._venue.release(self.account, name)
            self._asked.pop(order_id, None)
            self._tell_of_others(changes)
            if not any(change.kind == core.AMENDED for change in changes):
                why = next((core.REASON_NAMES[change.reason] for change in changes if change.kind == core.REJECTED), "OrderQty is not above what has traded")
                self._refuse_cancel(message, TO_REPLACE, TOO_LATE, self._venue.refuses or why, order_id)

        self._venue.ask([], [], answer, follow)

    def _mass_cancel(self, message: Message) -> None:
        kind = message.get(w.MASS_CANCEL_REQUEST_TYPE)
        try:
            book, side = self._many(message, kind)
        except Refusal as refusal:
            unknown = "1" if refusal.reason == UNKNOWN_SYMBOL else "99"
            self._mass_report(message, "0", [(w.MASS_CANCEL_REJECT_REASON, unknown), (w.TEXT, refusal.text)])
            return

        def answer(changes: list[Change]) -> None:
            self._tell_of_others(changes)
            ended = sum(change.kind == core.CANCELLED for change in changes)
            self._mass_report(message, kind, [(w.TOTAL_AFFECTED_ORDERS, str(ended))])

        self._venue.ask([command(core.MASS_CANCEL, book=book, side=side, account=self.account)], [self._note("")], answer)

    def _mass_report(self, message: Message, response: str, fields: list[Field]) -> None:
        told = [(w.CL_ORD_ID, message.get(w.CL_ORD_ID)), (w.ORDER_ID, NONE), (w.MASS_CANCEL_REQUEST_TYPE, message.get(w.MASS_CANCEL_REQUEST_TYPE))]
        told += [(tag, message.get(tag)) for tag in (w.SYMBOL, w.SIDE) if tag in message.values]
        self._send(w.ORDER_MASS_CANCEL_REPORT, [*told, (w.MASS_CANCEL_RESPONSE, response), *fields])

    # what is told

    def changed(self, changes: list[Change]) -> None:
        """What one command did to orders of the account: those of this session are reported."""
        self._report([change for change in changes if change.order is not None and change.order.session == self._session.record.session])

    def _tell_of_others(self, changes: list[Change]) -> None:
        """What this session did to orders that came another way."""
        self._report([change for change in changes if change.order is not None and change.order.session != self._session.record.session])

    def _report(self, changes: list[Change]) -> None:
        by_order: dict[int, list[Change]] = {}
        for change in changes:
            by_order.setdefault(change.order_id, []).append(change)
        stood = {id(change): at for each in by_order.values() for change, at in zip(each, moments(each), strict=True)}
        for change in changes:
            if change.order is not None and change.kind in EXEC_TYPES:
                self._send(w.EXECUTION_REPORT, self._reports.changed(change, change.order, stood[id(change)], self._exec_id()))

    def balances(self, ts: int, assets: Sequence[int], balances: Any) -> None:
        """FIX tells of orders only."""

    def paid(self, ts: int, asset: int, change: int) -> None:
        """FIX tells of orders only."""

    def _status(self, message: Message) -> None:
        """How an order stands; one that isn't known is a rejected one."""
        order = self._find(message, w.CL_ORD_ID)
        if order is None:
            self._refuse(message, UNKNOWN_ORDER, "unknown order", status=True)
        else:
            self._report_status(order)

    def _report_status(self, order: Order, extra: Sequence[Field] = ()) -> None:
        self._send(w.EXECUTION_REPORT, [*self._reports.status(order, self._exec_id()), *extra])

    def _mass_status(self, message: Message) -> None:
        """How every order that lives stands, a report each, the last one marked; where there is none, one report that says so."""
        asked = (w.MASS_STATUS_REQ_ID, message.get(w.MASS_STATUS_REQ_ID))
        try:
            book, side = self._many(message, message.get(w.MASS_STATUS_REQ_TYPE))
            self._own_account(message)
        except Refusal as refusal:
            self._send(w.EXECUTION_REPORT, self._no_order(message, asked, refusal.reason, refusal.text))
            return

        def tell() -> None:
            orders = [order for order in self._venue.register.open(self.account, book) if side in (0, order.side)]
            for at, order in enumerate(orders, 1):
                self._report_status(order, [asked, (w.TOT_NUM_REPORTS, str(len(orders))), (w.LAST_RPT_REQUESTED, "Y" if at == len(orders) else "N")])
            if not orders:
                self._send(w.EXECUTION_REPORT, self._no_order(message, asked, UNKNOWN_ORDER, "no orders"))

        self._venue.after(tell, lambda: self._stuck(message))

    def _stuck(self, message: Message) -> None:
        """What was asked before is not on the disk: how things stand can't be told."""
        self.business_reject(message, NOT_AVAILABLE, self._venue.refuses)

    def _no_order(self, message: Message, asked: Field, reason: int, text: str) -> list[Field]:
        """The only report of a mass status that finds nothing."""
        return [
            (w.ORDER_ID, NONE), (w.EXEC_ID, self._exec_id()), (w.EXEC_TYPE, STATUS_ASKED), (w.ORD_STATUS, REJECTED), (w.ORD_REJ_REASON, str(reason)),
            (w.SYMBOL, message.get(w.SYMBOL, NO_SYMBOL)), (w.SIDE, message.get(w.SIDE, UNDISCLOSED)), (w.LEAVES_QTY, "0"), (w.CUM_QTY, "0"), (w.AVG_PX, "0"),
            asked, (w.TOT_NUM_REPORTS, "0"), (w.LAST_RPT_REQUESTED, "Y"), (w.TEXT, text),
        ]  # fmt: skip

    def _many(self, message: Message, kind: str) -> tuple[int, int]:
        """(book, side) of the orders a request is about: -1 all books, 0 both sides. Raises Refusal."""
        if kind not in (ONE_BOOK, ALL_BOOKS):
            raise Refusal(OTHER, f"type {kind}; expected 1 (of a security) or 7 (all)")
        if kind == ONE_BOOK and w.SYMBOL not in message.values:
            raise Missing(w.SYMBOL)
        return book_of(message, self._venue.rules) if kind == ONE_BOOK else -1, side_of(message) if w.SIDE in message.values else 0

    def _refuse(self, message: Message, reason: int, text: str, order_id: int = 0, *, status: bool = False) -> None:
        """An ExecutionReport of an order that does not come to be."""
        fields = [(w.ORDER_ID, str(order_id) if order_id else message.get(w.ORDER_ID, NONE))]
        if w.CL_ORD_ID in message.values:
            fields.append((w.CL_ORD_ID, message.get(w.CL_ORD_ID)))
        fields += [
            (w.EXEC_ID, self._exec_id()),
            (w.EXEC_TYPE, STATUS_ASKED if status else REJECTED),
            (w.ORD_STATUS, REJECTED),
            (w.ORD_REJ_REASON, str(reason)),
        ]
        fields += [(tag, message.get(tag)) for tag in (w.SYMBOL, w.SIDE, w.ORDER_QTY, w.CASH_ORDER_QTY, w.ORD_TYPE, w.PRICE, w.STOP_PX) if tag in message.values]
        fields += [(w.LEAVES_QTY, "0"), (w.CUM_QTY, "0"), (w.AVG_PX, "0"), (w.TRANSACT_TIME, timestamp(self._venue.now())), (w.TEXT, text)]
        self._send(w.EXECUTION_REPORT, fields)

    def _refuse_cancel(self, message: Message, to: str, reason: int, text: str, order_id: int = 0) -> None:
        order = self._venue.register.alive(order_id) or self._find(message, w.ORIG_CL_ORD_ID)
        self._send(
            w.ORDER_CANCEL_REJECT,
            [
                (w.ORDER_ID, str(order.order_id) if order is not None else NONE),
                (w.CL_ORD_ID, message.get(w.CL_ORD_ID)),
                (w.ORIG_CL_ORD_ID, message.get(w.ORIG_CL_ORD_ID, NONE)),
                (w.ORD_STATUS, STATUSES[order.state] if order is not None else REJECTED),
                (w.CXL_REJ_RESPONSE_TO, to),
                (w.CXL_REJ_REASON, str(reason)),
                (w.TEXT, text),
            ],
        )

    # which order

    def _find(self, message: Message, named_by: int) -> Order | None:
        """The order a message names by its OrderID or by a ClOrdID, alive or ended."""
        register = self._venue.register
        if (number := message.get(w.ORDER_ID)).isdecimal() and number.isascii() and len(number) < 19:
            for book in range(len(self._venue.rules.listings)):
                if (order := register.order(self.account, book, int(number))) is not None:
                    return order
            return None
        return register.named(self.account, message.get(named_by)) if named_by in message.values else None

    def _which(self, message: Message) -> int:
        """The number of the order to change, also where it is still on its way; 0: none is known."""
        order = self._find(message, w.ORIG_CL_ORD_ID)
        name = message.get(w.ORIG_CL_ORD_ID)
        if order is not None and (w.ORDER_ID in message.values or order.client_id == name):
            return order.order_id
        return self._pending.get(name, 0)

    def _seen(self, name: str) -> bool:
        return name in self._pending or self._venue.register.named(self.account, name) is not None

    def _own_account(self, message: Message) -> None:
        account = message.get(w.ACCOUNT)
        if account and account != str(self.account):
            raise Refusal(UNKNOWN_ACCOUNT, f"account {account}; this key is of account {self.account}")

    # how it is said

    def _note(self, name: str, ends: int = 0) -> bytes:
        return note(self._venue.now(), name, number=-ends, session=self._session.record.session, origin=ORIGIN)

    def _exec_id(self) -> str:
        """Never used twice: the time, and the number of the message that has it."""
        return f"{self._venue.now():x}-{self._session.record.next_out}"

    def _send(self, kind: str, fields: list[Field]) -> None:
        self._session.send(kind, fields, self._venue.now())


def _same_terms(order: Order, wanted: Wanted) -> None:
    """Only price and quantity of an order can be replaced. Raises Refusal."""
    for name, asked, is_now in (
        ("Symbol", wanted.book, order.book),
        ("Side", wanted.side, order.side),
        ("OrdType", wanted.order_type, order.order_type),
        ("TimeInForce or ExecInst", wanted.time_in_force, order.time_in_force),
        ("TimeInForce or ExpireTime", wanted.ends, ends_of(order.number)),
        ("StopPx", wanted.trigger, order.trigger),
        ("MaxFloor", wanted.display, order.display),
    ):
        if asked != is_now:
            raise Refusal(OTHER, f"{name} is not the order's; only Price and OrderQty can be replaced")
