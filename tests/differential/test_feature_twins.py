"""Every kernel of the default bank against a plain twin, written from the definition and from the whole history."""

import math
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from polaris.desk.alpha import AlphaSettings, FlowSettings, MomentumSettings, ReversionSettings
from polaris.desk.alpha.crossover import crossover
from polaris.desk.bank import BankSettings, default_bank
from polaris.desk.columns import Bank
from polaris.desk.ensemble import EnsembleSettings
from polaris.desk.features import FeatureSettings, OrderFlowSettings, TradeSettings, VolatilitySettings
from polaris.desk.sample import sample_bars, sample_instruments, sample_tops
from polaris.domain.market import BAR, TRADE

SECOND = 1_000_000_000
N = 3000
SETTINGS = BankSettings(
    features=FeatureSettings(
        order_flow=OrderFlowSettings(half_life_ns=2 * SECOND),
        trades=TradeSettings(half_life_ns=3 * SECOND),
        volatility=VolatilitySettings(half_life_ns=20 * SECOND, sample_ns=SECOND // 2),
    ),
    alphas=AlphaSettings(
        momentum=MomentumSettings(sample_ns=SECOND // 2),
        reversion=ReversionSettings(sample_ns=SECOND // 4, half_life=100, warmup=30),
        flow=FlowSettings(half_life_ns=60 * SECOND, warmup=5),
    ),
    ensemble=EnsembleSettings(horizon_ns=5 * SECOND, half_life_ns=3600 * SECOND),
    entry_points=False,
)


class Case:
    """One run of the default bank: what went in, and a copy of what came out."""

    def __init__(self, tops: Any, depth: Any, instruments: int) -> None:
        self.instruments = sample_instruments(instruments)
        self.bank = default_bank(self.instruments, SETTINGS)
        self.tops, self.depth = tops, depth
        self.columns = self.bank.update(tops, depth).copy()
        self.mine = [np.flatnonzero(tops["instrument"] == i) for i in range(instruments)]

    def __getitem__(self, name: str) -> Any:
        return self.columns[self.bank.column(name)]


@pytest.fixture(scope="module", params=["updates", "bars"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "bars":
        return Case(*sample_bars(N, 3), instruments=3)
    return Case(*sample_tops(N, 3, step_ns=30_000_000), instruments=3)


def is_book(tops: Any) -> Any:
    return (tops["kind"] != TRADE) & (tops["kind"] != BAR)


def close(found: Any, wanted: Any, scale: float = 1.0) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12 * scale)


def test_touch(case: Case) -> None:
    tops = case.tops
    bid, ask = tops["bid"].astype(float), tops["ask"].astype(float)
    share = tops["bid_lots"] / (tops["bid_lots"].astype(float) + tops["ask_lots"])
    lean = 2 * share - 1
    assert (case["mid"] == (bid + ask) / 2).all()
    assert (case["spread_ticks"] == ask - bid).all()
    assert (case["spread"] == (ask - bid) / ((bid + ask) / 2)).all()
    close(case["weighted_mid"], share * ask + (1 - share) * bid)
    close(case["microprice"], (bid + ask) / 2 + (ask - bid) / 2 * lean * (1 + lean**2) / 2)
    for mine in case.mine:
        changed = None
        for k in mine:
            wanted = 0.0 if changed is None else (tops["ts"][k] - changed) * 1e-9
            assert case["age"][k] == wanted
            changed = tops["ts"][k] if tops["kind"][k] != TRADE else changed


def test_imbalance(case: Case) -> None:
    for levels, name in ((1, "imbalance_1"), (5, "imbalance_5"), (10, "imbalance_10")):
        bids, asks = (case.depth[:, side, :levels].sum(axis=1).astype(float) for side in (1, 3))
        book = np.divide(bids - asks, bids + asks, out=np.zeros(N), where=is_book(case.tops))
        for mine in case.mine:
            last = 0.0
            for k in mine:
                last = book[k] if is_book(case.tops)[k] else last
                assert case[name][k] == last


def plain_flow(now: Any, before: Any) -> int:
    """Cont, Kukanov, Stoikov for one level: (bid, bid lots, ask, ask lots), python integers."""
    (bid, bid_lots, ask, ask_lots), (bid0, bid_lots0, ask0, ask_lots0) = ([int(v) for v in level] for level in (now, before))
    bid, bid0 = (p if q else -1 for p, q in ((bid, bid_lots), (bid0, bid_lots0)))
    ask, ask0 = (p if q else 2**70 for p, q in ((ask, ask_lots), (ask0, ask_lots0)))
    return (bid >= bid0) * bid_lots - (bid <= bid0) * bid_lots0 - (ask <= ask0) * ask_lots + (ask >= ask0) * ask_lots0


@pytest.mark.parametrize(("name", "levels"), [("ofi", 1), ("ofi_multi", 10)])
def test_order_flow(case: Case, name: str, levels: int) -> None:
    rate = math.log(2) / (2 * SECOND)
    for mine in case.mine:
        flows, queues, queue, before, ts_before = [], [], None, None, 0
        for k in mine[:800]:
            ts, book = int(case.tops["ts"][k]), case.depth[k, :, :levels]
            if queue is not None:  # the queue of the last book stood until now
                weight = math.exp(-rate * (ts - ts_before))
                mean = queues[-1] * weight + queue * (1 - weight)
            if is_book(case.tops)[k]:
                queue = float(book[[1, 3]].sum()) / 2
                if before is None:
                    mean = queue
                else:
                    flows.append((ts, sum(plain_flow(book[:, m], before[:, m]) for m in range(levels))))
                before = book
            if queue is None:
                assert case[name][k] == 0.0
                continue
            queues.append(mean)
            ts_before = ts
            close(case[name][k], sum(flow * math.exp(-rate * (ts - then)) for then, flow in flows) / max(mean, 1.0), scale=10)


def test_trades(case: Case) -> None:
    start = int(case.tops["ts"][0])
    for mine in case.mine:
        seen: list[tuple[float, float, float, float]] = []  # when in half-lives, price, sign, lots
        flow = deviation = 0.0
        for k in mine[:700]:
            top = case.tops[k]
            price, lots = float(top["price"]), float(abs(top["lots"]))
            if top["kind"] == TRADE:
                seen.append((int(top["ts"] - start) / (3 * SECOND), price, float(np.sign(top["lots"])), lots))
            elif top["kind"] == BAR:
                seen.append((len(seen) / 20, price, float(np.sign(price - seen[-1][1])) if seen else 0.0, lots))
            if seen:
                when, prices, signs, volumes = np.array(seen).T
                volumes = volumes * 0.5 ** (when[-1] - when)
                vwap = (volumes * prices).sum() / volumes.sum()
                flow = (volumes * signs).sum() / volumes.sum()
                deviation = case["mid"][k] / vwap - 1
            close(case["trade_flow"][k], flow, scale=10)
            close(case["vwap_deviation"][k], deviation)


def test_returns(case: Case) -> None:
    for mine in case.mine:
        mids, times = case["mid"][mine], case.tops["ts"][mine]
        for j, k in enumerate(mine):
            assert case["return_events"][k] == ((mids[j] - mids[j - 20]) / mids[j - 20] if j >= 20 else 0.0)
            for name, span in (("return_1s", SECOND), ("return_10s", 10 * SECOND)):
                stretch = span // 32
                first_of_ours = (int(times[j]) // stretch - 31) * stretch
                older = np.flatnonzero(times < first_of_ours)
                base = mids[older[-1]] if len(older) else None
                close(case[name][k], 0.0 if base is None else mids[j] / base - 1)


def test_volatility(case: Case) -> None:
    for mine in case.mine:
        samples: list[tuple[float, float]] = []
        due, wanted = 0, 0.0
        for k in mine:
            top = case.tops[k]
            if top["ts"] >= due or top["kind"] == BAR:
                due = top["ts"] + SECOND // 2
                samples.append((float(top["ts"]), case["mid"][k]))
                if len(samples) > 20:
                    times, mids = np.array(samples).T
                    ages = np.arange(len(times) - 2, -1, -1) / 20 if top["kind"] == BAR else (times[-1] - times[1:]) / (20 * SECOND)
                    fade = 0.5**ages
                    squares = (np.diff(mids) / mids[:-1]) ** 2
                    wanted = max(1e-6, math.sqrt((fade * squares).sum() / (fade * np.diff(times) * 1e-9).sum()))
            close(case["volatility"][k], wanted)


def test_basis(case: Case) -> None:
    prices: dict[int, float] = {}
    peers = {0: 1, 1: 0, 2: 0}  # one base on three venues
    for k in range(N):
        mine = int(case.tops["instrument"][k])
        prices[mine] = case["mid"][k] / 10 ** case.instruments[mine].price_decimals
        there = prices.get(peers[mine])
        close(case["basis"][k], prices[mine] / there - 1 if there else 0.0)


def test_pressure(case: Case) -> None:
    reach = case["volatility"] * math.sqrt(5.0) * math.sqrt(2 / math.pi)
    warm = reach > 0
    one, five, ten = (case[f"imbalance_{n}"] for n in (1, 5, 10))
    distance = np.divide(case["microprice"] - case["mid"], case["mid"] * reach, out=np.zeros(N), where=warm).clip(-1, 1)
    lean = np.tanh((0.8 * one + 0.4 * five + 0.4 * ten + 0.5 * distance) / 2)
    scale = np.minimum(np.maximum(case["spread"], 0) / 2 + 0.1 * reach, reach)
    close(case["pressure.forecast"], np.where(warm, lean * scale, 0.0))
    sizes = abs(one) + abs(five) + abs(ten)
    agreement = np.divide(abs(one + five + ten), sizes, out=np.zeros(N), where=warm & (sizes > 0))
    close(case["pressure.confidence"], agreement)


def test_momentum(case: Case) -> None:
    walk = np.tril(np.ones((6, 6)))  # walk @ steps: six prices of a walk, oldest first
    weights = np.where(np.arange(6) >= 3, 1 / 3, 0) - 1 / 6
    deviation = math.sqrt(((weights @ walk) ** 2).sum())
    for mine in case.mine:
        samples: list[tuple[float, float]] = []
        due, forecast, confidence = 0, 0.0, 0.0
        for k in mine:
            top = case.tops[k]
            if top["ts"] >= due or top["kind"] == BAR:
                due = top["ts"] + SECOND // 2
                samples.append((float(top["ts"] - case.tops["ts"][0]) * 1e-9, case["mid"][k]))
                times, mids = np.array(samples[-6:]).T
                volatility = case["volatility"][k]
                if len(mids) == 6 and volatility > 0:
                    step = (times[-1] - times[0]) / 5
                    difference = (mids[-3:].mean() - mids.mean()) / mids[-1]
                    most = volatility * math.sqrt(5)
                    forecast = float(np.clip(0.1 * 2 / 3 * difference * 5 / step, -most, most))
                    score = difference / (volatility * math.sqrt(step) * deviation)
                    confidence = max(0.0, 1 - 1 / score**2) if score else 0.0
            np.testing.assert_allclose(case["momentum.forecast"][k], forecast, atol=1e-13)
            np.testing.assert_allclose(case["momentum.confidence"][k], confidence, atol=1e-6)


def line(x: Any, y: Any, weight: Any) -> tuple[float, float, float, float]:
    """(slope, t, mean of x, mean of y) of a weighted least-squares line."""
    mean_x, mean_y = (weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()
    xx = (weight * (x - mean_x) ** 2).sum()
    slope = (weight * (x - mean_x) * (y - mean_y)).sum() / xx
    residual = y - mean_y - slope * (x - mean_x)
    error = math.sqrt((weight * residual**2).sum() / (weight.sum() - 2) / xx)
    return slope, slope / error, mean_x, mean_y


def test_reversion(case: Case) -> None:
    for mine in case.mine:
        samples: list[tuple[float, float]] = []
        due = 0
        wanted = (0.0, 0.0, 0.0, 0.0)
        for k in mine[:700]:
            top = case.tops[k]
            if top["ts"] >= due or top["kind"] == BAR:
                due = top["ts"] + SECOND // 4
                samples.append((float(top["ts"] - case.tops["ts"][0]) * 1e-9, case["mid"][k]))
                if len(samples) > 30:
                    times, mids = np.array(samples).T
                    x = mids / mids[0] - 1
                    weight = 0.5 ** (np.arange(len(x) - 2, -1, -1) / 100)
                    slope, t, mean_x, mean_y = line(x[:-1], np.diff(x), weight)
                    step = (weight * np.diff(times)).sum() / weight.sum()
                    score = (x[-1] - mean_x) / math.sqrt((weight * (x[:-1] - mean_x) ** 2).sum() / weight.sum())
                    wanted = (0.0, 0.0, score, 0.0)
                    if slope < 0:
                        most = case["volatility"][k] * math.sqrt(5)
                        move = (mean_x - mean_y / slope - x[-1]) * (1 - math.exp(slope * 5 / step)) * mids[0] / mids[-1]
                        believed = max(0.0, 1 - (2.86154 / t) ** 2) if most > 0 else 0.0
                        wanted = (float(np.clip(move, -most, most)), believed, score, math.log(2) / -slope * step)
            found = [case[f"reversion.{name}"][k] for name in ("forecast", "confidence", "z_score", "half_life")]
            np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-9)


class Questions:
    """Questions to the future, as a list."""

    def __init__(self) -> None:
        self.open: list[tuple[int, float, float, Any]] = []  # due, mid, share, what was seen
        self.next = self.asked = 0

    def answers(self, ts: int) -> list[tuple[float, float, Any]]:
        known = [(mid, share, seen) for due, mid, share, seen in self.open if due <= ts]
        self.open = [question for question in self.open if question[0] > ts]
        return known

    def ask(self, ts: int, mid: float, seen: Any) -> None:
        if ts >= self.next:
            self.open.append((ts + 5 * SECOND, mid, min(1.0, (ts - self.asked) / (5 * SECOND)), seen))
            self.asked, self.next = ts, ts + 5 * SECOND // 8


def test_flow(case: Case) -> None:
    for mine in case.mine:
        questions, known = Questions(), []
        slope, confidence = 0.0, 0.0
        for k in mine:
            ts, mid = int(case.tops["ts"][k]), case["mid"][k]
            for before, share, seen in questions.answers(ts):
                known.append((ts, share, seen, mid / before - 1))
                times, shares, x, y = (np.array(part) for part in zip(*known, strict=True))
                weight = shares * 0.5 ** ((ts - times) / (60 * SECOND))
                slope, confidence = 0.0, 0.0
                if weight.sum() >= 5 and np.ptp(x) > 0:
                    slope, t, _, _ = line(x, y, weight)
                    confidence = max(0.0, 1 - 1 / t**2)
            questions.ask(ts, mid, case["ofi"][k])
            most = case["volatility"][k] * math.sqrt(5)
            np.testing.assert_allclose(case["flow.forecast"][k], np.clip(slope * case["ofi"][k], -most, most), atol=1e-10)
            np.testing.assert_allclose(case["flow.confidence"][k], confidence if most > 0 else 0.0, atol=1e-6)


def test_ensemble(case: Case) -> None:
    alphas = ("pressure", "momentum", "reversion", "flow")
    prior = np.array([0.5] * 4 + [0.0]), np.diag([0.25] * 4 + [0.0025])
    learned_somewhere = False
    for mine in case.mine:
        questions, learned = Questions(), 0
        weights, covariance = prior[0].copy(), prior[1].copy()
        outcomes, brier = 0.0, 0.0
        for k in mine:
            ts, mid, volatility = int(case.tops["ts"][k]), case["mid"][k], case["volatility"][k]
            for before, share, (x, told) in questions.answers(ts):
                keep = 0.5 ** ((ts - learned) / (3600 * SECOND))
                learned = ts
                rose = 0.5 + 0.5 * float(np.sign(mid - before))
                outcomes = outcomes * keep + share
                brier += ((told - rose) ** 2 - brier) * share / outcomes
                weights = prior[0] + keep * (weights - prior[0])
                covariance = keep**2 * covariance + (1 - keep**2) * prior[1]
                chance = 1 / (1 + math.exp(-(weights @ x) / math.sqrt(1 + math.pi / 8 * (x @ covariance @ x))))
                # the filter's step as information: the precision grows by share * p (1 - p) x x'
                covariance = np.linalg.inv(np.linalg.inv(covariance) + share * chance * (1 - chance) * np.outer(x, x))
                weights = np.clip(weights + covariance @ x * share * (rose - chance), -4, 4)
            x = np.ones(5)
            if volatility > 0:
                x[:4] = [np.clip(case[f"{a}.forecast"][k] * case[f"{a}.confidence"][k] / (volatility * math.sqrt(5)), -3, 3) for a in alphas]
            else:
                x[:4] = 0
            z, variance = weights @ x, x @ covariance @ x
            chance = 1 / (1 + math.exp(-z / math.sqrt(1 + math.pi / 8 * variance)))
            confidence = z**2 / (z**2 + variance) * outcomes / (outcomes + 50) if outcomes >= 10 and volatility > 0 else 0.0
            learned_somewhere |= outcomes > 10
            if volatility > 0:
                questions.ask(ts, mid, (x, chance))
            forecast = (2 * chance - 1) * volatility * math.sqrt(5) * math.sqrt(2 / math.pi)
            found = [case[name][k] for name in ("forecast", "confidence", "probability", "brier")]
            np.testing.assert_allclose(found, [forecast, confidence, chance, brier], rtol=1e-7, atol=1e-12)
            np.testing.assert_allclose([case[f"weight.{a}"][k] for a in alphas], weights[:4], rtol=1e-7)
    assert learned_somewhere


def test_crossover() -> None:
    tops, depth = sample_tops(5000, 2, trades=0.5)
    lots = Bank([crossover(3, 7, 11)], sample_instruments(2)).update(tops, depth[:0])[0].copy()
    history: dict[int, list[int]] = defaultdict(list)
    above: dict[int, bool] = {}
    target = dict.fromkeys((0, 1), 0)
    changes = 0
    for k, top in enumerate(tops):
        mine = int(top["instrument"])
        if top["kind"] == TRADE:
            prices = history[mine]
            prices.append(int(top["price"]))
            if len(prices) >= 7:
                now = 7 * sum(prices[-3:]) > 3 * sum(prices[-7:])
                if now != above.get(mine, now):
                    target[mine] = 11 if now else 0
                    changes += 1
                above[mine] = now
        assert lots[k] == target[mine]
    assert changes > 50
