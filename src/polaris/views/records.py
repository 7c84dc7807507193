"""Records one at a time, for folds in plain Python: each with its fields by name."""

from collections import namedtuple
from collections.abc import Iterator
from typing import Any

from polaris.domain.orders import BUY, MAKER, RECORD, Records

Record: Any = namedtuple("Record", RECORD.names or ())  # type: ignore[misc]


def each(records: Records) -> Iterator[Any]:
    """The records in order, as named tuples of plain ints and floats."""
    return map(Record._make, records.tolist())


def side_name(side: int) -> str:
    """buy or sell."""
    return "buy" if side == BUY else "sell"


def liquidity_name(liquidity: int) -> str:
    """maker or taker."""
    return "maker" if liquidity == MAKER else "taker"
