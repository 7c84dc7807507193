"""What a page about a simulated market shows, as plain arrays: one symbol, all its venues.

    figures = observe(settings, seed, hours=24)
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from polaris.exchange.simulation.facts import Facts, Floats, Rows, autocorrelation, minutes, taker_sides
from polaris.exchange.simulation.settings import SECOND, Settings
from polaris.exchange.simulation.simulated import SimulatedMarket
from polaris.exchange.simulation.world import ARBITRAGEUR, CROWD, FOLLOWER, INSIDER, MAKER, PARENT
from polaris.exchange.words import ASKS, BIDS, Orders

HOUR_S = 3600
WARM_S = 60  # until books are filled: not shown
DISTANCES = np.array([0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0])  # basis points from the mid
LAGS = tuple(range(1, 241))  # minutes
SIGN_LAGS = tuple(sorted({round(10 ** (power / 8)) for power in range(25)}))  # trades, 1 .. 1000
KINDS = {CROWD: "noise traders", MAKER: "market makers", INSIDER: "informed", FOLLOWER: "momentum", PARENT: "large parents", ARBITRAGEUR: "arbitrageurs"}

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shown:
    """One venue: a point a second, prices in the quote currency. Times are ns UTC."""

    name: str
    ts: Ints
    mid: Floats
    spread_bps: Floats
    depth: Floats  # at the best bid and ask together, usual orders
    profile: Floats  # usual orders within each of DISTANCES of the mid, both sides, mean over the hours
    trades: int
    volume: float  # base currency
    facts: Facts


@dataclass(frozen=True)
class Observed:
    """One symbol of a simulated market."""

    symbol: str
    seed: int
    hours: float
    orders: int  # orders and cancels of the whole market
    venues: tuple[Shown, ...]
    fair: Floats  # the fundamental price at the first venue's times
    heat: Floats  # volatility in usual ones
    returns: Floats  # of a minute, on the first venue
    return_memory: Floats  # autocorrelations at LAGS
    size_memory: Floats  # of absolute returns
    sign_memory: Floats  # of takers' sides at SIGN_LAGS
    gap_bps: Floats  # the best bid of any venue over the best ask of any: above 0 somebody could trade on it
    takers: dict[str, float]  # share of the volume they took
    digest: str


def observe(settings: Settings, seed: int, hours: float = 24.0, symbol: int = 0) -> Observed:
    """Live so many hours and look at one symbol.

    raises  ValueError for less than 5 hours: returns of a minute would be too few to say anything
    """
    if hours < 5.0:
        raise ValueError(f"{hours:g} hours of a simulated market; expected at least 5, to have enough returns")
    market = SimulatedMarket(settings, seed)
    symbols = len(settings.symbols)
    profiles = np.zeros((len(settings.places), len(DISTANCES)))
    looks = max(1, round(hours))
    for _ in range(looks):
        market.run(round(hours * HOUR_S * SECOND) // looks)
        for venue, engine in enumerate(market.engines):
            profiles[venue] += _profile(engine.orders(), symbol, settings.symbols[symbol].lots) / looks
    samples, prints, facts = market.samples(), market.prints(), market.facts()
    floors = [venue * symbols + symbol for venue in range(len(settings.places))]
    rows = [samples[samples["floor"] == floor][WARM_S:] for floor in floors]
    venues = []
    for venue, (floor, own) in enumerate(zip(floors, rows, strict=True)):
        venues.append(_shown(settings, venue, symbol, own, prints[prints["floor"] == floor], profiles[venue], facts[floor]))
    step = float(settings.symbols[symbol].step)
    returns = np.diff(np.log(minutes(samples, floors[0])))
    sides = taker_sides(prints, floors[0]).astype(np.float64)
    return Observed(
        symbol=settings.symbols[symbol].base,
        seed=seed,
        hours=hours,
        orders=market.population.sent,
        venues=tuple(venues),
        fair=rows[0]["fair"] * step,
        heat=rows[0]["heat"].copy(),
        returns=returns,
        return_memory=autocorrelation(returns, [lag for lag in LAGS if lag < len(returns) // 2]),
        size_memory=autocorrelation(np.abs(returns), [lag for lag in LAGS if lag < len(returns) // 2]),
        sign_memory=autocorrelation(sides, SIGN_LAGS),
        gap_bps=_gap(rows),
        takers=_takers(prints[np.isin(prints["floor"], floors)]),
        digest=market.digest(),
    )


def _shown(settings: Settings, venue: int, symbol: int, rows: Rows, prints: Rows, profile: Floats, facts: Facts) -> Shown:
    kind = settings.symbols[symbol]
    step, both = float(kind.step), (rows["bid"] > 0) & (rows["ask"] > 0)
    mid = np.where(both, 0.5 * (rows["bid"] + rows["ask"]), np.nan)
    return Shown(
        name=settings.places[venue].name,
        ts=rows["ts"].copy(),
        mid=mid * step,
        spread_bps=1e4 * np.where(both, rows["ask"] - rows["bid"], np.nan) / mid,
        depth=(rows["bid_lots"] + rows["ask_lots"]) / kind.lots,
        profile=profile,
        trades=len(prints),
        volume=float(prints["lots"].sum()) * float(kind.lot),
        facts=facts,
    )


def _profile(orders: Orders, book: int, usual: int) -> Floats:
    """Usual orders within each of DISTANCES of the mid, both sides together."""
    own = orders[orders["book"] == book]
    bids, asks = own[own["ladder"] == BIDS], own[own["ladder"] == ASKS]
    if not len(bids) or not len(asks):
        return np.zeros(len(DISTANCES))
    mid = 0.5 * (int(bids["price"].max()) + int(asks["price"].min()))
    resting = np.concatenate((bids, asks))
    away = 1e4 * np.abs(resting["price"] / mid - 1.0)
    return np.array([resting["shown"][away <= distance].sum() for distance in DISTANCES]) / usual


def _gap(rows: list[Rows]) -> Floats:
    bids = np.max([own["bid"] for own in rows], axis=0)
    asks = np.min([np.where(own["ask"] > 0, own["ask"], np.iinfo(np.int64).max) for own in rows], axis=0)
    return np.asarray(1e4 * (bids - asks) / asks, np.float64)


def _takers(prints: Rows) -> dict[str, float]:
    whole = max(1, int(prints["lots"].sum()))
    return {name: float(prints["lots"][prints["kind"] == kind].sum()) / whole for kind, name in KINDS.items()}
