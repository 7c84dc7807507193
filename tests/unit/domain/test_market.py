"""Rows in a buffer."""

import numpy as np
import pytest

from polaris.domain.errors import UnreadableNumber
from polaris.domain.market import ASK, DEPTH, LAST, ROW, RowBuffer
from polaris.domain.numbers import scaled


class Reader(dict[str, int]):
    def __missing__(self, text: str) -> int:
        return scaled(text, 2)


def side(count: int) -> list[tuple[str, str]]:
    return [(f"{100 + at}.25", f"{at}.5") for at in range(count)]


def test_levels_added_together_are_the_rows_of_levels_added_one_by_one_also_where_the_buffer_grows() -> None:
    together, apart = RowBuffer(4), RowBuffer(4)
    for buffer in (together, apart):
        buffer.append(1, 2, 3, DEPTH, 0, 4, 5, 6, 7)
    together.append_levels(10, 11, 12, ASK, side(40), Reader(), Reader(), 13)
    for price, lots in side(40):
        apart.append(10, 11, 12, DEPTH, ASK, scaled(price, 2), scaled(lots, 2), 13)
    assert len(together) == 41
    assert together.take().tobytes() == apart.take().tobytes()


def test_a_level_that_cannot_be_read_adds_no_row() -> None:
    rows = RowBuffer(2)
    with pytest.raises(UnreadableNumber):
        rows.append_levels(1, 1, 0, 0, [*side(5), ("1.234", "1")], Reader(), Reader(), 1)
    assert len(rows) == 0


def test_only_the_newest_row_is_marked_last() -> None:
    rows = RowBuffer(1)
    rows.mark_last()
    for _ in range(3):
        rows.append(1, 1, 0, DEPTH, ASK, 1, 1)
    rows.mark_last()
    assert rows.take()["flags"].tolist() == [ASK, ASK, ASK | LAST]


def test_rows_added_before_a_buffer_grew_are_kept() -> None:
    rows, given = RowBuffer(2), np.zeros(7, ROW)
    given["price"] = np.arange(7)
    rows.extend(given[:2])
    rows.extend(given[2:])
    assert rows.take().tobytes() == given.tobytes()
