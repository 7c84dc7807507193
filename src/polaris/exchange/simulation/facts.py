"""Stylised facts: what real markets have in common, measured on a simulated one.

    returns of a minute   fat tails; no memory of their sign beyond a minute or so; long memory of their size
    spread and depth      spread widely, skewed to the right
    trades                buys follow buys for very long
    parent orders         move the price about with the square root of their size

Each fact is a function from plain arrays to figures, so recorded data can be asked the same; `faults` says which figures are not
those of a market. Source: Cont (2001), Empirical properties of asset returns; Bouchaud, Farmer and Lillo (2009), How markets slowly
digest changes in supply and demand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[Any]

MINUTE_S = 60
SIGN_LAGS = (10, 20, 50, 100, 200)
CLUSTER_LAGS = (1, 30)  # minutes, the first and the last that are averaged
HOURS_LAGS = (60, 240)
WHITE_LAGS = (2, 20)


@dataclass(frozen=True)
class Tails:
    """Of returns. A normal distribution has excess kurtosis 0 and no Hill exponent: estimates on it are 5 and more."""

    deviation_bps: float
    excess_kurtosis: float
    hill: float  # exponent of the tail, both sides


@dataclass(frozen=True)
class Memory:
    """Autocorrelations of returns. Of n independent ones each is about 1 / sqrt(n)."""

    first: float  # of returns, lag 1
    linear: float  # mean of the absolute ones, lags 2 .. 20
    size: float  # mean of those of absolute returns, lags 1 .. 30
    hours: float  # mean of those, lags 60 .. 240; a day is too short to tell it from 0, a week is not


@dataclass(frozen=True)
class Spread:
    """Of quoted spreads, basis points, or of what is shown at the best price, usual orders."""

    low: float  # 5 % are below
    median: float
    high: float  # 5 % are above
    variation: float  # standard deviation over mean; a constant has 0


@dataclass(frozen=True)
class Signs:
    """Of the sides of takers' orders."""

    lag_10: float
    lag_100: float
    decay: float  # autocorrelation falls like lag ** -decay; below 1 it is long memory


@dataclass(frozen=True)
class Impact:
    """What parent orders did to the price, against the fundamental: a * quantity ** exponent."""

    exponent: float
    error: float  # standard error of it
    scale: float  # a: usual one-minute deviations for one usual order
    quantity: Floats  # usual orders, mean of a bin
    move: Floats  # usual one-minute deviations, mean of a bin
    move_error: Floats
    parents: int


@dataclass(frozen=True)
class Facts:
    """All of one floor; the impact is of all parents there are."""

    tails: Tails
    memory: Memory
    spread: Spread
    depth: Spread
    signs: Signs
    impact: Impact


def tails(returns: Floats) -> Tails:
    """How often a return is far out."""
    centred = returns - returns.mean()
    variance = float((centred**2).mean())
    if variance == 0.0:
        return Tails(0.0, 0.0, float("inf"))
    return Tails(1e4 * variance**0.5, float((centred**4).mean()) / variance**2 - 3.0, hill(returns))


def hill(returns: Floats, share: float = 0.05) -> float:
    """Hill's estimate of the exponent of the tail, from the largest `share` of absolute returns."""
    largest = np.sort(np.abs(returns))[::-1][: max(3, int(share * len(returns)))]
    if largest[-1] <= 0.0:
        return float("inf")
    mean = float(np.log(largest[:-1] / largest[-1]).mean())
    return 1.0 / mean if mean > 0.0 else float("inf")


def memory(returns: Floats) -> Memory:
    """What a return says about those to come."""
    size = np.abs(returns)
    return Memory(
        first=float(autocorrelation(returns, [1])[0]),
        linear=float(np.abs(autocorrelation(returns, range(WHITE_LAGS[0], WHITE_LAGS[1] + 1))).mean()),
        size=float(autocorrelation(size, range(CLUSTER_LAGS[0], CLUSTER_LAGS[1] + 1)).mean()),
        hours=float(autocorrelation(size, range(HOURS_LAGS[0], HOURS_LAGS[1] + 1)).mean()) if len(size) > 2 * HOURS_LAGS[1] else 0.0,
    )


def autocorrelation(values: Floats, lags: Sequence[int]) -> Floats:
    """At each lag; 0 for a constant."""
    centred = values - values.mean()
    variance = float((centred**2).mean())
    if variance == 0.0:
        return np.zeros(len(lags))
    return np.array([float((centred[:-lag] * centred[lag:]).mean()) / variance for lag in lags])


def spread(values: Floats) -> Spread:
    """The distribution of spreads, or of depths."""
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
    mean = float(values.mean())
    return Spread(float(low), float(median), float(high), float(values.std()) / mean if mean > 0.0 else 0.0)


def signs(sides: npt.NDArray[np.int64]) -> Signs:
    """How long the sides of takers' orders (1, -1, in their order) remember.

    The decay is fitted through the autocorrelations averaged about each of SIGN_LAGS; inf where one of them is not above 0.
    """
    values = sides.astype(np.float64)
    means = np.array([float(autocorrelation(values, range(lag - lag // 4, lag + lag // 4 + 1)).mean()) for lag in SIGN_LAGS])
    positive = (means > 0.0).all()
    decay = -float(np.polyfit(np.log(SIGN_LAGS), np.log(means), 1)[0]) if positive else float("inf")
    return Signs(float(means[0]), float(means[SIGN_LAGS.index(100)]), decay)


def impact(quantity: Floats, move: Floats) -> Impact:
    """The law between parents' sizes (usual orders) and their moves (signed by their side), by bins that double.

    The exponent is a weighted fit through the logarithms of the bins' means; bins of less than 20 parents or a mean that is not
    above 0 say nothing. With less than three bins it is nan.
    """
    where = np.floor(np.log2(quantity)).astype(np.int64)
    x, y, error = [], [], []
    for each in np.unique(where):
        moves = move[where == each]
        if len(moves) >= 20:
            x.append(float(quantity[where == each].mean()))
            y.append(float(moves.mean()))
            error.append(float(moves.std()) / len(moves) ** 0.5)
    xs, ys, errors = np.array(x), np.array(y), np.array(error)
    good = ys > 0.0
    if good.sum() < 3:
        return Impact(float("nan"), float("nan"), float("nan"), xs, ys, errors, len(quantity))
    weights = (ys[good] / errors[good]) ** 2
    across, up = np.log(xs[good]), np.log(ys[good])
    middle = np.average(across, weights=weights)
    spread_of_x = float((weights * (across - middle) ** 2).sum())
    exponent = float((weights * (across - middle) * up).sum()) / spread_of_x
    scale = float(np.exp(np.average(up, weights=weights) - exponent * middle))
    return Impact(exponent, spread_of_x**-0.5, scale, xs, ys, errors, len(quantity))


def of_floor(samples: Rows, prints: Rows, floor: int, law: Impact, usual_lots: int) -> Facts:
    """All facts of one floor, from what was written down at least an hour long.

    law         of all parents, from `moves` and `impact`
    usual_lots  of a usual order
    """
    rows = samples[(samples["floor"] == floor) & (samples["bid"] > 0) & (samples["ask"] > 0)]
    returns = np.diff(np.log(minutes(samples, floor)))
    return Facts(
        tails(returns),
        memory(returns),
        spread(2e4 * (rows["ask"] - rows["bid"]) / (rows["ask"] + rows["bid"])),
        spread(np.concatenate((rows["bid_lots"], rows["ask_lots"])) / usual_lots),
        signs(taker_sides(prints, floor)),
        law,
    )


def moves(finished: Rows, usual_lots: npt.NDArray[np.int64], minute: Floats) -> tuple[Floats, Floats]:
    """(quantity, move) of each parent, for `impact`: usual orders, and usual one-minute deviations along its side beyond the fundamental's.

    usual_lots, minute  of each parent's symbol: lots of a usual order, deviation of a minute's return
    """
    move = finished["mid_ended"] / finished["mid_began"] - finished["fair_ended"] / finished["fair_began"]
    return finished["lots"] / usual_lots, finished["side"] * move / minute


def minutes(samples: Rows, floor: int, every: int = MINUTE_S) -> Floats:
    """Mids of a floor at every 60th of its samples, ticks; where a side was missing the last known stands."""
    rows = samples[samples["floor"] == floor][::every]
    mid = 0.5 * (rows["bid"] + rows["ask"])
    known = np.flatnonzero((rows["bid"] > 0) & (rows["ask"] > 0))
    if not len(known):
        return np.empty(0)
    last = known[np.maximum(0, np.searchsorted(known, np.arange(len(mid)), side="right") - 1)]
    return np.asarray(mid[last][known[0] :], np.float64)


def taker_sides(prints: Rows, floor: int) -> npt.NDArray[np.int64]:
    """The side of each order that took on a floor, in their order; one that met several others counts once."""
    rows = prints[prints["floor"] == floor]
    first = np.ones(len(rows), bool)
    first[1:] = rows["order_id"][1:] != rows["order_id"][:-1]
    return np.asarray(rows["side"][first], np.int64)


# what a market's figures are between: wider than any simulated day has shown, and than days of 2026 on Binance where bars can tell
BOUNDS: dict[str, tuple[float, float]] = {
    "tails.excess_kurtosis": (1.5, 60.0),
    "tails.hill": (1.6, 4.5),
    "memory.first": (-0.2, 0.25),
    "memory.linear": (0.0, 0.06),
    "memory.size": (0.015, 0.4),
    "spread.variation": (0.15, 3.0),
    "depth.variation": (0.4, 4.0),
    "signs.lag_10": (0.03, 0.4),
    "signs.lag_100": (0.005, 0.2),
    "signs.decay": (0.3, 1.2),
    "impact.exponent": (0.4, 0.7),
}


def faults(facts: Facts) -> list[str]:
    """Which figures are not those of a market, each in words; none where all are."""
    found = []
    for name, (least, most) in BOUNDS.items():
        part, field = name.split(".")
        value = getattr(getattr(facts, part), field)
        if not least <= value <= most:
            found.append(f"{name} is {value:.3g}; expected {least:g} .. {most:g}")
    return found
