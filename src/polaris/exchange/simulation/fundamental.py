"""What things are worth: one price a symbol that every venue comes to believe, with moods, jumps, and errors of its own.

    return of a step = usual deviation * heat * (tide * everybody's deviate + own * the symbol's)
    heat             = sqrt(product of the levels of volatility alive now), shared ones and own ones
"""

import numpy as np

from polaris.domain.exact import exp
from polaris.domain.kernel import inlined, kernel
from polaris.exchange.simulation.dice import exponential, normal, word
from polaris.exchange.simulation.world import MOODS, RING, SCALES

SCALE_S = (2.0, 8.0, 32.0, 128.0, 512.0, 2048.0)  # half of what flow says is forgotten within about as long
WEIGHTS = tuple(2.0**-k / sum(2.0**-j for j in range(SCALES)) for k in range(SCALES))  # so impact fades like 1 / sqrt(time)
OPINION_S, OPINION_BPS = 45.0, 0.25  # a venue's error about what a thing is worth
BASIS_S, BASIS_BPS = 1200.0, 0.3  # its quote currency's wandering
MEMORY_S = 30.0  # of the volatility makers see
CALMEST, WILDEST = 0.04, 60.0  # of it, times the usual; one move counts no more than the wildest
WIDEST = 0.02  # a spread beyond this share of the price shows no price


@kernel
def step(world):  # type: ignore[no-untyped-def]
    """The fundamental prices take a step, and with them every venue's error about them."""
    clock = world.clock[0]
    n = clock["steps"] + 1
    clock["steps"] = n
    symbols = clock["symbols"]
    shared = mood(world, symbols, n)
    everybody = normal(world.dice)
    jump = 0.0
    if n >= clock["jump_at"]:
        jump = jumped(world, clock["jump_size"])
        clock["jump_at"] = n + 1 + int(exponential(world.dice) * clock["jump_mean"])
    for s in range(symbols):
        asset = world.assets[s]
        heat = np.sqrt(shared * mood(world, s, n))
        asset["heat"] = heat
        change = asset["usual"] * heat * (asset["tide"] * everybody + asset["own"] * normal(world.dice)) + asset["tide"] * asset["minute"] * jump
        if n >= asset["jump_at"]:
            change += asset["minute"] * jumped(world, clock["jump_size"])
            asset["jump_at"] = n + 1 + int(exponential(world.dice) * clock["jump_mean"])
        asset["fair"] = min(asset["most"], max(asset["least"], asset["fair"] * (1.0 + max(-0.2, min(0.2, change)))))
        settle(asset, clock["now"])
        told = 0.0
        for k in range(SCALES):
            told += WEIGHTS[k] * asset["flow"][k]
        world.past[s, n & (RING - 1)] = asset["fair"] * (1.0 + asset["impact"] * told)
    seconds = clock["step"] * 1e-9
    whole_second = n % max(1, 1_000_000_000 // clock["step"]) == 0
    for f in range(world.floors.size):
        floor = world.floors[f]
        floor["opinion"] = wander(floor["opinion"], OPINION_BPS, seconds / OPINION_S, normal(world.dice))
        floor["basis"] = wander(floor["basis"], BASIS_BPS, seconds / BASIS_S, normal(world.dice))
        if whole_second:
            watch(world, f)


@inlined
def mood(world, row, n):  # type: ignore[no-untyped-def]
    """The product of a row's levels of volatility, each drawn anew when its time is over."""
    contrast = world.clock[0]["contrast"]
    product = 1.0
    for k in range(MOODS):
        level = world.moods[row, k]
        if level["mean"] > 0.0:
            if n >= level["ends"]:
                level["level"] = 1.0 + contrast if word(world.dice) < 0 else 1.0 - contrast
                level["ends"] = n + 1 + int(exponential(world.dice) * level["mean"])
            product *= level["level"]
    return product


@inlined
def jumped(world, size):  # type: ignore[no-untyped-def]
    """A jump, in usual one-minute deviations."""
    height = size * (1.0 + exponential(world.dice))
    return height if word(world.dice) < 0 else -height


@inlined
def wander(value, bps, share, deviate):  # type: ignore[no-untyped-def]
    """The next value of a price error of so many basis points that forgets `share` of itself a step."""
    return value * (1.0 - share) + 1e-4 * bps * np.sqrt(2.0 * share) * deviate


@inlined
def watch(world, f):  # type: ignore[no-untyped-def]
    """Once a second: how much moves what is known on a floor. Not its mid: makers would fear what they do themselves."""
    floor = world.floors[f]
    price = known(world, floor["symbol"], floor["lag"])
    usual = world.assets[floor["symbol"]]["minute"]
    if floor["known"] > 0.0:
        move = price / floor["known"] - 1.0
        second = usual * usual / 60.0
        variance = floor["variance"] + (min(move * move, WILDEST * second) - floor["variance"]) / MEMORY_S
        floor["variance"] = max(variance, CALMEST * second)
    floor["known"] = price


@inlined
def middle(world, f):  # type: ignore[no-untyped-def]
    """What a floor shows as its price, ticks: its mid, or what is known there where it has none worth the name."""
    floor = world.floors[f]
    mid = 0.5 * (floor["bid"] + floor["ask"])
    if floor["bid"] > 0 and 0 < floor["ask"] - floor["bid"] < WIDEST * mid:
        return mid
    return known(world, floor["symbol"], floor["lag"])


@inlined
def known(world, s, lag):  # type: ignore[no-untyped-def]
    """What a symbol was worth so many steps ago, ticks: its fundamental price, and what the flow of trades made of it."""
    return world.past[s, (world.clock[0]["steps"] - lag) & (RING - 1)]


@inlined
def believed(world, f):  # type: ignore[no-untyped-def]
    """What makers on a floor think its thing is worth, ticks: what is known there, in error."""
    floor = world.floors[f]
    return known(world, floor["symbol"], floor["lag"]) * (1.0 + floor["opinion"] + floor["basis"])


@inlined
def settle(asset, now):  # type: ignore[no-untyped-def]
    """Forget of the flow what time takes."""
    seconds = (now - asset["flow_at"]) * 1e-9
    if seconds > 0.0:
        for k in range(SCALES):
            asset["flow"][k] *= exp(-seconds / SCALE_S[k])
        asset["flow_at"] = now
