"""All a simulated market remembers, in arrays a kernel can hold.

    assets   a symbol     the fundamental price and its volatility
    floors   a book       what is seen there and what is thought of it; floor = venue * symbols + symbol
    orders   a slot       every order of ours that may live; slot 0 is nobody's
    traders  by kind      makers, insiders, followers, parents, arbitrageurs

An actor of the agenda is kind << 32 | its number.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

# kinds of actors
FAIR = 0  # the fundamental price takes a step
SAMPLE = 1  # what is shown is written down
CROWD = 2  # the noise traders of a floor
MAKER = 3
INSIDER = 4
FOLLOWER = 5
PARENT = 6
ARBITRAGEUR = 7
STRANGER = -1  # whoever trades and is none of these
KIND = 32  # bits below an actor's kind

SCALES = 6  # on which flow is remembered
LEVELS = 3  # a maker quotes on each side
MOODS = 5  # levels of volatility of a row, at most
RING = 256  # steps of the fundamental price that are remembered
CROWD_MOST = 1024  # orders of the crowd on one side of a floor
ROOM = 4096  # commands a venue is asked in one beat
BUYING, SELLING = 0, 1  # a side as an index

CLOCK = np.dtype(
    [
        ("now", "<i8"),  # the end of the last beat lived, ns UTC
        ("start", "<i8"),
        ("beat", "<i8"),
        ("step", "<i8"),
        ("sample", "<i8"),
        ("steps", "<i8"),  # of the fundamental price so far
        ("symbols", "<i8"),
        ("venues", "<i8"),
        ("free", "<i8"),  # first slot of those given back
        ("used", "<i8"),  # slots ever used
        ("jump_at", "<i8"),  # step of the next jump of all
        ("jump_mean", "<f8"),  # steps between jumps
        ("jump_size", "<f8"),  # usual one-minute deviations
        ("contrast", "<f8"),
        ("sampled", "<i8"),  # rows of samples, prints and parents written
        ("printed", "<i8"),
        ("finished", "<i8"),
        ("crowd", "<i8"),  # accounts of a symbol that the crowd uses
        ("dropped", "<i8"),  # orders not sent as there was no room
        ("asked", "<i8", (16,)),  # commands for each venue in this beat
        ("sent", "<i8"),  # orders and cancels ever
    ]
)
MOOD = np.dtype([("level", "<f8"), ("ends", "<i8"), ("mean", "<f8")])  # ends: step; mean: steps, 0: no such level
ASSET = np.dtype(
    [
        ("fair", "<f8"),  # ticks
        ("usual", "<f8"),  # deviation of a step's return at usual times
        ("minute", "<f8"),  # and of a minute's
        ("heat", "<f8"),  # volatility now, in usual ones
        ("tide", "<f8"),
        ("own", "<f8"),  # sqrt(1 - tide**2)
        ("jump_at", "<i8"),
        ("least", "<f8"),  # prices the fundamental stays between, ticks
        ("most", "<f8"),
        ("flow", "<f8", (SCALES,)),  # signed trades of all floors, usual orders, remembered ever longer
        ("flow_at", "<i8"),
        ("impact", "<f8"),  # relative, of one usual order
        ("lots", "<i8"),  # of a usual order
        ("accounts", "<i8"),  # the first of its people
    ]
)
FLOOR = np.dtype(
    [
        ("symbol", "<i8"),
        ("venue", "<i8"),
        ("lag", "<i8"),  # steps
        ("bid", "<i8"),  # ticks; 0: none
        ("bid_lots", "<i8"),
        ("ask", "<i8"),
        ("ask_lots", "<i8"),
        ("last", "<i8"),  # ticks
        ("volume", "<i8"),  # lots since the start
        ("lowest", "<i8"),  # prices of the book, ticks
        ("highest", "<i8"),
        ("opinion", "<f8"),  # error of what is thought here, relative
        ("basis", "<f8"),  # of its quote currency, relative
        ("variance", "<f8"),  # of what is known here, relative squared a second
        ("known", "<f8"),  # a second ago, ticks
        ("excited", "<f8", (4,)),  # intensities above the base, 1/s: limits to buy, to sell, markets to buy, to sell
        ("excited_at", "<i8"),
        ("bound", "<f8"),  # of the intensity when the crowd's next move was drawn
        ("limits", "<f8"),  # base intensities, 1/s
        ("markets", "<f8"),
        ("leaving", "<f8"),
        ("resting", "<i8", (2,)),  # orders of the crowd, a side
    ]
)
ORDER = np.dtype(
    [
        ("order_id", "<i8"),  # 0: not numbered yet
        ("floor", "<i8"),
        ("side", "<i8"),  # BUYING, SELLING
        ("kind", "<i8"),
        ("trader", "<i8"),
        ("account", "<i8"),
        ("price", "<i8"),
        ("leaves", "<i8"),
        ("place", "<i8"),  # of the crowd's in its list, of a maker's quote its level, of an arbitrageur's leg the venue
        ("state", "<i8"),
        ("next", "<i8"),  # free slot
    ]
)
GONE, ASKED, ALIVE, LEAVING = 0, 1, 2, 3  # state of an order

MAKER_ROW = np.dtype(
    [
        ("floor", "<i8"),
        ("account", "<i8"),
        ("every", "<f8"),  # ns
        ("aversion", "<f8"),
        ("term", "<f8"),  # quoting.term_of, basis points
        ("size", "<f8"),  # usual orders
        ("error", "<f8"),  # of his opinion, relative
        ("inventory", "<i8"),  # lots
        ("quotes", "<i8", (2, LEVELS)),  # slots
    ]
)
INSIDER_ROW = np.dtype([("floor", "<i8"), ("account", "<i8"), ("every", "<f8"), ("inventory", "<i8")])
FOLLOWER_ROW = np.dtype(
    [
        ("floor", "<i8"),
        ("account", "<i8"),
        ("every", "<f8"),
        ("inventory", "<i8"),
        ("gain", "<f8"),  # below 0: bets on the return
        ("fast", "<f8"),  # averages of the mid, ticks
        ("slow", "<f8"),
        ("fast_ns", "<f8"),
        ("slow_ns", "<f8"),
        ("seen_at", "<i8"),
    ]
)
PARENT_ROW = np.dtype(
    [
        ("floor", "<i8"),
        ("account", "<i8"),
        ("inventory", "<i8"),
        ("side", "<i8"),
        ("left", "<i8"),  # lots to trade; 0: idle
        ("flying", "<i8"),  # lots asked for, not answered yet
        ("slice", "<i8"),  # lots
        ("began", "<i8"),  # ns; 0: idle
        ("until", "<i8"),  # then it gives up
        ("done", "<i8"),
        ("paid", "<f8"),  # ticks times lots
        ("mid", "<f8"),  # when it began
        ("fair", "<f8"),
        ("volume", "<i8"),
    ]
)
ARBITRAGEUR_ROW = np.dtype(
    [
        ("symbol", "<i8"),
        ("account", "<i8"),
        ("inventory", "<i8", (16,)),  # of each venue
        ("buys_at", "<i8"),  # venue; -1: nothing in mind
        ("sells_at", "<i8"),
        ("buy_price", "<i8"),
        ("sell_price", "<i8"),
        ("lots", "<i8"),
    ]
)

HABITS = np.dtype(
    [
        (name, "<f8")
        for name in (
            "maker_horizon", "maker_most", "insider_error", "follower_most", "parent_idle", "parent_slice", "parent_least", "parent_most",
            "parent_tail", "latency", "cost",
        )
    ]
)  # fmt: skip

# what is written down
SAMPLED = np.dtype(
    [
        ("ts", "<i8"),
        ("floor", "<i8"),
        ("bid", "<i8"),
        ("bid_lots", "<i8"),
        ("ask", "<i8"),
        ("ask_lots", "<i8"),
        ("volume", "<i8"),  # lots since the start
        ("fair", "<f8"),  # ticks
        ("heat", "<f8"),
    ]
)
# side: of the taker, 1 or -1, as are his order_id and kind; kind is STRANGER where none of us did
PRINT = np.dtype([("ts", "<i8"), ("floor", "<i8"), ("side", "<i8"), ("price", "<i8"), ("lots", "<i8"), ("order_id", "<i8"), ("kind", "<i8")])
FINISHED = np.dtype(
    [
        ("floor", "<i8"),
        ("side", "<i8"),  # 1, -1
        ("began", "<i8"),
        ("ended", "<i8"),
        ("lots", "<i8"),
        ("paid", "<f8"),  # ticks times lots
        ("mid_began", "<f8"),  # ticks
        ("mid_ended", "<f8"),
        ("fair_began", "<f8"),
        ("fair_ended", "<f8"),
        ("volume", "<i8"),  # lots traded on the floor meanwhile, its own with it
    ]
)

Array = npt.NDArray[Any]


class World(NamedTuple):
    """The arrays, as kernels take them."""

    clock: Array  # CLOCK[1]
    agenda: Array
    dice: Array
    moods: Array  # MOOD[symbols + 1, MOODS]; the last row is shared by all
    past: Array  # float64[symbols, RING], what each was worth at the last steps
    assets: Array
    floors: Array
    orders: Array
    crowds: Array  # int64[floors, 2, CROWD_MOST], slots
    ids: Array  # int64[venues, 2 buckets], open addressing: order id, slot
    asks: Array  # int64[venues, 8 ROOM], commands
    makers: Array
    insiders: Array
    followers: Array
    parents: Array
    arbitrageurs: Array
    habits: Array  # HABITS[1]
    samples: Array
    prints: Array
    finished: Array
