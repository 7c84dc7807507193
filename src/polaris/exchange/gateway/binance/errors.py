"""Refusals as Binance tells them: an HTTP status, a code, a text.

Source: Binance spot API documentation, "Error codes" and "Filters".
"""

from typing import Any, Final


class Refusal(Exception):
    """What is refused, and why.

    status  of HTTP and of the WebSocket API
    data    what some refusals tell besides: the outcome of a cancel-replace, when to come again
    """

    def __init__(self, code: int, text: str, status: int = 400, data: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.status = status
        self.data = data

    def document(self) -> dict[str, Any]:
        """As REST tells it."""
        told: dict[str, Any] = {"code": self.code, "msg": self.text}
        return told if self.data is None else {**told, "data": self.data}


UNKNOWN: Final = -1000
TOO_MANY_REQUESTS: Final = -1003
TOO_MANY_ORDERS: Final = -1015
FILTER: Final = -1013
NEW_ORDER_REJECTED: Final = -2010
CANCEL_REJECTED: Final = -2011
REPLACE_PARTLY: Final = -2021
REPLACE_FAILED: Final = -2022
AMEND_REJECTED: Final = -2038


def failure() -> Refusal:
    """A fault of ours: what became of the request is not known."""
    return Refusal(UNKNOWN, "An unknown error occurred while processing the request.", 500)


def overloaded() -> Refusal:
    """More waits than the venue takes in; nothing was done."""
    return Refusal(-1008, "Server is currently overloaded with other requests. Please try again in a few minutes.", 503)


def not_durable() -> Refusal:
    """The journal can't be written: trading has stopped."""
    return Refusal(-1016, "This service is no longer available.", 503)


def missing(name: str) -> Refusal:
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def empty(name: str) -> Refusal:
    return Refusal(-1105, f"Parameter '{name}' was empty.")


def unneeded(name: str) -> Refusal:
    return Refusal(-1106, f"Parameter '{name}' sent when not required.")


def illegal(name: str, range_: str) -> Refusal:
    return Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{range_}'.")


def not_valid(name: str) -> Refusal:
    return Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")


def too_precise(name: str) -> Refusal:
    return Refusal(-1111, f"Parameter '{name}' has too much precision.")


def combination(text: str = "Combination of optional parameters invalid.") -> Refusal:
    return Refusal(-1128, text)


def invalid_symbol() -> Refusal:
    return Refusal(-1121, "Invalid symbol.")


def filter_failed(name: str) -> Refusal:
    """`name`: PRICE_FILTER, LOT_SIZE, NOTIONAL, ICEBERG_PARTS, EXCHANGE_MAX_NUM_ORDERS ..."""
    return Refusal(FILTER, f"Filter failure: {name}")


def no_new_order(text: str) -> Refusal:
    return Refusal(NEW_ORDER_REJECTED, text)


def unknown_order() -> Refusal:
    """What a cancel finds."""
    return Refusal(CANCEL_REJECTED, "Unknown order sent.")


def no_such_order() -> Refusal:
    """What a query finds."""
    return Refusal(-2013, "Order does not exist.")


def no_such_key() -> Refusal:
    return Refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def bad_key_format() -> Refusal:
    return Refusal(-2014, "API-key format invalid.", 401)


def bad_signature() -> Refusal:
    return Refusal(-1022, "Signature for this request is not valid.")


def outside_window() -> Refusal:
    return Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")


def ahead_of_time() -> Refusal:
    return Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def no_listen_key() -> Refusal:
    return Refusal(-1125, "This listenKey does not exist.")


def too_much_weight(limit: int) -> Refusal:
    return Refusal(
        TOO_MANY_REQUESTS,
        f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.",
        429,
    )


def banned(until_ms: int) -> Refusal:
    return Refusal(TOO_MANY_REQUESTS, f"Way too much request weight used; IP banned until {until_ms}. Please use WebSocket Streams for live updates to avoid bans.", 418)


def too_many_orders(limit: int, interval: str) -> Refusal:
    """`interval`: 10 SECONDS, 1 DAY."""
    return Refusal(TOO_MANY_ORDERS, f"Too many new orders; current limit is {limit} orders per {interval}.", 429)
