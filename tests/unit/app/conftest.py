"""A desk that is busy, as plain data: two venues, four books in four states, orders of every kind."""

import math

import pytest

from polaris.app.latency import Latencies
from polaris.app.status import (
    AccountStatus,
    Counts,
    EnsembleStatus,
    ForecastStatus,
    Happening,
    InstrumentStatus,
    LogStatus,
    OrderVenueStatus,
    Status,
    VenueStatus,
)

NOW = 1_795_000_000_000_000_000
FORECASTS = (("pressure", 1.23, 0.61), ("momentum", -0.4, 0.2), ("reversion", 0.01, 0.9), ("flow", -2.5, 0.5))
HAPPENINGS = (("fill", "buy", ""), ("submit", "buy", ""), ("refused", "sell", "stale data: 12.1 s, limit 10 s"), ("cancel", "sell", ""), ("target", "", ""))


def instrument(symbol: str, state: str, age_ns: int, position: str) -> InstrumentStatus:
    return InstrumentStatus(
        symbol=symbol,
        venue=symbol.partition(".")[2],
        state=state,
        age_ns=age_ns,
        bid="64123.45",
        ask="64123.46",
        bid_levels=19283,
        ask_levels=27238,
        updates=12345,
        gaps=2,
        resyncs=1,
        features={"mid": 64123.455, "spread_bps": 0.0016, "imbalance_1": -0.33, "ofi": 123456789.0},
        forecasts=tuple(ForecastStatus(alpha=alpha, bps=bps, confidence=confidence) for alpha, bps, confidence in FORECASTS),
        forecast_bps=0.84,
        confidence=0.55,
        position=position,
        target="0.002",
        notional="-78.15",
        realised="-12.31",
        unrealised="3.20",
    )


@pytest.fixture
def busy() -> Status:
    latencies = Latencies()
    for stage in latencies.stages.values():
        for ns in (900, 12_000, 27_000, 180_000, 2_000_000_000):
            stage.record(ns)
    return Status(
        version="0.1.0",
        mode="paper",
        trading="running",
        market="builtin",
        pid=123,
        started_ns=NOW - 751_000_000_000,
        now_ns=NOW,
        venues=(
            VenueStatus(name="coinbase", connected=True, age_ns=12_000_000, frames=12_345, bytes=99),
            VenueStatus(name="binance", connected=True, age_ns=3_200_000_000, frames=223_450, reconnects=1),
        ),
        orders_at=(
            OrderVenueStatus(name="coinbase", listening=True, stream="listening", agrees=True, compared_age_ns=4_000_000_000, balances={"BTC": "12.82051", "USD": "1004994.875614"}),
            OrderVenueStatus(
                name="binance",
                stream="no connection: OSError",
                reconnects=3,
                missed=2,
                compared_age_ns=1_500_000_000,
                balances={"BTC": "12.5", "USDT": "1000000"},
                differences={"BTC": "+0.01"},
                held="its balances differ from the desk's books by 0.01 BTC",
            ),
        ),
        instruments=(
            instrument("BTC-USD.coinbase", "LIVE", 12_000_000, "0.00123"),
            instrument("ETH-USD.coinbase", "LIVE", 12_000_000, "-1.5"),
            instrument("BTC-USDT.binance", "STALE", 12_000_000_000, "0"),
            instrument("ETH-USDT.binance", "SYNCING", -1, "0"),
        ),
        ensemble=EnsembleStatus(weights={"pressure": 0.41, "momentum": 0.12, "reversion": 0.3, "flow": 0.17}, brier=0.2431, outcomes=12_345),
        account=AccountStatus(
            cash="99876.12345678",
            equity="100023.11",
            realised="-12.30",
            unrealised="35.41",
            fees="4.2",
            day_profit="23.11",
            drawdown=0.0032,
            turnover="812345.11",
            equity_curve=tuple(100_000 + 30 * math.sin(i / 20) for i in range(240)),
        ),
        latency=latencies.snapshot(),
        counts=Counts(rows=812_345, orders=1_234, fills=801, working=3, refusals={"stale data": 12, "order rate": 3}),
        recent=tuple(
            Happening(ts=NOW - i, seq=i, kind=kind, symbol="BTC-USD.coinbase", order=i, side=side, type="post-only", price="64123.45", quantity="0.00123", reason=reason)
            for i, (kind, side, reason) in enumerate(HAPPENINGS * 6)
        ),
        log=LogStatus(directory="data/log", seq=812_345, durable_seq=812_300, lag_ns=3_000_000, bytes=1_234_567, segments=2),
    )
