"""What Coinbase answers where it does not do what was asked.

    Refusal  the request is at fault: a status above 399 and {"error", "error_details", "message"}
    Failure  the order is: status 200 and {"success": false, "error_response": {...}}

Source: Coinbase Advanced Trade API documentation, "Create Order" (NewOrderFailureReason, PreviewFailureReason), "Edit Order".
"""

from typing import Any, Final

from polaris.exchange import words as w

INVALID: Final = "INVALID_ARGUMENT"
UNKNOWN: Final = "UNKNOWN_FAILURE_REASON"


class Refusal(Exception):
    """A request that is not done."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message

    def document(self) -> dict[str, Any]:
        return {"error": self.error, "error_details": self.message, "message": self.message}


class Failure(Exception):
    """A new order that is not taken.

    reason   NewOrderFailureReason
    preview  PreviewFailureReason
    """

    def __init__(self, reason: str, message: str, preview: str = "UNKNOWN_PREVIEW_FAILURE_REASON") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.preview = preview

    def document(self, configuration: Any) -> dict[str, Any]:
        response = {
            "error": self.reason,
            "message": self.message,
            "error_details": self.message,
            "preview_failure_reason": self.preview,
            "new_order_failure_reason": self.reason,
        }
        return {"success": False, "failure_reason": self.reason, "order_id": "", "error_response": response, "order_configuration": configuration}


def invalid(message: str) -> Refusal:
    return Refusal(400, INVALID, message)


def missing(name: str) -> Refusal:
    return invalid(f"{name} is required")


def unauthorized(why: str) -> Refusal:
    return Refusal(401, "unauthorized", why)


def denied(why: str) -> Refusal:
    return Refusal(403, "PERMISSION_DENIED", why)


def not_found(what: str) -> Refusal:
    return Refusal(404, "NOT_FOUND", what)


def too_fast(per_second: int) -> Refusal:
    return Refusal(429, "rate_limit_exceeded", f"more than {per_second} requests in a second")


def unavailable(why: str) -> Refusal:
    """Nothing was done."""
    return Refusal(503, "UNAVAILABLE", why)


def broken() -> Refusal:
    """Nobody knows whether it was done."""
    return Refusal(500, "INTERNAL", "the request failed")


_FAILURES: Final = {
    w.INSUFFICIENT_BALANCE: ("INSUFFICIENT_FUND", "Insufficient balance in source account", "PREVIEW_INSUFFICIENT_FUND"),
    w.WOULD_TAKE: ("INVALID_LIMIT_PRICE_POST_ONLY", "Post only order would take liquidity", "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY"),
    w.BAD_PRICE: ("INVALID_LIMIT_PRICE", "The limit price is outside of the book", "PREVIEW_INVALID_LIMIT_PRICE"),
    w.PRICE_BAND: ("INVALID_LIMIT_PRICE", "The limit price is too far from the market", "PREVIEW_INVALID_LIMIT_PRICE"),
    w.BAD_TRIGGER: ("INVALID_REQUEST", "The stop price is outside of the book", "PREVIEW_INVALID_STOP_PRICE"),
    w.TRIGGERED_ALREADY: ("INVALID_REQUEST", "The market is beyond the stop price already", "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE"),
    w.NOTIONAL: ("INVALID_REQUEST", "The order is worth less than the book takes", "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"),
    w.BAD_QUANTITY: ("INVALID_REQUEST", "The size is none the book takes", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
    w.LOT_SIZE: ("INVALID_REQUEST", "The size is none the book takes", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
    w.ORDER_LOTS: ("INVALID_REQUEST", "The size is more than the account may order", "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE"),
    w.BOOK_HALTED: ("ORDER_ENTRY_DISABLED", "Orders are not taken at this moment", "UNKNOWN_PREVIEW_FAILURE_REASON"),
    w.KILLED: ("ORDER_ENTRY_DISABLED", "The account may not trade", "UNKNOWN_PREVIEW_FAILURE_REASON"),
    w.DAILY_LOSS: ("ORDER_ENTRY_DISABLED", "The account may not trade today", "UNKNOWN_PREVIEW_FAILURE_REASON"),
}  # fmt: skip


def failed(reason: int) -> Failure:
    """Why the core took no order."""
    error, message, preview = _FAILURES.get(reason, ("COMMANDER_REJECTED_NEW_ORDER", f"The order was refused: {w.REASON_NAMES[reason]}", "UNKNOWN_PREVIEW_FAILURE_REASON"))
    return Failure(error, message, preview)
