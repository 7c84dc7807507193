"""Units come in, go out, and from one account to another. Nobody's units come from nothing: `supply` is what was paid in and not yet out."""

from polaris.domain.kernel import inlined, kernel
from polaris.exchange.accounts import FREE_UNITS, MASTER, account_line, balance_line
from polaris.exchange.arena import ACCOUNTS, ASSETS, AT_ACCOUNTS, AT_SUPPLY, LOW
from polaris.exchange.bits import U
from polaris.exchange.telling import reject, tell
from polaris.exchange.words import (
    BAD_ACCOUNT,
    BAD_OPERATION,
    BAD_QUANTITY,
    BALANCE,
    DEPOSIT,
    INSUFFICIENT_BALANCE,
    MAX_UNITS,
    NO_SUCH_ASSET,
    NOT_RELATED,
    TRANSFER,
)


@kernel
def transfer(arena, commands, at, events, n):  # type: ignore[no-untyped-def]
    """DEPOSIT, WITHDRAW and TRANSFER."""
    operation, asset = commands[U(at)] & 0xFF, commands[U(at)] >> 32
    account, other, units = commands[U(at + 6)] & LOW, commands[U(at + 1)], commands[U(at + 3)]
    reason = unmovable(arena, operation, asset, account, other, units)
    if reason != 0:
        return reject(arena, commands, at, events, n, reason)
    if operation == TRANSFER:
        n = paid(arena, events, n, account, asset, -units)
        return paid(arena, events, n, other, asset, units)
    change = units if operation == DEPOSIT else -units
    arena[U(arena[U(AT_SUPPLY)] + asset)] += change
    return paid(arena, events, n, account, asset, change)


@inlined
def unmovable(arena, operation, asset, account, other, units):  # type: ignore[no-untyped-def]
    """Why units can't be moved so; 0 where they can."""
    if arena[U(AT_ACCOUNTS)] == 0:
        return BAD_OPERATION
    if account >= arena[U(ACCOUNTS)]:
        return BAD_ACCOUNT
    if asset < 0 or asset >= arena[U(ASSETS)]:
        return NO_SUCH_ASSET
    if units <= 0 or units > MAX_UNITS or (operation == DEPOSIT and units > MAX_UNITS - arena[U(arena[U(AT_SUPPLY)] + asset)]):
        return BAD_QUANTITY
    if operation == TRANSFER:
        if other < 0 or other >= arena[U(ACCOUNTS)] or other == account:
            return BAD_ACCOUNT
        if account != 0 and other != 0 and master(arena, account) != master(arena, other):
            return NOT_RELATED
    if operation != DEPOSIT and units > arena[U(balance_line(arena, account, asset) + FREE_UNITS)]:
        return INSUFFICIENT_BALANCE
    return 0


@inlined
def master(arena, account):  # type: ignore[no-untyped-def]
    """Whose sub-account it is; its own where it is nobody's."""
    other = arena[U(account_line(arena, account) + MASTER)]
    return account if other == 0 else other


@inlined
def paid(arena, events, n, account, asset, change):  # type: ignore[no-untyped-def]
    """So many units more are free."""
    line = balance_line(arena, account, asset)
    arena[U(line + FREE_UNITS)] += change
    return tell(arena, events, n, BALANCE | (asset << 32), 0, account, 0, change, arena[U(line + FREE_UNITS)])
