"""The crowd: noise traders who know nothing and excite one another.

Their orders arrive as a Hawkes process of four kinds a floor (limits to buy and to sell, markets to buy and to sell), each with a base
rate that the volatility scales and an excitement that every order and trade adds to and time takes away; what rests leaves at a
constant rate an order. Limit orders lie at power-law distances from the best price.
Sources: Hawkes (1971); Ogata (1981), thinning; Bouchaud, Mezard and Potters (2002), Statistical properties of stock order books.
"""

from polaris.domain.exact import exp
from polaris.domain.kernel import inlined, kernel
from polaris.exchange.simulation.dice import below, exponential, normal, pareto, uniform
from polaris.exchange.simulation.fundamental import known, middle
from polaris.exchange.simulation.register import ask, join_crowd, take_back
from polaris.exchange.simulation.world import BUYING, CROWD, CROWD_MOST, SELLING
from polaris.exchange.words import GTC, IOC, LIMIT, MARKET

CALMING = 0.8  # 1/s: excitement halves in 0.9 s
BY_LIMIT_SAME, BY_LIMIT_OTHER = 0.20, 0.10  # orders that one limit order brings about
BY_TRADE_SAME, BY_TRADE_OTHER, BY_TRADE_LIMITS = 0.25, 0.05, 0.40  # that one taker's order does
INSIDE, AT_BEST = 0.05, 0.15  # shares of limit orders that better the best price, and that join it
TAIL = 0.8  # exponent of their distances
NEAR_BPS, FAR_BPS = 1.0, 300.0
SPREAD_OF_SIZES = 0.9  # of the logarithm
FARTHEST = 0.01  # a best price farther away than this share is none
WATCHED = 5  # orders of which one is taken back
ROUND = 0.4  # share of orders of a round quantity


@kernel
def live(world, f, now):  # type: ignore[no-untyped-def]
    """The crowd of a floor makes a move, or lets it pass; returns when the next may be."""
    floor = world.floors[f]
    calm(floor, now)
    symbol = world.assets[floor["symbol"]]
    pace = min(4.0, max(0.5, symbol["heat"]))
    limits, markets = floor["limits"] * pace, floor["markets"] * pace
    resting = floor["resting"][BUYING] + floor["resting"][SELLING]
    point = uniform(world.dice) * max(floor["bound"], 1e-9)
    for kind in range(4):
        point -= floor["excited"][kind] + (limits if kind < 2 else markets)
        if point < 0.0:
            if kind < 2:
                limit(world, f, kind)
            else:
                market(world, f, kind - 2)
            break
    if point >= 0.0 and point < floor["leaving"] * resting:
        leave(world, f, resting)
    resting = floor["resting"][BUYING] + floor["resting"][SELLING]
    bound = 2.0 * (limits + markets) + floor["leaving"] * resting
    for kind in range(4):
        bound += floor["excited"][kind]
    floor["bound"] = bound
    return now + 1 + int(exponential(world.dice) / bound * 1e9)


@inlined
def limit(world, f, sell):  # type: ignore[no-untyped-def]
    """Somebody puts an order into the book."""
    floor = world.floors[f]
    excite(floor, sell, BY_LIMIT_SAME)
    excite(floor, 1 - sell, BY_LIMIT_OTHER)
    if floor["resting"][sell] >= CROWD_MOST:
        return
    price = aim(world, f, sell)
    if price < floor["lowest"] or price > floor["highest"]:
        return
    slot = ask(world, f, sell, LIMIT, GTC, price, size(world, f), CROWD, 0, somebody(world, f), -1)
    if slot != 0:
        join_crowd(world, f, sell, slot)


@inlined
def market(world, f, sell):  # type: ignore[no-untyped-def]
    """Somebody takes what there is; half of them no more than the best price has."""
    floor = world.floors[f]
    there = floor["bid_lots"] if sell == 1 else floor["ask_lots"]
    lots = size(world, f)
    if there > 0 and uniform(world.dice) < 0.5:
        lots = min(lots, there)
    ask(world, f, sell, MARKET, IOC, 0, lots, CROWD, 0, somebody(world, f), -1)


@inlined
def leave(world, f, resting):  # type: ignore[no-untyped-def]
    """A resting order is taken back: of a few, the one nearest to the price, as those are watched most."""
    floor = world.floors[f]
    bids = floor["resting"][BUYING]
    mid = middle(world, f)
    chosen, nearest = 0, 0.0
    for _ in range(WATCHED):
        which = below(world.dice, resting)
        slot = world.crowds[f, BUYING, which] if which < bids else world.crowds[f, SELLING, which - bids]
        away = world.orders[slot]["price"] - mid if which >= bids else mid - world.orders[slot]["price"]
        if chosen == 0 or away < nearest:
            chosen, nearest = slot, away
    take_back(world, chosen)


@inlined
def aim(world, f, sell):  # type: ignore[no-untyped-def]
    """The price of a limit order, ticks: within the spread, at the best price, or anywhere behind it."""
    floor = world.floors[f]
    best, other = (floor["ask"], floor["bid"]) if sell == 1 else (floor["bid"], floor["ask"])
    worth = known(world, floor["symbol"], floor["lag"]) * (1.0 + floor["basis"])
    away = 1 if sell == 1 else -1
    if best == 0 or (best - worth) * away < 0.0 or abs(best - worth) > FARTHEST * worth:
        best = int(worth) + away  # nobody gives away what other venues pay
    luck = uniform(world.dice)
    spread = abs(other - best)
    if luck < INSIDE and other != 0 and spread > 1:
        return best - away * (1 + below(world.dice, min(spread - 1, 1 << 20)))
    if luck < INSIDE + AT_BEST:
        return best
    near = max(1.0, NEAR_BPS * 1e-4 * worth)
    return best + away * int(pareto(world.dice, TAIL, near, FAR_BPS * 1e-4 * worth) - near + 1.0)


@inlined
def size(world, f):  # type: ignore[no-untyped-def]
    """Lots of one order: lognormal about the usual order; many people like one digit and zeros."""
    usual = world.assets[world.floors[f]["symbol"]]["lots"]
    lots = int(usual * exp(SPREAD_OF_SIZES * normal(world.dice) - 0.5 * SPREAD_OF_SIZES * SPREAD_OF_SIZES)) + 1
    if uniform(world.dice) < ROUND:
        unit = 1
        while 10 * unit <= lots:
            unit *= 10
        lots -= lots % unit
    return lots


@inlined
def somebody(world, f):  # type: ignore[no-untyped-def]
    """An account of the crowd."""
    return world.assets[world.floors[f]["symbol"]]["accounts"] + below(world.dice, world.clock[0]["crowd"])


@inlined
def excite(floor, kind, orders):  # type: ignore[no-untyped-def]
    """Let so many more orders of a kind come, by and by."""
    floor["excited"][kind] += orders * CALMING


@inlined
def stir(floor, sell, now):  # type: ignore[no-untyped-def]
    """A taker's order traded, whoever sent it."""
    calm(floor, now)
    excite(floor, 2 + sell, BY_TRADE_SAME)
    excite(floor, 3 - sell, BY_TRADE_OTHER)
    excite(floor, 0, BY_TRADE_LIMITS)
    excite(floor, 1, BY_TRADE_LIMITS)


@inlined
def calm(floor, now):  # type: ignore[no-untyped-def]
    """Forget of the excitement what time takes."""
    seconds = (now - floor["excited_at"]) * 1e-9
    if seconds > 0.0:
        kept = exp(-CALMING * seconds)
        for kind in range(4):
            floor["excited"][kind] *= kept
        floor["excited_at"] = now
