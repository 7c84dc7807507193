"""Sweep: one strategy under a thousand parameters, over closes alone, in the time a chart takes to draw.

    closes ──prepare once──▶ what every combination shares
              for each combination:  signal ──int8 a bar──▶ changes ──▶ ledger ──▶ cash, fees, profit, drawdown

A combination costs two passes over bytes: a signal that fills one int8 a bar without a branch, so the compiler makes it
wide, and a scan that looks at eight bars at a time for a change. Money moves only at changes, and only through the
ledger's own functions, so a combination ends with the very cash and fees that the desk books for the same fills.

A sweep is a screen: fills at the close that decided, fixed size, no latency, no limits. What it finds is run again
through the desk.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from polaris.desk.ledger.book import book_fill, fee_of, mark, notional
from polaris.desk.settings import DeskSettings
from polaris.desk.state import account_of, positions_of, terms_of
from polaris.domain.errors import BadConfig, BadData
from polaris.domain.instrument import Instrument, InstrumentId, Instruments
from polaris.domain.kernel import kernel
from polaris.domain.orders import BUY, SELL, TAKER

Ints = npt.NDArray[np.int64]

EIGHT: Final = np.arange(-128, 128).astype(np.int8).repeat(8).view(np.int64)  # the word of eight equal bytes, by byte + 128


@dataclass(frozen=True, kw_only=True)
class Family:
    """Strategies that differ in numbers only.

    parameters  their names, in the order of a combination
    signal      compiled: signal(prepared, combination, out) fills out int8[n], the position wanted after each close in
                multiples of the size: 1 long, 0 flat, -1 short
    prepare     what all combinations share, made once from the closes (int64[n] ticks)
    check       raises BadConfig where a combination can't be computed exactly: check(closes, combinations)
    """

    name: str
    parameters: tuple[str, ...]
    signal: Callable[[Any, Any, Any], None]
    prepare: Callable[[Ints], Any] = lambda closes: closes
    check: Callable[[Ints, Ints], None] = lambda closes, combinations: None


@dataclass(frozen=True)
class Outcome:
    """What came of each combination, in their order; money is in units of 1e-8 of the account's currency."""

    family: Family
    combinations: Ints  # int64[m, parameters]
    accounts: Any  # ACCOUNT[m]: cash, fees, realised, equity at the last close, fills, turnover, max_drawdown at fills
    positions: Any  # POSITION[m]

    def best(self, count: int = 10) -> list[dict[str, Any]]:
        """The combinations with the highest final equity, as plain dicts."""
        order = np.argsort(-self.accounts["equity"], kind="stable")[:count]
        return [self.row(int(which)) for which in order]

    def row(self, which: int) -> dict[str, Any]:
        """One combination with its names and figures."""
        named = dict(zip(self.family.parameters, self.combinations[which].tolist(), strict=True))
        account = self.accounts[which]
        figures = {name: account[name].item() for name in ("equity", "cash", "fees", "realised", "fills", "turnover", "max_drawdown")}
        return named | figures


def sweep(closes: Ints, family: Family, combinations: Iterable[Iterable[int]], instrument: Instrument, settings: DeskSettings, lots: int) -> Outcome:
    """Run every combination over the same closes.

    closes        int64[n] ticks, all above 0
    combinations  of integers, each as long as family.parameters
    instrument    its id does not matter; decimals and fees are its own, by `settings`
    lots          bought or sold for a signal of 1
    raises        BadConfig for a combination the family refuses, BadData for closes that can't be
    """
    closes = np.ascontiguousarray(closes, np.int64)
    chosen = np.array([tuple(combination) for combination in combinations], np.int64)
    if chosen.ndim != 2 or chosen.shape[1] != len(family.parameters):
        raise BadConfig(f"a combination of {family.name!r} is {len(family.parameters)} integers: {', '.join(family.parameters)}")
    if closes.size == 0 or closes.min() <= 0:
        raise BadData("a sweep needs closes, all above 0 ticks")
    if lots <= 0:
        raise BadConfig(f"lots is {lots}, expected above 0")
    family.check(closes, chosen)
    alone = Instruments()
    alone.add(msgspec.structs.replace(instrument, id=InstrumentId(0)))
    terms = terms_of(settings, alone)
    accounts = np.repeat(account_of(settings), len(chosen))
    positions = np.repeat(positions_of(alone), len(chosen))
    prepared = family.prepare(closes)
    wanted = np.zeros(closes.size, np.int8)
    for which, combination in enumerate(chosen):
        family.signal(prepared, combination, wanted)
        settle(closes, wanted, lots, terms[0], accounts[which : which + 1], positions[which : which + 1])
    return Outcome(family, chosen, accounts, positions)


@kernel
def settle(closes, wanted, lots, term, account_, positions):  # type: ignore[no-untyped-def]
    """Book every change of `wanted` at its close, and mark the rest at the last one.

    closes     int64[n] ticks
    wanted     int8[n]   multiples of `lots`
    term       TERMS record
    account_   ACCOUNT[1], positions POSITION[1]: changed
    """
    account = account_[0]
    position = positions[0]
    words = wanted[: wanted.size // 8 * 8].view(np.int64)
    held = 0
    same = EIGHT[128]
    for word in range(words.size):
        if words[word] != same:
            for bar in range(8 * word, 8 * word + 8):
                if wanted[bar] != held:
                    trade(closes[bar], (int(wanted[bar]) - held) * lots, term, account, position)
                    held = int(wanted[bar])
            same = EIGHT[held + 128]
    for bar in range(8 * words.size, wanted.size):
        if wanted[bar] != held:
            trade(closes[bar], (int(wanted[bar]) - held) * lots, term, account, position)
            held = int(wanted[bar])
    revalue(closes[closes.size - 1], term, account, position)


@kernel
def trade(price, change, term, account, position):  # type: ignore[no-untyped-def]
    """Take `change` lots at `price`, pay the taker's fee, and see how far equity is below its peak."""
    side = BUY if change > 0 else SELL
    amount = notional(term, price, change * side, side == BUY)
    book_fill(account, position, side, change * side, amount, fee_of(term, amount, TAKER))
    account["fills"] += 1
    revalue(price, term, account, position)


@kernel
def revalue(price, term, account, position):  # type: ignore[no-untyped-def]
    """Mark at `price`; equity, its peak and its deepest fall so far."""
    mark(account, position, term, price + price)
    equity = account["equity"]
    account["peak"] = max(account["peak"], equity)
    if account["peak"] > 0:
        account["max_drawdown"] = max(account["max_drawdown"], float(account["peak"] - equity) / float(account["peak"]))


def prefix_sums(closes: Ints) -> Ints:
    """int64[n + 1]: the sum of the first i closes at i, so any window's sum is one subtraction."""
    sums = np.zeros(closes.size + 1, np.int64)
    np.cumsum(closes, out=sums[1:])
    return sums


@kernel
def crossover(sums, combination, out):  # type: ignore[no-untyped-def]
    """Long while the fast moving average is above the slow one; flat in the first stretch, until it was not above.

    sums         int64[n + 1]  prefix sums of closes
    combination  int64[2]      fast and slow window, bars
    out          int8[n]       1 or 0
    Means are compared as sums times the other's window: exact, and a tie is not above.
    """
    fast = combination[0]
    slow = combination[1]
    out[: slow - 1] = 0
    ends = sums[slow:]
    fasts = sums[slow - fast :]
    above = out[slow - 1 :]
    for i in range(ends.size):
        above[i] = (ends[i] - fasts[i]) * slow > (ends[i] - sums[i]) * fast
    i = 0
    while i < above.size and above[i] == 1:
        above[i] = 0
        i += 1


def _check_windows(closes: Ints, combinations: Ints) -> None:
    largest = int(closes.max())
    for fast, slow in combinations.tolist():
        if not 1 <= fast < slow:
            raise BadConfig(f"windows {fast} and {slow}: expected 1 <= fast < slow")
        if slow > closes.size:
            raise BadConfig(f"slow window {slow} is longer than the {closes.size} closes there are")
        if largest * fast * slow >= 2**63 or largest * closes.size >= 2**63:
            raise BadConfig(f"windows {fast} and {slow} on prices up to {largest} ticks outgrow 63 bits; use fewer price decimals")


CROSSOVER: Final = Family(name="crossover", parameters=("fast", "slow"), signal=crossover, prepare=prefix_sums, check=_check_windows)

