"""What traders learn: a venue's events and the tops of its books."""

from polaris.domain.kernel import inlined, kernel
from polaris.exchange.arena import AT_BOOKS, BOOK_WORDS, LOWEST, level_of
from polaris.exchange.bits import U
from polaris.exchange.simulation.crowd import stir
from polaris.exchange.simulation.fundamental import settle
from polaris.exchange.simulation.register import end, find
from polaris.exchange.simulation.world import (
    ALIVE,
    ARBITRAGEUR,
    ASKED,
    CROWD,
    FOLLOWER,
    INSIDER,
    LEAVING,
    MAKER,
    PARENT,
    SCALES,
    STRANGER,
)
from polaris.exchange.words import ACCEPTED, CANCELLED, EVENT_WORDS, EXPIRED, FILL, PREVENTED, REJECTED, TICKS, UNKNOWN_ORDER

LOUDEST = 5.0  # usual orders a trade counts for at most


@kernel
def hear(world, venue, events, n, tops):  # type: ignore[no-untyped-def]
    """Learn n events of a venue, and what its books show after them.

    events  int64[words of an EVENT times n]  of everybody's orders
    tops    int64[books, 4]  bid, its lots, ask, its lots; 0 where there is none
    """
    clock = world.clock[0]
    symbols = clock["symbols"]
    taker = 0
    for i in range(n):
        at = EVENT_WORDS * i
        head = events[U(at)]
        kind, book = head & 0xFF, head >> 32
        order_id = events[U(at + 1)]
        if kind == FILL:
            f = venue * symbols + book
            sell = (head >> 31) & 1
            price, lots = events[U(at + 3)], events[U(at + 4)]
            trade(world, f, sell, price, lots, order_id, order_id != taker, kind_of(world, venue, order_id))
            taker = order_id
            filled(world, venue, events[U(at + 2)], price, lots, events[U(at + 6)])
            filled(world, venue, order_id, price, lots, events[U(at + 5)])
            continue
        slot = find(world.ids, venue, order_id)
        if slot == 0:
            continue
        order = world.orders[slot]
        if kind == ACCEPTED:
            if order["state"] == ASKED:
                order["state"] = ALIVE
        elif kind == CANCELLED or kind == EXPIRED:
            unfilled(world, slot, order["leaves"])
            end(world, venue, slot)
        elif kind == REJECTED:
            if order["state"] == ASKED or (head >> 8) & 0xFF == UNKNOWN_ORDER:
                unfilled(world, slot, order["leaves"])
                end(world, venue, slot)
            elif order["state"] == LEAVING:
                order["state"] = ALIVE  # it may not leave now: asked again later
        elif kind == PREVENTED:
            shrink(world, venue, slot, events[U(at + 5)])
            other = find(world.ids, venue, events[U(at + 2)])
            if other != 0:
                shrink(world, venue, other, events[U(at + 6)])
    for book in range(symbols):
        floor = world.floors[venue * symbols + book]
        floor["bid"] = tops[book, 0]
        floor["bid_lots"] = tops[book, 1]
        floor["ask"] = tops[book, 2]
        floor["ask_lots"] = tops[book, 3]


@kernel
def look(arena, tops):  # type: ignore[no-untyped-def]
    """Write down what an engine's books show: tops int64[books, 4], as `hear` wants them."""
    for book in range(tops.shape[0]):
        line = AT_BOOKS + BOOK_WORDS * book
        lowest = arena[U(line + LOWEST)]
        bid, ask = arena[U(line)], arena[U(line + 1)]
        tops[book, 0] = lowest + bid if bid >= 0 else 0
        tops[book, 1] = arena[U(level_of(arena, 4 * book, bid) + 1)] if bid >= 0 else 0
        tops[book, 2] = lowest + ask if ask < TICKS else 0
        tops[book, 3] = arena[U(level_of(arena, 4 * book + 1, ask) + 1)] if ask < TICKS else 0


@inlined
def trade(world, f, sell, price, lots, order_id, first, kind):  # type: ignore[no-untyped-def]
    """A trade was printed: the flow, the crowd's mood and the record take note."""
    floor = world.floors[f]
    clock = world.clock[0]
    now = clock["now"]
    floor["last"] = price
    floor["volume"] += lots
    if kind == STRANGER or kind == CROWD or kind == FOLLOWER or kind == PARENT:  # the others only correct what is quoted
        asset = world.assets[floor["symbol"]]
        settle(asset, now)
        loud = min(LOUDEST, lots / asset["lots"])
        for k in range(SCALES):
            asset["flow"][k] += -loud if sell == 1 else loud
        if first:
            stir(floor, sell, now)
    if clock["printed"] < world.prints.size:
        row = world.prints[clock["printed"]]
        row["ts"] = now
        row["floor"] = f
        row["side"] = -1 if sell == 1 else 1
        row["price"] = price
        row["lots"] = lots
        row["order_id"] = order_id
        row["kind"] = kind
        clock["printed"] += 1


@inlined
def kind_of(world, venue, order_id):  # type: ignore[no-untyped-def]
    """Whose an order is: a kind of actor, or a stranger's."""
    slot = find(world.ids, venue, order_id)
    return world.orders[slot]["kind"] if slot != 0 else STRANGER


@kernel
def filled(world, venue, order_id, price, lots, leaves):  # type: ignore[no-untyped-def]
    """An order traded: if it is ours, its owner holds more, or less."""
    slot = find(world.ids, venue, order_id)
    if slot == 0:
        return
    order = world.orders[slot]
    order["leaves"] = leaves
    signed = -lots if order["side"] == 1 else lots
    kind, trader = order["kind"], order["trader"]
    if kind == MAKER:
        world.makers[trader]["inventory"] += signed
    elif kind == INSIDER:
        world.insiders[trader]["inventory"] += signed
    elif kind == FOLLOWER:
        world.followers[trader]["inventory"] += signed
    elif kind == PARENT:
        parent = world.parents[trader]
        parent["inventory"] += signed
        parent["flying"] = max(0, parent["flying"] - lots)
        parent["done"] += lots
        parent["paid"] += 1.0 * price * lots
    elif kind == ARBITRAGEUR:
        world.arbitrageurs[trader]["inventory"][order["place"]] += signed
    if leaves == 0:
        end(world, venue, slot)


@inlined
def shrink(world, venue, slot, leaves):  # type: ignore[no-untyped-def]
    """An order has fewer lots open than before, without a trade."""
    order = world.orders[slot]
    unfilled(world, slot, order["leaves"] - leaves)
    order["leaves"] = leaves
    if leaves == 0:
        end(world, venue, slot)


@inlined
def unfilled(world, slot, lots):  # type: ignore[no-untyped-def]
    """So many lots of an order will not trade: a parent sends them again."""
    order = world.orders[slot]
    if order["kind"] == PARENT:
        parent = world.parents[order["trader"]]
        if parent["flying"] >= lots:  # it did not give up meanwhile
            parent["flying"] -= lots
            parent["left"] += lots
