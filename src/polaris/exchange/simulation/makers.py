"""Market makers: each quotes both sides about what he believes, minds his inventory, and takes what others quote on the wrong side of it."""

import numpy as np

from polaris.domain.kernel import inlined, kernel
from polaris.exchange.simulation.dice import normal, uniform
from polaris.exchange.simulation.fundamental import believed
from polaris.exchange.simulation.quoting import quotes
from polaris.exchange.simulation.register import ask, take_back
from polaris.exchange.simulation.world import BUYING, LEVELS, MAKER, SELLING
from polaris.exchange.words import GTC, IOC, LIMIT, POST_ONLY

ERROR_BPS = 0.15  # by which makers differ
FORGETS = 0.05  # of it at each look
NARROWEST, WIDEST = 0.6, 4.0  # how far takers reach, in usual times: with the volatility
PATIENCE_BPS = 0.12  # a quote this near to where it should be stays
FARTHER = 0.9  # each level is so many half spreads behind the one before
SNIPES_BPS = 0.2  # what a foreign quote must give him to take it, above half of his half spread


@kernel
def make(world, m, now):  # type: ignore[no-untyped-def]
    """A maker looks at his floor and puts his quotes where they belong; returns when he looks again."""
    maker = world.makers[m]
    f = maker["floor"]
    floor = world.floors[f]
    habits = world.habits[0]
    asset = world.assets[floor["symbol"]]
    usual = asset["lots"]
    maker["error"] += ERROR_BPS * 1e-4 * 0.31 * normal(world.dice) - FORGETS * maker["error"]
    value = believed(world, f) * (1.0 + maker["error"])
    inventory = maker["inventory"] / usual
    variance_left = floor["variance"] * 1e8 * habits["maker_horizon"]
    reach = min(WIDEST, max(NARROWEST, np.sqrt(60.0 * floor["variance"]) / asset["minute"]))
    most = habits["maker_most"]
    bid, offer = quotes(0.0, max(-most, min(most, inventory)), maker["aversion"], variance_left, maker["term"] * reach)
    half = 0.5 * (offer - bid)
    snipes = SNIPES_BPS + 0.5 * half
    lots = max(1, int(maker["size"] * usual))
    bid_lots = lots if inventory < most else lots // 4 + 1  # beyond what he likes to hold he bids for little, and far below
    ask_lots = lots if inventory > -most else lots // 4 + 1
    if floor["ask"] > 0 and floor["ask"] < value * (1.0 + (bid + half - snipes) * 1e-4) and inventory < most:
        ask(world, f, BUYING, LIMIT, IOC, floor["ask"], min(2 * lots, floor["ask_lots"]), MAKER, m, maker["account"], -1)
    elif floor["bid"] > 0 and floor["bid"] > value * (1.0 + (offer - half + snipes) * 1e-4) and inventory > -most:
        ask(world, f, SELLING, LIMIT, IOC, floor["bid"], min(2 * lots, floor["bid_lots"]), MAKER, m, maker["account"], -1)
    for level in range(LEVELS):
        farther = FARTHER * half * level
        patience = PATIENCE_BPS * 1e-4 * value * (1 + 3 * level)
        price = int(value * (1.0 + (bid - farther) * 1e-4))
        if floor["ask"] > 0:
            price = min(price, floor["ask"] - 1)
        quote(world, m, BUYING, level, price - level, patience, bid_lots * (1 + level))
        price = max(int(value * (1.0 + (offer + farther) * 1e-4)) + 1, floor["bid"] + 1)
        quote(world, m, SELLING, level, price + level, patience, ask_lots * (1 + level))
    return now + 1 + int((0.5 + uniform(world.dice)) * maker["every"])


@inlined
def quote(world, m, sell, level, price, patience, lots):  # type: ignore[no-untyped-def]
    """Have one quote stand at a price, or near enough."""
    maker = world.makers[m]
    floor = world.floors[maker["floor"]]
    slot = maker["quotes"][sell][level]
    if slot != 0:
        order = world.orders[slot]
        if abs(order["price"] - price) <= patience and 2 * order["leaves"] > lots:
            return
        if not take_back(world, slot):
            return
        maker["quotes"][sell][level] = 0  # no quote any more: what still trades of it counts for the inventory
    if floor["lowest"] <= price <= floor["highest"]:
        tif = POST_ONLY if level == 0 else GTC
        maker["quotes"][sell][level] = ask(world, maker["floor"], sell, LIMIT, tif, price, lots, MAKER, m, maker["account"], level)
