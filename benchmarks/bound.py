"""The bound: exactly this work fused by hand into one loop, with no engine around it. What a general engine can't pass.

It keeps a touch, two sums, one position and one pending order, and knows nothing of instruments, limits or records.
"""

import numpy as np

from polaris.domain.kernel import allocating
from polaris.domain.market import QUOTE


@allocating
def ticks(rows, fast, slow, lots, latency, fee_ppm):
    """(orders, cash) of the crossover on trades; market orders meet the touch after `latency`."""
    window = np.zeros(slow, np.int64)
    place, seen, fast_sum, slow_sum = 0, 0, 0, 0
    bid, ask, position, cash, orders = 0, 0, 0, 0, 0
    pending, arrives, side = 0, 0, 0
    for i in range(rows.size):
        row = rows[i]
        if pending != 0 and row["ts_recv"] >= arrives:
            notional = (ask if pending > 0 else bid) * pending
            cash -= notional + abs(notional) * fee_ppm // 1_000_000
            position += pending
            pending = 0
        if row["kind"] == QUOTE:
            bid, ask = row["price"], row["other"]
            continue
        price = row["price"]
        fast_sum += price - window[place - fast if place >= fast else place - fast + slow]
        slow_sum += price - window[place]
        window[place] = price
        place = place + 1 if place + 1 < slow else 0
        seen += 1
        if seen < slow:
            continue
        now = 2 if fast_sum * slow > slow_sum * fast else 1
        if now != side:
            want = lots if now == 2 else 0
            if side != 0 and want != position:
                pending, arrives = want - position, row["ts_recv"] + latency
                orders += 1
            side = now
    return orders, cash


@allocating
def bars(rows, fast, slow, lots, fee_ppm):
    """(fills, cash) of the crossover on closes, filled at the close."""
    window = np.zeros(slow, np.int64)
    place, fast_sum, slow_sum, position, cash, fills, side = 0, 0, 0, 0, 0, 0, 0
    for i in range(rows.size):
        price = rows[i]["price"]
        fast_sum += price - window[place - fast if place >= fast else place - fast + slow]
        slow_sum += price - window[place]
        window[place] = price
        place = place + 1 if place + 1 < slow else 0
        if i + 1 < slow:
            continue
        now = 2 if fast_sum * slow > slow_sum * fast else 1
        if now != side:
            want = lots if now == 2 else 0
            if side != 0 and want != position:
                notional = price * (want - position)
                cash -= notional + abs(notional) * fee_ppm // 1_000_000
                position = want
                fills += 1
            side = now
    return fills, cash
