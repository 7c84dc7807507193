"""Slow large orders: a parent is cut into slices that are sent one after the other, whatever the price does.

Their sizes have a power-law tail, so the signs of trades remember for long. What each one did to the price is written down: that is
what the square-root law of impact is measured on.
Source: Lillo, Mike and Farmer (2005), Theory for long memory in supply and demand, Physical Review E 71.
"""

from polaris.domain.exact import exp
from polaris.domain.kernel import inlined, kernel
from polaris.exchange.simulation.dice import exponential, normal, pareto, uniform
from polaris.exchange.simulation.fundamental import middle
from polaris.exchange.simulation.register import ask
from polaris.exchange.simulation.world import PARENT
from polaris.exchange.words import IOC, LIMIT

SLIP_BPS = 8.0  # a slice pays at most so much more than the best price
UNEVEN = 0.3  # of the logarithm of a slice
DEAREST = 400.0  # inventory, usual orders, above which a parent always brings it down


@kernel
def work(world, p, now):  # type: ignore[no-untyped-def]
    """A parent sends a slice, ends, or begins; returns when it acts again."""
    parent = world.parents[p]
    habits = world.habits[0]
    if now > parent["until"]:
        parent["left"] = 0  # refused, or nobody to trade with
        parent["flying"] = 0
    if parent["left"] == 0 and parent["flying"] <= 0:
        if parent["began"] != 0:
            finish(world, p, now)
            return now + 1 + int(exponential(world.dice) * habits["parent_idle"])
        begin(world, p, now)
    f = parent["floor"]
    floor = world.floors[f]
    sell = parent["side"]
    best = floor["bid"] if sell == 1 else floor["ask"]
    lots = min(parent["left"], max(1, int(parent["slice"] * exp(UNEVEN * normal(world.dice)))))
    if best > 0 and lots > 0:
        slip = int(SLIP_BPS * 1e-4 * best)
        price = max(best - slip, floor["lowest"]) if sell == 1 else min(best + slip, floor["highest"])
        if ask(world, f, sell, LIMIT, IOC, price, lots, PARENT, p, parent["account"], -1) != 0:
            parent["left"] -= lots
            parent["flying"] += lots
    return now + 1 + int((0.5 + uniform(world.dice)) * habits["parent_slice"])


@inlined
def begin(world, p, now):  # type: ignore[no-untyped-def]
    """Choose a side and a size; what is held already weighs on the side."""
    parent = world.parents[p]
    floor = world.floors[parent["floor"]]
    habits = world.habits[0]
    usual = world.assets[floor["symbol"]]["lots"]
    lean = parent["inventory"] / (usual * DEAREST)
    parent["side"] = 1 if uniform(world.dice) < 0.5 + 0.5 * lean else 0
    parent["left"] = int(usual * pareto(world.dice, habits["parent_tail"], habits["parent_least"], habits["parent_most"]))
    parent["slice"] = usual
    parent["flying"] = 0
    parent["began"] = now
    parent["until"] = now + int((20.0 + 3.0 * (parent["left"] / usual)) * habits["parent_slice"])
    parent["done"] = 0
    parent["paid"] = 0.0
    parent["mid"] = middle(world, parent["floor"])
    parent["fair"] = world.assets[floor["symbol"]]["fair"]
    parent["volume"] = floor["volume"]


@inlined
def finish(world, p, now):  # type: ignore[no-untyped-def]
    """Write down what it did."""
    parent = world.parents[p]
    f = parent["floor"]
    floor = world.floors[f]
    clock = world.clock[0]
    if clock["finished"] < world.finished.size and parent["done"] > 0:
        row = world.finished[clock["finished"]]
        row["floor"] = f
        row["side"] = -1 if parent["side"] == 1 else 1
        row["began"] = parent["began"]
        row["ended"] = now
        row["lots"] = parent["done"]
        row["paid"] = parent["paid"]
        row["mid_began"] = parent["mid"]
        row["mid_ended"] = middle(world, f)
        row["fair_began"] = parent["fair"]
        row["fair_ended"] = world.assets[floor["symbol"]]["fair"]
        row["volume"] = floor["volume"] - parent["volume"]
        clock["finished"] += 1
    parent["began"] = 0
