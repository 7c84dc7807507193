"""The accounts of an engine as rows: for a digest, a snapshot, a screen, and to compare with the plain truth."""

from collections.abc import Mapping
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

    def parts(self) -> dict[str, npt.NDArray[np.int64]]:
        """Arrays of integers, short where much is 0: of accounts, balances and positions the rows that are not, each behind its number."""
        found = {"supply": self.supply, "tiers": self.tiers, "killed": np.array([self.killed], np.int64)}
        for name in ("accounts", "balances", "positions"):
            rows: npt.NDArray[np.void] = getattr(self, name)
            words = np.ascontiguousarray(rows).view(np.int64).reshape(rows.size, -1)
            filled = np.flatnonzero(words.any(axis=1))
            found[name] = np.column_stack([filled, words[filled]])
        return found

    @classmethod
    def of(cls, parts: Mapping[str, npt.NDArray[np.int64]], accounts: int, assets: int, books: int) -> "Ledger":
        """The ledger of so many accounts, assets and books that gave these parts.

        raises  ValueError where they are those of another
        """
        shapes = {"accounts": (ACCOUNT, (accounts,)), "balances": (BALANCE, (accounts, assets)), "positions": (POSITION, (accounts, books))}
        tables = []
        for name, (dtype, shape) in shapes.items():
            words = np.zeros((int(np.prod(shape)), dtype.itemsize // 8), np.int64)
            rows = parts[name]
            if rows.ndim != 2 or rows.shape[1] != 1 + words.shape[1] or (len(rows) and not 0 <= rows[:, 0].min() <= rows[:, 0].max() < len(words)):
                raise ValueError(f"{name} of shape {rows.shape}; expected rows of {1 + words.shape[1]} words, numbered below {len(words)}")
            words[rows[:, 0]] = rows[:, 1:]
            tables.append(words.view(dtype).reshape(shape))
        if parts["supply"].shape != (assets,) or parts["tiers"].ndim != 2 or parts["killed"].shape != (1,):
            raise ValueError(f"supply of {len(parts['supply'])} assets; expected {assets}")
        return cls(tables[0], tables[1], tables[2], parts["supply"], parts["tiers"], int(parts["killed"][0]))

    def tobytes(self) -> bytes:
        """Equal where two ledgers are."""
        return b"".join(part.tobytes() for _, part in sorted(self.parts().items()))
