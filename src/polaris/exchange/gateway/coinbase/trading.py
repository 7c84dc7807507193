"""Orders: placing, cancelling, editing, and what an order would do.

A client's name for an order is taken once: who sends it again, because an answer was lost, is told of the order it made, also while
that is still on its way. An answer is told when it is durable.
Source: Coinbase Advanced Trade API documentation, "Orders".
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from polaris.exchange import words as w
from polaris.exchange.gateway.coinbase import errors, names, reports
from polaris.exchange.gateway.coinbase.brackets import Shown, legs_of, list_name, shown, stop_name
from polaris.exchange.gateway.coinbase.call import Call
from polaris.exchange.gateway.coinbase.errors import Failure
from polaris.exchange.gateway.coinbase.figures import Figures
from polaris.exchange.gateway.coinbase.products import Products
from polaris.exchange.gateway.coinbase.server import ROOT, Endpoint
from polaris.exchange.gateway.coinbase.wanted import Wanted, price_of, read, side_of, size_of
from polaris.exchange.gateway.ending import ending
from polaris.exchange.gateway.keys import TRADE
from polaris.exchange.gateway.orders import NAMES_LIST, Change, Order
from polaris.exchange.gateway.venue import Refused, Venue, command, note
from polaris.exchange.words import Events

ORIGIN: Final = 3  # of notes: this dialect
MOST_CANCELS: Final = 100


class Trading:
    """The trading endpoints of a venue."""

    def __init__(self, venue: Venue, products: Products) -> None:
        self._venue = venue
        self._products = products
        self._edited: dict[int, int] = {}  # sizes of orders whose edits are on their way

    def endpoints(self) -> Iterable[Endpoint]:
        """What they are, for `CoinbaseServer.add`."""
        yield Endpoint(self.place, f"POST {ROOT}/orders", TRADE)
        yield Endpoint(self.cancel, f"POST {ROOT}/orders/batch_cancel", TRADE)
        yield Endpoint(self.edit, f"POST {ROOT}/orders/edit", TRADE)

    # a new order

    def place(self, call: Call) -> Any:
        """A new order, or the one of this name that there is."""
        try:
            name = names.kept(call.field("client_order_id"))
        except ValueError as cause:
            raise errors.invalid(str(cause)) from None
        known = self._venue.register.named(call.account, name)
        if known is not None:
            return self._placed(shown(known))
        configuration = call.body.get("order_configuration")
        try:
            wanted, _ = self.read(call)
        except Failure as failure:
            return failure.document(configuration)
        self._submit(call, name, wanted, configuration)
        return None

    def read(self, call: Call) -> tuple[Wanted, Figures]:
        """The order a body asks for. Raises Failure, Refusal."""
        product = call.field("product_id")
        book = self._products.known(product)
        if book < 0:
            raise Failure("INVALID_PRODUCT_ID", f"{product[:40]} is not a valid product", "PREVIEW_INVALID_PRODUCT_ID")
        for term in ("attached_order_configuration", "leverage", "margin_type"):
            if call.body.get(term) not in (None, "", {}, "1", "1.0"):
                raise Failure("UNSUPPORTED_ORDER_CONFIGURATION", f"{term} is not supported")
        figures = self._products.figures[book]
        return read(call.body.get("order_configuration"), side_of(call.field("side")), book, figures, call.received), figures

    def _submit(self, call: Call, name: str, wanted: Wanted, configuration: Any) -> None:
        order_id, account = self._venue.new_order_id(), call.account
        order_ids = [order_id, self._venue.new_order_id()] if wanted.bracket else [order_id]
        if not self._venue.claim(account, name, order_id, wanted.book):  # one of this name is on its way
            self._venue.after(lambda: call.settle(lambda: self._made_before(account, name)), lambda: call.refuse(errors.unavailable(self._venue.refuses)))
            return

        def placed(changes: list[Change]) -> None:
            self._venue.release(account, name)
            call.settle(lambda: self._outcome(changes, configuration))

        commands, notes = self._commands(call, name, wanted, order_ids)
        try:
            self._venue.ask(commands, notes, placed, ending(self._venue, order_ids, wanted.ends, account, note(call.received, origin=ORIGIN)))
        except Refused as refused:
            self._venue.release(account, name)
            raise errors.unavailable(str(refused)) from None

    def _commands(self, call: Call, name: str, wanted: Wanted, order_ids: list[int]) -> tuple[list[bytes], list[bytes]]:
        """What places an order, with its notes: a bracket is a list of two, whose name travels in the note of a CLOCK before them."""
        if not wanted.bracket:
            return [wanted.command(order_ids[0], call.account)], [note(call.received, name, number=-wanted.ends, origin=ORIGIN)]
        first, second = order_ids
        list_id = self._venue.new_list_id()
        commands = [
            command(w.CLOCK, price=self._venue.now()),
            wanted.command(first, call.account, w.OCO_FIRST),
            wanted.stop().command(second, call.account, w.OCO_SECOND),
        ]
        notes = [
            note(call.received, list_name(first), list_id=list_id, origin=ORIGIN, kind=NAMES_LIST),
            note(call.received, name, number=-wanted.ends, list_id=list_id, origin=ORIGIN),
            note(call.received, stop_name(first), number=-wanted.ends, list_id=list_id, origin=ORIGIN),
        ]
        return commands, notes

    def _outcome(self, changes: list[Change], configuration: Any) -> Any:
        if not changes:
            raise errors.broken()
        first = changes[0]
        if first.kind == w.REJECTED or first.order is None:
            reasons = [change.reason for change in changes if change.kind == w.REJECTED and change.reason != w.LIST_REFUSED]
            return errors.failed(reasons[0] if reasons else w.LIST_REFUSED).document(configuration)
        return self._placed(shown(first.order))

    def _made_before(self, account: int, name: str) -> Any:
        known = self._venue.register.named(account, name)
        if known is None:
            raise errors.unavailable("the order of this name was refused; it may be sent again")
        return self._placed(shown(known))

    def _placed(self, order: Shown) -> Any:
        """An order that was taken."""
        figures, name = self._products.figures[order.book], names.order_name(order.book, order.order_id)
        response = {
            "order_id": name,
            "product_id": figures.product,
            "side": reports.side_name(order.side),
            "client_order_id": names.told(order.first_id),
            "attached_order_id": "",
        }
        return {
            "success": True,
            "failure_reason": errors.UNKNOWN,
            "order_id": name,
            "success_response": response,
            "order_configuration": reports.configuration(figures, order),
        }

    # orders that live

    def cancel(self, call: Call) -> None:
        """Cancel orders by name; each has its own result."""
        asked = call.body.get("order_ids")
        if not isinstance(asked, list) or not asked or not all(isinstance(each, str) for each in asked):
            raise errors.invalid("order_ids is to be a list of order ids")
        if len(asked) > MOST_CANCELS:
            raise errors.invalid(f"{len(asked)} orders; expected at most {MOST_CANCELS}")
        known = {each: self.find(call.account, each) for each in dict.fromkeys(asked)}
        found = {each: legs_of(shown(order)) if order is not None else () for each, order in known.items()}
        living = [leg.order_id for legs in found.values() for leg in legs if leg.alive]

        def answer(changes: list[Change]) -> Any:
            ended = {change.order_id for change in changes if change.kind == w.CANCELLED}
            if living and not changes:
                raise errors.broken()
            told, before = [], set()
            for each in asked:
                done = any(leg.order_id in ended for leg in found[each]) and each not in before
                reason = "UNKNOWN_CANCEL_FAILURE_REASON" if done else "DUPLICATE_CANCEL_REQUEST" if each in before else "UNKNOWN_CANCEL_ORDER"
                told.append({"success": done, "failure_reason": reason, "order_id": each})
                before.add(each)
            return {"results": told}

        if not living:
            call.answer(answer([]))
            return
        commands = [command(w.CANCEL, order_id=order_id, account=call.account) for order_id in living]
        self._ask(call, commands, lambda changes: call.settle(lambda: answer(changes)))

    def edit(self, call: Call) -> Any:
        """Change price or size of a limit order that lives; a smaller size at the same price keeps its place."""
        try:
            order, price, lots = self.edited(call)
        except Failure as failure:
            return not_edited(failure)
        failed: list[Failure] = []

        def decide(_: Events) -> tuple[list[bytes], list[bytes]] | None:
            """With what is open now, whatever traded since: the size asked for counts what is filled."""
            open_now, whole = self._venue.core.open(order.order_id), self._edited.get(order.order_id, order.quantity)
            left = lots - (whole - open_now)
            if not open_now or left <= 0:
                failed.append(Failure("CANNOT_EDIT_TO_BELOW_FILLED_SIZE" if open_now else "ONLY_OPEN_ORDERS_CAN_BE_EDITED", "the order is filled so far"))
                return None
            self._edited[order.order_id] = lots
            amend = command(w.AMEND, order_id=order.order_id, book=order.book, price=price, quantity=left, account=call.account)
            return [amend], [note(call.received, origin=ORIGIN)]

        def answer(changes: list[Change]) -> Any:
            if self._edited.get(order.order_id) == lots:
                del self._edited[order.order_id]
            if failed:
                return not_edited(failed[0])
            if not changes:
                raise errors.broken()
            first = changes[0]
            if first.kind != w.REJECTED:
                return {"success": True, "success_response": {"order_id": call.body["order_id"]}, "errors": []}
            return not_edited(Failure("COMMANDER_REJECTED_EDIT_ORDER", errors.failed(first.reason).message, errors.failed(first.reason).preview))

        self._ask(call, [], lambda changes: call.settle(lambda: answer(changes)), decide)
        return None

    def edited(self, call: Call) -> tuple[Order, int, int]:
        """(order, its new price in ticks or 0 where it stays, its new size in lots) of a body. Raises Failure, Refusal."""
        order = self.find(call.account, call.field("order_id"))
        if order is None:
            raise Failure("ORDER_NOT_FOUND", "there is no such order")
        if not order.alive:
            raise Failure("ONLY_OPEN_ORDERS_CAN_BE_EDITED", f"the order is {reports.status(order).lower()}")
        if order.order_type != w.LIMIT or order.list is not None:
            raise Failure("ONLY_LIMIT_ORDER_EDITS_SUPPORTED", "the order is no limit order of its own")
        price, size = call.field("price", ""), call.field("size", "")
        if not price and not size:
            raise errors.invalid("price or size is required")
        figures = self._products.figures[order.book]
        try:
            return order, price_of(figures, price) if price else 0, size_of(figures, size) if size else self._edited.get(order.order_id, order.quantity)
        except Failure as failure:
            what = "INVALID_EDITED_PRICE" if "PRICE" in failure.reason else "INVALID_EDITED_SIZE"
            raise Failure(what, failure.message, failure.preview) from None

    def find(self, account: int, name: str) -> Order | None:
        """An account's order by Coinbase's name for it."""
        named = names.order_of(name)
        return self._venue.register.order(account, *named) if named is not None else None

    def _ask(
        self,
        call: Call,
        commands: list[bytes],
        reply: Callable[[list[Change]], None],
        decide: Callable[[Events], tuple[list[bytes], list[bytes]] | None] | None = None,
    ) -> None:
        try:
            self._venue.ask(commands, [note(call.received, origin=ORIGIN) for _ in commands], reply, decide)
        except Refused as refused:
            raise errors.unavailable(str(refused)) from None


def not_edited(failure: Failure) -> Any:
    """Why an order is as it was."""
    return {"success": False, "errors": [{"edit_failure_reason": failure.reason, "preview_failure_reason": failure.preview, "message": failure.message}]}
