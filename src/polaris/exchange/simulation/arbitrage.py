"""Arbitrageurs: they see a thing dearer on one venue than on another, and some time later their two orders are there.

They are slower than the venues' makers learn, so most differences close without them, and on some they come too late: what one
leg left open they trade away at the next look.
"""

from polaris.domain.kernel import inlined, kernel
from polaris.exchange.simulation.dice import exponential, uniform
from polaris.exchange.simulation.register import ask
from polaris.exchange.simulation.world import ARBITRAGEUR, BUYING, SELLING
from polaris.exchange.words import IOC, LIMIT

LOOKS_EVERY_NS = 200_000_000.0
MOST_AT_ONCE = 4  # usual orders
COMFORT = 60.0  # usual orders more here than there; so many double the difference he wants


@kernel
def arbitrage(world, a, now):  # type: ignore[no-untyped-def]
    """An arbitrageur looks for a difference, or trades on the one he saw; returns when he acts again."""
    someone = world.arbitrageurs[a]
    habits = world.habits[0]
    if someone["buys_at"] >= 0:
        send(world, a, BUYING, someone["buys_at"], someone["buy_price"], someone["lots"])
        send(world, a, SELLING, someone["sells_at"], someone["sell_price"], someone["lots"])
        someone["buys_at"] = -1
        return now + 1 + int(2.0 * habits["latency"] * (0.5 + uniform(world.dice)))  # the answers come first
    clock = world.clock[0]
    s, symbols = someone["symbol"], clock["symbols"]
    dear, cheap = -1, -1
    held = 0
    for venue in range(clock["venues"]):
        floor = world.floors[venue * symbols + s]
        held += someone["inventory"][venue]
        if floor["bid"] > 0 and (dear < 0 or floor["bid"] > world.floors[dear * symbols + s]["bid"]):
            dear = venue
        if floor["ask"] > 0 and (cheap < 0 or floor["ask"] < world.floors[cheap * symbols + s]["ask"]):
            cheap = venue
    if dear < 0 or cheap < 0:
        return now + int(LOOKS_EVERY_NS)
    there, here = world.floors[dear * symbols + s], world.floors[cheap * symbols + s]
    if held > 0:
        send(world, a, SELLING, dear, there["bid"], min(held, there["bid_lots"]))
    elif held < 0:
        send(world, a, BUYING, cheap, here["ask"], min(-held, here["ask_lots"]))
    elif dear != cheap and there["bid"] > here["ask"] * (1.0 + 1e-4 * habits["cost"] * strain(world, a, cheap, dear)):
        someone["buys_at"] = cheap
        someone["sells_at"] = dear
        someone["buy_price"] = here["ask"]
        someone["sell_price"] = there["bid"]
        someone["lots"] = min(here["ask_lots"], there["bid_lots"], MOST_AT_ONCE * world.assets[s]["lots"])
        return now + 1 + int(habits["latency"] * (0.5 + uniform(world.dice)))
    return now + 1 + int(exponential(world.dice) * LOOKS_EVERY_NS)


@inlined
def strain(world, a, cheap, dear):  # type: ignore[no-untyped-def]
    """How many times the usual difference he wants: more where he has bought here and sold there for long."""
    someone = world.arbitrageurs[a]
    stretch = (someone["inventory"][cheap] - someone["inventory"][dear]) / (COMFORT * world.assets[someone["symbol"]]["lots"])
    return max(0.3, 1.0 + stretch)


@inlined
def send(world, a, sell, venue, price, lots):  # type: ignore[no-untyped-def]
    """One leg."""
    someone = world.arbitrageurs[a]
    f = venue * world.clock[0]["symbols"] + someone["symbol"]
    if lots > 0:
        ask(world, f, sell, LIMIT, IOC, price, lots, ARBITRAGEUR, a, someone["account"], venue)
