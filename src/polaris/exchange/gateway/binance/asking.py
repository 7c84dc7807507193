"""A block of plain requests made ready to be asked: in time, numbered, whose they are and by which connection they came."""

from polaris.domain.kernel import kernel
from polaris.exchange.bits import U
from polaris.exchange.gateway.binance.answering import ORDER_ID
from polaris.exchange.gateway.binance.scanning import MADE, PLACE, WHAT, WINDOW

MS = 1_000_000
WHOSE = 6  # a COMMAND's word: the account, and what plain orders have not
RECEIVED, CONNECTION = 0, 6  # a NOTE's words; the connection in the upper half
LOW = 0xFFFFFFFF


@kernel
def ready(asked, commands, notes, begin, end, now, ahead, account, session, first, most):  # type: ignore[no-untyped-def]
    """Fill in what a venue gives to requests `begin` to `end`, as far as they may be asked.

    asked, commands, notes  of a turn, as `scanning` has them
    now      ns UTC; ahead  ns a client's clock may be before it
    first    number of the next new order; most  new orders there may be
    returns  (how many of the first are in time and not too many, new orders among them)
    """
    new = 0
    for i in range(begin, end):
        made = asked[U(i), MADE] * MS
        if made < now - asked[U(i), WINDOW] * MS or made >= now + ahead:
            return i - begin, new
        if asked[U(i), WHAT] == PLACE:
            if new == most:
                return i - begin, new
            commands[U(i), ORDER_ID] = first + new
            new += 1
        commands[U(i), WHOSE] = account
        notes[U(i), RECEIVED] = now
        notes[U(i), CONNECTION] = notes[U(i), CONNECTION] & LOW | session << 32
    return end - begin, new
