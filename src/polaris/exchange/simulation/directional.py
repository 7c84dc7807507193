"""Those who have a view: insiders, who see what a thing is worth almost without error, and followers, who see where it went."""

import numpy as np

from polaris.domain.exact import exp
from polaris.domain.kernel import inlined, kernel
from polaris.exchange.simulation.dice import exponential, normal
from polaris.exchange.simulation.fundamental import known, middle
from polaris.exchange.simulation.register import ask
from polaris.exchange.simulation.world import BUYING, FOLLOWER, INSIDER, SELLING
from polaris.exchange.words import IOC, LIMIT

EDGE = 0.10  # an insider wants at least this, usual one-minute deviations
CROWDED = 300.0  # who holds so many usual orders wants twice the edge to hold more
MOST_AT_ONCE = 4.0  # usual orders
SLIP_BPS = 5.0  # a follower pays at most so much more than the best price


@kernel
def inform(world, i, now):  # type: ignore[no-untyped-def]
    """An insider takes what is quoted on the wrong side of what he knows; returns when he looks again."""
    insider = world.insiders[i]
    f = insider["floor"]
    floor = world.floors[f]
    asset = world.assets[floor["symbol"]]
    value = known(world, floor["symbol"], 0) * (1.0 + asset["minute"] * world.habits[0]["insider_error"] * normal(world.dice))
    least = EDGE * asset["minute"] * value
    held = insider["inventory"] / (asset["lots"] * CROWDED)
    above, beneath = value - floor["ask"] - max(0.0, held) * least, floor["bid"] - value - max(0.0, -held) * least
    if floor["ask"] > 0 and above > least:
        price = min(int(value - 0.5 * least), floor["highest"])
        ask(world, f, BUYING, LIMIT, IOC, price, stake(asset["lots"], above / least), INSIDER, i, insider["account"], -1)
    elif floor["bid"] > 0 and beneath > least:
        price = max(int(value + 0.5 * least) + 1, floor["lowest"])
        ask(world, f, SELLING, LIMIT, IOC, price, stake(asset["lots"], beneath / least), INSIDER, i, insider["account"], -1)
    return now + 1 + int(exponential(world.dice) * insider["every"])


@inlined
def stake(usual, conviction):  # type: ignore[no-untyped-def]
    """Lots to trade on an edge so many times the least."""
    return max(1, int(usual * min(MOST_AT_ONCE, conviction)))


@kernel
def follow(world, i, now):  # type: ignore[no-untyped-def]
    """A follower compares two averages of the price and goes with the difference, or against it; returns when he looks again."""
    follower = world.followers[i]
    f = follower["floor"]
    floor = world.floors[f]
    mid = middle(world, f)
    usual = world.assets[floor["symbol"]]["lots"]
    if follower["seen_at"] == 0:
        follower["fast"] = mid
        follower["slow"] = mid
    else:
        apart = 1.0 * (now - follower["seen_at"])
        follower["fast"] += (mid - follower["fast"]) * (1.0 - exp(-apart / follower["fast_ns"]))
        follower["slow"] += (mid - follower["slow"]) * (1.0 - exp(-apart / follower["slow_ns"]))
    follower["seen_at"] = now
    swing = np.sqrt(floor["variance"] * follower["slow_ns"] * 1e-9) * mid
    signal = max(-1.0, min(1.0, follower["gain"] * (follower["fast"] - follower["slow"]) / swing))
    most = world.habits[0]["follower_most"]
    gap = int(signal * most * usual) - follower["inventory"]
    if abs(gap) > 0.2 * most * usual:
        lots = min(abs(gap), int(MOST_AT_ONCE * usual))
        if gap > 0 and floor["ask"] > 0:
            price = min(floor["ask"] + int(SLIP_BPS * 1e-4 * mid), floor["highest"])
            ask(world, f, BUYING, LIMIT, IOC, price, lots, FOLLOWER, i, follower["account"], -1)
        elif gap < 0 and floor["bid"] > 0:
            price = max(floor["bid"] - int(SLIP_BPS * 1e-4 * mid), floor["lowest"])
            ask(world, f, SELLING, LIMIT, IOC, price, lots, FOLLOWER, i, follower["account"], -1)
    return now + 1 + int(exponential(world.dice) * follower["every"])
