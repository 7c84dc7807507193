"""How much a client may ask in a second: an address without a key, a user with one, and a socket."""

from dataclasses import dataclass

from polaris.exchange.gateway.coinbase.errors import too_fast
from polaris.exchange.gateway.coinbase.times import SECOND


@dataclass(frozen=True)
class Limits:
    """What Coinbase allows.

    public    requests a second of an address; as many connections of sockets
    private   requests a second of a user
    messages  a second of a socket
    """

    public: int = 10
    private: int = 30
    messages: int = 8


class Seconds:
    """Counts what each asked in this second."""

    def __init__(self) -> None:
        self._second = 0
        self._asked: dict[str | int, int] = {}

    def take(self, who: str | int, most: int, now: int) -> None:
        """Count one more. Raises Refusal 429 where that is too many."""
        second = now // SECOND
        if second != self._second:
            self._second, self._asked = second, {}
        asked = self._asked[who] = self._asked.get(who, 0) + 1
        if asked > most:
            raise too_fast(most)
