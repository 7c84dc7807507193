"""What a run was worth: returns, risk, trades and costs, as pure functions of arrays.

    equity curve ─▶ periods ─▶ returns ─▶ Sharpe, Sortino, PSR, months
                 └▶ drawdown, Calmar
    fills ───────▶ round trips ─▶ hit rate, profit factor, average trade
                 └▶ turnover, costs, exposure

Times are int64 ns UTC, money is float64 in the account's currency here: these are readings of exact books, not the
books. A ratio that has no meaning (no losses, no variance, too few periods) is NaN, never 0 and never infinite.
"""

import math
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from polaris.domain.kernel import kernel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SECOND: Final = 1_000_000_000
YEAR_S: Final = 365.25 * 86400
NAN: Final = float("nan")
# the finest period that leaves at least PERIODS of them, from coarse to fine
PERIODS: Final = 30
FREQUENCIES: Final = {"day": 86400 * SECOND, "hour": 3600 * SECOND, "minute": 60 * SECOND, "second": SECOND}

TRIP = np.dtype(
    [
        ("instrument", "<i8"),
        ("opened", "<i8"),  # ns
        ("closed", "<i8"),
        ("side", "<i8"),  # 1 long, -1 short
        ("lots", "<i8"),  # largest position on the way
        ("paid", "<f8"),  # what opening cost, before fees
        ("profit", "<f8"),  # after fees
        ("fees", "<f8"),
    ]
)


class Drawdown(msgspec.Struct, frozen=True):
    """The deepest fall from a peak, and the longest time below one."""

    depth: float  # fraction of the peak
    money: float
    peak_ts: int
    trough_ts: int
    recovered_ts: int  # 0 where it has not
    longest_ns: int  # the longest stretch below an earlier peak, whichever fall it belongs to


class Month(msgspec.Struct, frozen=True):
    """One calendar month, UTC."""

    year: int
    month: int
    change: float  # fraction


def sampled(ts: Ints, values: Floats, period_ns: int) -> tuple[Ints, Floats]:
    """The last value in each period that has one, led by the very first value: the points returns are taken between.

    ts, values  int64[n] rising, float64[n]
    returns     (int64[m], float64[m]), m <= n
    """
    if ts.size == 0:
        return ts, values
    slot = ts // period_ns
    closes = np.append(np.flatnonzero(slot[1:] != slot[:-1]), ts.size - 1)
    chosen = closes if closes[0] == 0 else np.insert(closes, 0, 0)
    return ts[chosen], values[chosen]


def frequency(ts: Ints) -> str:
    """The coarsest of day, hour, minute, second that gives at least 30 periods with data; else "second"."""
    for name, period in FREQUENCIES.items():
        if ts.size and np.count_nonzero(np.diff(ts // period)) + 1 >= PERIODS:
            return name
    return "second"


def periods_a_year(ts: Ints) -> float:
    """How many of these sample points a year holds, by the data's own span; NaN for a span under a day: a minute says nothing of a year.

    A market that closes at night has fewer than one that never does, and needs no calendar to say so.
    """
    if ts.size < 2 or int(ts[-1]) - int(ts[0]) < FREQUENCIES["day"]:
        return NAN
    return (ts.size - 1) / ((int(ts[-1]) - int(ts[0])) / SECOND / YEAR_S)


def returns(values: Floats) -> Floats:
    """Simple returns between successive values, float64[n-1]; 0 after a value at or below 0."""
    before = values[:-1]
    return np.where(before > 0, np.diff(values) / np.where(before > 0, before, 1.0), 0.0)


def sharpe(change: Floats, a_year: float = 1.0) -> float:
    """Mean over standard deviation (n-1) of period returns, times the root of periods a year; NaN without variance."""
    if change.size < 2:
        return NAN
    deviation = float(change.std(ddof=1))
    return float(change.mean()) / deviation * math.sqrt(a_year) if deviation > 0 else NAN


def sortino(change: Floats, a_year: float = 1.0) -> float:
    """Mean over the root mean square of the losses, times the root of periods a year; NaN without a loss."""
    if change.size < 2:
        return NAN
    downside = math.sqrt(float(np.mean(np.minimum(change, 0.0) ** 2)))
    return float(change.mean()) / downside * math.sqrt(a_year) if downside > 0 else NAN


def skewness(change: Floats) -> float:
    """Third standardised moment; 0 for a symmetric distribution."""
    return _moment(change, 3)


def kurtosis(change: Floats) -> float:
    """Fourth standardised moment; 3 for a normal distribution (never the excess)."""
    return _moment(change, 4)


def probabilistic_sharpe(ratio: float, benchmark: float, count: int, skew: float, kurt: float) -> float:
    """The probability that the true Sharpe ratio is above the benchmark.

    ratio, benchmark  per period, not annualised
    count             periods observed
    skew, kurt        of the returns; kurt of a normal is 3
    Source: Bailey & Lopez de Prado (2012), The Sharpe Ratio Efficient Frontier, equation 11.
    """
    variance = 1.0 - skew * ratio + (kurt - 1.0) / 4.0 * ratio * ratio
    if count < 2 or not variance > 0:
        return NAN
    return normal_cdf((ratio - benchmark) * math.sqrt(count - 1) / math.sqrt(variance))


def normal_cdf(x: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def underwater(values: Floats) -> Floats:
    """How far each value is below the highest so far, as a fraction, 0 or negative."""
    peak = np.maximum.accumulate(values)
    return np.where(peak > 0, values / np.where(peak > 0, peak, 1.0) - 1.0, 0.0)


def drawdown(ts: Ints, values: Floats) -> Drawdown:
    """The deepest drawdown of an equity curve and the longest time under water."""
    if values.size == 0:
        return Drawdown(0.0, 0.0, 0, 0, 0, 0)
    fall = underwater(values)
    trough = int(fall.argmin())
    peak = int(values[: trough + 1].argmax())
    after = np.flatnonzero(values[trough:] >= values[peak])
    recovered = int(ts[trough + after[0]]) if after.size and fall[trough] < 0 else 0
    highs = np.append(np.flatnonzero(fall == 0.0), values.size - 1)
    longest = int(np.diff(ts[highs]).max()) if highs.size > 1 and fall.min() < 0 else 0
    return Drawdown(abs(float(fall[trough])), float(values[peak] - values[trough]), int(ts[peak]), int(ts[trough]), recovered, longest)


def annual_return(ts: Ints, values: Floats) -> float:
    """The compound yearly return; NaN for a span under a day or equity at or below 0."""
    if ts.size < 2 or int(ts[-1]) - int(ts[0]) < FREQUENCIES["day"] or values[0] <= 0 or values[-1] <= 0:
        return NAN
    years = (int(ts[-1]) - int(ts[0])) / SECOND / YEAR_S
    growth = math.log(float(values[-1] / values[0])) / years
    return math.expm1(growth) if growth < 700 else NAN


def calmar(ts: Ints, values: Floats) -> float:
    """Compound yearly return over the deepest drawdown; NaN where either has no meaning."""
    depth = drawdown(ts, values).depth
    return annual_return(ts, values) / depth if depth > 0 else NAN


def months(ts: Ints, values: Floats) -> list[Month]:
    """The change of every calendar month (UTC) with data, from the last value of the month before."""
    if ts.size == 0:
        return []
    calendar = ts.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    ends = np.append(np.flatnonzero(np.diff(calendar)), ts.size - 1)
    before = np.concatenate((values[:1], values[ends[:-1]]))
    change = np.where(before > 0, values[ends] / np.where(before > 0, before, 1.0) - 1.0, 0.0)
    return [Month(1970 + int(month) // 12, int(month) % 12 + 1, float(part)) for month, part in zip(calendar[ends], change, strict=True)]


def exposure(ts: Ints, position: Ints, end: int) -> float:
    """The share of time with an open position: position[i] holds from ts[i] to the next, the last one to `end`."""
    if ts.size == 0 or end <= ts[0]:
        return 0.0
    held = np.diff(np.append(ts, end))
    return float(held[position != 0].sum() / held.sum())


def round_trips(instrument: Ints, ts: Ints, side: Ints, lots: Ints, value: Floats, fee: Floats) -> npt.NDArray[Any]:
    """The trades a person would count: each from flat to flat again, TRIP[m] in order of closing.

    instrument, ts, side, lots  int64[n]   fills in order; side 1 buys, -1 sells
    value, fee                  float64[n] price times quantity, and what the venue took
    A fill that turns the position closes one trade and opens the next; its value and fee are shared by lots. What is
    open at the end is no trade yet.
    """
    trips = np.zeros(ts.size, TRIP)
    if ts.size == 0:
        return trips
    return trips[: _round_trips(instrument, ts, side, lots, value, fee, np.zeros(int(instrument.max()) + 1, _OPEN), trips)]


_OPEN = np.dtype([("position", "<i8"), ("opened", "<i8"), ("largest", "<i8"), ("cash", "<f8"), ("paid", "<f8"), ("fees", "<f8")])


@kernel
def _round_trips(instrument, ts, side, lots, value, fee, opens, trips):  # type: ignore[no-untyped-def]
    count = 0
    for i in range(ts.size):
        held = opens[instrument[i]]
        left, worth, cost = lots[i], value[i], fee[i]
        if held["position"] * side[i] < 0:
            closing = min(left, abs(held["position"]))
            part = closing / left
            held["cash"] -= side[i] * worth * part
            held["fees"] += cost * part
            held["position"] += side[i] * closing
            left, worth, cost = left - closing, worth * (1.0 - part), cost * (1.0 - part)
            if held["position"] == 0:
                trip = trips[count]
                trip["instrument"], trip["opened"], trip["closed"] = instrument[i], held["opened"], ts[i]
                trip["side"], trip["lots"] = -side[i], held["largest"]
                trip["paid"], trip["fees"], trip["profit"] = held["paid"], held["fees"], held["cash"] - held["fees"]
                count += 1
        if left > 0:
            if held["position"] == 0:
                held["opened"], held["largest"], held["cash"], held["paid"], held["fees"] = ts[i], 0, 0.0, 0.0, 0.0
            held["position"] += side[i] * left
            held["largest"] = max(held["largest"], abs(held["position"]))
            held["cash"] -= side[i] * worth
            held["paid"] += worth
            held["fees"] += cost
    return count


def hit_rate(profit: Floats) -> float:
    """The share of trades that earned money; NaN without trades."""
    return float((profit > 0).mean()) if profit.size else NAN


def profit_factor(profit: Floats) -> float:
    """What the winners earned over what the losers lost; NaN without a loss."""
    lost = -float(profit[profit < 0].sum())
    return float(profit[profit > 0].sum()) / lost if lost > 0 else NAN


def _moment(change: Floats, power: int) -> float:
    if change.size < 2:
        return NAN
    centred = change - change.mean()
    variance = float((centred**2).mean())
    return float((centred**power).mean()) / variance ** (power / 2) if variance > 0 else NAN
