"""The fold: market -> bank -> decision, a block of rows at a time, in one compiled call.

A block's tops, depth and columns are written over those of the block before: what one stage writes the next one reads
from the processor's nearest cache. Nothing is lost by it: what outlives a block is in the memories of the stages.
"""

from typing import Final

import numpy as np

from polaris.desk.decide import RESERVE, decide
from polaris.desk.market.depth import observe
from polaris.domain.kernel import generic, kernel

ROOM: Final = 2 * RESERVE  # records there must be room for where a block begins

PROGRESS = np.dtype(
    [
        ("rows", "<i8"),  # of the block at hand
        ("tops", "<i8"),  # of it
        ("row", "<i8"),  # of the block, the first one not decided
        ("top", "<i8"),  # likewise
        ("boundaries", "<i8"),  # looked at ever
    ]
)


@generic
def fold(run, rows, start, progress, market, block, bank, core, records, n):  # type: ignore[no-untyped-def]
    """Take rows in, from `start` on, as far as there is room.

    run       every kernel of the bank: run(tops, depth, columns, inputs, params, memory), see desk.columns
    rows      ROW[n]
    progress  PROGRESS[1]; zeros at first
    market    (books, counts, seen), see desk.market.depth
    block     (tops, depth, at, columns); a block is as many rows as there are tops
    bank      (inputs, params, memory, newest, last), see desk.columns and `keep_last`
    core      (reads, rules, terms, account, positions, orders, active, carry), see desk.decide and desk.state
    records   RECORD[>= ROOM], written from n on
    returns   (next row, records written): next row < rows.size where the records ran full (n > records.size - ROOM), or
              else a book: make room and call again from there
    """
    hand = progress[0]
    books, counts, seen = market
    tops, depth, at, columns = block
    inputs, params, memory, newest, last = bank
    reads, rules, terms, account, positions, orders, active, carry = core
    while n <= records.size - ROOM:
        if hand["row"] == hand["rows"]:  # the next block
            taken, m = observe(rows[start : start + tops.size], books, counts, seen, tops, depth, at)
            run(tops[:m], depth[:m], columns, inputs, params, memory)
            keep_last(tops[:m], columns, newest, last)
            hand["rows"], hand["tops"], hand["row"], hand["top"] = taken, m, 0, 0
            hand["boundaries"] += m
        hand["row"], hand["top"], n = decide(
            rows[start : start + hand["rows"]], hand["row"], tops, depth, at[: hand["tops"]], hand["top"], columns, reads,
            rules, terms, account, positions, orders, active, carry, records, n,
        )  # fmt: skip
        if hand["row"] == hand["rows"]:
            start += hand["rows"]
            if start == rows.size or hand["rows"] == 0:
                break
    return start, n


@kernel
def keep_last(tops, columns, newest, last):  # type: ignore[no-untyped-def]
    """Remember every column's newest value of each instrument that these boundaries hold.

    newest  int64[instruments], scratch
    last    float64[instruments, columns]
    """
    newest[:] = -1
    missing = newest.size if last.shape[1] > 0 else 0
    k = tops.size
    while k > 0 and missing > 0:  # from the end: the newest are soon found
        k -= 1
        instrument = tops[k]["instrument"]
        if newest[instrument] < 0:
            newest[instrument] = k
            missing -= 1
            for column in range(last.shape[1]):
                last[instrument, column] = columns[column, k]
