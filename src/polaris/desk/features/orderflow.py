"""Order flow imbalance: how much the queues near the touch gained on the bid side and lost on the ask side.

Each change of the book adds its signed quantity to a sum that fades with time; the sum is told in units of the mean
queue, itself a time-weighted mean that fades alike. So `ofi` = 2 reads "over the last while, buyers pressed with twice
the quantity that usually stands at a best price". `ofi_multi` does the same over ten levels together: the sum of the
ten increments over the sum of the ten mean queues. A bar has no queues and adds nothing.
"""

import msgspec
import numpy as np

from polaris.desk.columns import LEVELS, Kernel
from polaris.desk.features.fading import LN2, require_positive
from polaris.domain.exact import exp
from polaris.domain.kernel import allocating, kernel
from polaris.domain.market import DEPTH, QUOTE

MOST_LOTS = 2**53  # a longer queue counts as this: sums over levels stay far below 2**63

MEMORY = np.dtype(
    [
        ("ts", "<i8"),
        ("at", "<i8"),  # 1 + where in this batch the last book stands; 0: it stands in `book`. 0 between batches
        ("known", "<i8"),  # 1 when a book was seen
        ("bid", "<i8"),
        ("bid_lots", "<i8"),
        ("ask", "<i8"),
        ("ask_lots", "<i8"),
        ("flow", "<f8"),  # faded sum at the touch, lots
        ("flows", "<f8"),  # over all levels together
        ("queue", "<f8"),  # faded mean of (bid lots + ask lots) / 2 at the touch
        ("queues", "<f8"),  # over all levels together
        ("queue_now", "<f8"),  # of the last book
        ("queues_now", "<f8"),
        ("book", "<i8", (4, LEVELS)),
    ]
)


class OrderFlowSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long order flow is remembered."""

    half_life_ns: int = 5_000_000_000  # after this long a change counts half

    def __post_init__(self) -> None:
        require_positive("order_flow.half_life_ns", self.half_life_ns)


@allocating
def order_flow_imbalance(bid, bid_lots, ask, ask_lots):  # type: ignore[no-untyped-def]
    """Order flow imbalance between successive tops of book.

    bid, ask            int64[n]  best prices, ticks
    bid_lots, ask_lots  int64[n]  quantity there, lots
    returns             int64[n]  lots, positive when buyers press; [0] is 0
    A better price adds its queue, a worse one removes the old queue, the same price adds the change.
    Source: Cont, Kukanov, Stoikov (2014), The Price Impact of Order Book Events, section 2.
    """
    imbalance = np.zeros(bid.size, np.int64)
    for now in range(1, bid.size):
        before = now - 1
        imbalance[now] = gain(bid[now] - bid[before], bid_lots[now], bid_lots[before])
        imbalance[now] -= gain(ask[before] - ask[now], ask_lots[now], ask_lots[before])
    return imbalance


@kernel
def gain(better, lots, lots_before):  # type: ignore[no-untyped-def]
    """What one side's queue gained, lots: the new queue unless the price got worse, less the old one unless it got better.

    better  ticks the price moved towards the other side; below 0 it got worse
    """
    return (lots if better >= 0 else 0) - (lots_before if better <= 0 else 0)


@kernel
def gain_of_levels(now, before):  # type: ignore[no-untyped-def]
    """The order flow between two books, summed level by level, and the lots that stand in the newer one.

    now, before  int64[4, LEVELS]  as in `desk.columns`; a level that came counts as better, one that went as worse
    returns      (lots, lots)
    """
    flow, standing = 0, 0
    for level in range(LEVELS):
        bid_lots, bid_lots_before = min(now[1, level], MOST_LOTS), min(before[1, level], MOST_LOTS)
        ask_lots, ask_lots_before = min(now[3, level], MOST_LOTS), min(before[3, level], MOST_LOTS)
        bid_better = now[0, level] - before[0, level] if bid_lots_before > 0 else 1
        ask_better = before[2, level] - now[2, level] if ask_lots_before > 0 else 1
        bid_better = bid_better if bid_lots > 0 else -1
        ask_better = ask_better if ask_lots > 0 else -1
        flow += gain(bid_better, bid_lots, bid_lots_before) - gain(ask_better, ask_lots, ask_lots_before)
        standing += bid_lots + ask_lots
    return flow, standing


@kernel
def run(tops, depth, columns, inputs, first, state, params):  # type: ignore[no-untyped-def]
    """See the module; the signature is `desk.columns`'. params: how fast memory fades, a nanosecond."""
    singles, multis = columns[first], columns[first + 1]
    rate = params[0]
    for k in range(tops.size):
        top = tops[k]
        memory = state[top["instrument"]]
        ts = top["ts"]
        kind = top["kind"]
        decay = exp(-rate * float(ts - memory["ts"]))
        flow = memory["flow"] * decay
        flows = memory["flows"] * decay
        queue_now, queues_now = memory["queue_now"], memory["queues_now"]
        queue = queue_now + (memory["queue"] - queue_now) * decay
        queues = queues_now + (memory["queues"] - queues_now) * decay
        if kind == DEPTH or kind == QUOTE:
            at = memory["at"]
            if at > 0:
                gained, standing = gain_of_levels(depth[k], depth[at - 1])
            else:
                gained, standing = gain_of_levels(depth[k], memory["book"])
            bid, bid_lots, ask, ask_lots = top["bid"], min(top["bid_lots"], MOST_LOTS), top["ask"], min(top["ask_lots"], MOST_LOTS)
            queue_now, queues_now = 0.5 * float(bid_lots + ask_lots), 0.5 * float(standing)
            if memory["known"] == 0:
                queue, queues = queue_now, queues_now
            else:
                flows += float(gained)
                flow += float(gain(bid - memory["bid"], bid_lots, memory["bid_lots"]) - gain(memory["ask"] - ask, ask_lots, memory["ask_lots"]))
            memory["at"] = k + 1
            memory["known"] = 1
            memory["bid"], memory["bid_lots"], memory["ask"], memory["ask_lots"] = bid, bid_lots, ask, ask_lots
            memory["queue_now"], memory["queues_now"] = queue_now, queues_now
        memory["ts"] = ts
        memory["flow"], memory["flows"] = flow, flows
        memory["queue"], memory["queues"] = queue, queues
        singles[k] = flow / max(queue, 1.0)
        multis[k] = flows / max(queues, 1.0)
    for instrument in range(state.size):
        memory = state[instrument]
        if memory["at"] > 0:
            keep_book(memory["book"], depth[memory["at"] - 1])
            memory["at"] = 0


@kernel
def keep_book(kept, book):  # type: ignore[no-untyped-def]
    """Copy a book, int64[4, LEVELS], out of the batch."""
    for row in range(4):
        for level in range(LEVELS):
            kept[row, level] = book[row, level]


def order_flow(settings: OrderFlowSettings) -> Kernel:
    """Order flow imbalance at the touch and over ten levels."""
    return Kernel(
        name="order_flow",
        outputs=("ofi", "ofi_multi"),
        units=("mean queues at the touch", "mean queues of ten levels"),
        run=run,
        state=MEMORY,
        params=(LN2 / settings.half_life_ns,),
        warmup=2,
        source="Cont, Kukanov, Stoikov (2014); Xu, Gould, Howison (2019), Multi-level order-flow imbalance",
    )
