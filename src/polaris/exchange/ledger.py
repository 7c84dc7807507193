"""The accounts of an engine as rows: for a digest, a snapshot, a screen, and to compare with the plain truth."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

ACCOUNT = np.dtype(
    [
        ("killed", "<i8"),  # 1: opens nothing
        ("tier", "<i8"),
        ("master", "<i8"),  # whose sub-account; 0: nobody's
        ("orders", "<i8"),  # alive
        ("max_orders", "<i8"),
        ("per_second", "<i8"),
        ("next_order", "<i8"),  # ns UTC when the bucket of orders will be full again
        ("per_ten_seconds", "<i8"),
        ("these_ten", "<i8"),  # which ten seconds since 1970 were counted last
        ("in_these_ten", "<i8"),  # orders that have not traded
        ("per_day", "<i8"),
        ("this_day", "<i8"),  # which day since 1970 was counted last
        ("in_this_day", "<i8"),  # orders that have not traded
        ("reserved", "<i8", 3),
    ]
)
BALANCE = np.dtype(
    [
        ("free", "<i8"),  # units
        ("locked", "<i8"),  # units that open orders hold
        ("result", "<i8"),  # realised on the day, units
        ("result_day", "<i8"),  # which day since 1970
        ("max_loss", "<i8"),
        ("max_notional", "<i8"),
        ("reserved", "<i8", 2),
    ]
)
POSITION = np.dtype(
    [
        ("position", "<i8"),  # lots bought less lots sold
        ("cost", "<i8"),  # what it cost, or brought where it is short, units of the quote
        ("buys", "<i8"),  # lots open
        ("sells", "<i8"),
        ("kin", "<i8"),  # an engine's own; 0 in rows
        ("max_lots", "<i8"),
        ("max_position", "<i8"),
        ("reserved", "<i8"),
    ]
)


class Ledger(NamedTuple):
    """Every account, everything it owns, and what it may."""

    accounts: npt.NDArray[np.void]  # ACCOUNT[accounts]; 0 is the house
    balances: npt.NDArray[np.void]  # BALANCE[accounts, assets]
    positions: npt.NDArray[np.void]  # POSITION[accounts, books]
    supply: npt.NDArray[np.int64]  # int64[assets], units paid in and not yet out
    tiers: npt.NDArray[np.int64]  # int64[TIERS, 2], maker and taker ppm
    killed: int  # 1: nobody opens anything

    def tobytes(self) -> bytes:
        """Every row that is not all 0, under its number."""
        parts = [np.array([self.killed], "<i8").tobytes()]
        for rows in (self.accounts, self.balances, self.positions, self.supply, self.tiers):
            words = np.ascontiguousarray(rows).view(np.int64).reshape(rows.size if rows.dtype.names else len(rows), -1)
            filled = np.flatnonzero(words.any(axis=1))
            parts += [filled.astype("<i8").tobytes(), words[filled].tobytes()]
        return b"".join(parts)
