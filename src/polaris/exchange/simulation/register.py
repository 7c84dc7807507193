"""Our orders: which live, whose they are, and how one is asked for or taken back.

A new order waits in its venue's commands under the number of its slot; `issue` gives all of them the venue's ids when it is their
turn, and from then on the venue's words are understood. What was not accepted yet can't be taken back.
"""

from polaris.domain.kernel import inlined, kernel
from polaris.exchange.bits import U
from polaris.exchange.simulation.world import ALIVE, ASKED, CROWD, GONE, LEAVING, MAKER, ROOM
from polaris.exchange.telling import BUYS, SELLS
from polaris.exchange.words import CANCEL, EXPIRE_TAKER, SUBMIT


@kernel
def ask(world, f, sell, order_type, time_in_force, price, lots, kind, trader, account, place):  # type: ignore[no-untyped-def]
    """Ask floor f for an order; returns its slot, 0 where there is no room for it.

    sell   1 to sell, 0 to buy
    price  ticks, 0 for a market order
    """
    clock = world.clock[0]
    floor = world.floors[f]
    venue = floor["venue"]
    n = clock["asked"][venue]
    slot = take_slot(world) if n < ROOM else 0
    if slot == 0:
        clock["dropped"] += 1
        return 0
    order = world.orders[slot]
    order["order_id"] = 0
    order["floor"] = f
    order["side"] = sell
    order["kind"] = kind
    order["trader"] = trader
    order["account"] = account
    order["price"] = price
    order["leaves"] = lots
    order["place"] = place
    order["state"] = ASKED
    head = SUBMIT | (order_type << 8) | (time_in_force << 16) | (SELLS if sell == 1 else BUYS) | (floor["symbol"] << 32)
    write(world.asks, venue, n, head, slot, price, lots, account | (EXPIRE_TAKER << 32))
    clock["asked"][venue] = n + 1
    clock["sent"] += 1
    return slot


@kernel
def take_back(world, slot):  # type: ignore[no-untyped-def]
    """Ask for an order to be cancelled; returns whether it is on its way."""
    clock = world.clock[0]
    order = world.orders[slot]
    venue = world.floors[order["floor"]]["venue"]
    n = clock["asked"][venue]
    if order["state"] != ALIVE or n >= ROOM:
        return order["state"] == LEAVING
    order["state"] = LEAVING
    write(world.asks, venue, n, CANCEL, order["order_id"], 0, 0, order["account"])
    clock["asked"][venue] = n + 1
    clock["sent"] += 1
    return True


@kernel
def issue(world, venue, order_id, seq):  # type: ignore[no-untyped-def]
    """Number a venue's commands: new orders from order_id on, commands from seq on; returns (commands, next order id).

    The commands count as handed over.
    """
    clock = world.clock[0]
    n = clock["asked"][venue]
    clock["asked"][venue] = 0
    for i in range(n):
        at = 8 * i
        world.asks[venue, U(at + 7)] = seq + i
        if world.asks[venue, U(at)] & 0xFF == SUBMIT:
            slot = world.asks[venue, U(at + 1)]
            world.orders[slot]["order_id"] = order_id
            remember(world.ids, venue, order_id, slot)
            world.asks[venue, U(at + 1)] = order_id
            order_id += 1
    return n, order_id


@kernel
def end(world, venue, slot):  # type: ignore[no-untyped-def]
    """An order lives no more: its slot is free, nobody counts on it."""
    order = world.orders[slot]
    f, side = order["floor"], order["side"]
    if order["kind"] == CROWD and order["place"] >= 0:
        leave_crowd(world, f, side, order["place"])
    elif order["kind"] == MAKER and order["place"] >= 0:
        maker = world.makers[order["trader"]]
        if maker["quotes"][side][order["place"]] == slot:
            maker["quotes"][side][order["place"]] = 0
    forget(world.ids, venue, order["order_id"])
    clock = world.clock[0]
    order["state"] = GONE
    order["next"] = clock["free"]
    clock["free"] = slot


@inlined
def join_crowd(world, f, side, slot):  # type: ignore[no-untyped-def]
    """Put an order of the crowd on its list. There must be room: CROWD_MOST."""
    floor = world.floors[f]
    n = floor["resting"][side]
    world.crowds[f, side, n] = slot
    world.orders[slot]["place"] = n
    floor["resting"][side] = n + 1


@inlined
def leave_crowd(world, f, side, place):  # type: ignore[no-untyped-def]
    """Take it off; the last of the list takes its place."""
    floor = world.floors[f]
    n = floor["resting"][side] - 1
    last = world.crowds[f, side, n]
    world.crowds[f, side, place] = last
    world.orders[last]["place"] = place
    floor["resting"][side] = n


@inlined
def take_slot(world):  # type: ignore[no-untyped-def]
    """A free slot; 0 where there is none."""
    clock = world.clock[0]
    slot = clock["free"]
    if slot != 0:
        clock["free"] = world.orders[slot]["next"]
        return slot
    if clock["used"] + 1 >= world.orders.size:
        return 0
    clock["used"] += 1
    return clock["used"]


@inlined
def write(asks, venue, n, head, order_id, price, quantity, owner):  # type: ignore[no-untyped-def]
    """Write one command."""
    at = 8 * n
    asks[venue, U(at)] = head
    asks[venue, U(at + 1)] = order_id
    asks[venue, U(at + 2)] = price
    asks[venue, U(at + 3)] = quantity
    asks[venue, U(at + 4)] = 0
    asks[venue, U(at + 5)] = 0
    asks[venue, U(at + 6)] = owner
    asks[venue, U(at + 7)] = 0


@inlined
def find(ids, venue, order_id):  # type: ignore[no-untyped-def]
    """The slot of a venue's order; 0 where it is not ours."""
    mask = (ids.shape[1] >> 1) - 1
    bucket = order_id & mask
    while True:
        there = ids[venue, U(2 * bucket)]
        if there == order_id:
            return ids[venue, U(2 * bucket + 1)]
        if there == 0:
            return 0
        bucket = (bucket + 1) & mask


@inlined
def remember(ids, venue, order_id, slot):  # type: ignore[no-untyped-def]
    """Put an id into the map: at most half of it is ever full."""
    mask = (ids.shape[1] >> 1) - 1
    bucket = order_id & mask
    while ids[venue, U(2 * bucket)] != 0:
        bucket = (bucket + 1) & mask
    ids[venue, U(2 * bucket)] = order_id
    ids[venue, U(2 * bucket + 1)] = slot


@inlined
def forget(ids, venue, order_id):  # type: ignore[no-untyped-def]
    """Take an id out of the map; those behind it that can move nearer to their home do."""
    mask = (ids.shape[1] >> 1) - 1
    bucket = order_id & mask
    while ids[venue, U(2 * bucket)] != order_id:
        bucket = (bucket + 1) & mask
    behind = bucket
    while True:
        behind = (behind + 1) & mask
        there = ids[venue, U(2 * behind)]
        if there == 0:
            break
        if ((behind - there) & mask) >= ((behind - bucket) & mask):
            ids[venue, U(2 * bucket)] = there
            ids[venue, U(2 * bucket + 1)] = ids[venue, U(2 * behind + 1)]
            bucket = behind
    ids[venue, U(2 * bucket)] = 0
