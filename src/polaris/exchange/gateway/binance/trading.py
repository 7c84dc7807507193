"""Orders: placing, testing, cancelling, replacing, amending one order or all of a book.

A request becomes commands of one turn; its answer is told when they are durable, from what they did. A client's name for an order is
taken the moment it is asked for, so of two orders of one name in one turn the second is refused, and a cancel by name finds an
order that is still on its way.
Source: Binance spot API documentation, "Trading endpoints".
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
from msgspec import Raw

from polaris.exchange import words as w
from polaris.exchange.gateway.binance import errors, reports
from polaris.exchange.gateway.binance.books import Books, refused
from polaris.exchange.gateway.binance.call import Call, encode
from polaris.exchange.gateway.binance.errors import Refusal
from polaris.exchange.gateway.binance.figures import Figures
from polaris.exchange.gateway.binance.security import Need
from polaris.exchange.gateway.binance.server import BinanceServer, Endpoint
from polaris.exchange.gateway.binance.wanted import Wanted, lots, new_name, read, response
from polaris.exchange.gateway.orders import NEW, PARTIALLY_FILLED, Change, Order
from polaris.exchange.gateway.venue import Refused, Venue, command, note
from polaris.exchange.words import Events

ORIGIN: Final = 1  # of notes: this dialect
RESTRICTIONS: Final = {"ONLY_NEW": NEW, "ONLY_PARTIALLY_FILLED": PARTIALLY_FILLED}
MODES: Final = ("STOP_ON_FAILURE", "ALLOW_FAILURE")


class Trading:
    """The trading endpoints of a venue."""

    def __init__(self, venue: Venue, server: BinanceServer, books: Books) -> None:
        self._venue = venue
        self._server = server
        self._books = books
        self._amended: dict[int, int] = {}  # quantities of orders whose amends are on their way

    def endpoints(self) -> Iterable[Endpoint]:
        """What they are, for `BinanceServer.add`."""
        v3 = "/api/v3/order"
        yield Endpoint(self.place, rest=(f"POST {v3}",), socket="order.place", need=Need.TRADE)
        yield Endpoint(self.test, rest=(f"POST {v3}/test",), socket="order.test", weight=_test_weight, need=Need.TRADE)
        yield Endpoint(self.cancel, rest=(f"DELETE {v3}",), socket="order.cancel", need=Need.TRADE)
        yield Endpoint(self.replace, rest=(f"POST {v3}/cancelReplace",), socket="order.cancelReplace", need=Need.TRADE)
        yield Endpoint(self.amend, rest=(f"PUT {v3}/amend/keepPriority",), socket="order.amend.keepPriority", weight=4, need=Need.TRADE)
        yield Endpoint(self.cancel_all, rest=("DELETE /api/v3/openOrders",), socket="openOrders.cancelAll", need=Need.TRADE)

    # one new order

    def place(self, call: Call) -> None:
        """A new order."""
        book, figures = self._books.find(call)
        wanted = read(call, figures, book)
        shown = response(call, wanted.name)
        self._server.gate.once(call, call.received)
        order_id = self.claim(call, [wanted])

        def placed(changes: list[Change]) -> None:
            self._venue.release(call.account, wanted.client_id)
            self._tell(call, figures, order_id, shown, changes)

        self.ask(call, [wanted.command(order_id, call.account)], [self.note(call, wanted.client_id, wanted.number)], placed, [wanted])

    def tell(self, call: Call, order_id: int, changes: list[Change]) -> None:
        """Answer a new order that went the short way (`quick`)."""
        self._tell(call, self._books.find(call)[1], order_id, response(call, call.text("type")), changes)

    def tell_cancelled(self, call: Call, changes: list[Change]) -> None:
        """Answer a cancel that went the short way."""
        call.settle(lambda: self.cancelled(call, self._books.find(call)[1], changes))

    def _tell(self, call: Call, figures: Figures, order_id: int, shown: str, changes: list[Change]) -> None:
        call.ordered = True
        if refused_any(changes):
            self._server.orders.give_back(call.account, 1, call.received)
        call.settle(lambda: self._placed(call, figures, order_id, shown, changes))

    def test(self, call: Call) -> bytes:
        """Everything about a new order but the order."""
        book, figures = self._books.find(call)
        wanted = read(call, figures, book)
        response(call, wanted.name)
        if not call.flag("computeCommissionRates"):
            return b"{}"
        maker, taker = self._venue.rules.tiers[0]
        rates = {"maker": reports.rate(maker), "taker": reports.rate(taker)}
        none = {"maker": reports.rate(0), "taker": reports.rate(0)}
        discount = {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": None, "discount": reports.rate(0)}
        return encode({"standardCommissionForOrder": rates, "specialCommissionForOrder": none, "taxCommissionForOrder": none, "discount": discount})

    # what lives

    def cancel(self, call: Call) -> None:
        """Cancel one order; of a list, all of it."""
        book, figures = self._books.find(call)
        order_id = self.find(call, book, "orderId", "origClientOrderId")
        self._restrict(call, book, order_id)
        name = call.client_id("newClientOrderId") or new_name()
        self.ask(
            call, [command(w.CANCEL, order_id=order_id, book=book, account=call.account)], [self.note(call, name)],
            lambda changes: call.settle(lambda: self.cancelled(call, figures, changes)),
        )  # fmt: skip

    def cancel_all(self, call: Call) -> None:
        """Cancel every order of one book."""
        book, figures = self._books.find(call)

        def answer(changes: list[Change]) -> Any:
            ended = [change for change in changes if change.kind == w.CANCELLED and change.order is not None]
            if not ended:
                raise errors.unknown_order()
            return self._all_cancelled(call, figures, ended)

        self.ask(call, [command(w.MASS_CANCEL, book=book, account=call.account)], [self.note(call, new_name())], lambda changes: call.settle(lambda: answer(changes)))

    def amend(self, call: Call) -> None:
        """Make an order smaller; it keeps its place."""
        book, figures = self._books.find(call)
        order_id = self.find(call, book, "orderId", "origClientOrderId")
        wanted = lots(call, figures, "newQty")
        name = call.client_id("newClientOrderId")
        order = self._venue.register.alive(order_id)
        if order is None:
            raise errors.unknown_order()
        if name and name != order.client_id and not self._venue.claim(call.account, name, order_id, book):
            raise Refusal(errors.AMEND_REJECTED, "Duplicate order sent.")
        failed: list[Refusal] = []

        def decide(_: Events) -> tuple[list[bytes], list[bytes]] | None:
            """With what is open now, whatever traded since: an amend by a stale number would lose the place it promises to keep."""
            open_now, whole = self._venue.core.open(order_id), self._amended.get(order_id, order.quantity)
            left = wanted - (whole - open_now)
            if not 0 < left < open_now:
                failed.append(_no_amend(wanted, whole, open_now))
                return None
            self._amended[order_id] = wanted
            return [command(w.AMEND, order_id=order_id, book=book, quantity=left, account=call.account)], [self.note(call, name or new_name())]

        def answer(changes: list[Change]) -> Any:
            if name:
                self._venue.release(call.account, name)
            if self._amended.get(order_id) == wanted:
                del self._amended[order_id]
            if failed:
                raise failed[0]
            for change in changes:
                if change.kind == w.AMENDED and change.order is not None and change.order_id == order_id:
                    return reports.amended(figures, change.order, change, call.time)
            reason = changes[0].reason if changes else 0
            raise errors.unknown_order() if reason == w.UNKNOWN_ORDER else Refusal(errors.AMEND_REJECTED, f"Order amend rejected: {w.REASON_NAMES[reason]}.")

        self._ask_deciding(call, [], [], lambda changes: call.settle(lambda: answer(changes)), decide)

    # one for another

    def replace(self, call: Call) -> None:
        """Cancel one order and place another."""
        book, figures = self._books.find(call)
        mode = call.text("cancelReplaceMode")
        if mode not in MODES:
            raise errors.not_valid("cancelReplaceMode")
        exceeded = call.choice("orderRateLimitExceededMode", ("DO_NOTHING", "CANCEL_ONLY"), "DO_NOTHING")
        wanted = read(call, figures, book)
        shown = response(call, wanted.name)
        cancel_name = call.client_id("cancelNewClientOrderId") or new_name()
        if call.params.get("cancelOrderId") is None and call.params.get("cancelOrigClientOrderId") is None:
            raise Refusal(-1102, "Param 'cancelOrigClientOrderId' or 'cancelOrderId' must be sent, but both were empty/null!")
        self._server.gate.once(call, call.received)
        refusals: dict[str, Refusal] = {}
        try:
            old = self.find(call, book, "cancelOrderId", "cancelOrigClientOrderId")
            self._restrict(call, book, old)
        except Refusal as refusal:
            refusals["cancel"], old = refusal, 0
        try:
            self._server.orders.take(call.account, 1, call.received)
        except Refusal as refusal:
            if exceeded == "DO_NOTHING":
                raise
            refusals["order"] = refusal
        new = self._venue.new_order_id()
        claimed = "order" not in refusals and self._venue.claim(call.account, wanted.client_id, new, book, instead_of=old)
        if not claimed and "order" not in refusals:
            refusals["order"] = errors.no_new_order("Duplicate order sent.")
        submit = ([wanted.command(new, call.account)], [self.note(call, wanted.client_id, wanted.number)])
        stop = mode == "STOP_ON_FAILURE"
        attempted = [True]

        def decide(events: Events) -> tuple[list[bytes], list[bytes]] | None:
            gone = bool(np.any((events["kind"] == w.CANCELLED) & (events["order_id"] == old))) if old else False
            attempted[0] = gone or not stop
            return submit if attempted[0] and claimed else None

        def answer(changes: list[Change]) -> Any:
            if claimed:
                self._venue.release(call.account, wanted.client_id)
            call.ordered = True
            outcome: dict[str, Any] = {"cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED", "cancelResponse": None, "newOrderResponse": None}
            try:
                if "cancel" in refusals:
                    raise refusals["cancel"]
                before = [change for change in changes if change.order_id != new]
                outcome["cancelResponse"], outcome["cancelResult"] = self.cancelled(call, figures, before), "SUCCESS"
            except Refusal as refusal:
                outcome["cancelResponse"] = refusal.document()
            if attempted[0]:
                try:
                    if "order" in refusals:
                        raise refusals["order"]
                    outcome["newOrderResponse"] = self._placed(call, figures, new, shown, [change for change in changes if change.order_id == new])
                    outcome["newOrderResult"] = "SUCCESS"
                except Refusal as refusal:
                    outcome["newOrderResponse"], outcome["newOrderResult"] = refusal.document(), "FAILURE"
            return _replaced(outcome)

        commands = [command(w.CANCEL, order_id=old, book=book, account=call.account)] if old else []
        notes = [self.note(call, cancel_name)] if old else []
        self._ask_deciding(call, commands, notes, lambda changes: call.settle(lambda: answer(changes)), decide, [wanted] if claimed else [])

    # what the others need too

    def claim(self, call: Call, wanted: list[Wanted]) -> int:
        """Count new orders and take their names and numbers; the first one's number, the others follow.

        raises  Refusal where they are too many or a name is in use; then nothing is taken
        """
        self._server.orders.take(call.account, len(wanted), call.received)
        order_ids = [self._venue.new_order_id() for _ in wanted]
        for done, (each, order_id) in enumerate(zip(wanted, order_ids, strict=True)):
            if not self._venue.claim(call.account, each.client_id, order_id, each.book):
                self.unclaim(call, wanted[:done], len(wanted))
                raise errors.no_new_order("Duplicate order sent.")
        return order_ids[0]

    def unclaim(self, call: Call, wanted: list[Wanted], counted: int) -> None:
        """Give back what `claim` took."""
        for each in wanted:
            self._venue.release(call.account, each.client_id)
        self._server.orders.give_back(call.account, counted, call.received)

    def note(self, call: Call, client_id: str, number: int = 0, list_id: int = 0, kind: int = 0) -> bytes:
        """The note of a command of this call."""
        return note(call.received, client_id, number=number, session=call.session, list_id=list_id, origin=ORIGIN, kind=kind)

    def ask(
        self, call: Call, commands: list[bytes], notes: list[bytes], reply: Callable[[list[Change]], None], claimed: list[Wanted] | None = None
    ) -> None:
        """Have commands run. Raises Refusal where the venue takes none; then the names in `claimed` are free again."""
        self._ask_deciding(call, commands, notes, reply, None, claimed)

    def _ask_deciding(
        self, call: Call, commands: list[bytes], notes: list[bytes], reply: Callable[[list[Change]], None],
        decide: Callable[[Events], tuple[list[bytes], list[bytes]] | None] | None, claimed: list[Wanted] | None = None,
    ) -> None:  # fmt: skip
        try:
            self._venue.ask(commands, notes, reply, decide)
        except Refused:
            if claimed:
                self.unclaim(call, claimed, len(claimed))
            raise errors.overloaded() from None

    def find(self, call: Call, book: int, number: str, name: str) -> int:
        """The number of an account's order that lives or is on its way.

        raises  Refusal -2011 where there is none, or number and name are not of one order
        """
        by_name = call.client_id(name)
        if call.params.get(number) is None:
            if not by_name:
                raise Refusal(-1102, f"Param '{name}' or '{number}' must be sent, but both were empty/null!")
            coming = self._venue.claimed(call.account, by_name, book)
            if coming:
                return coming
            order = self._venue.register.named(call.account, by_name)
        else:
            order = self._venue.register.order(call.account, book, call.integer(number))
            if order is not None and by_name and by_name != order.client_id:
                order = None
        if order is None or not order.alive or order.book != book:
            raise errors.unknown_order()
        return order.order_id

    def cancelled(self, call: Call, figures: Figures, changes: list[Change]) -> Any:
        """What a cancel did: one order's report, or its list's."""
        ended = [change for change in changes if change.kind == w.CANCELLED and change.order is not None]
        if not ended:
            raise errors.unknown_order()
        told = self._all_cancelled(call, figures, ended)
        return told[0]

    def _all_cancelled(self, call: Call, figures: Figures, ended: list[Change]) -> list[Any]:
        told: list[Any] = []
        lists: dict[int, dict[str, Any]] = {}
        for change in ended:
            order = change.order
            assert order is not None
            report = reports.cancelled(figures, order, change.former, change.ts, call.time)
            if order.list is None:
                told.append(report)
                continue
            whole = lists.get(order.list.list_id)
            if whole is None:
                whole = lists[order.list.list_id] = {**reports.orders(figures, order.list, call.time), "orderReports": []}
                told.append(whole)
            whole["orderReports"].append(report)
        return told

    def _placed(self, call: Call, figures: Figures, order_id: int, shown: str, changes: list[Change]) -> Any:
        """The answer to a new order, from what its command did."""
        if not changes:
            raise errors.not_durable()
        first = changes[0]
        if first.kind == w.REJECTED or first.order is None:
            raise refused(first.reason, self._server.limits)
        return self.shown(call, figures, first.order, first.ts, shown, changes)

    def shown(self, call: Call, figures: Figures, order: Order, ts: int, shown: str, changes: list[Change]) -> Any:
        """An order in an answer of this kind."""
        if shown == "ACK":
            return reports.acknowledged(figures, order, ts, call.time)
        trades = [change.trade for change in changes if change.trade is not None and change.order_id == order.order_id] if shown == "FULL" else None
        return Raw(reports.result_text(figures, order, ts, call.time, trades))

    def _restrict(self, call: Call, book: int, order_id: int) -> None:
        asked = call.optional("cancelRestrictions")
        if asked is None:
            return
        if asked not in RESTRICTIONS:
            raise Refusal(-1145, "Invalid cancelRestrictions")
        order = self._venue.register.order(call.account, book, order_id)
        if order is None or order.state != RESTRICTIONS[asked]:
            raise Refusal(errors.CANCEL_REJECTED, "Order was not canceled due to cancel restrictions.")


def refused_any(changes: list[Change]) -> bool:
    """Whether the core took no order."""
    return not changes or any(change.kind == w.REJECTED for change in changes)


def _no_amend(wanted: int, whole: int, open_now: int) -> Refusal:
    if open_now == 0:
        return errors.unknown_order()
    if wanted == whole:
        return Refusal(errors.AMEND_REJECTED, "The requested action would change no state; rejecting.")
    return Refusal(errors.AMEND_REJECTED, "Order amend (quantity increase) is not supported.")


def _replaced(outcome: dict[str, Any]) -> dict[str, Any]:
    """A cancel-replace that went well; raises Refusal where a part of it did not."""
    results = outcome["cancelResult"], outcome["newOrderResult"]
    if results == ("SUCCESS", "SUCCESS"):
        return outcome
    if "SUCCESS" in results:
        raise Refusal(errors.REPLACE_PARTLY, "Order cancel-replace partially failed.", 409, outcome)
    raise Refusal(errors.REPLACE_FAILED, "Order cancel-replace failed.", 400, outcome)


def _test_weight(params: Any) -> int:
    return 20 if params.get("computeCommissionRates", "").lower() == "true" else 1
